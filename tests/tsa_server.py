"""A time-stamp authority (RFC 3161) on loopback: OpenSSL's, behind a small HTTP server."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CONFIGURATION = """
[tsa]
default_tsa = house
[house]
serial = {folder}/serial
signer_cert = {folder}/signer.pem
signer_key = {folder}/signer.key
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
"""


@dataclass
class Authority:
    """Where it is asked, its root in PEM, and how often it was."""

    url: str
    root: bytes
    asked: int = 0


@contextmanager
def running(folder: Path, *, whole_chain: bool = True) -> Iterator[Authority]:
    """An authority with keys in ``folder``; the test is skipped without OpenSSL.

    ``whole_chain``: its tokens hold its root too; else its own certificate alone, as many authorities' do.
    """
    if shutil.which("openssl") is None:
        pytest.skip("a time-stamp authority needs the openssl command")
    root = _keys(folder)
    if whole_chain:
        with (folder / "tsa.cnf").open("a") as configuration:
            configuration.write(f"certs = {folder}/root.pem\n")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            authority.asked += 1
            query = folder / "query"
            query.write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            command = ["openssl", "ts", "-reply", "-queryfile", query, "-config", folder / "tsa.cnf"]
            answer = subprocess.run(command, capture_output=True, check=True).stdout
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    authority = Authority(f"http://127.0.0.1:{server.server_port}/", root)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield authority
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _keys(folder: Path) -> bytes:
    above, below = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())

    def certificate(name: str, key: EllipticCurvePublicKey, *, certifies: bool) -> bytes:
        start = datetime.now(UTC) - timedelta(days=1)
        rest = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False)
        usage = x509.KeyUsage(
            digital_signature=not certifies,
            key_cert_sign=certifies,
            crl_sign=certifies,
            encipher_only=False,
            decipher_only=False,
            **rest,
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name("Stamp root"))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=certifies, path_length=0 if certifies else None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key()), critical=False)
        )
        if not certifies:
            stamping = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
            builder = builder.add_extension(stamping, critical=True)
        return builder.sign(above, SHA256()).public_bytes(Encoding.PEM)

    root = certificate("Stamp root", above.public_key(), certifies=True)
    (folder / "root.pem").write_bytes(root)
    (folder / "signer.pem").write_bytes(certificate("Stamps", below.public_key(), certifies=False))
    (folder / "signer.key").write_bytes(below.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(CONFIGURATION.format(folder=folder))
    return root


def _name(common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "House"), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )

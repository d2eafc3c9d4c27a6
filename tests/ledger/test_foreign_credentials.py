"""Manifests by other software: read for what they are, whole or not, and nothing of ours is found in them."""

from __future__ import annotations

import http.server
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gen.audio import encode
from gen.waveform import Waveform
from ledger import credentials
from ledger.certificate import roots
from ledger.errors import Malformed, ManifestElsewhere

VECTORS = Path(__file__).parents[1] / "vectors" / "c2pa"


class Archive:
    """Somebody who signs with C2PA's own library and an Ed25519 key, and asserts things that we have never heard of."""

    def __init__(self) -> None:
        above, below = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        self.root = _certificate("Archive root", above, "Archive root", above)
        chain = _certificate("Archive", below, "Archive root", above) + self.root
        key = below.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._info = c2pa.C2paSignerInfo(b"ed25519", chain, key, None)  # type: ignore[arg-type]

    def sign(self, source: Path, target: Path, *, remote: str | None = None, parent: Path | None = None) -> Path:
        created = {"action": "c2pa.created", "digitalSourceType": f"{_SOURCES}/digitalCapture"}
        opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["tape"]}}
        definition: dict[str, Any] = {
            "claim_generator_info": [{"name": "Ingest", "version": "9"}],
            "assertions": [
                {"label": "c2pa.actions.v2", "data": {"actions": [opened if parent else created]}},
                {"label": "org.archive.shelf", "data": {"shelf": ["A", 7, {"deep": None}], "blocks": "none"}},
                {
                    "label": "c2pa.soft-binding",
                    "data": {"alg": "org.archive.mark", "blocks": [{"scope": {}, "value": "7"}]},
                },
            ],
        }
        with c2pa.Builder(definition) as builder, c2pa.Signer.from_info(self._info) as signer:
            if remote is not None:
                builder.set_remote_url(remote)
                builder.set_no_embed()
            if parent is not None:
                with parent.open("rb") as opened_parent:
                    builder.add_ingredient({"relationship": "parentOf", "label": "tape"}, "audio/wav", opened_parent)
            with source.open("rb") as content, target.open("w+b") as out:
                store = builder.sign(signer, "audio/wav", content, out)
        if remote is not None:
            target.with_name(f"{target.name}.elsewhere").write_bytes(store)
        return target


_SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype"


def _certificate(name: str, key: Ed25519PrivateKey, issuer: str, above: Ed25519PrivateKey) -> bytes:
    def named(common: str) -> x509.Name:
        parts = ((NameOID.ORGANIZATION_NAME, "Northern Archive"), (NameOID.COMMON_NAME, common))
        return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])

    start, certifies = datetime.now(UTC) - timedelta(days=1), key is above
    others = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False)
    usage = x509.KeyUsage(
        digital_signature=not certifies,
        key_cert_sign=certifies,
        crl_sign=certifies,
        encipher_only=False,
        decipher_only=False,
        **others,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=certifies, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key()), critical=False)
    )
    if not certifies:
        usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(usages, critical=True)
    return builder.sign(above, None).public_bytes(Encoding.PEM)


@pytest.fixture(scope="module")
def archive() -> Archive:
    return Archive()


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "plain.wav"
    encode(path, Waveform(np.random.default_rng(3).uniform(-0.1, 0.1, (2, 4410)).astype(np.float32), 44100), 128)
    return path


@pytest.fixture
def host() -> Iterator[http.server.ThreadingHTTPServer]:
    """A web server that counts what it is asked for."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked += 1  # type: ignore[attr-defined]
            self.send_error(404)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = 0  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def nothing_of_ours(found: credentials.Credential) -> bool:
    return (found.origin, found.watermark, found.iscc, found.asset) == (None, None, None, None)


@pytest.mark.parametrize(
    ("name", "root", "signer", "generator"),
    [
        ("harbour.m4a", "harbour.pem", "CN=Harbour Radio signing,O=Harbour Radio", "Harbour Radio 3.1"),
        ("lowtide.ogg", "lowtide.pem", "CN=Low Tide Press signing,O=Low Tide Press", "c2pie"),
    ],
)
def test_a_whole_file_of_another_implementation_is_whole(name: str, root: str, signer: str, generator: str) -> None:
    found = credentials.read(VECTORS / name, roots((VECTORS / root).read_bytes()))
    assert found is not None
    assert (found.state, found.failures, found.signer, found.generator) == ("trusted", (), signer, generator)
    assert nothing_of_ours(found)
    assert not found.generated
    untrusted = credentials.read(VECTORS / name)
    assert untrusted is not None and untrusted.state == "valid"


@pytest.mark.parametrize("where", ["sound", "claim", "signature"])
@pytest.mark.parametrize("name", ["harbour.m4a", "lowtide.ogg"])
def test_an_altered_file_of_another_implementation_is_invalid(name: str, where: str, tmp_path: Path) -> None:
    for each in VECTORS.glob(f"{name}*"):
        shutil.copy(each, tmp_path)
    path = tmp_path / name
    holder = path if where == "sound" or name == "harbour.m4a" else path.with_name(f"{name}.c2pa")
    whole = holder.read_bytes()
    if where == "signature":
        at = whole.rindex(b"c2pa.signature") + 500
    else:
        at = whole.index({"sound": b"mdat" if name == "harbour.m4a" else b"vorbis", "claim": b"instanceID"}[where]) + 40
    holder.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    try:
        found = credentials.read(path)
    except Malformed:
        return
    assert found is not None
    assert found.state == "invalid"
    assert nothing_of_ours(found)


def test_a_hash_that_leaves_out_more_than_the_manifest_is_told_from_other_bytes(tmp_path: Path) -> None:
    """As c2pa-ts 0.9.4 signs MP3: its hash leaves out all tags. C2PA's reader refuses that, as if bytes had changed."""
    found = credentials.read(VECTORS / "harbour.mp3")
    assert found is not None
    assert (found.state, found.failures) == ("invalid", (credentials.LOOSE,))
    whole = (VECTORS / "harbour.mp3").read_bytes()
    altered = tmp_path / "altered.mp3"
    altered.write_bytes(whole[:-10] + bytes([whole[-10] ^ 1]) + whole[-9:])
    found = credentials.read(altered)
    assert found is not None
    assert (found.state, found.failures) == ("invalid", ("assertion.dataHash.mismatch",))


def test_assertions_and_ingredients_of_others_are_passed_over(archive: Archive, plain: Path, tmp_path: Path) -> None:
    tape = archive.sign(plain, tmp_path / "tape.wav")
    made = archive.sign(plain, tmp_path / "made.wav", parent=tape)
    first, found = (credentials.read(path, roots(archive.root)) for path in (tape, made))
    assert first is not None
    assert found is not None
    assert (found.state, found.parents, found.generator) == ("trusted", (first.id,), "Ingest 9")
    assert found.key is None  # which is for keys on P-256
    assert nothing_of_ours(found)
    content = made.read_bytes()
    made.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    altered = credentials.read(made, roots(archive.root))
    assert altered is not None and altered.state == "invalid"


def test_a_manifest_that_lies_elsewhere_is_not_fetched(
    archive: Archive, plain: Path, tmp_path: Path, host: http.server.ThreadingHTTPServer
) -> None:
    url = f"http://127.0.0.1:{host.server_port}/secret-path/tape.c2pa"
    path = archive.sign(plain, tmp_path / "tape.wav", remote=url)
    for ask in (credentials.read, credentials.extract):
        with pytest.raises(ManifestElsewhere, match=r"lies on 127\.0\.0\.1, and nothing is fetched") as error:
            ask(path)
        assert "secret-path" not in str(error.value)
    (tmp_path / "tape.wav.elsewhere").rename(tmp_path / "tape.wav.c2pa")
    found = credentials.read(path, roots(archive.root))
    assert found is not None
    assert (found.state, found.embedded) == ("trusted", False)
    assert host.asked == 0  # type: ignore[attr-defined]

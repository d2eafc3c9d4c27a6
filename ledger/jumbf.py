"""Manifest stores as boxes: who signed each manifest in one, read without the library that checks them.

The library leaves two things unsaid: the signer's key, and whether bits were changed that no hash covers. Sources:
JUMBF (ISO 19566-5), COSE (RFC 9052; certificates: RFC 9360), C2PA specification 2.4, sections 11.1 and 13.2.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ledger.errors import Malformed

_SIGNATURE = b"c2pa.signature"
_CERTIFICATES = (33, "x5chain")
_PADDING = ("pad", "pad2")
_UNSIGNED = {*_PADDING, "sigTst", "sigTst2", "rVals"}
_DATA_HASH = b"c2pa.hash.data"
# What a manifest store nests: store, manifest, assertions, assertion.
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Signature:
    """The signature box of a manifest, unchecked."""

    manifest: str
    """The manifest's name."""
    certificate: bytes
    """The signer's own, in DER."""
    clean: bool
    """Whether all that no signature covers is a time stamp, an answer about revocation, or fill, which is zero."""

    def point(self) -> bytes | None:
        """The signer's public key, an uncompressed point (SEC 1) of 65 bytes; None if it is not on P-256."""
        from cryptography import x509
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        try:
            key = x509.load_der_x509_certificate(self.certificate).public_key()
        except (ValueError, x509.InvalidVersion, UnsupportedAlgorithm):
            return None
        if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
            return None
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def signatures(store: bytes) -> dict[str, Signature]:
    """By manifest. Raises :class:`Malformed` for what is no manifest store."""
    found: dict[str, Signature] = {}
    for path, data in contents(store):
        if len(path) == 3 and path[2] == _SIGNATURE:
            with _malformed():
                found[path[1].decode()] = _signature(path[1].decode(), data)
    return found


def data_hash(store: bytes, manifest: str) -> dict[str, Any]:
    """What a manifest binds itself to: its one assertion ``c2pa.hash.data``. Raises :class:`Malformed`."""
    import cbor2

    wanted = (manifest.encode(), b"c2pa.assertions")
    found = contents(store)
    hashes = [data for path, data in found if path[1:3] == wanted and path[-1].startswith(_DATA_HASH)]
    with _malformed():
        (only,) = hashes
        return dict(cbor2.loads(only))


def contents(store: bytes) -> list[tuple[tuple[bytes, ...], bytes]]:
    """What the boxes of a manifest store hold, each under its labels. Raises :class:`Malformed`."""
    found: list[tuple[tuple[bytes, ...], bytes]] = []
    with _malformed():
        for kind, content in _boxes(store):
            if kind == b"jumb":
                found.extend(_named(content, ()))
    return found


@contextlib.contextmanager
def _malformed() -> Iterator[None]:
    import cbor2

    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, struct.error, cbor2.CBORError) as error:
        raise Malformed(f"no manifest store: {error}") from None


def _named(content: bytes, above: tuple[bytes, ...]) -> Iterator[tuple[tuple[bytes, ...], bytes]]:
    """The contents in a superbox and those within it, each under its labels."""
    boxes = list(_boxes(content))
    # A description: 16 bytes of type, one of flags, the label.
    path = (*above, boxes[0][1][17:].split(b"\0")[0])
    for kind, inner in boxes[1:]:
        if kind != b"jumb":
            yield path, inner
        elif len(path) < _DEEPEST:
            yield from _named(inner, path)


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position < len(content):
        size, kind = struct.unpack_from(">I4s", content, position)
        if not 8 <= size <= len(content) - position:
            raise ValueError(f"a box of {size} bytes at {position}")
        yield kind, content[position + 8 : position + size]
        position += size


def _signature(name: str, content: bytes) -> Signature:
    import cbor2

    protected, unprotected, _, _ = cbor2.loads(content).value
    # Under one label alone: of two the library checks one, and this would name whoever is under the other.
    headers = (cbor2.loads(protected), unprotected)
    (certificates,) = [header[label] for header in headers for label in _CERTIFICATES if label in header]
    certificate = certificates[0] if isinstance(certificates, list) else certificates
    if not isinstance(certificate, bytes):
        raise ValueError("no certificate in a signature")
    clean = set(unprotected) <= _UNSIGNED and not any(any(unprotected.get(each, b"")) for each in _PADDING)
    return Signature(name, certificate, clean)

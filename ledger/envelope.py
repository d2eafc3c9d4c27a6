"""DSSE envelopes: a payload, what kind it is, and who signed it.

Source: Dead Simple Signing Envelope, version 1.0 (github.com/secure-systems-lab/dsse: protocol.md and envelope.md).
Signatures are over the pre-authentication encoding, never over the JSON, so nobody's spelling of it has to be repeated.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from ledger import canonical
from ledger.errors import MalformedEnvelope, MalformedRecord

MAX_BYTES = 64 * 2**20
"""The longest envelope that is read: room for a dataset of about 100,000 recordings."""
MAX_SIGNATURES = 16
MAX_SIGNATURE_BYTES = 8192
MAX_NAME = 256


@dataclass(frozen=True, slots=True)
class Signature:
    """``sig`` over the envelope's PAE. ``keyid`` is a hint of whose it is, and unauthenticated; it may be empty."""

    keyid: str
    sig: bytes

    def __post_init__(self) -> None:
        _check_name("keyid", self.keyid)
        if not 0 < len(self.sig) <= MAX_SIGNATURE_BYTES:
            raise MalformedEnvelope(f"sig: {len(self.sig)} bytes is not within 1..{MAX_SIGNATURE_BYTES}")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload of a media type, with 1 to ``MAX_SIGNATURES`` signatures."""

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]

    def __post_init__(self) -> None:
        if not self.payload_type:
            raise MalformedEnvelope("payloadType: empty")
        _check_name("payloadType", self.payload_type)
        if not 0 < len(self.signatures) <= MAX_SIGNATURES:
            raise MalformedEnvelope(f"signatures: {len(self.signatures)} is not within 1..{MAX_SIGNATURES}")

    @property
    def pae(self) -> bytes:
        """What the signatures are over."""
        return pae(self.payload_type, self.payload)

    def to_bytes(self) -> bytes:
        """The envelope as canonical JSON, with standard base64."""
        return canonical.encode(
            {
                "payload": _to_base64(self.payload),
                "payloadType": self.payload_type,
                "signatures": [{"keyid": one.keyid, "sig": _to_base64(one.sig)} for one in self.signatures],
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Envelope:
        """Read an envelope, of our own making or of another's.

        As envelope.md asks, fields we do not know are ignored, either base64 alphabet is read, and a missing ``keyid``
        is an empty one. Stricter than the specification: a field named twice, a float anywhere, base64 with stray bits
        or characters, and an envelope without signatures are refused. Raises :class:`MalformedEnvelope`, which names
        the field.
        """
        if len(data) > MAX_BYTES:
            raise MalformedEnvelope(f"an envelope of {len(data)} bytes; no more than {MAX_BYTES} are read")
        try:
            value = canonical.parse(data)
        except MalformedRecord as error:
            raise MalformedEnvelope(str(error)) from None
        if not isinstance(value, dict):
            raise MalformedEnvelope("a DSSE envelope is a JSON object")
        listed = value.get("signatures")
        if not isinstance(listed, list):
            raise MalformedEnvelope("signatures: missing, or not a list")
        return cls(
            payload=_from_base64("payload", value),
            payload_type=_text("payloadType", value),
            signatures=tuple(_read_signature(position, item) for position, item in enumerate(listed)),
        )


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: ``"DSSEv1" SP LEN(type) SP type SP LEN(body) SP body``, lengths in bytes."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _read_signature(position: int, item: Any) -> Signature:
    place = f"signatures[{position}]"
    if not isinstance(item, dict):
        raise MalformedEnvelope(f"{place}: not an object")
    try:
        return Signature(keyid=_text("keyid", {"keyid": "", **item}), sig=_from_base64("sig", item))
    except MalformedEnvelope as error:
        raise MalformedEnvelope(f"{place}.{error}") from None


def _text(name: str, value: dict[str, Any]) -> str:
    text = value.get(name)
    if not isinstance(text, str):
        raise MalformedEnvelope(f"{name}: missing, or not a string")
    return text


def _check_name(name: str, text: str) -> None:
    if len(text) > MAX_NAME or not text.isprintable():
        raise MalformedEnvelope(f"{name}: expected at most {MAX_NAME} printable characters")


def _to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _from_base64(name: str, value: dict[str, Any]) -> bytes:
    text = _text(name, value)
    standard = text.replace("-", "+").replace("_", "/")
    try:
        data = base64.b64decode(standard, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedEnvelope(f"{name}: not base64") from None
    if _to_base64(data) != standard or (standard != text and ("+" in text or "/" in text)):
        raise MalformedEnvelope(f"{name}: base64 with stray bits, or of two alphabets")
    return data

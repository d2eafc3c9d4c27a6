"""Content identifiers: the names under which blocks of content are stored and found."""

from __future__ import annotations

import base64
import enum
import hashlib
import string
from dataclasses import dataclass

from ledger import varint
from ledger.errors import Malformed, MalformedCid

_SHA2_256 = b"\x12\x20"  # multihash: function sha2-256, 32 bytes
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE32 = string.ascii_lowercase + "234567"
_LONGEST_TEXT = 128
_OTHER_BASES = {
    "f": "base16",
    "F": "base16 upper",
    "B": "base32 upper",
    "k": "base36",
    "z": "base58btc",
    "u": "base64url",
}


class Codec(enum.IntEnum):
    """What kind of block a CID names; the numbers are those of the multicodec table."""

    RAW = 0x55
    DAG_PB = 0x70


@dataclass(frozen=True, slots=True, order=True)
class Cid:
    """A CID over sha2-256: version 1 with codec raw or dag-pb (36 bytes), or version 0 (34 bytes, always dag-pb).

    ``str()`` gives base32 in lower case for version 1 (59 characters, ``baf...``) and base58 for version 0
    (46 characters, ``Qm...``). Any other bytes are refused with :class:`~ledger.errors.MalformedCid`.
    Source: the multiformats CID specification.
    """

    raw: bytes

    def __post_init__(self) -> None:
        if self.raw[:2] == _SHA2_256:
            if len(self.raw) != 34:
                raise MalformedCid(f"a CID of version 0 has 34 bytes, not {len(self.raw)}")
            return
        _check_version_1(self.raw)

    @classmethod
    def of_raw(cls, block: bytes | memoryview) -> Cid:
        """CID (version 1, codec raw) of a block of plain bytes."""
        return cls(bytes((1, Codec.RAW)) + _SHA2_256 + hashlib.sha256(block).digest())

    @classmethod
    def of_digest(cls, digest: bytes) -> Cid:
        """CID (version 1, codec raw) of the block of plain bytes that has this SHA-256."""
        return cls(bytes((1, Codec.RAW)) + _SHA2_256 + digest)

    @classmethod
    def of_dag_pb(cls, block: bytes | memoryview) -> Cid:
        """CID (version 1, codec dag-pb) of an encoded dag-pb node."""
        return cls(bytes((1, Codec.DAG_PB)) + _SHA2_256 + hashlib.sha256(block).digest())

    @classmethod
    def parse(cls, text: str) -> Cid:
        """Read what ``str()`` writes; every other spelling raises :class:`~ledger.errors.MalformedCid`."""
        if len(text) > _LONGEST_TEXT:
            raise MalformedCid(f"not a CID: {len(text)} characters, and no CID of ours has more than 59")
        if text.startswith("Qm"):
            if len(text) != 46:
                raise MalformedCid(f"not a CID: {text!r} has {len(text)} characters; version 0 (Qm...) has 46")
            return cls(_from_base58(text))
        if not text.startswith("b"):
            base = _OTHER_BASES.get(text[:1])
            found = f"it is written in {base}" if base else "it starts with neither"
            raise MalformedCid(f"not a CID we read: {text!r}: {found}; expected base32 (b...) or version 0 (Qm...)")
        cid = cls(_from_base32(text))
        if cid.version == 0:
            raise MalformedCid(f"not a CID: {text!r} is version 0 written in base32; version 0 is base58 alone (Qm...)")
        return cid

    @property
    def version(self) -> int:
        """0 or 1."""
        return 0 if len(self.raw) == 34 else 1

    @property
    def codec(self) -> Codec:
        """What kind of block this names."""
        return Codec.DAG_PB if self.version == 0 else Codec(self.raw[1])

    @property
    def digest(self) -> bytes:
        """The block's SHA-256, 32 bytes."""
        return self.raw[-32:]

    def names(self, block: bytes | memoryview) -> bool:
        """Whether this is the CID of exactly these bytes."""
        return hashlib.sha256(block).digest() == self.digest

    def __str__(self) -> str:
        if self.version == 0:
            return _to_base58(self.raw)
        return "b" + base64.b32encode(self.raw).decode("ascii").lower().rstrip("=")


def _check_version_1(raw: bytes) -> None:
    try:
        version, at = varint.decode(raw)
        if version != 1:
            raise MalformedCid(f"CID version {version} is not known; expected 1, or 0 in base58")
        codec, at = varint.decode(raw, at)
        function, at = varint.decode(raw, at)
        size, at = varint.decode(raw, at)
    except MalformedCid:
        raise
    except Malformed as error:
        raise MalformedCid(f"not a CID: {error}") from None
    if codec not in tuple(Codec):
        raise MalformedCid(f"codec 0x{codec:02x} is not read here; expected raw (0x55) or dag-pb (0x70)")
    if function != 0x12:
        raise MalformedCid(f"hash function 0x{function:02x} is not read here; expected sha2-256 (0x12)")
    if size != 32 or len(raw) - at != 32:
        raise MalformedCid(f"a sha2-256 digest has 32 bytes; this CID announces {size} and holds {len(raw) - at}")


def _from_base32(text: str) -> bytes:
    digits = text[1:]
    for digit in digits:
        if digit not in _BASE32:
            raise MalformedCid(f"not a CID: {text!r} holds {digit!r}, which is no digit of lower-case base32")
    try:
        raw = base64.b32decode(digits.upper() + "=" * (-len(digits) % 8))
    except ValueError:
        raise MalformedCid(f"not a CID: {text!r} has {len(text)} characters, a length base32 never gives") from None
    if base64.b32encode(raw).decode("ascii").lower().rstrip("=") != digits:
        raise MalformedCid(f"not a CID: the last character of {text!r} carries bits that belong to no byte")
    return raw


def _from_base58(text: str) -> bytes:
    number = 0
    for digit in text:
        value = _BASE58.find(digit)
        if value < 0:
            raise MalformedCid(f"not a CID: {text!r} holds {digit!r}, which is no digit of base58")
        number = number * 58 + value
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _to_base58(raw: bytes) -> str:
    number = int.from_bytes(raw, "big")
    digits = ""
    while number:
        number, rest = divmod(number, 58)
        digits = _BASE58[rest] + digits
    return digits

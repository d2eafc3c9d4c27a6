"""The Track record, and the claim within it: all that is known of a track before its samples are.

The watermark has to be in the audio before the audio can be hashed. So it follows from the claim, and it is the token's
number too: whoever hears a copy can look the track up. The number is a hash over the creator's address and the claim's
digest, and the contract hashes the address of whoever mints or signs: so nobody can take the number of somebody else's
claim, although anybody may see that claim before it is minted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Self

from ledger import canonical
from ledger.address import Address
from ledger.digest import Digest
from ledger.errors import DigestMismatch, MalformedRecord
from ledger.records import checks
from ledger.records.content import ContentRef
from ledger.records.fields import Fields
from ledger.records.statement import Record

WATERMARK_BYTES = 8

_WATERMARK = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Claim:
    """Who makes what track with which model: enough to make it again."""

    chain_id: int
    tracks: Address
    """The contract that will mint it."""
    model: int
    """The model's token, from 1."""
    weights: Digest
    creator: Address
    seed: int
    """0 to 2**53 - 1."""
    frames: int
    """Samples per channel."""
    rate: int
    """Samples per second."""
    channels: int
    style: tuple[int, ...]
    """What was asked of each dataset of the model, in parts per million of the whole."""
    sampler: Mapping[str, str | int] = field(hash=False)
    """The sampler's settings; fractions as decimal texts."""

    def __post_init__(self) -> None:
        """Raises ``MalformedRecord``."""
        checks.integer("chainId", self.chain_id, 1)
        checks.kept("tracks", self.tracks, Address)
        checks.integer("model", self.model, 1)
        checks.kept("weights", self.weights, Digest)
        checks.kept("creator", self.creator, Address)
        checks.integer("seed", self.seed, 0)
        checks.integer("frames", self.frames, 1)
        checks.integer("rate", self.rate, 1, checks.HIGHEST_RATE)
        checks.integer("channels", self.channels, 1, checks.MOST_CHANNELS)
        checks.shares("style", self.style)
        object.__setattr__(self, "sampler", checks.table("sampler", self.sampler, (str, int)))

    def to_json(self) -> dict[str, Any]:
        """As in the record."""
        return {
            "chainId": self.chain_id,
            "tracks": str(self.tracks),
            "model": self.model,
            "weights": str(self.weights),
            "creator": str(self.creator),
            "seed": self.seed,
            "frames": self.frames,
            "rate": self.rate,
            "channels": self.channels,
            "style": list(self.style),
            "sampler": dict(self.sampler),
        }

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Raises ``MalformedRecord``."""
        return cls(
            chain_id=fields.integer("chainId"),
            tracks=fields.address("tracks"),
            model=fields.integer("model"),
            weights=fields.digest("weights"),
            creator=fields.address("creator"),
            seed=fields.integer("seed"),
            frames=fields.integer("frames"),
            rate=fields.integer("rate"),
            channels=fields.integer("channels"),
            style=fields.integers("style"),
            sampler=fields.table("sampler"),
        )

    def payload(self) -> bytes:
        """Canonical bytes (RFC 8785)."""
        return canonical.encode(self.to_json())

    @cached_property
    def digest(self) -> Digest:
        """SHA-256 of the payload."""
        return Digest.of(self.payload())

    @property
    def watermark(self) -> bytes:
        """What the audio carries: the first 8 bytes of SHA-256 over the creator's 20 bytes and the digest's 32.

        The digest of the claim alone would be first come, first served: a copy of the claim, minted by somebody else
        before the creator does, would take its number. (``idOf`` in contracts/Vouchers.sol.)
        """
        return Digest.of(self.creator.raw + self.digest.raw).raw[:WATERMARK_BYTES]

    @property
    def token(self) -> int:
        """The number of the token, 0 to 2**64 - 1: the watermark, most significant byte first."""
        return int.from_bytes(self.watermark, "big")


@dataclass(frozen=True)
class TrackRecord(Record):
    """A creator publishes a track: the claim, and the audio that was made under it."""

    PREDICATE_TYPE: ClassVar[str] = "urn:stemmata:track:v1"
    SUBJECTS: ClassVar[tuple[tuple[str, ...], ...]] = (("audio", "pcm"),)

    claim: Claim
    audio: Digest
    """Of the file."""
    pcm: Digest
    """Of the decoded samples: interleaved, little-endian float32."""
    size: int
    """Bytes of the file."""
    iscc: str
    """Audio code after ISO 24138."""
    fingerprint: ContentRef
    content: ContentRef
    """The file in the store."""
    attention: tuple[int, ...]
    """What the model drew from each of its datasets, in parts per million of the whole; in the order of the style."""
    watermark: str
    """16 lower-case hex digits."""
    royalty_ppm: int
    """Part of each sale's price that is asked as royalty (ERC-2981), in parts per million."""
    model_record: Digest
    created: str

    def __post_init__(self) -> None:
        """Raises ``MalformedRecord``, and ``DigestMismatch`` if ``watermark`` does not follow from the claim, or if
        another file lies under the CID."""
        checks.kept("claim", self.claim, Claim)
        checks.kept("audio", self.audio, Digest)
        checks.kept("pcm", self.pcm, Digest)
        checks.integer("size", self.size, 1)
        checks.iscc("iscc", self.iscc)
        checks.kept("fingerprint", self.fingerprint, ContentRef)
        checks.kept("content", self.content, ContentRef)
        if self.content.sha256 != self.audio:
            raise DigestMismatch(f"content: the track is {self.audio}, under the CID lies {self.content.sha256}")
        checks.shares("attention", self.attention)
        if len(self.attention) != len(self.claim.style):
            raise MalformedRecord(
                f"attention: {len(self.attention)} shares, but the claim's style has {len(self.claim.style)}"
            )
        checks.form("watermark", self.watermark, _WATERMARK, "16 lower-case hex digits")
        checks.part("royaltyPpm", self.royalty_ppm)
        checks.kept("modelRecord", self.model_record, Digest)
        checks.time("created", self.created)
        if self.watermark != self.claim.watermark.hex():
            raise DigestMismatch(
                f"the claim asks for the watermark {self.claim.watermark.hex()}, the record says {self.watermark}"
            )

    def subjects(self) -> Mapping[str, Digest]:
        """The file, and its samples."""
        return {"audio": self.audio, "pcm": self.pcm}

    def predicate(self) -> dict[str, Any]:
        """As in the record."""
        return {
            "claim": self.claim.to_json(),
            "size": self.size,
            "iscc": self.iscc,
            "fingerprint": self.fingerprint.to_json(),
            "content": self.content.to_json(),
            "attention": list(self.attention),
            "watermark": self.watermark,
            "royaltyPpm": self.royalty_ppm,
            "modelRecord": str(self.model_record),
            "created": self.created,
        }

    @classmethod
    def read(cls, subjects: Mapping[str, Digest], predicate: Fields) -> Self:
        """Raises ``MalformedRecord`` and ``DigestMismatch``."""
        return cls(**cls._fields(subjects, predicate))

    @classmethod
    def _fields(cls, subjects: Mapping[str, Digest], predicate: Fields) -> dict[str, Any]:
        return {
            "claim": predicate.object("claim", Claim.read),
            "audio": subjects["audio"],
            "pcm": subjects["pcm"],
            "size": predicate.integer("size"),
            "iscc": predicate.text("iscc"),
            "fingerprint": predicate.object("fingerprint", ContentRef.read),
            "content": predicate.object("content", ContentRef.read),
            "attention": predicate.integers("attention"),
            "watermark": predicate.text("watermark"),
            "royalty_ppm": predicate.integer("royaltyPpm"),
            "model_record": predicate.digest("modelRecord"),
            "created": predicate.text("created"),
        }


@dataclass(frozen=True)
class Making:
    """With what a track was made, and how original it is."""

    code: Digest
    """Of the source that made it."""
    machine: str
    """Its class: where the same source makes the same samples, bit for bit."""
    originality: Mapping[str, str | int] = field(hash=False)
    """How much of a recording that the model learned from it repeats, and how that was found out; fractions as decimal
    texts. Empty where nobody looked."""

    def __post_init__(self) -> None:
        """Raises ``MalformedRecord``."""
        checks.kept("code", self.code, Digest)
        checks.text("machine", self.machine)
        object.__setattr__(self, "originality", checks.table("originality", self.originality, (str, int)))

    def to_json(self) -> dict[str, Any]:
        """As in the record."""
        return {"code": str(self.code), "machine": self.machine, "originality": dict(self.originality)}

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Raises ``MalformedRecord``."""
        return cls(code=fields.digest("code"), machine=fields.text("machine"), originality=fields.table("originality"))


@dataclass(frozen=True)
class RepeatableTrackRecord(TrackRecord):
    """The same, and with what it was made, so that whoever makes it again knows what to expect."""

    PREDICATE_TYPE: ClassVar[str] = "urn:stemmata:track:v2"

    making: Making

    def __post_init__(self) -> None:
        """As for a ``TrackRecord``."""
        super().__post_init__()
        checks.kept("making", self.making, Making)

    def predicate(self) -> dict[str, Any]:
        """As in the record."""
        return {**super().predicate(), "making": self.making.to_json()}

    @classmethod
    def _fields(cls, subjects: Mapping[str, Digest], predicate: Fields) -> dict[str, Any]:
        return {**super()._fields(subjects, predicate), "making": predicate.object("making", Making.read)}

"""The Dataset record: which recordings a rights holder registers, and on what terms."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from ledger.address import Address
from ledger.digest import Digest
from ledger.errors import MalformedRecord, ProofInvalid
from ledger.merkle import MerkleTree
from ledger.records import checks
from ledger.records.content import ContentRef
from ledger.records.fields import Fields
from ledger.records.statement import Record

_ASSET = re.compile(r"dataset:[0-9a-f]{32}")
LABELS = ("genre", "era", "artist", "composer", "work", "region")
"""What a holder may say of a recording, in the order of :attr:`Recording.labels`."""
_ERROR_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


@dataclass(frozen=True)
class Recording:
    """One recording: its file, what the file decodes to, and where its ciphertext lies."""

    sha256: Digest
    """Of the file."""
    pcm: Digest
    """Of the decoded samples: interleaved, little-endian float32."""
    size: int
    """Bytes of the file."""
    frames: int
    """Samples per channel."""
    rate: int
    """Samples per second."""
    channels: int
    iscc: str
    """Audio code after ISO 24138: a first look, too coarse to say that two recordings are one."""
    fingerprint: ContentRef
    """Its Chromaprint codes, in clear: by them copies of it are known under any name."""
    content: ContentRef
    """The file's ciphertext, with the dataset's ``asset`` as associated data."""
    name_commitment: Digest
    """Salted commitment to the file's name."""
    labels: tuple[int, ...] = ()
    """Of each of :data:`LABELS` a number, the same for recordings whose holder says the same of them; 0: unknown.

    Empty where the holder says nothing in public. Names stay with the holder in any case."""

    def __post_init__(self) -> None:
        checks.kept("sha256", self.sha256, Digest)
        checks.kept("pcm", self.pcm, Digest)
        checks.integer("size", self.size, 1)
        checks.integer("frames", self.frames, 1)
        checks.integer("rate", self.rate, 1, checks.HIGHEST_RATE)
        checks.integer("channels", self.channels, 1, checks.MOST_CHANNELS)
        checks.iscc("iscc", self.iscc)
        checks.kept("fingerprint", self.fingerprint, ContentRef)
        checks.kept("content", self.content, ContentRef)
        checks.kept("nameCommitment", self.name_commitment, Digest)
        checks.entries("labels", self.labels, int, least=0)
        if len(self.labels) not in (0, len(LABELS)):
            raise MalformedRecord(f"labels: {len(self.labels)} numbers; there is one for each of {', '.join(LABELS)}")
        for position, label in enumerate(self.labels):
            checks.integer(f"labels[{position}]", label, 0)

    def leaf(self) -> bytes:
        """The Merkle leaf, 64 bytes: digest of the file, digest of its samples."""
        return self.sha256.raw + self.pcm.raw

    def to_json(self) -> dict[str, Any]:
        """As in the record."""
        written: dict[str, Any] = {
            "sha256": str(self.sha256),
            "pcm": str(self.pcm),
            "size": self.size,
            "frames": self.frames,
            "rate": self.rate,
            "channels": self.channels,
            "iscc": self.iscc,
            "fingerprint": self.fingerprint.to_json(),
            "content": self.content.to_json(),
            "nameCommitment": str(self.name_commitment),
        }
        return {**written, "labels": list(self.labels)} if self.labels else written

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Raises :class:`~ledger.errors.MalformedRecord`."""
        return cls(
            sha256=fields.digest("sha256"),
            pcm=fields.digest("pcm"),
            size=fields.integer("size"),
            frames=fields.integer("frames"),
            rate=fields.integer("rate"),
            channels=fields.integer("channels"),
            iscc=fields.text("iscc"),
            fingerprint=fields.object("fingerprint", ContentRef.read),
            content=fields.object("content", ContentRef.read),
            name_commitment=fields.digest("nameCommitment"),
        )

    @classmethod
    def read_labelled(cls, fields: Fields) -> Self:
        """One that has labels. Raises :class:`~ledger.errors.MalformedRecord`."""
        labels = fields.integers("labels")
        return replace(cls.read(fields), labels=labels)


@dataclass(frozen=True)
class Omission:
    """A file that was left out, and why."""

    sha256: Digest | None
    """None where the file could not even be read."""
    reason: str
    """The name of the error, such as ``CorruptAudio``."""
    name_commitment: Digest

    def __post_init__(self) -> None:
        if self.sha256 is not None:
            checks.kept("sha256", self.sha256, Digest)
        checks.form("reason", self.reason, _ERROR_NAME, "the name of an error")
        checks.kept("nameCommitment", self.name_commitment, Digest)

    def to_json(self) -> dict[str, Any]:
        """As in the record."""
        return {
            "sha256": None if self.sha256 is None else str(self.sha256),
            "reason": self.reason,
            "nameCommitment": str(self.name_commitment),
        }

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Raises :class:`~ledger.errors.MalformedRecord`."""
        return cls(
            sha256=fields.nullable("sha256", fields.digest),
            reason=fields.text("reason"),
            name_commitment=fields.digest("nameCommitment"),
        )


@dataclass(frozen=True)
class Terms:
    """What a license costs, what part of later income is asked, what may be licensed, and what needs no license."""

    price: int
    """In the currency's smallest unit, 0 to 2**96 - 1."""
    royalty_ppm: int
    """Part of what is earned with whatever a licensee makes, in parts per million."""
    uses: tuple[str, ...]
    """Some of ``train``, ``generate``, ``commercial``, in this order; none where nothing is for sale."""
    currency: Address | None = None
    """An ERC-20 token; None: ether."""
    until: str | None = None
    """The last second of the licenses on sale; None: without end."""
    data_mining: str = "notAllowed"
    """What is allowed without a license (ERC-7517): ``notAllowed``, ``constrained`` or ``allowed``."""
    inference: str = "notAllowed"
    """Likewise."""

    def __post_init__(self) -> None:
        checks.price(self.price, self.currency)
        checks.part("royaltyPpm", self.royalty_ppm)
        checks.uses("uses", self.uses)
        checks.end("until", self.until)
        checks.choice("dataMining", self.data_mining, checks.PREFERENCES)
        checks.choice("inference", self.inference, checks.PREFERENCES)

    def to_json(self) -> dict[str, Any]:
        """As in the record."""
        return {
            "price": str(self.price),
            "currency": None if self.currency is None else str(self.currency),
            "royaltyPpm": self.royalty_ppm,
            "uses": list(self.uses),
            "until": self.until,
            "dataMining": self.data_mining,
            "inference": self.inference,
        }

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Raises :class:`~ledger.errors.MalformedRecord`."""
        return cls(
            price=fields.amount("price"),
            currency=fields.nullable("currency", fields.address),
            royalty_ppm=fields.integer("royaltyPpm"),
            uses=fields.texts("uses"),
            until=fields.nullable("until", fields.text),
            data_mining=fields.text("dataMining"),
            inference=fields.text("inference"),
        )


@dataclass(frozen=True)
class DatasetRecord(Record):
    """A rights holder registers recordings, sorted by the digest of their files, under one Merkle root.

    Nothing is said of what they have in common; :class:`LabelledDatasetRecord` does that.
    """

    PREDICATE_TYPE: ClassVar[str] = "urn:stemmata:dataset:v1"
    SUBJECTS: ClassVar[tuple[tuple[str, ...], ...]] = (("recordings",),)
    RECORDING: ClassVar[Callable[[Fields], Recording]] = Recording.read

    root: Digest
    asset: str
    """``dataset:`` and 32 random hex digits: what the one key behind all ciphertexts is called in its holder's vault.

    Random, and not the root, so that a file can be encrypted while it is hashed, before any root is known.
    """
    title: str
    holder: Address
    license: str
    """The license's name or SPDX expression, for people to read; the terms are what is enforced."""
    terms: Terms
    recordings: tuple[Recording, ...]
    omitted: tuple[Omission, ...]
    created: str

    def __post_init__(self) -> None:
        """Raises ``MalformedRecord``, and ``ProofInvalid`` if ``root`` is not the Merkle root over the recordings."""
        checks.kept("root", self.root, Digest)
        checks.form("asset", self.asset, _ASSET, "dataset: and 32 lower-case hex digits")
        checks.text("title", self.title)
        checks.kept("holder", self.holder, Address)
        checks.text("license", self.license)
        checks.kept("terms", self.terms, Terms)
        checks.entries("recordings", self.recordings, Recording)
        checks.ascending("recordings", [recording.sha256 for recording in self.recordings])
        self._check_labels()
        checks.entries("omitted", self.omitted, Omission, least=0)
        checks.time("created", self.created)
        root = recordings_root(self.recordings)
        if root != self.root:
            raise ProofInvalid(f"the recordings have the Merkle root {root}, the record says {self.root}")

    def _check_labels(self) -> None:
        for position, recording in enumerate(self.recordings):
            if recording.labels:
                raise MalformedRecord(f"recordings[{position}].labels: only {LabelledDatasetRecord.__name__} has any")

    def subjects(self) -> Mapping[str, Digest]:
        """The Merkle root."""
        return {"recordings": self.root}

    def predicate(self) -> dict[str, Any]:
        """As in the record."""
        return {
            "asset": self.asset,
            "title": self.title,
            "holder": str(self.holder),
            "license": self.license,
            "terms": self.terms.to_json(),
            "recordings": [recording.to_json() for recording in self.recordings],
            "omitted": [omission.to_json() for omission in self.omitted],
            "created": self.created,
        }

    @classmethod
    def read(cls, subjects: Mapping[str, Digest], predicate: Fields) -> Self:
        """Raises ``MalformedRecord`` and ``ProofInvalid``."""
        return cls(
            root=subjects["recordings"],
            asset=predicate.text("asset"),
            title=predicate.text("title"),
            holder=predicate.address("holder"),
            license=predicate.text("license"),
            terms=predicate.object("terms", Terms.read),
            recordings=predicate.objects("recordings", cls.RECORDING),
            omitted=predicate.objects("omitted", Omission.read),
            created=predicate.text("created"),
        )


@dataclass(frozen=True)
class LabelledDatasetRecord(DatasetRecord):
    """The same, and which recordings have a label in common: numbers for what the holder calls by names."""

    PREDICATE_TYPE: ClassVar[str] = "urn:stemmata:dataset:v2"
    RECORDING: ClassVar[Callable[[Fields], Recording]] = Recording.read_labelled

    def _check_labels(self) -> None:
        """Numbers count from 1 in the order in which recordings first bear them: there is one way to write a grouping,
        and it tells nothing of the names, not even which of two comes first in the alphabet."""
        highest = [0] * len(LABELS)
        for position, recording in enumerate(self.recordings):
            if not recording.labels:
                raise MalformedRecord(f"recordings[{position}].labels: missing")
            for field, label in enumerate(recording.labels):
                if label > highest[field] + 1:
                    raise MalformedRecord(
                        f"recordings[{position}].labels[{field}]: {label}; the next new number is {highest[field] + 1}"
                    )
                highest[field] = max(highest[field], label)
        if not any(highest):
            raise MalformedRecord("recordings: no label is known; then a record says nothing of labels")


def recordings_root(recordings: tuple[Recording, ...]) -> Digest:
    """The Merkle root over the recordings' leaves, in the order given."""
    return MerkleTree([recording.leaf() for recording in recordings]).root

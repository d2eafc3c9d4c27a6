"""What a verification asks of a chain: the contracts answer it, and so does a bundle that was made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.contracts.entries import (
        AnchorEntry,
        DatasetEntry,
        KeyEnd,
        KeyEntry,
        LicenseEntry,
        ModelEntry,
        SubjectKind,
        TrackEntry,
    )
    from ledger.deployment import Deployment
    from ledger.digest import Digest


@dataclass(frozen=True, slots=True)
class Depth:
    """How deep a block lies: the ``blocks`` on it, its ``hash``, and how many of them make it ``final`` here."""

    blocks: int
    hash: str
    final: int


class Registry(Protocol):
    """Any method may raise :class:`ledger.errors.ChainUnreachable`, and :class:`ledger.errors.NotFound` for a token."""

    @property
    def deployment(self) -> Deployment:
        """Where the contracts are."""

    def track_by_audio(self, audio: Digest) -> TrackEntry | None:
        """The track whose file has this digest, if any."""

    def track_by_watermark(self, watermark: bytes) -> TrackEntry | None:
        """The track with these 8 bytes as its watermark, if any."""

    def tracks(self) -> tuple[TrackEntry, ...]:
        """Every track, in the order of minting."""

    def model(self, id: int) -> ModelEntry:  # noqa: A002
        """A model by its token."""

    def dataset(self, id: int) -> DatasetEntry:  # noqa: A002
        """A dataset by its token."""

    def licenses(self, kind: SubjectKind, subject_id: int, licensee: Address) -> tuple[LicenseEntry, ...]:
        """Every license of somebody for a dataset or model, valid or not, in the order of issue."""

    def is_licensed(self, kind: SubjectKind, id: int, who: Address, use: str, block: int | None = None) -> bool:  # noqa: A002
        """Whether somebody may use a dataset or model: now, or at the end of an earlier block."""

    def licensor(self, entry: LicenseEntry) -> Address:
        """Who owned the subject of a license when it was issued."""

    def key_end(self, account: Address) -> KeyEnd | None:
        """How a key ended; None where it has not."""

    def published_keys(self, account: Address) -> tuple[KeyEntry, ...]:
        """Every publication of an account, in order."""

    def anchors_of(self, creator: Address) -> tuple[AnchorEntry, ...]:
        """Every batch of tracks that somebody anchored, in order."""

    def block_time(self, block: int) -> int:
        """Unix time of a block, in seconds."""

    def depth(self, block: int) -> Depth:
        """How deep a block lies."""

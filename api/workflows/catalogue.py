"""The home's index of tracks, opened and brought up to date when it is first asked; nothing in it is believed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from api.home import Home, Ledger
from api.workflows.evidence import fingerprint
from ledger.errors import LedgerError, NotFound, StoreFault

if TYPE_CHECKING:
    from api.workflows.evidence.hearing import Sound
    from ledger.contracts import TrackEntry
    from ledger.digest import Digest
    from ledger.index import Forgotten, Index

# So few tracks are all compared, and a piece of 5 s is found among them; among more the index has to name it first.
FEW = 200


class Catalogue:
    """Which tracks a sound may be of, and what the chain has dropped. Close it, or use it in a ``with`` statement."""

    def __init__(self, home: Home, ledger: Ledger) -> None:
        self._home, self._ledger = home, ledger
        self._opened: Index | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opened is not None:
            self._opened.close()

    def candidates(self, sound: Sound) -> Iterable[TrackEntry]:
        """The tracks to compare a sound with: all of a few, else those with its words. Raises what a chain does."""
        contracts = self._ledger.contracts
        try:
            index = self._index()
            if index.holds_more_than(FEW):
                return self._on_chain(index.sounding_like(sound.words()))
        except StoreFault:
            pass  # without an index it takes longer, and is no less true
        return contracts.tracks()

    def _on_chain(self, tokens: Iterable[int]) -> Iterator[TrackEntry]:
        """Those of some tokens that the chain knows: the index may say what it likes."""
        for token in tokens:
            with contextlib.suppress(NotFound):
                yield self._ledger.contracts.track(token)

    def forgotten(self, audio: Digest, tokens: Sequence[int]) -> Forgotten | None:
        """What the chain knew of a file or of marks until it was reorganised, as far as this home saw it."""
        with contextlib.suppress(StoreFault):
            return self._index().forgotten(audio, tokens)
        return None

    def _index(self) -> Index:
        from ledger.index import Index

        if self._opened is None:
            place = self._ledger.contracts.deployment
            try:
                folder = self._home.folder("index")
            except OSError as error:
                raise StoreFault(f"there is no place for an index in {self._home.path}: {error.strerror}") from error
            self._opened = Index(folder / "tracks.sqlite", place.chain_id, place.tracks)
            self._opened.update(self._ledger.contracts, self._words)
        return self._opened

    def _words(self, token: int) -> Iterable[int] | None:
        from gen.errors import FingerprintError
        from ledger.archive import fetch
        from ledger.records import TrackRecord

        try:
            entry = self._ledger.contracts.track(token)
            record = fetch(self._ledger.store, TrackRecord, entry.cid, entry.record, entry.creator)
            return fingerprint.stored(self._ledger.store, record).words
        except (LedgerError, FingerprintError):
            return None

"""The home's index of tracks, opened and brought up to date when it is first asked; nothing in it is believed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from api.home import Home, Ledger
from api.workflows.evidence import fingerprint
from ledger.agreement import licensed, precedes
from ledger.anchor import read_leaves
from ledger.anchored import prove
from ledger.errors import (
    BlockMissing,
    ChainUnreachable,
    Invalid,
    LedgerError,
    Malformed,
    NotFound,
    StoreFault,
    Unverifiable,
)

if TYPE_CHECKING:
    from api.workflows.evidence.hearing import Sound
    from ledger.anchor import Anchor
    from ledger.anchored import Anchored
    from ledger.contracts import AnchorEntry, TrackEntry
    from ledger.digest import Digest
    from ledger.index import Forgotten, Index, Place
    from ledger.records import TrackRecord
    from ledger.store import ContentStore

Told = TypeVar("Told")

# So few tracks are all compared, and a piece of 5 s is found among them; among more the index has to name it first.
FEW = 200
# So many batches that could not be looked through are told of.
MOST_UNREAD = 20


class Catalogue:
    """Which tracks a sound, a file or a mark may be of, and what the chain has dropped.

    Close it, or use it in a ``with`` statement. All of it may raise what a chain does. Without ``renew`` the index is
    asked as it was left. ``proving``: what proves a leaf of a batch instead, by its place; what it raises is raised.
    """

    def __init__(
        self,
        home: Home,
        ledger: Ledger,
        *,
        renew: bool = True,
        proving: Callable[[ContentStore, AnchorEntry, int], Anchored] | None = None,
    ) -> None:
        self._home, self._ledger, self._renew, self._proving = home, ledger, renew, proving
        self._opened: Index | None = None
        self._batch: tuple[AnchorEntry, Anchor] | None = None  # the one that was read last
        self.unproved: list[Place] = []
        """Places that a file or mark led to, and that could not be proved."""
        self.fault: StoreFault | None = None
        """Why the index could not be used, once it could not: then nobody knows what was anchored."""
        self.earlier: list[Anchored] = []
        """What :meth:`anchored_before` found."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opened is not None:
            self._opened.close()

    def candidates(self, sound: Sound) -> Iterable[TrackEntry]:
        """The tracks to compare a sound with, minted and anchored: all of a few, else those with its words."""
        contracts = self._ledger.contracts
        try:
            index = self._index()
            if index.holds_more_than(FEW):
                return self._on_chain(index.sounding_like(sound.words()))
        except StoreFault as error:  # without an index it takes longer, and is no less true of what was minted
            self.fault = error
            return contracts.tracks()
        return (*contracts.tracks(), *self.anchored())

    def anchored(self, known: Container[int] = ()) -> Iterator[TrackEntry]:
        """All tracks that were anchored and not minted, as far as they can be proved, but those with known tokens."""
        places = self._told(lambda index: index.places()) or ()
        yield from self._on_chain(place for token, place in places if token not in known)

    def anchored_audio(self, audio: Digest) -> TrackEntry | None:
        """The track that was anchored, and not minted, with this very file.

        Raises errors of the store and :class:`~ledger.errors.ProofInvalid` where the index knows its place, and it
        cannot be proved.
        """
        places = self._told(lambda index: index.anchored_audio(audio)) or ()
        return self._asked(places, lambda one: one.leaf.audio == audio)

    def anchored_watermark(self, token: int) -> TrackEntry | None:
        """The track that was anchored, and not minted, with this mark; raises as :meth:`anchored_audio`."""
        places = self._told(lambda index: index.anchored_watermark(token)) or ()
        return self._asked(places, lambda one: one.token == token)

    def anchored_before(self, minted: TrackEntry) -> TrackEntry | None:
        """What another had anchored with the very file of a minted track, as far as it can be proved."""
        for place in self._told(lambda index: index.anchored_audio(minted.audio)) or ():
            try:
                one = self._leaf(place)
                entry = one.entry(self._ledger.contracts)
            except ChainUnreachable:
                raise
            except (NotFound, StoreFault, Invalid, Malformed, Unverifiable):  # it can be no witness
                continue
            if precedes(self._ledger.contracts, entry, minted):
                self.earlier.append(one)
                return entry
        return None

    def unread(self) -> Sequence[Place]:
        """The newest of the batches whose leaves are out of reach, or not those: nobody knows what is in them."""
        return self._told(lambda index: index.unread(MOST_UNREAD)) or ()

    def forgotten(self, audio: Digest, tokens: Sequence[int]) -> Forgotten | None:
        """What the chain knew of a file or of marks until it was reorganised, as far as this home saw it."""
        return self._told(lambda index: index.forgotten(audio, tokens))

    def _told(self, ask: Callable[[Index], Told]) -> Told | None:
        """What the index says; None where it cannot be used, which is kept for whoever has to say so."""
        try:
            return ask(self._index())
        except StoreFault as error:
            self.fault = error
            return None

    def _on_chain(self, named: Iterable[int | Place]) -> Iterator[TrackEntry]:
        """Those that the chain knows, of tokens and places: the index may say what it likes."""
        for one in named:
            with contextlib.suppress(NotFound, StoreFault):
                if isinstance(one, int):
                    yield self._ledger.contracts.track(one)
                    continue
                with contextlib.suppress(Invalid, Malformed, BlockMissing):  # it can be no witness
                    yield self._leaf(one).entry(self._ledger.contracts)

    def _asked(self, places: Iterable[Place], fits: Callable[[Anchored], bool]) -> TrackEntry | None:
        """The first of some leaves that is what was asked for, and that its creator could have minted.

        If there is none, raises why the first could not be proved, or gives one that nobody could have minted.
        """
        contracts = self._ledger.contracts
        unproved: list[tuple[Place, LedgerError]] = []
        unfit: list[TrackEntry] = []
        for place in places:
            try:
                one = self._leaf(place)
                if fits(one):
                    entry = one.entry(contracts)
                    if licensed(contracts, entry):
                        return entry
                    unfit.append(entry)
            except StoreFault as error:
                self.fault = error
            except ChainUnreachable:
                raise
            except (Invalid, Malformed, Unverifiable) as error:
                unproved.append((place, error))
            except NotFound:
                continue
        if unproved:
            self.unproved.append(unproved[0][0])
            raise unproved[0][1]
        return unfit[0] if unfit else None

    def _leaf(self, place: Place) -> Anchored:
        """What lies at a place, with its proof. Raises NotFound where the chain does not know it."""
        contracts = self._ledger.contracts
        if self._proving is not None:
            return self._proving(self._ledger.store, contracts.anchor(place.creator, place.root), place.index or 0)
        if self._batch is None or (self._batch[0].creator, self._batch[0].root) != (place.creator, place.root):
            batch = contracts.anchor(place.creator, place.root)
            self._batch = batch, read_leaves(self._ledger.store, batch.root, batch.size, batch.content)
        return prove(*self._batch, place.index or 0)

    def _index(self) -> Index:
        from ledger.index import Index

        if self.fault is not None:
            raise self.fault  # once is enough: a locked file was waited for
        if self._opened is None:
            try:
                folder = self._home.folder("index")
            except OSError as error:
                raise StoreFault(f"there is no place for an index in {self._home.path}: {error.strerror}") from error
            place = self._ledger.contracts.deployment
            self._opened = Index(folder / "tracks.sqlite", place.chain_id, place.tracks)
            if self._renew:
                self._opened.update(self._ledger.contracts, _Reader(self._ledger))
        return self._opened


class _Reader:
    """Reads for the index what lies in the store."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def words(self, token: int) -> Iterable[int] | None:
        from ledger.archive import fetch_track

        with contextlib.suppress(LedgerError):
            return self._heard(fetch_track(self._ledger.store, self._ledger.contracts.track(token)))
        return None

    def leaf_words(self, record: Digest) -> Iterable[int] | None:
        from ledger.anchored import fetch

        with contextlib.suppress(LedgerError):
            return self._heard(fetch(self._ledger.store, record))
        return None

    def leaves(self, root: Digest, size: int, content: Digest) -> Anchor | None:
        with contextlib.suppress(LedgerError):
            return read_leaves(self._ledger.store, root, size, content)
        return None

    def _heard(self, record: TrackRecord) -> Iterable[int] | None:
        from gen.errors import FingerprintError

        with contextlib.suppress(LedgerError, FingerprintError):
            return fingerprint.stored(self._ledger.store, record).words
        return None

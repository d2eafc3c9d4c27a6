"""Tracks that were anchored and not minted, as this service can find and prove them: for its pages and its API.

The directory does not follow them: what was anchored is in files of leaves, which whoever anchors keeps to himself for
as long as he likes. The home's index, which audits ask too, has those that are in its store.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Self

from ledger.errors import NotFound

if TYPE_CHECKING:
    from api.home import Home, Ledger
    from api.service.batches import Batches
    from api.service.service import Service
    from api.workflows.catalogue import Catalogue
    from ledger.contracts import TrackEntry
    from ledger.digest import Digest

RENEWED: Final = 30.0
"""Seconds after which the index is brought up to the chain again, where somebody asks for what is not in it."""


class Anchorings:
    """What was anchored, for whoever asks over HTTP. Threads share it. ``clock`` counts seconds.

    Every method raises :class:`~ledger.errors.NotFound` where nothing of that is known, which says in how many batches
    it might be nevertheless, and what proving it does: a chain that does not answer, leaves that are gone or altered,
    and :class:`~api.errors.TooMany` while others have theirs proved.
    """

    def __init__(self, home: Home, batches: Batches, clock: Callable[[], float] = time.monotonic) -> None:
        self._home, self._batches, self._clock = home, batches, clock
        self._renewed = -RENEWED
        self._lock = threading.Lock()

    @classmethod
    def of(cls, service: Service) -> Self:
        """Those of a service."""
        return cls(service.home, service.batches)

    def by_watermark(self, ledger: Ledger, mark: int) -> TrackEntry:
        """The track with this mark; its entry is that of the token where it was minted since."""
        minted = ledger.contracts.track_by_watermark(mark.to_bytes(8))
        return minted or self._found(ledger, f"{mark:016x}", lambda known: known.anchored_watermark(mark))

    def by_audio(self, ledger: Ledger, audio: Digest) -> TrackEntry:
        """The track of this very file; as :meth:`by_watermark`."""
        minted = ledger.contracts.track_by_audio(audio)
        return minted or self._found(ledger, str(audio), lambda known: known.anchored_audio(audio))

    def _found(self, ledger: Ledger, name: str, ask: Callable[[Catalogue], TrackEntry | None]) -> TrackEntry:
        from api.workflows.catalogue import MOST_UNREAD, Catalogue

        unread = 0
        for renew in (False, True) if self._due() else (False,):
            with Catalogue(self._home, ledger, renew=renew, proving=self._batches.prove) as known:
                entry = ask(known)
                if entry is not None:
                    return entry
                if known.fault is not None:
                    raise known.fault
                unread = len(known.unread())
        maybe = ""
        if unread:
            count = "1 batch" if unread == 1 else f"{unread} batches" + " or more" * (unread == MOST_UNREAD)
            maybe = f"; it may be in {count} with leaves that are not in this service's store"
        raise NotFound(f"{name}: no track of this was anchored or minted, as far as is known here{maybe}")

    def _due(self) -> bool:
        """Whether the index is to be renewed now; once for all who ask."""
        with self._lock:
            due = self._clock() - self._renewed >= RENEWED
            if due:
                self._renewed = self._clock()
            return due

"""Batches of anchored tracks, as requests have leaves of them proved: one is read at a time, and what was read is kept.

A batch may have a million leaves, which is 96 MB to read and two million hashes; so what all requests of a process
together do for it is bounded, in memory and in threads.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from api.service.turns import Turns
from ledger.anchor import LARGEST, read_leaves
from ledger.anchored import prove

if TYPE_CHECKING:
    from ledger.anchor import Anchor
    from ledger.anchored import Anchored
    from ledger.contracts import AnchorEntry
    from ledger.store import ContentStore

MOST_PROOFS: Final = 1024
_PATIENCE: Final = 10.0


class Batches:
    """Proves leaves. Threads share it.

    Of the trees those of the last batches are kept, with ``most`` leaves together (260 bytes each), and of the proofs
    the last 1024. ``patience``: seconds for which a thread waits for its turn.
    """

    def __init__(self, most: int = LARGEST, patience: float = _PATIENCE) -> None:
        self._most = most
        self._proofs: OrderedDict[tuple[AnchorEntry, int], Anchored] = OrderedDict()
        self._trees: OrderedDict[AnchorEntry, Anchor] = OrderedDict()
        self._turns = Turns("batches of tracks read", patience)

    def prove(self, store: ContentStore, batch: AnchorEntry, index: int) -> Anchored:
        """The leaf at ``index``, from 0, with its proof.

        Raises as :func:`ledger.anchor.read_leaves`, :class:`~ledger.errors.NotFound` beyond the last leaf, and
        :class:`~api.errors.TooMany` while others have batches read.
        """
        known = self._proofs.get((batch, index))
        if known is not None:
            return known
        with self._turns.take():
            found = self._proofs[batch, index] = prove(batch, self._read(store, batch), index)
            while len(self._proofs) > MOST_PROOFS:
                self._proofs.popitem(last=False)
        return found

    def _read(self, store: ContentStore, batch: AnchorEntry) -> Anchor:
        """The leaves of a batch; the oldest of the others make room before it is read."""
        known = self._trees.pop(batch, None)
        if known is None:
            while self._trees and batch.size + sum(map(len, self._trees.values())) > self._most:
                self._trees.popitem(last=False)
            known = read_leaves(store, batch.root, batch.size, batch.content)
        self._trees[batch] = known
        return known

"""Tracks, models and datasets with the proof of each link behind them, as the chain and the store have them now.

A page is read more often than the chain changes, and a verification reads many records: so each is kept for a minute.
Whoever needs to know to the second runs an audit.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from api.service.turns import Turns
from ledger.findings import Finding, Verdict, conclude

if TYPE_CHECKING:
    from api.home import Home, Ledger
    from api.workflows.royalties import Account
    from ledger.contracts import DatasetEntry
    from ledger.lineage import ModelNode, TrackNode
    from ledger.records import DatasetRecord
    from ledger.verify import Verifier

KEPT: Final = 60.0
"""Seconds for which a proof is shown again."""
_MOST: Final = 256
_AT_ONCE: Final = 8
_PATIENCE: Final = 10.0

Subject = TypeVar("Subject")


@dataclass(frozen=True, slots=True)
class Held:
    """A dataset: what the chain holds of it, and its record; None where that cannot be read."""

    entry: DatasetEntry
    record: DatasetRecord | None


@dataclass(frozen=True, slots=True)
class Minted:
    """A track: its tree, and who holds which share of what it earns."""

    node: TrackNode
    account: Account


@dataclass(frozen=True, slots=True)
class Proof(Generic[Subject]):
    """Something on chain, every check of it, what they come to, and the block up to which the chain was read."""

    subject: Subject
    findings: tuple[Finding, ...]
    verdict: Verdict
    block: int


class Proofs:
    """Verifies what pages show. Threads share it. ``clock`` counts seconds.

    Every method raises :class:`~ledger.errors.NotFound` where there is nothing of that number, and
    :class:`~ledger.errors.Unverifiable` where the chain does not answer.
    """

    def __init__(self, home: Home, clock: Callable[[], float] = time.monotonic) -> None:
        self._home, self._clock = home, clock
        self._kept: OrderedDict[tuple[str, int], tuple[float, Proof[object]]] = OrderedDict()
        self._lock = threading.Lock()
        self._turns = tuple(Turns("proofs verified", _PATIENCE, waiting=None) for _ in range(_AT_ONCE))

    def track(self, number: int) -> Proof[Minted]:
        """The track whose token that is, down to every dataset behind it."""
        from api.workflows import royalties

        def verify(ledger: Ledger, verifier: Verifier) -> Minted:
            node = verifier.track(ledger.contracts.track(number))
            return Minted(node, royalties.show(ledger, f"{number:016x}"))

        return self.of("track", number, verify)

    def model(self, number: int) -> Proof[ModelNode]:
        """The model of that number, down to every dataset behind it."""
        return self.of("model", number, lambda ledger, verifier: verifier.model(ledger.contracts.model(number)))

    def dataset(self, number: int) -> Proof[Held]:
        """The dataset of that number."""

        def verify(ledger: Ledger, verifier: Verifier) -> Held:
            entry = ledger.contracts.dataset(number)
            return Held(entry, verifier.dataset(entry))

        return self.of("dataset", number, verify)

    def of(self, kind: str, number: int, verify: Callable[[Ledger, Verifier], Subject]) -> Proof[Subject]:
        """Anything of that kind and number, verified by ``verify`` unless that was done a moment ago."""
        return self._fresh(kind, number) or self._alone(kind, number, verify)

    def _fresh(self, kind: str, number: int) -> Proof[Subject] | None:
        """What is kept and not too old."""
        with self._lock:
            kept = self._kept.get((kind, number))
        if kept is None or self._clock() - kept[0] >= KEPT:
            return None
        return kept[1]  # type: ignore[return-value]  # kept under its kind

    def _alone(self, kind: str, number: int, verify: Callable[[Ledger, Verifier], Subject]) -> Proof[Subject]:
        """Verify, or take what somebody else has verified meanwhile; a few at a time, so that others get their turn."""
        with self._turns[hash((kind, number)) % len(self._turns)].take():
            return self._fresh(kind, number) or self._keep(kind, number, self._clock(), self._verified(verify))

    def _keep(self, kind: str, number: int, now: float, proof: Proof[Subject]) -> Proof[Subject]:
        """The same proof, kept as one of that time; the oldest ones make room."""
        with self._lock:
            self._kept[kind, number] = (now, proof)  # type: ignore[assignment]
            self._kept.move_to_end((kind, number))
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return proof

    def _verified(self, verify: Callable[[Ledger, Verifier], Subject]) -> Proof[Subject]:
        from ledger.verify import Verifier

        with self._home.reading() as ledger:
            verifier = Verifier(ledger.contracts, ledger.store)
            subject = verify(ledger, verifier)
            findings = tuple(verifier.findings)
            return Proof(subject, findings, conclude(findings, known=True), ledger.chain.block_number)

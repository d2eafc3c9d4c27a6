"""The account of one track in plain Python: what ``contracts/Split.sol`` and ``Epochs.sol`` promise of ether."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from ledger.address import Address
from ledger.errors import ArgumentRefused, NotFound, NothingDue, ProposalPending

WHOLE = 1_000_000
WINDOW = 7 * 86_400


def unless(holds: bool, refusal: Exception) -> None:
    """Refuse, unless something holds. A refusal's type and words are found again in the contracts' refusal."""
    if not holds:
        raise refusal


class Share(NamedTuple):
    """A part of the income, in parts per million, and whose it is: an account, or the owner of a dataset or model."""

    kind: str
    holder: Address | int
    ppm: int


@dataclass
class Account:
    """Ether that came to a track, and what of it was paid to whom.

    Attributes:
        recorded: the shares of epoch 0: at place 0 the creator, at 1 the model's holder, then what the model owes.
        opened: whether somebody has made the clone. Money may come before.
        received, released: everything that ever came, and went.
        accepted: the shares of epoch 1, 2, ...
        proposed, counts_from: shares that become an epoch at that Unix time, unless a holder objects before.
        refused: recorded shares whose holders refuse every proposal.
        adopted: the epoch that income falls into now.
        began: of each epoch that was ever adopted, what had been received before it.
        paid: what each share was paid, by epoch and place.
    """

    recorded: tuple[Share, ...]
    opened: bool = False
    received: int = 0
    released: int = 0
    accepted: list[tuple[Share, ...]] = field(default_factory=list)
    proposed: tuple[Share, ...] | None = None
    counts_from: int = 0
    refused: set[int] = field(default_factory=set)
    adopted: int = 0
    began: dict[int, int] = field(default_factory=lambda: {0: 0})
    paid: Counter[tuple[int, int]] = field(default_factory=Counter)

    @property
    def balance(self) -> int:
        """What is there."""
        return self.received - self.released

    def shares(self, epoch: int) -> tuple[Share, ...]:
        """The shares of an epoch."""
        return self.accepted[epoch - 1] if epoch else self.recorded

    # -- money

    def income(self, epoch: int) -> int:
        """What came in while the epoch counted; none for an epoch that was never adopted."""
        if epoch not in self.began:
            return 0
        later = [other for other in self.began if other > epoch]
        return (self.began[min(later)] if later else self.received) - self.began[epoch]

    def due(self, epoch: int, place: int) -> int:
        """The share's part of all income of the epoch, rounded down, less what it was paid."""
        return self.income(epoch) * self.shares(epoch)[place].ppm // WHOLE - self.paid[epoch, place]

    def pull(self, epoch: int, place: int) -> tuple[Share, int]:
        """Take what is due to a share off the books."""
        unless(epoch <= len(self.accepted), ArgumentRefused(f"there is no epoch {epoch}"))
        unless(place < len(self.shares(epoch)), ArgumentRefused(f"there is no share {place}"))
        amount = self.due(epoch, place)
        unless(amount > 0, NothingDue("nothing is due to this share"))
        self.paid[epoch, place] += amount
        self.released += amount
        self.opened = True
        return self.shares(epoch)[place], amount

    # -- epochs; that it is the holder of a recorded share who calls is asked in house_model.py

    def over(self, now: int) -> bool:
        """Whether a proposal's window has ended: it counts, from the next call that could tell on."""
        return self.proposed is not None and now >= self.counts_from

    def accept(self, now: int) -> None:
        """A proposal whose window is over is an epoch."""
        if self.proposed is not None and self.over(now):
            self.accepted.append(self.proposed)
            self.proposed = None

    def propose(self, shares: tuple[Share, ...], now: int) -> None:
        """New shares for later income, which count in a week; not beside others, nor where a holder refuses."""
        unless(self.proposed is None or self.over(now), ProposalPending("are proposed already"))
        unless(not self.refused, ProposalPending(f"holders of {len(self.refused)} shares refuse every proposal"))
        self.accept(now)
        self.proposed, self.counts_from = shares, now + WINDOW

    def object(self, shares: tuple[Share, ...], now: int) -> None:
        """A proposal is void if a holder objects to it within its window."""
        pending = self.proposed == shares and not self.over(now)
        unless(pending, NotFound("no proposal that can still be objected to"))
        self.proposed = None

    def refuse(self, place: int, on: bool, now: int) -> None:
        """Every proposal from now on, also the present one; or no more."""
        self.accept(now)
        if (place in self.refused) != on:
            self.refused ^= {place}
            self.proposed = None

    def adopt(self, now: int) -> None:
        """Income falls into the newest epoch from now on."""
        newest = len(self.accepted) + self.over(now)
        unless(self.adopted < newest, NotFound(f"no epoch newer than {newest}"))
        self.accept(now)
        self.adopted = newest
        self.began[newest] = self.received

"""What every noun's verbs stand on: an open chain, and a deployment on it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, Self

from ledger.contracts.deployed import Deployed, Quoted, Quoting
from ledger.contracts.entries import SubjectKind
from ledger.contracts.prepared import Call, Preparing
from ledger.errors import ArgumentRefused
from ledger.network import Depth

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.chain import Chain
    from ledger.deployment import Deployment
    from ledger.submission import Quote, Status


class Made(Protocol):
    """What a transaction made: any entry."""

    @property
    def tx(self) -> str:
        """The transaction's hash."""


class Verbs:
    """A chain and a deployment on it."""

    def __init__(self, chain: Chain, deployment: Deployment) -> None:
        """Raises :class:`NoDeployment` if the deployment belongs to another chain, or its contracts are not there."""
        self.chain = chain
        self.deployment = deployment
        self._on = Deployed(chain, deployment)

    def quote(self, verb: Callable[[Self], object]) -> Quote:
        """What the first transaction of a verb may cost, without sending it.

        For instance ``contracts.quote(lambda c: c.withdraw_consent(signer, 1)).most_wei``. Raises what the verb would
        raise, and :class:`ArgumentRefused` for one that sends nothing.
        """
        trial = copy.copy(self)
        trial._on = Quoting(self.chain, self.deployment)
        try:
            verb(trial)
        except Quoted as quoted:
            return quoted.quote
        raise ArgumentRefused("this sends no transaction")

    def preparing(self, calls: list[Call]) -> Self:
        """The same verbs, where what would be sent is tried and written down in ``calls`` instead, for a wallet."""
        trial = copy.copy(self)
        trial._on = Preparing(self.chain, self.deployment, calls)
        return trial

    def status(self, entry: Made) -> Status:
        """How far the transaction that made an entry has come: pending, mined, or final after enough confirmations.

        One whose block has vanished in a reorganisation is pending again. Raises :class:`NotFound` where it is unknown.
        """
        return self.chain.status(entry.tx)

    def block_time(self, block: int) -> int:
        """Unix time of a block, in seconds. Raises :class:`NotFound` where there is no such block."""
        return self.chain.timestamp(block)

    def depth(self, block: int) -> Depth:
        """How many blocks lie on a block, and how many make it final. Raises :class:`NotFound` as well."""
        return Depth(self.chain.block_number - block, self.chain.block_hash(block), self.chain.confirmations)

    def _subject(self, kind: SubjectKind) -> Address:
        subjects = {"dataset": self.deployment.datasets, "model": self.deployment.models}
        if kind not in subjects:
            raise ArgumentRefused(f"licenses are for a dataset or a model, not for {kind!r}")
        return subjects[kind]

"""Transactions that are checked and written down here, and signed and sent elsewhere: by the wallet of a browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ledger.abi import Interface
from ledger.address import Address
from ledger.contracts.deployed import Deployed
from ledger.errors import Refused
from ledger.network import Receipt

if TYPE_CHECKING:
    from ledger.chain import Chain
    from ledger.deployment import Deployment
    from ledger.keys import Signer
    from ledger.submission import Quote


@dataclass(frozen=True, slots=True)
class Call:
    """A transaction to be sent. ``value`` is in wei.

    ``quote`` is what it may cost, found out by trying it on the chain as it stands; None where it stands on one before
    it that has to be mined first, and so could not be tried.
    """

    to: Address
    data: bytes
    value: int
    quote: Quote | None


class Preparing(Deployed):
    """The same contracts, where nothing is sent: each transaction is tried, and written down.

    For verbs that ask nothing of a transaction's receipt: those that offer, buy, pull, and change terms.
    """

    def __init__(self, chain: Chain, deployment: Deployment, calls: list[Call]) -> None:
        """Write down in ``calls``. Raises as :class:`Deployed`."""
        super().__init__(chain, deployment)
        self._calls = calls

    def send(self, signer: Signer, contract: str, function: str, *arguments: Any, value: int = 0) -> Receipt:
        """Try and write down. Raises what the transaction would, for the first one."""
        interface, address = self._at[contract]
        return self._note(signer, address, interface.call(function, *arguments), value)

    def send_at(
        self, signer: Signer, interface: Interface, address: Address, function: str, *arguments: Any
    ) -> Receipt:
        """The same for a contract outside the deployment."""
        return self._note(signer, address, interface.call(function, *arguments), 0, interface)

    def _note(self, signer: Signer, to: Address, data: bytes, value: int, *others: Interface) -> Receipt:
        quote = None
        try:
            with self._explained(*others):
                quote = self._chain.quote(signer.address, to, data, value)
        except Refused:
            if not self._calls:
                raise
        self._calls.append(Call(to, data, value, quote))
        return Receipt(tx="", block=0, block_hash="", succeeded=True, gas=0, contract=None)

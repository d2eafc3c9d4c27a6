"""The contracts of a deployment on an open chain: calls by name, and refusals in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ledger.abi import Event, Interface
from ledger.address import Address
from ledger.contracts.refusals import explain
from ledger.deployment import NOUNS, Deployment
from ledger.errors import ChainUnreachable, NoDeployment, NotFound, Reverted

if TYPE_CHECKING:
    from ledger.chain import Chain
    from ledger.keys import Signer
    from ledger.network import Receipt
    from ledger.submission import Quote


class Deployed:
    """The contracts where a deployment says that they are."""

    def __init__(self, chain: Chain, deployment: Deployment) -> None:
        """Raises :class:`NoDeployment` if the deployment belongs to another chain, or its contracts are not there."""
        if chain.chain_id != deployment.chain_id:
            raise NoDeployment(f"the deployment is for chain {deployment.chain_id}; this is chain {chain.chain_id}")
        if not chain.has_code(deployment.keys):
            raise NoDeployment(f"no contract at {deployment.keys} on chain {chain.chain_id}; deploy them again")
        self._chain = chain
        self._at: dict[str, tuple[Interface, Address]] = {
            noun.capitalize(): (Interface.load(noun.capitalize()), getattr(deployment, noun)) for noun in NOUNS
        }
        self._split = Interface.load("Split")
        self._subjects = {deployment.datasets: "dataset", deployment.models: "model"}

    def view(self, contract: str, function: str, *arguments: Any, block: int | None = None) -> Any:
        """What a view function returns, now or at the end of an earlier block."""
        interface, address = self._at[contract]
        with self._explained():
            return self._chain.call(interface, address, function, *arguments, block=block)

    def known(self, contract: str, noun: str, function: str, id: int) -> Any:  # noqa: A002
        """What a function says of a token; where there is none, :class:`NotFound` calls it by its noun."""
        try:
            return self.view(contract, function, id)
        except NotFound:
            raise NotFound(f"no {noun} {id}") from None

    def view_at(self, interface: Interface, address: Address, function: str, *arguments: Any) -> Any:
        """What a view function of a contract outside the deployment returns."""
        with self._explained(interface):
            return self._chain.call(interface, address, function, *arguments)

    def send_at(
        self, signer: Signer, interface: Interface, address: Address, function: str, *arguments: Any
    ) -> Receipt:
        """Call a function of a contract outside the deployment in a transaction, and wait until it is mined."""
        with self._explained(interface):
            return self._chain.send(signer, interface, address, function, *arguments)

    def send(self, signer: Signer, contract: str, function: str, *arguments: Any, value: int = 0) -> Receipt:
        """Call a function in a transaction, with ``value`` wei, and wait until it is mined."""
        interface, address = self._at[contract]
        with self._explained():
            return self._chain.send(signer, interface, address, function, *arguments, value=value)

    def said(self, contract: str, event: str, first: int, last: int | None, **indexed: Any) -> tuple[Event, ...]:
        """Events of a contract from block ``first`` to ``last`` (None: the present), by their indexed arguments."""
        interface, address = self._at[contract]
        return self._chain.events(interface, address, event, first, last, **indexed)

    def told(self, contract: str, event: str, block: int, id: int) -> Event:  # noqa: A002
        """The one event by which a token was made. :class:`ChainUnreachable` where the chain no longer keeps it."""
        found = self.said(contract, event, block, block, id=id)
        if not found:
            raise ChainUnreachable(f"the chain keeps no {event} event of token {id}, made in block {block}")
        return found[0]

    @contextmanager
    def _explained(self, *others: Interface) -> Iterator[None]:
        try:
            yield
        except Reverted as reverted:
            ours = [interface for interface, _ in self._at.values()]
            raise explain(reverted, (*others, *ours, self._split), self._subjects) from None


class Quoted(Exception):
    """The way out of a verb that is only asked for its price."""

    def __init__(self, quote: Quote) -> None:
        super().__init__()
        self.quote = quote


class Quoting(Deployed):
    """The same contracts, where nothing is sent: the first transaction raises :class:`Quoted`."""

    def send(self, signer: Signer, contract: str, function: str, *arguments: Any, value: int = 0) -> Receipt:
        """Ask what the transaction may cost."""
        interface, address = self._at[contract]
        with self._explained():
            raise Quoted(self._chain.quote(signer.address, address, interface.call(function, *arguments), value))

    def send_at(
        self, signer: Signer, interface: Interface, address: Address, function: str, *arguments: Any
    ) -> Receipt:
        """Ask what the transaction may cost."""
        with self._explained(interface):
            raise Quoted(self._chain.quote(signer.address, address, interface.call(function, *arguments)))

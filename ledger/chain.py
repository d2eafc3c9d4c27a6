"""Chains: one face for the embedded one and for any network behind JSON-RPC."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ledger.abi import Event, Interface
from ledger.address import Address
from ledger.courier import Courier
from ledger.errors import ChainUnreachable, NotFound, Refused, Reverted
from ledger.lock import acquire
from ledger.network import Network, Receipt
from ledger.outbox import Outbox
from ledger.submission import Quote, Status, Submission
from ledger.tracing import look
from ledger.watch import Watch

if TYPE_CHECKING:
    from ledger.keys import Signer

NOBODY = Address(bytes(20))
"""The zero address: whose calls are nobody's."""

_FAUCET_SEED = b"stemmata: faucet of the embedded chain"
_FAUCET_WEI = 10**27
_DELEGATION = bytes.fromhex("ef0100")


class Chain:
    """A chain that is open. Threads may share it. Close it, or use it in a ``with`` statement.

    Any method may raise :class:`ChainUnreachable`.
    """

    def __init__(
        self,
        network: Network,
        *,
        faucet: Signer | None = None,
        timeout: float = 30,
        confirmations: int = 0,
        outbox: Outbox | None = None,
    ) -> None:
        """Speak to ``network``; ``timeout`` is how many seconds to wait until a transaction is mined."""
        self._network = network
        self._faucet = faucet
        self._watch = Watch(network, outbox or Outbox(None, ""), confirmations, timeout)
        self._courier = Courier(network, self._watch)
        self._release: Callable[[], None] = lambda: None
        self.chain_id = network.chain_id

    @classmethod
    def open_embedded(
        cls,
        folder: Path,
        *,
        timeout: float = 30,
        clock: Callable[[], float] = time.time,
        begin: Callable[[Path], None] | None = None,
    ) -> Chain:
        """Open the chain that lives in a folder; it is created on first use.

        Only one Chain at a time is open on a folder: a second one, in this or another process, waits. Those of
        :meth:`read_embedded` do not count.

        Args:
            folder: holds ``chain.sqlite`` and ``chain.lock``.
            timeout: seconds to wait for another Chain to be closed.
            clock: seconds since the epoch; gives blocks their time.
            begin: called where there is no chain yet, while nobody else can open one here; it may give the path that it
                is called with to the file of another chain, whole or not at all, and this one goes on from there.

        Raises:
            ChainUnreachable: another Chain was open on the folder all the time.
        """
        from ledger.evm import Evm
        from ledger.keys import LocalSigner

        folder.mkdir(parents=True, exist_ok=True)
        lock = acquire(folder / "chain.lock", timeout, "the chain")
        try:
            faucet = LocalSigner(hashlib.sha256(_FAUCET_SEED).digest())
            path = folder / "chain.sqlite"
            if begin is not None and not any(folder.glob(f"{path.name}*")):
                begin(path)
            chain = cls(Evm(path, clock, {faucet.address: _FAUCET_WEI}), faucet=faucet)
        except BaseException:
            os.close(lock)
            raise
        chain._release = lambda: os.close(lock)
        return chain

    @classmethod
    def read_embedded(cls, folder: Path, *, clock: Callable[[], float] = time.time) -> Chain:
        """Open the chain that lives in a folder to read it, without waiting for whoever has it open and goes on.

        What is read is the chain at the end of the block that was its last when it was opened. It is meant to be closed
        soon: as long as it is open, the file beside it grows with every block.

        Raises:
            ChainUnreachable: there is no chain.
            StoreFault: its file is damaged.
        """
        from ledger.evm import Evm

        path = folder / "chain.sqlite"
        if not path.exists():
            raise ChainUnreachable(f"there is no chain in {folder}")
        return cls(Evm(path, clock, None))

    @classmethod
    def open_rpc(cls, url: str, *, timeout: float = 30, confirmations: int = 0, outbox: Path | None = None) -> Chain:
        """Open a network behind JSON-RPC over HTTP, and hand in again what lies in the outbox and no node knows.

        Args:
            url: of the node. Errors show its host alone, since the rest may hold an access key.
            timeout: seconds to wait for an answer, and for a transaction to be mined.
            confirmations: how many blocks on its own make a transaction final, 0 or more. With 0 it is final when
                mined, which a reorganisation may undo: right for development chains, and too few for money elsewhere.
            outbox: a folder in which what was sent outlives this process; without one it is known to this object alone.

        Raises:
            ChainUnreachable: no answer, or not an Ethereum node's.
            StoreFault: the outbox is damaged or cannot be written.
        """
        from ledger.rpc import JsonRpc

        if confirmations < 0:
            raise ValueError(f"confirmations are 0 or more, not {confirmations}")
        node = JsonRpc(url, timeout)
        try:
            # Development chains share their chain ids: the first block tells one from the next.
            name = "" if outbox is None else f"{node.chain_id} {node.block_hash(0)}"
            box = Outbox(outbox, name, timeout=timeout)
        except BaseException:
            node.close()
            raise
        chain = cls(node, timeout=timeout, confirmations=confirmations, outbox=box)
        try:
            chain._watch.resume()
        except BaseException:
            chain.close()
            raise
        return chain

    def close(self) -> None:
        """Let go of the chain. Closing twice does no harm."""
        self._network.close()
        self._watch.outbox.close()
        release, self._release = self._release, lambda: None
        release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def block_number(self) -> int:
        """Number of the last block."""
        return self._network.block_number()

    def block_hash(self, block: int) -> str:
        """Hash of a block, ``0x`` and 64 hex digits; raises :class:`NotFound`. Another one says: reorganised."""
        return self._network.block_hash(block)

    def through(self, wrap: Callable[[Network], Network]) -> Chain:
        """The same chain, seen through a network that stands before its own. It need not be closed."""
        return Chain(wrap(self._network), confirmations=self.confirmations)

    @property
    def confirmations(self) -> int:
        """How many blocks on its own make a transaction final."""
        return self._watch.confirmations

    def timestamp(self, block: int) -> int:
        """Unix time of a block, in seconds. Raises :class:`NotFound` where there is no such block."""
        return self._network.timestamp(block)

    def balance(self, account: Address) -> int:
        """Balance in wei."""
        return self._network.balance(account)

    def nonce(self, account: Address) -> int:
        """How many transactions the account has sent."""
        return self._network.nonce(account)

    def passed(self, account: Address) -> int:
        """How many of the account's transactions are mined for good: a nonce below that is nobody's to use any more."""
        return self._network.nonce_at_depth(account, self._watch.confirmations)

    def has_code(self, address: Address) -> bool:
        """Whether a contract lives at an address."""
        return bool(self._network.code(address))

    def is_contract(self, account: Address) -> bool:
        """Whether an account is a contract, for which no key sends: it has code that is no delegation (EIP-7702)."""
        code = self._network.code(account)
        return bool(code) and not code.startswith(_DELEGATION)

    def fund(self, account: Address, wei: int) -> None:
        """Give an account money from the faucet of the embedded chain.

        Raises:
            Refused: this is no embedded chain; its money has to come from somewhere else.
        """
        if self._faucet is None:
            raise Refused(f"this network has no faucet: send {wei} wei to {account} from an account that has them")
        self.transact(self._faucet, account, b"", value=wei)

    def call(
        self, interface: Interface, address: Address, function: str, *arguments: Any, block: int | None = None
    ) -> Any:
        """What a view function returns, now or at the end of an earlier block.

        Raises:
            Reverted: the contract refused.
            NotFound: there is no such block, or no such contract in it.
        """
        data = self._network.call(address, interface.call(function, *arguments), NOBODY, block)
        if not data:
            raise NotFound(f"no {interface.name} contract at {address} in block {'latest' if block is None else block}")
        return interface.result(function, data)

    def ask(self, address: Address, data: bytes) -> bytes:
        """What a call by nobody returns, as bytes; none where there is no contract. For contracts that are strangers'.

        Raises :class:`Reverted` where the contract refuses.
        """
        return self._network.call(address, data, NOBODY, None)

    def run(self, code: bytes) -> bytes:
        """What code returns that is run once, by nobody, and leaves no trace. Raises :class:`Reverted`."""
        return self._network.call(None, code, NOBODY, None)

    def send(
        self, signer: Signer, interface: Interface, address: Address, function: str, *arguments: Any, value: int = 0
    ) -> Receipt:
        """Call a function in a transaction of its own, with ``value`` wei. Raises as :meth:`transact`."""
        return self.transact(signer, address, interface.call(function, *arguments), value=value)

    def create(self, signer: Signer, interface: Interface, *arguments: Any) -> Address:
        """Create a contract. Raises as :meth:`transact`."""
        receipt = self.transact(signer, None, interface.creation(*arguments))
        if receipt.contract is None:
            raise Reverted(b"")
        return receipt.contract

    def events(
        self, interface: Interface, address: Address, event: str, first: int, last: int | None = None, **indexed: Any
    ) -> tuple[Event, ...]:
        """Events of a contract from block ``first`` to ``last`` (None: the present), filtered by indexed arguments."""
        end = self.block_number if last is None else last
        logs = self._network.logs(address, interface.topics(event, **indexed), first, end)
        return tuple(interface.event(event, log) for log in logs)

    def history(self, interface: Interface, address: Address, first: int, last: int) -> tuple[tuple[str, Event], ...]:
        """All events of a contract that its interface knows from block ``first`` to ``last``, by name, in order."""
        logs = self._network.logs(address, (), first, last)
        return tuple(filter(None, (interface.told(log) for log in logs)))

    # -- sending

    def quote(self, account: Address, to: Address | None, data: bytes, value: int = 0) -> Quote:
        """What a transaction of an account may cost; ``to`` is None for a new contract, ``value`` is in wei.

        Raises:
            Reverted: the contract would refuse.
            InsufficientFunds: the account has less than ``value``.
        """
        return self._courier.quote(account, to, data, value)

    def transact(self, signer: Signer, to: Address | None, data: bytes, *, value: int = 0) -> Receipt:
        """Sign, send and wait until mined: :meth:`submit` and :meth:`settle`.

        Raises:
            Reverted: the contract refuses; mostly found out beforehand, so that it costs nothing.
            InsufficientFunds: value and gas are more than the account has.
            Refused: the network does not take the transaction.
            TransactionDropped: another transaction with its nonce was mined.
            ChainUnreachable: no answer, or not mined in time. The message names the transaction if it may have been
                sent; the same call again then looks for it, and gives its receipt, instead of sending another.
        """
        submission = self.submit(signer, to, data, value=value)
        try:
            return self.settle(submission)
        except BaseException:
            self._watch.let_go(submission)
            raise

    def submit(self, signer: Signer, to: Address | None, data: bytes, *, value: int = 0) -> Submission:
        """Sign and send, and return as soon as the node has taken the transaction.

        An account may have many in flight, from many threads: each gets the next nonce, and one that the node refuses
        gives its nonce back. The identical call (account, to, data, value) that an earlier process or a failed call
        left in the outbox is taken over instead of being sent a second time; others that were left of the account are
        waited for first. Hand the result to :meth:`settle` in the end: only that takes it out of the outbox.

        Raises as :meth:`transact`, but for what can only be known once it is mined.
        """
        return self._courier.submit(signer, to, data, value)

    def settle(self, submission: Submission, *, final: bool = False) -> Receipt:
        """Wait until a transaction, or a faster one in its place, is mined; or ``final``. Raises as :meth:`transact`.

        What no node knows any more, after a reorganisation or a node's restart, is handed in again meanwhile.
        """
        status = self._watch.wait(submission, final)
        receipt = status.receipt
        if receipt is None or not receipt.succeeded:
            # What made it fail came between the estimate and the block: ask again for the reason.
            if receipt is not None and submission.to is not None:
                self._network.call(submission.to, submission.data, submission.account, receipt.block)
            raise Reverted(b"")
        return receipt

    def settle_sent(self, tx: str, account: Address, to: Address | None, data: bytes, value: int) -> Receipt:
        """The receipt of what a wallet was asked to send, and says that it sent: it is waited for until it is mined.

        Raises as :meth:`transact`; :class:`Refused` where the wallet sent something else, and :class:`NotFound` where
        the node knows nothing of it.
        """
        submission = self._courier.recognize(tx, account, to, data, value)
        if submission is None:
            raise NotFound(f"no transaction {tx} on chain {self.chain_id}")
        return self.settle(submission)

    def status(self, what: Submission | str) -> Status:
        """How far a transaction has come. What lies in the outbox and no node knows any more is handed in again.

        Args:
            what: as :meth:`submit` gave it, or a transaction's hash, ``0x`` and 64 hex digits.

        Raises:
            NotFound: nobody has heard of the hash.
            TransactionDropped: another transaction with its nonce was mined.
        """
        if isinstance(what, str):
            entry = self._watch.outbox.find(what)
            if entry is None:
                status = look(self._network, (what,), self._watch.confirmations)
                if status.receipt is None and not self._network.knows(what):
                    raise NotFound(f"no transaction {what} on chain {self.chain_id}")
                return status
            what = entry.submission
        return self._watch.status(what)

    def speed_up(self, submission: Submission, signer: Signer) -> Submission:
        """Replace a pending transaction by one with the same nonce, call and value, and fees at least 12.5 % higher.

        Whichever of the two is mined counts, and either can be handed to :meth:`settle`. One that is mined already is
        given back as it is.

        Raises:
            InsufficientFunds: the account cannot pay the higher fee.
            Refused: the node does not take the replacement, or ``signer`` is another account's. The old one stays.
        """
        return self._courier.speed_up(submission, signer)

    def catch_up(self, account: Address) -> None:
        """Wait until all that an earlier process or a failed call left of an account is mined.

        To be done before the chain is asked whether something has still to be sent: the answer would be too early, and
        a call that is signed anew is not identical to the one that waits. Raises :class:`ChainUnreachable`.
        """
        self._courier.catch_up(account)

    def unsettled(self) -> tuple[Submission, ...]:
        """What an earlier process or a failed call left: sent, or to be sent, and nobody was given the receipt."""
        return tuple(entry.submission for entry in self._watch.left_behind())

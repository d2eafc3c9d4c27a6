"""Chains: one face for the embedded one and for any network behind JSON-RPC."""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ledger.abi import Event, Interface
from ledger.address import Address
from ledger.errors import ChainUnreachable, InsufficientFunds, NotFound, Refused, Reverted
from ledger.network import Network, Receipt

if TYPE_CHECKING:
    from ledger.keys import Signer

NOBODY = Address(bytes(20))
"""The zero address: whose calls are nobody's."""

_FAUCET_SEED = b"stemmata: faucet of the embedded chain"
_FAUCET_WEI = 10**27


class Chain:
    """A chain that is open. Threads may share it. Close it, or use it in a ``with`` statement.

    Any method may raise :class:`ChainUnreachable`.
    """

    def __init__(self, network: Network, *, faucet: Signer | None = None, timeout: float = 30) -> None:
        """Speak to ``network``; ``timeout`` is how many seconds to wait until a transaction is mined."""
        self._network = network
        self._faucet = faucet
        self._timeout = timeout
        self._sending = threading.RLock()
        self._release: Callable[[], None] = lambda: None
        self.chain_id = network.chain_id

    @classmethod
    def open_embedded(cls, folder: Path, *, timeout: float = 30, clock: Callable[[], float] = time.time) -> Chain:
        """Open the chain that lives in a folder; it is created on first use.

        Only one Chain at a time is open on a folder: a second one, in this or another process, waits.

        Args:
            folder: holds ``chain.sqlite`` and ``chain.lock``.
            timeout: seconds to wait for another Chain to be closed.
            clock: seconds since the epoch; gives blocks their time.

        Raises:
            ChainUnreachable: another Chain was open on the folder all the time.
        """
        from ledger.evm import Evm
        from ledger.keys import LocalSigner

        folder.mkdir(parents=True, exist_ok=True)
        lock = _acquire(folder / "chain.lock", timeout)
        try:
            faucet = LocalSigner(hashlib.sha256(_FAUCET_SEED).digest())
            chain = cls(Evm(folder / "chain.sqlite", clock, {faucet.address: _FAUCET_WEI}), faucet=faucet)
        except BaseException:
            os.close(lock)
            raise
        chain._release = lambda: os.close(lock)
        return chain

    @classmethod
    def open_rpc(cls, url: str, *, timeout: float = 30) -> Chain:
        """Open a network behind JSON-RPC over HTTP.

        Args:
            url: of the node. Errors show its host alone, since the rest may hold an access key.
            timeout: seconds to wait for an answer, and for a transaction to be mined.

        Raises:
            ChainUnreachable: no answer, or not an Ethereum node's.
        """
        from ledger.rpc import JsonRpc

        return cls(JsonRpc(url, timeout), timeout=timeout)

    def close(self) -> None:
        """Let go of the chain. Closing twice does no harm."""
        self._network.close()
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

    def timestamp(self, block: int) -> int:
        """Unix time of a block, in seconds. Raises :class:`NotFound` where there is no such block."""
        return self._network.timestamp(block)

    def balance(self, account: Address) -> int:
        """Balance in wei."""
        return self._network.balance(account)

    def nonce(self, account: Address) -> int:
        """How many transactions the account has sent."""
        return self._network.nonce(account)

    def has_code(self, address: Address) -> bool:
        """Whether a contract lives at an address."""
        return bool(self._network.code(address))

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

    def transact(self, signer: Signer, to: Address | None, data: bytes, *, value: int = 0) -> Receipt:
        """Sign, send and wait until mined; ``to`` is None for a new contract, ``value`` is in wei.

        Raises:
            Reverted: the contract refuses; mostly found out beforehand, so that it costs nothing.
            InsufficientFunds: value and gas are more than the account has.
            Refused: the network does not take the transaction.
            ChainUnreachable: no answer; the message names the transaction if it was sent.
        """
        with self._sending:
            return self._transact(signer, to, data, value)

    def _transact(self, signer: Signer, to: Address | None, data: bytes, value: int) -> Receipt:
        sender = signer.address
        balance = self._network.balance(sender)
        if balance < value:
            raise InsufficientFunds(f"{sender} has {balance} wei; {value} are to be sent")
        gas = self._network.estimate(sender, to, data, value)
        fee, tip = self._network.fees()
        if balance < value + gas * fee:
            raise InsufficientFunds(
                f"{sender} has {balance} wei; {value} are to be sent, with up to {gas * fee} for gas"
            )
        fields = {
            "type": 2,
            "chainId": self.chain_id,
            "nonce": self._network.nonce(sender),
            "value": value,
            "gas": gas,
            "maxFeePerGas": fee,
            "maxPriorityFeePerGas": tip,
            "data": data,
        }
        if to is not None:
            fields["to"] = str(to)
        receipt = self._wait(self._network.send(signer.sign_transaction(fields)))
        if not receipt.succeeded:
            # What made it fail came between the estimate and the block: ask again for the reason.
            if to is not None:
                self._network.call(to, data, sender, receipt.block)
            raise Reverted(b"")
        return receipt

    def _wait(self, tx: str) -> Receipt:
        end = time.monotonic() + self._timeout
        pause = 0.05
        while True:
            try:
                return self._network.receipt(tx)
            except NotFound:
                if time.monotonic() > end:
                    raise ChainUnreachable(
                        f"transaction {tx} was sent but not mined within {self._timeout} s; it may still be"
                    ) from None
            time.sleep(pause)
            pause = min(2 * pause, 2)


def _acquire(path: Path, timeout: float) -> int:
    """Take the lock of an embedded chain; the kernel gives it back however the process ends."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    end = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except BlockingIOError:
            if time.monotonic() > end:
                os.close(file)
                raise ChainUnreachable(
                    f"the chain is in use: its lock {path} was held for {timeout} s; close the other program"
                ) from None
        time.sleep(0.05)

"""An Ethereum virtual machine in this process, kept in one SQLite file.

Every transaction is mined into a block of its own, and everything a block writes is one SQL transaction: a process that
is killed at any moment leaves the chain at the end of a block. Old state stays readable. The rules are those of the
Shanghai fork (Yellow Paper; EIP-1559, 3651, 3855, 3860), as py-evm has them.
"""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import rlp
from eth._utils.address import generate_contract_address
from eth.chains.base import MiningChain
from eth.consensus.applier import ConsensusApplier
from eth.consensus.noproof import NoProofConsensus
from eth.constants import CREATE_CONTRACT_ADDRESS, POST_MERGE_DIFFICULTY, POST_MERGE_MIX_HASH, POST_MERGE_NONCE
from eth.db.atomic import AtomicDB
from eth.exceptions import InsufficientFunds as EvmInsufficientFunds
from eth.exceptions import PyEVMError, Revert, TransactionNotFound
from eth.vm.forks.shanghai import ShanghaiVM
from eth.vm.message import Message
from eth_utils.exceptions import ValidationError
from rlp.exceptions import RLPException

from ledger.address import Address
from ledger.blockfile import BlockFile
from ledger.errors import InsufficientFunds, NotFound, Refused, Reverted, StoreFault
from ledger.network import Log, Receipt, Sent
from ledger.receipts import Sealed

# py-evm raises the recursion limit to 100,000 when it is imported: code in C that recurses, such as json's, then
# overruns the stack and ends the process. Calls that hand on 63/64 of a block's gas end near depth 600: room enough.
sys.setrecursionlimit(30_000)

P = ParamSpec("P")
T = TypeVar("T")

CHAIN_ID = int.from_bytes(b"stemma")
"""Chain id of every embedded chain (EIP-155), far from any public network's."""

BLOCK_GAS = 30_000_000
_GENESIS_BASE_FEE = 1_000_000_000


class _Rules(ShanghaiVM):  # type: ignore[misc]
    """Shanghai, but for one rule: blocks of the same second may follow each other, so that block times stay true."""

    @classmethod
    def validate_header(cls, header: Any, parent_header: Any) -> None:
        if header.timestamp == parent_header.timestamp:
            parent_header = parent_header.copy(timestamp=parent_header.timestamp - 1)
        super().validate_header(header, parent_header)


class _Blocks(MiningChain):  # type: ignore[misc]
    """A chain on which whoever holds the file makes the blocks."""

    chain_id = CHAIN_ID
    vm_configuration = ConsensusApplier(NoProofConsensus).amend_vm_configuration(((0, _Rules),))


def _alone(method: Callable[Concatenate[Evm, P], T]) -> Callable[Concatenate[Evm, P], T]:
    """One thread at a time: the file and the block under construction are shared."""

    @wraps(method)
    def guarded(evm: Evm, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with evm.lock, evm.damage_named():
            return method(evm, *args, **kwargs)

    return guarded


class Evm:
    """A :class:`ledger.network.Network` in one file. Threads may share it; another process may only read.

    Args:
        path: the file; made, with ``genesis``, if absent.
        clock: seconds since the epoch, asked for at each block.
        genesis: balances in wei that the chain starts with; None to read what there is as it is now, and send nothing.
    """

    chain_id = CHAIN_ID
    instant = True

    def __init__(self, path: Path, clock: Callable[[], float], genesis: Mapping[Address, int] | None) -> None:
        self.lock = threading.RLock()
        self._clock = clock
        self._path = path
        self._reading = genesis is None
        with self.damage_named():
            self._file = BlockFile(path, reading=genesis is None)
            database = AtomicDB(self._file.nodes)
            if genesis is not None and self._file.empty:
                with self._file.block():
                    _Blocks.from_genesis(database, _genesis_header(int(clock())), _accounts(genesis))
            self._blocks = _Blocks(database)

    @contextmanager
    def damage_named(self) -> Iterator[None]:
        """What a damaged or full file makes SQLite and py-evm complain of, as :class:`~ledger.errors.StoreFault`."""
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError, PyEVMError, RLPException) as error:
            raise StoreFault(
                f"the chain's file {self._path} is damaged or cannot be written ({type(error).__name__}: {error}); "
                "restore it from a backup if it does not mend"
            ) from error

    @_alone
    def close(self) -> None:
        """Close the file."""
        self._file.close()

    # -- blocks

    @_alone
    def block_number(self) -> int:
        """Number of the last block."""
        return int(self._blocks.get_canonical_head().block_number)

    @_alone
    def timestamp(self, block: int) -> int:
        """Unix time of a block."""
        return int(self._header(block).timestamp)

    @_alone
    def block_hash(self, block: int) -> str:
        """Hash of a block."""
        return "0x" + bytes(self._header(block).hash).hex()

    def _header(self, block: int | None) -> Any:
        """A block's header. The present (None) is the last block's, on the present clock."""
        head = self._blocks.get_canonical_head()
        if block is None:
            return head.copy(timestamp=max(head.timestamp, int(self._clock())))
        if not 0 <= block <= head.block_number:
            raise NotFound(f"no block {block}: the last one is {head.block_number}")
        return self._blocks.get_canonical_block_header_by_number(block)

    def _state(self, block: int | None) -> Any:
        """State at the end of a block, in which gas costs nothing."""
        header = self._header(block)
        machine = self._blocks.get_vm(header)
        return machine.build_state(self._blocks.chaindb.db, header.copy(base_fee_per_gas=0), machine.chain_context)

    # -- accounts

    @_alone
    def balance(self, account: Address) -> int:
        """Balance in wei."""
        return int(self._state(None).get_balance(account.raw))

    @_alone
    def nonce(self, account: Address) -> int:
        """How many transactions the account has sent; none ever waits."""
        return int(self._state(None).get_nonce(account.raw))

    def nonce_at_depth(self, account: Address, depth: int) -> int:
        """The same as :meth:`nonce`: every block is there for good."""
        return self.nonce(account)

    @_alone
    def code(self, address: Address) -> bytes:
        """The code at an address."""
        return bytes(self._state(None).get_code(address.raw))

    @_alone
    def fees(self) -> tuple[int, int]:
        """Maximal fee and tip per gas; nobody is waiting for a tip."""
        next_header = self._blocks.create_header_from_parent(self._blocks.get_canonical_head())
        return int(next_header.base_fee_per_gas), 0

    # -- transactions

    @_alone
    def call(self, to: Address | None, data: bytes, sender: Address, block: int | None) -> bytes:
        """What a call returns at the end of a block, now (None) or then."""
        return bytes(self._execute(sender, to, data, 0, block).output)

    @_alone
    def estimate(self, sender: Address, to: Address | None, data: bytes, value: int) -> int:
        """Gas that is enough for a transaction: a bound from one trial, above what it will use."""
        used = int(self._execute(sender, to, data, value, None).get_gas_used())
        # Yellow Paper, appendix G, with every byte of data taken as non-zero; EIP-3860 for the code of a creation.
        intrinsic = 21_000 + 16 * len(data) + (0 if to else 32_000 + 2 * (len(data) // 32 + 1))
        # A call hands on 63/64 of its gas (EIP-150): one eighth more is enough for calls eight levels deep.
        return min(BLOCK_GAS, intrinsic + used + used // 8 + 2_300)

    def _execute(self, sender: Address, to: Address | None, data: bytes, value: int, block: int | None) -> Any:
        """Run a message on a state that is thrown away afterwards."""
        state = self._state(block)
        common = {"gas": BLOCK_GAS, "sender": sender.raw, "value": value}
        if to is None:
            created = generate_contract_address(sender.raw, state.get_nonce(sender.raw))
            message = Message(to=CREATE_CONTRACT_ADDRESS, data=b"", code=data, create_address=created, **common)
            run = state.computation_class.apply_create_message
        else:
            message = Message(to=to.raw, data=data, code=state.get_code(to.raw), **common)
            run = state.computation_class.apply_message
        try:
            computation = run(state, message, state.get_transaction_context_class()(gas_price=0, origin=sender.raw))
        except EvmInsufficientFunds:
            raise InsufficientFunds(f"{sender} has less than the {value} wei that are to be sent") from None
        if computation.is_error:
            raise Reverted(bytes(computation.output) if isinstance(computation.error, Revert) else b"")
        return computation

    @_alone
    def send(self, raw: bytes) -> str:
        """Mine a signed transaction into a block of its own; gives its hash."""
        if self._reading:
            raise Refused("the chain was opened to read it: nothing can be sent")
        head = self._blocks.get_canonical_head()
        time = max(head.timestamp, int(self._clock()))
        header = self._blocks.create_header_from_parent(head, timestamp=time, gas_limit=head.gas_limit)
        try:
            transaction = self._blocks.get_vm(header).get_transaction_builder().decode(raw)
            # py-evm leaves these two to a transaction pool, which is not here.
            if transaction.chain_id != CHAIN_ID:
                raise ValidationError(f"it is for chain {transaction.chain_id}; this is chain {CHAIN_ID}")
            if transaction.gas < transaction.intrinsic_gas:
                raise ValidationError(
                    f"{transaction.gas} gas is less than the {transaction.intrinsic_gas} that it takes"
                )
            with self._file.block():
                self._blocks.header = header
                result, receipts, _ = self._blocks.mine_all([transaction])
                receipt = _receipt(transaction, receipts[0], result.imported_block)
                self._file.keep(receipt, _logs(receipts[0], receipt))
        except (ValidationError, RLPException, PyEVMError) as error:
            raise Refused(f"the chain refuses the transaction: {error}") from None
        return receipt.tx

    def knows(self, tx: str) -> bool:
        """Whether a transaction is mined."""
        try:
            self.receipt(tx)
        except NotFound:
            return False
        return True

    @_alone
    def sent(self, tx: str) -> Sent | None:
        """What was sent under a hash."""
        try:
            found = self._blocks.get_canonical_transaction(bytes.fromhex(tx.removeprefix("0x")))
        except TransactionNotFound:
            return None
        to = Address(found.to) if found.to else None
        fees = (found.max_fee_per_gas, found.max_priority_fee_per_gas)
        return Sent(Address(found.sender), found.nonce, to, bytes(found.data), found.value, found.gas, *fees)

    @_alone
    def receipt(self, tx: str) -> Receipt:
        """The receipt of a transaction."""
        return self._file.receipt(tx, self.block_hash)

    @_alone
    def logs(self, address: Address, topics: Sequence[bytes | None], first: int, last: int) -> tuple[Log, ...]:
        """Log entries of a contract, in order."""
        return self._file.logs(address, topics, first, last)

    @_alone
    def sealed(self, block: int) -> Sealed:
        """A block as its hash binds it."""
        header = self._header(block)
        database = self._blocks.chaindb
        receipts = database.get_receipts(header, self._blocks.get_vm(header).get_receipt_builder())
        hashes = database.get_block_transaction_hashes(header)
        return Sealed(
            rlp.encode(header), tuple(each.encode() for each in receipts), tuple("0x" + tx.hex() for tx in hashes)
        )


def _receipt(transaction: Any, said: Any, block: Any) -> Receipt:
    created = None if transaction.to else Address(generate_contract_address(transaction.sender, transaction.nonce))
    succeeded = said.state_root == b"\x01"  # EIP-658
    tx, block_hash = ("0x" + bytes(hashed.hash).hex() for hashed in (transaction, block))
    return Receipt(tx, block.number, block_hash, succeeded, said.gas_used, created if succeeded else None)


def _logs(said: Any, receipt: Receipt) -> list[Log]:
    return [
        Log(
            Address(log.address), tuple(topic.to_bytes(32) for topic in log.topics), log.data, receipt.block, receipt.tx
        )
        for log in said.logs
    ]


def _genesis_header(time: int) -> dict[str, Any]:
    return {
        "base_fee_per_gas": _GENESIS_BASE_FEE,
        "difficulty": POST_MERGE_DIFFICULTY,
        "gas_limit": BLOCK_GAS,
        "mix_hash": POST_MERGE_MIX_HASH,
        "nonce": POST_MERGE_NONCE,
        "timestamp": time,
    }


def _accounts(genesis: Mapping[Address, int]) -> dict[bytes, dict[str, Any]]:
    return {account.raw: {"balance": wei, "nonce": 0, "code": b"", "storage": {}} for account, wei in genesis.items()}

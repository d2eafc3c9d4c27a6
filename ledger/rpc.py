"""A network behind JSON-RPC over HTTP (the Ethereum execution API). The only file that imports web3."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar
from urllib.parse import urlsplit

import requests
from web3.exceptions import Web3Exception
from web3.providers.rpc import HTTPProvider

from ledger.address import Address
from ledger.errors import ChainUnreachable, InsufficientFunds, Malformed, NotFound, Refused, Reverted
from ledger.network import Log, Receipt, Sent

if TYPE_CHECKING:
    from ledger.receipts import Sealed

P = ParamSpec("P")
T = TypeVar("T")

_GAS_MARGIN = 1.2

# How nodes say that code ended otherwise than by a refusal (Yellow Paper, 9.4.2): geth's core/vm/errors.go, which
# Erigon and Nethermind share, and what Hardhat, Ganache and Anvil make of it. Not that they gave up themselves.
_HALTED: Final = re.compile(
    r"out of ?gas|gas uint64 overflow|invalid ?(fe)?opcode|opcode not found|stack (under|over)flow|stack limit reached"
    r"|(invalid|bad) jump|invalidjump|write protection|return data out of bounds|max call depth exceeded",
    re.IGNORECASE,
)


class RpcError(Exception):
    """A node's answer that is an error. ``data`` is what a contract said, or None if no contract refused."""

    def __init__(self, message: str, data: bytes | None) -> None:
        super().__init__(message)
        self.data = data


def _understood(method: Callable[Concatenate[JsonRpc, P], T]) -> Callable[Concatenate[JsonRpc, P], T]:
    """An answer that is JSON-RPC and yet no Ethereum node's (null for a number, words for hex) is no answer."""

    @wraps(method)
    def asked(node: JsonRpc, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(node, *args, **kwargs)
        except (LookupError, TypeError, ValueError, AttributeError, Malformed) as error:
            raise ChainUnreachable(
                f"{node.host} does not answer as an Ethereum node: {type(error).__name__} in {method.__name__}"
            ) from None

    return asked


class JsonRpc:
    """A :class:`ledger.network.Network` behind one node. Errors name the host alone, not the whole URL."""

    instant = False

    def __init__(self, url: str, timeout: float) -> None:
        """Connect to ``url``; wait ``timeout`` seconds for each answer. Raises :class:`ChainUnreachable`."""
        self.host = urlsplit(url).netloc.rpartition("@")[2]
        self._session = requests.Session()
        for scheme in ("http://", "https://"):  # one connection for each of many threads
            self._session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=64))
        # A transaction that is sent twice is worse than an error: nothing is tried again behind our back.
        self._provider = HTTPProvider(
            url, request_kwargs={"timeout": timeout}, session=self._session, exception_retry_configuration=None
        )
        try:
            self.chain_id = self._number("eth_chainId")
        except BaseException:
            self._session.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    @_understood
    def block_number(self) -> int:
        """Number of the last block."""
        return self._number("eth_blockNumber")

    @_understood
    def timestamp(self, block: int) -> int:
        """Unix time of a block, in seconds. Raises :class:`NotFound`."""
        header = self._read("eth_getBlockByNumber", hex(block), False)
        if header is None:
            raise NotFound(f"no block {block} on {self.host}")
        return int(header["timestamp"], 16)

    @_understood
    def block_hash(self, block: int) -> str:
        """Hash of a block. Raises :class:`NotFound`."""
        header = self._read("eth_getBlockByNumber", hex(block), False)
        if header is None:
            raise NotFound(f"no block {block} on {self.host}")
        return str(header["hash"])

    @_understood
    def balance(self, account: Address) -> int:
        """Balance in wei."""
        return self._number("eth_getBalance", str(account), "latest")

    @_understood
    def nonce(self, account: Address) -> int:
        """How many transactions the account has sent, with those that wait to be mined."""
        return self._number("eth_getTransactionCount", str(account), "pending")

    @_understood
    def nonce_at_depth(self, account: Address, depth: int) -> int:
        """How many transactions of the account are mined, under ``depth`` blocks at least."""
        block = "latest" if depth == 0 else hex(max(0, self._number("eth_blockNumber") - depth))
        return self._number("eth_getTransactionCount", str(account), block)

    @_understood
    def code(self, address: Address) -> bytes:
        """The code at an address; empty where no contract is."""
        return _bytes(self._read("eth_getCode", str(address), "latest"))

    @_understood
    def fees(self) -> tuple[int, int]:
        """Maximal fee and tip per gas, in wei: room for the base fee to double before the transaction is mined."""
        tip = self._number("eth_maxPriorityFeePerGas")
        block = self._read("eth_getBlockByNumber", "latest", False)
        return 2 * int(block["baseFeePerGas"], 16) + tip, tip

    @_understood
    def call(self, to: Address | None, data: bytes, sender: Address, block: int | None) -> bytes:
        """What a call returns at the end of a block. Raises :class:`Reverted`, also where the code runs out of gas."""
        fields = {"from": str(sender), "data": "0x" + data.hex()}
        if to is not None:
            fields["to"] = str(to)
        return _bytes(self._read("eth_call", fields, "latest" if block is None else hex(block)))

    @_understood
    def estimate(self, sender: Address, to: Address | None, data: bytes, value: int) -> int:
        """The node's estimate of gas, and a margin. Raises :class:`Reverted`."""
        fields = {"from": str(sender), "data": "0x" + data.hex(), "value": hex(value)}
        if to is not None:
            fields["to"] = str(to)
        return int(self._number("eth_estimateGas", fields) * _GAS_MARGIN)

    @_understood
    def send(self, raw: bytes) -> str:
        """Hand in a signed transaction. Raises :class:`Refused`."""
        try:
            return str(self._ask("eth_sendRawTransaction", "0x" + raw.hex()))
        except RpcError as error:
            if error.data is not None:
                raise Reverted(error.data) from None
            kind = InsufficientFunds if "insufficient funds" in str(error).lower() else Refused
            raise kind(f"{self.host} refuses the transaction: {error}") from None

    @_understood
    def knows(self, tx: str) -> bool:
        """Whether a transaction is mined, or waits to be."""
        found = self._read("eth_getTransactionByHash", tx)
        return found is not None and bool(found["hash"])

    @_understood
    def sent(self, tx: str) -> Sent | None:
        """What was sent under a hash, as the node has it."""
        found = self._read("eth_getTransactionByHash", tx)
        if found is None or not found["hash"]:
            return None
        fee = int(found.get("maxFeePerGas") or found["gasPrice"], 16)
        return Sent(
            Address.parse(found["from"]),
            int(found["nonce"], 16),
            Address.parse(found["to"]) if found.get("to") else None,
            _bytes(found["input"]),
            int(found["value"], 16),
            int(found["gas"], 16),
            fee,
            int(found.get("maxPriorityFeePerGas") or hex(fee), 16),
        )

    @_understood
    def receipt(self, tx: str) -> Receipt:
        """The receipt of a mined transaction. Raises :class:`NotFound`."""
        found = self._read("eth_getTransactionReceipt", tx)
        if found is None:
            raise NotFound(f"no transaction {tx} on {self.host}")
        contract = Address.parse(found["contractAddress"]) if found.get("contractAddress") else None
        return Receipt(
            tx,
            int(found["blockNumber"], 16),
            str(found["blockHash"]),
            found["status"] == "0x1",
            int(found["gasUsed"], 16),
            contract,
        )

    @_understood
    def logs(self, address: Address, topics: Sequence[bytes | None], first: int, last: int) -> tuple[Log, ...]:
        """Log entries of a contract, in order. A range that a node finds too long is asked for in halves."""
        if first > last:
            return ()
        wanted = [None if topic is None else "0x" + topic.hex() for topic in topics]
        fields = {"address": str(address), "topics": wanted, "fromBlock": hex(first), "toBlock": hex(last)}
        try:
            found = self._ask("eth_getLogs", fields)
        except RpcError as error:
            if first == last:
                raise ChainUnreachable(f"{self.host} gives no logs of block {first}: {error}") from None
            middle = (first + last) // 2
            return self.logs(address, topics, first, middle) + self.logs(address, topics, middle + 1, last)
        return tuple(_log(entry) for entry in found)

    @_understood
    def sealed(self, block: int) -> Sealed:
        """A block as its hash binds it. Raises :class:`NotFound`."""
        from ledger.receipts import Sealed

        header = self._read("eth_getBlockByNumber", hex(block), False)
        if header is None:
            raise NotFound(f"no block {block} on {self.host}")
        try:
            receipts = self._ask("eth_getBlockReceipts", hex(block))
        except RpcError:  # older nodes give them one by one
            receipts = [self._read("eth_getTransactionReceipt", tx) for tx in header["transactions"]]
        return Sealed.of_json(header, receipts)

    @_understood
    def _number(self, method: str, *params: Any) -> int:
        return int(self._read(method, *params), 16)

    def _read(self, method: str, *params: Any) -> Any:
        """Ask what has one true answer: an error of the node's own is no answer."""
        try:
            return self._ask(method, *params)
        except RpcError as error:
            if error.data is not None:
                raise Reverted(error.data) from None
            if method == "eth_call" and _HALTED.search(str(error)):
                raise Reverted(b"") from None
            raise ChainUnreachable(f"{self.host} does not answer {method}: {error}") from None

    def _ask(self, method: str, *params: Any) -> Any:
        try:
            response: Any = self._provider.make_request(method, list(params))
        except (OSError, Web3Exception, ValueError) as error:
            # The error's own text may hold the URL, and the URL an access key: only its kind is told.
            raise ChainUnreachable(f"{self.host} does not answer {method}: {type(error).__name__}") from None
        if not isinstance(response, Mapping) or ("result" not in response and "error" not in response):
            raise ChainUnreachable(f"{self.host} does not speak JSON-RPC")
        if response.get("error") is not None:
            raise _rpc_error(response["error"])
        return response["result"]


def _rpc_error(error: Any) -> RpcError:
    """Nodes differ in where they put what a contract said: as the error's data, or one level below."""
    if not isinstance(error, Mapping):
        return RpcError(str(error), None)
    message = str(error.get("message", "an error without a message"))
    data = error.get("data")
    if isinstance(data, Mapping):
        data = data.get("result", data.get("data"))
    if isinstance(data, str) and data.startswith("0x"):
        return RpcError(message, _bytes(data))
    return RpcError(message, b"" if "revert" in message.lower() else None)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _log(entry: Mapping[str, Any]) -> Log:
    return Log(
        Address.parse(entry["address"]),
        tuple(_bytes(topic) for topic in entry["topics"]),
        _bytes(entry["data"]),
        int(entry["blockNumber"], 16),
        entry["transactionHash"],
    )

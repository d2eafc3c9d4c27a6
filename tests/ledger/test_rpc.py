"""Nodes that are dead, slow, foreign, or answer in their own way: what can not be checked is said to be unreachable."""

import contextlib
import json
import socket
import threading
import time
from pathlib import Path

import pytest
from scripted_node import Failure, Node, Raw, fail

from ledger.address import Address
from ledger.chain import Chain
from ledger.errors import ChainUnreachable, NotFound, Refused, Reverted
from ledger.receipts import BlockProof
from ledger.rpc import JsonRpc

SOMEBODY = Address(bytes(range(20)))


@pytest.fixture
def node(request):
    with Node({}) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    begin = time.monotonic()
    with pytest.raises(ChainUnreachable, match=f"127.0.0.1:{port} does not answer eth_chainId"):
        Chain.open_rpc(f"http://127.0.0.1:{port}", timeout=1)
    assert time.monotonic() - begin < 5


def test_an_access_key_in_the_url_never_shows():
    with pytest.raises(ChainUnreachable) as refusal:
        Chain.open_rpc("http://user:secret-word@127.0.0.1:1/v3/secret-key?secret-too", timeout=1)
    assert "secret" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_a_node_that_hangs_is_given_up(node):
    node.answers["eth_blockNumber"] = lambda: time.sleep(2)
    with Chain.open_rpc(node.url, timeout=0.2) as chain, pytest.raises(ChainUnreachable, match="ReadTimeout"):
        _ = chain.block_number


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, "oops"), (403, "{}"), (200, "<html>"), (200, "[]"), (200, "{}"), (200, "null"), (200, "")],
)
def test_what_is_no_node_is_said_to_be_none(node, status, body):
    def answer():
        raise Raw(status, body)

    node.answers["eth_chainId"] = answer
    with pytest.raises(ChainUnreachable, match=r"127\.0\.0\.1"):
        Chain.open_rpc(node.url)


@pytest.mark.parametrize(
    "error",
    [
        {"code": 3, "message": "execution reverted", "data": "0xabcd"},  # geth, anvil
        {"code": -32000, "message": "VM Exception while processing transaction: revert", "data": "0xabcd"},  # ganache
        {"code": -32603, "message": "reverted", "data": {"message": "x", "data": "0xabcd"}},  # hardhat
        {"code": -32000, "message": "revert", "data": {"hash": "0x00", "result": "0xabcd"}},  # ganache, when sending
    ],
)
def test_what_a_contract_said_is_found_wherever_a_node_puts_it(node, error):
    node.answers["eth_call"] = fail(error)
    with Chain.open_rpc(node.url) as chain, pytest.raises(Reverted) as refusal:
        chain._network.call(SOMEBODY, b"", SOMEBODY, None)
    assert refusal.value.data == b"\xab\xcd"


def test_a_refusal_without_data_is_still_a_refusal(node):
    node.answers["eth_call"] = fail({"code": 3, "message": "execution reverted"})
    with Chain.open_rpc(node.url) as chain, pytest.raises(Reverted) as refusal:
        chain._network.call(SOMEBODY, b"", SOMEBODY, None)
    assert refusal.value.data == b""


@pytest.mark.parametrize(
    "error",
    [
        {"code": -32000, "message": "out of gas"},  # geth
        {"code": -32003, "message": "stack underflow (0 <=> 1)"},  # Nethermind
        {"code": -32000, "message": "invalid opcode: INVALID"},
        {"code": -32000, "message": "stack limit reached 1024 (1023)"},
        {"code": -32000, "message": "VM Exception while processing transaction: out of gas"},  # Ganache
        {"code": -32603, "message": "EVM error InvalidFEOpcode"},  # Anvil
    ],
)
def test_code_that_burns_its_gas_has_answered(node, error):
    node.answers["eth_call"] = fail(error)
    with Chain.open_rpc(node.url) as chain, pytest.raises(Reverted) as refusal:
        chain._network.call(SOMEBODY, b"", SOMEBODY, None)
    assert refusal.value.data == b""


@pytest.mark.parametrize(
    "error",
    [
        {"code": -32000, "message": "missing trie node 5fa"},
        {"code": -32000, "message": "execution aborted (timeout = 5s)"},
        "limit exceeded",
        {},
    ],
)
def test_a_node_that_cannot_answer_did_not_say_no(node, error):
    node.answers["eth_call"] = fail(error)
    with Chain.open_rpc(node.url) as chain, pytest.raises(ChainUnreachable, match="does not answer eth_call"):
        chain._network.call(SOMEBODY, b"", SOMEBODY, 5)


def test_a_transaction_that_the_node_does_not_take_is_refused(node):
    node.answers["eth_sendRawTransaction"] = fail({"code": -32000, "message": "nonce too low"})
    with Chain.open_rpc(node.url) as chain, pytest.raises(Refused, match="nonce too low"):
        chain._network.send(b"\x02")


def test_logs_of_a_long_range_are_asked_for_in_pieces(node):
    def logs(fields):
        first, last = int(fields["fromBlock"], 16), int(fields["toBlock"], 16)
        if last - first >= 10:
            raise Failure({"code": -32005, "message": "query returned more than 10000 results"})
        entry = {"address": str(SOMEBODY), "topics": ["0x" + "11" * 32], "data": "0x22", "transactionHash": "0x33"}
        return [entry | {"blockNumber": hex(block)} for block in range(first, last + 1) if block % 5 == 0]

    node.answers["eth_getLogs"] = logs
    with Chain.open_rpc(node.url) as chain:
        found = chain._network.logs(SOMEBODY, [b"\x11" * 32, None], 1, 100)
        assert [log.block for log in found] == list(range(5, 101, 5))
        assert (found[0].address, found[0].topics, found[0].data) == (SOMEBODY, (b"\x11" * 32,), b"\x22")
        assert chain._network.logs(SOMEBODY, [], 8, 7) == ()
    assert node.asked[1][1][0]["topics"] == ["0x" + "11" * 32, None]


def test_a_node_that_gives_no_logs_at_all_is_unreachable(node):
    node.answers["eth_getLogs"] = fail({"code": -32601, "message": "no such method"})
    with Chain.open_rpc(node.url) as chain, pytest.raises(ChainUnreachable, match="no logs of block 1"):
        chain._network.logs(SOMEBODY, [], 1, 4)


@pytest.mark.parametrize("answer", [None, "hello", 7, [], {}, "0xzz", {"timestamp": None}, [{"address": "0x"}], True])
def test_an_answer_that_makes_no_sense_is_none(node, answer):
    for method in ("eth_getBlockByNumber", "eth_getLogs", "eth_blockNumber", "eth_getTransactionReceipt", "eth_call"):
        node.answers[method] = answer
    with Chain.open_rpc(node.url) as chain:
        with pytest.raises(ChainUnreachable):
            _ = chain.block_number
        for ask in (
            lambda: chain.timestamp(1),
            chain._network.fees,
            lambda: chain._network.receipt("0x12"),
            lambda: chain._network.logs(SOMEBODY, [], 1, 1),
            lambda: chain._network.call(SOMEBODY, b"", SOMEBODY, None),
        ):
            with contextlib.suppress(ChainUnreachable, NotFound):
                ask()


@pytest.mark.parametrize("answer", [None, "hello", 7, {}])
def test_a_chain_id_that_is_none(node, answer):
    node.answers["eth_chainId"] = answer
    with pytest.raises(ChainUnreachable, match=r"127\.0\.0\.1"):
        Chain.open_rpc(node.url)


@pytest.mark.parametrize("whole", [True, False])
def test_a_block_as_its_hash_binds_it(node, whole):
    """Geth's answers; older nodes do not give the receipts of a block at once."""
    geth = json.loads((Path(__file__).parents[1] / "vectors" / "blocks" / "geth.json").read_text())
    block, receipts = geth["headers"]["latest"], {each["transactionHash"]: each for each in geth["receipts"]}
    node.answers |= {
        "eth_getBlockByNumber": lambda number, full: (
            {**block, "transactions": list(receipts)} if number == "0x36" else None
        ),
        "eth_getBlockReceipts": list(receipts.values())
        if whole
        else fail({"code": -32601, "message": "no such method"}),
        "eth_getTransactionReceipt": receipts.get,
    }
    asked = JsonRpc(node.url, 5)
    sealed = asked.sealed(0x36)
    assert BlockProof.of(sealed, sealed.transactions).hash == block["hash"]
    assert ("eth_getTransactionReceipt" in {method for method, _ in node.asked}) != whole
    with pytest.raises(NotFound):
        asked.sealed(1)
    node.answers["eth_getBlockReceipts"] = [None]
    with pytest.raises(ChainUnreachable, match="does not answer as an Ethereum node"):
        asked.sealed(0x36)
    asked.close()

"""Sending through a node that is played here: lost answers, refusals, reorganisations, in any order."""

import threading

import pytest
from scripted_node import Failure, Node, Raw

from ledger.address import Address
from ledger.chain import Chain
from ledger.errors import ChainUnreachable, InsufficientFunds, NotFound, Refused, TransactionDropped
from ledger.keys import LocalSigner
from ledger.submission import State

PAYEE = Address(bytes(range(20)))


class Ledger:
    """A node with a pool and blocks, which fails as it is told."""

    def __init__(self, node: Node):
        from eth_utils.crypto import keccak

        self.pool: list[str] = []
        self.blocks: list[list[str]] = [[]]
        self.branch = 0
        self.faults: list = []
        self.sent: list[str] = []

        def send(raw):
            tx = "0x" + keccak(hexstr=raw).hex()
            self.sent.append(tx)
            fault = self.faults.pop(0) if self.faults else None
            if isinstance(fault, str):
                raise Failure({"code": -32000, "message": fault})
            if self.found(tx):
                raise Failure({"code": -32000, "message": "already known"})
            self.pool.append(tx)
            if fault:
                raise fault
            return tx

        node.answers |= {
            "eth_blockNumber": lambda: hex(len(self.blocks) - 1),
            "eth_getBalance": hex(10**20),
            "eth_estimateGas": hex(21_000),
            "eth_maxPriorityFeePerGas": hex(7),
            "eth_getBlockByNumber": self.block,
            "eth_getTransactionCount": self.count,
            "eth_sendRawTransaction": send,
            "eth_getTransactionByHash": lambda tx: {"hash": tx} if self.found(tx) else None,
            "eth_getTransactionReceipt": self.receipt,
        }

    def found(self, tx):
        return tx in self.pool or any(tx in block for block in self.blocks)

    def hash(self, number):
        return f"0x{self.branch if number else 0:032x}{number:032x}"

    def block(self, name, _):
        number = len(self.blocks) - 1 if name == "latest" else int(name, 16)
        return {"hash": self.hash(number), "baseFeePerGas": hex(100)} if number < len(self.blocks) else None

    def count(self, _, name):
        last = len(self.blocks) if name in ("latest", "pending") else int(name, 16) + 1
        return hex(sum(map(len, self.blocks[:last])) + (len(self.pool) if name == "pending" else 0))

    def receipt(self, tx):
        for number, block in enumerate(self.blocks):
            if tx in block:
                fields = {"blockNumber": hex(number), "blockHash": self.hash(number), "status": "0x1"}
                return fields | {"gasUsed": hex(21_000), "contractAddress": None}
        return None

    def mine(self):
        self.blocks.append(self.pool[:])
        self.pool.clear()

    def reorganise(self):
        """All blocks vanish, with all that was in them."""
        self.branch += 1
        self.blocks[1:] = [[] for _ in self.blocks[1:]]


@pytest.fixture
def node():
    with Node({}) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def ledger(node):
    return Ledger(node)


@pytest.fixture
def signer():
    return LocalSigner.generate()


def lost() -> Raw:
    return Raw(502, "bad gateway")


def test_the_way_of_a_transaction(node, ledger, signer, tmp_path):
    with Chain.open_rpc(node.url, confirmations=2, outbox=tmp_path, timeout=5) as chain:
        sent = chain.submit(signer, PAYEE, b"", value=1)
        assert sent.fee_per_gas == 207
        states = []
        for _ in range(4):
            status = chain.status(sent)
            states.append((status.state, status.blocks))
            ledger.mine()
        assert states == [(State.PENDING, 0), (State.MINED, 0), (State.MINED, 1), (State.FINAL, 2)]
        assert chain.status(sent.tx).receipt == chain.settle(sent, final=True)
        with pytest.raises(NotFound, match="0x99"):
            chain.status("0x99")


@pytest.mark.parametrize("faults", [1, 3])
def test_lost_answers_are_made_good(node, ledger, signer, faults):
    ledger.faults = [lost() for _ in range(faults)]
    with Chain.open_rpc(node.url) as chain:
        sent = chain.submit(signer, PAYEE, b"")
    assert ledger.pool == ledger.sent == [sent.tx]  # asked for before it was handed in again: it was there


def test_already_known_is_good_news(node, ledger, signer, tmp_path):
    with Chain.open_rpc(node.url, outbox=tmp_path) as chain:
        ledger.faults = ["nonce too low"]
        ledger.found = lambda tx: True  # another node of theirs has it
        assert chain.submit(signer, PAYEE, b"").nonce == 0


def test_a_refused_one_gives_its_nonce_back(node, ledger, signer):
    with Chain.open_rpc(node.url) as chain:
        ledger.faults = ["gas too low", "insufficient funds for gas * price + value"]
        with pytest.raises(Refused, match="gas too low"):
            chain.submit(signer, PAYEE, b"1")
        with pytest.raises(InsufficientFunds):
            chain.submit(signer, PAYEE, b"2")
        assert [chain.submit(signer, PAYEE, b"3").nonce for _ in range(3)] == [0, 1, 2]


def test_a_dead_node_loses_nothing_and_names_the_hash_and_no_key(node, ledger, signer, tmp_path):
    url = node.url + "/v3/secret-key"
    with Chain.open_rpc(url, timeout=1, outbox=tmp_path) as chain:
        asked = node.answers["eth_getTransactionByHash"]

        def dead(*_):
            raise lost()

        node.answers["eth_getTransactionByHash"] = dead
        ledger.faults = [lost()]
        with pytest.raises(ChainUnreachable, match="will be looked up again") as said:
            chain.transact(signer, PAYEE, b"", value=1)
        assert ledger.sent[0] in str(said.value)
        assert "secret" not in str(said.value)
        node.answers["eth_getTransactionByHash"] = asked
    with Chain.open_rpc(url, timeout=1, outbox=tmp_path) as chain:
        ledger.mine()
        assert chain.transact(signer, PAYEE, b"", value=1).tx == ledger.sent[0]
    assert len(set(ledger.sent)) == 1


def test_one_that_was_taken_and_is_refused_later_keeps_its_nonce(node, ledger, signer, tmp_path):
    with Chain.open_rpc(node.url, outbox=tmp_path) as chain:
        old = chain.submit(signer, PAYEE, b"")
    ledger.pool.clear()
    ledger.faults = ["transaction underpriced"] * 9
    with Chain.open_rpc(node.url, timeout=0.5, outbox=tmp_path) as chain:
        with pytest.raises(ChainUnreachable, match=f"{old.tx} of .* speed it up"):
            chain.transact(signer, PAYEE, b"another")
        ledger.faults = []
        fast = chain.speed_up(chain.unsettled()[0], signer)
        assert (fast.nonce, ledger.pool) == (old.nonce, [fast.tx])
        ledger.mine()
        assert chain.settle(old).tx == fast.tx


def test_a_block_that_vanished_makes_it_pending_and_hands_it_in_again(node, ledger, signer, tmp_path):
    with Chain.open_rpc(node.url, confirmations=3, outbox=tmp_path) as chain:
        sent = chain.submit(signer, PAYEE, b"")
        ledger.mine()
        assert chain.settle(sent).block_hash == ledger.hash(1)
        stale = ledger.receipt(sent.tx)
        ledger.reorganise()
        node.answers["eth_getTransactionReceipt"] = lambda tx: stale  # some nodes go on showing it
        assert chain.status(sent).state is State.PENDING
        assert ledger.pool == [sent.tx]
        node.answers["eth_getTransactionReceipt"] = ledger.receipt
        ledger.mine()
        assert chain.settle(sent).block == 2
        assert ledger.sent == [sent.tx, sent.tx]


def test_what_was_lost_is_handed_in_again_before_the_next_one(node, ledger, signer, tmp_path):
    with Chain.open_rpc(node.url, confirmations=3, outbox=tmp_path) as chain:
        first = chain.submit(signer, PAYEE, b"")
        ledger.mine()
        chain.settle(first)
        ledger.reorganise()
        second = chain.submit(signer, PAYEE, b"")
        assert (second.nonce, ledger.pool) == (1, [first.tx, second.tx])


def test_dropped_is_said_only_when_the_other_one_is_deep_enough(node, ledger, signer, tmp_path):
    with Chain.open_rpc(node.url, confirmations=1, outbox=tmp_path) as chain:
        sent = chain.submit(signer, PAYEE, b"")
        ledger.pool[:] = ["0xa wallet elsewhere"]
        ledger.faults = ["nonce too low"] * 9
        ledger.mine()
        assert chain.status(sent).state is State.PENDING
        ledger.mine()
        with pytest.raises(TransactionDropped, match=sent.tx):
            chain.status(sent)


def test_a_faster_one_pays_an_eighth_more(node, ledger, signer):
    with Chain.open_rpc(node.url) as chain:
        slow = chain.submit(signer, PAYEE, b"", value=3)
        ledger.faults = ["replacement transaction underpriced"]
        with pytest.raises(Refused, match="underpriced"):
            chain.speed_up(slow, signer)
        fast = chain.speed_up(slow, signer)
        assert (fast.fee_per_gas, fast.tip_per_gas) == (233, 8)  # 207 and 7, each rounded up
        assert (fast.nonce, fast.to, fast.value, fast.replaced) == (0, PAYEE, 3, (slow.tx,))

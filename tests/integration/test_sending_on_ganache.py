"""Sending with money at stake, on Ganache: many at once, lost answers, kills, reorganisations. Never one twice."""

import json
import signal
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ganache_server
import pytest
from faulty_proxy import before

from ledger.address import Address
from ledger.chain import Chain
from ledger.errors import ChainUnreachable, InsufficientFunds, Refused, Reverted, TransactionDropped
from ledger.keys import LocalSigner
from ledger.submission import State

pytestmark = pytest.mark.integration

ETHER = 10**18
BANKER = LocalSigner(bytes(31) + bytes([103]))
ROOT = Path(__file__).parents[2]


class Network:
    """A Ganache, and what only Ganache understands."""

    def __init__(self, url: str):
        self.url = url

    def ask(self, method: str, *params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["result"]

    def mine_and_go_on(self) -> None:
        """After a pause. Ganache's ``miner_start`` alone may lose the block of one that took another's place."""
        self.ask("evm_mine")
        self.ask("miner_start")

    def sent_by(self, account: Address) -> list[dict]:
        """Every transaction of an account on the chain, in order."""
        blocks = range(int(self.ask("eth_blockNumber"), 16) + 1)
        found = [
            entry for block in blocks for entry in self.ask("eth_getBlockByNumber", hex(block), True)["transactions"]
        ]
        return [entry for entry in found if Address.parse(entry["from"]) == account]


@pytest.fixture
def network(ganache):
    network = Network(ganache)
    yield network
    network.ask("miner_start")


@pytest.fixture
def payer(network) -> LocalSigner:
    """A new account with half an ether that has sent one transaction: Ganache counts a paused nonce 0 wrongly."""
    signer = LocalSigner.generate()
    with Chain.open_rpc(network.url) as chain:
        chain.transact(BANKER, signer.address, b"", value=ETHER // 2)
        chain.transact(signer, signer.address, b"")
    return signer


@pytest.fixture
def payee() -> Address:
    return LocalSigner.generate().address


def test_a_quote_is_the_most_that_is_paid(network, payer, payee):
    with Chain.open_rpc(network.url) as chain:
        quote = chain.quote(payer.address, payee, b"", 5)
        assert quote.gas >= 21_000
        assert quote.most_wei == 5 + quote.gas * quote.fee_per_gas
        assert quote.fee_per_gas >= quote.tip_per_gas
        balance = chain.balance(payer.address)
        receipt = chain.transact(payer, payee, b"", value=5)
        assert 5 < balance - chain.balance(payer.address) <= quote.most_wei
        assert receipt.block_hash == network.ask("eth_getBlockByNumber", hex(receipt.block), False)["hash"]
        with pytest.raises(InsufficientFunds):
            chain.quote(payer.address, payee, b"", 100 * ETHER)


@pytest.mark.parametrize("paused", [False, True])
def test_forty_in_flight_from_eight_threads(network, payer, payee, tmp_path, paused):
    with Chain.open_rpc(network.url, outbox=tmp_path) as chain:
        if paused:
            network.ask("miner_stop")
        with ThreadPoolExecutor(8) as threads:
            sent = list(threads.map(lambda _: chain.submit(payer, payee, b"", value=1), range(40)))
            if paused:
                assert {chain.status(one).state for one in sent} == {State.PENDING}
                network.ask("miner_start")
            receipts = list(threads.map(chain.settle, sent))
        assert sorted(one.nonce for one in sent) == list(range(1, 41))
        assert len({receipt.tx for receipt in receipts}) == 40
        assert chain.balance(payee) == 40
        assert [int(entry["nonce"], 16) for entry in network.sent_by(payer.address)] == list(range(41))
        assert chain.unsettled() == chain._watch.outbox.entries() == ()


def test_what_the_node_refuses_leaves_no_gap(network, payer, payee, monkeypatch):
    refuse = bytes.fromhex("60015f5360015ffd")
    with Chain.open_rpc(network.url) as chain:

        def send(number: int) -> str:
            try:
                if number % 3 == 0:
                    return chain.submit(payer, None, refuse).tx  # a bad estimate
                if number % 3 == 1:
                    return chain.submit(payer, payee, b"", value=10**20).tx  # more than there is
                return chain.submit(payer, payee, b"", value=1).tx
            except (Reverted, InsufficientFunds) as refusal:
                return type(refusal).__name__

        with ThreadPoolExecutor(6) as threads:
            said = list(threads.map(send, range(18)))
        assert (said.count("Reverted"), said.count("InsufficientFunds")) == (6, 6)
        # The node itself refuses what was signed already.
        gas = chain._network.estimate
        monkeypatch.setattr(chain._network, "estimate", lambda *_: 20_000)
        with pytest.raises(Refused, match="intrinsic gas too low"):
            chain.submit(payer, payee, b"", value=2)
        monkeypatch.setattr(chain._network, "estimate", gas)
        chain.transact(payer, payee, b"", value=3)
        assert chain.balance(payee) == 9
        assert chain._watch.outbox.find(said[2])  # sent, and nobody asked for its receipt yet
        nonces = [int(entry["nonce"], 16) for entry in network.sent_by(payer.address)]
        assert nonces == list(range(8))


@pytest.mark.parametrize("lost", ["request", "answer"])
def test_a_lost_answer_is_made_good_by_the_same_bytes(network, payer, payee, tmp_path, lost):
    with before(network.url) as proxy, Chain.open_rpc(proxy.url, outbox=tmp_path) as chain:
        faults = [lost]
        proxy.fault = lambda method: faults.pop() if method == "eth_sendRawTransaction" and faults else None
        receipt = chain.transact(payer, payee, b"", value=7)
        assert not faults
        raws = {params[0] for method, params in proxy.asked if method == "eth_sendRawTransaction"}
        assert len(raws) == 1
        assert chain.balance(payee) == 7
        assert [entry["hash"] for entry in network.sent_by(payer.address)][1:] == [receipt.tx]


def test_a_node_that_dies_after_it_took_one(network, payer, payee, tmp_path):
    with before(network.url) as proxy, Chain.open_rpc(proxy.url, timeout=2, outbox=tmp_path) as chain:
        dead = threading.Event()

        def fault(method: str) -> str | None:
            if method == "eth_sendRawTransaction":
                dead.set()
                return "answer"
            return "request" if dead.is_set() else None

        proxy.fault = fault
        with pytest.raises(ChainUnreachable, match="will be looked up again") as said:
            chain.transact(payer, payee, b"", value=7)
        (left,) = chain.unsettled()
        assert left.tx in str(said.value)
        proxy.fault = lambda method: None
        assert chain.transact(payer, payee, b"", value=7).tx == left.tx
        assert chain.balance(payee) == 7
        # That one is done: the same call is another payment now.
        assert chain.transact(payer, payee, b"", value=7).tx != left.tx
        assert chain.balance(payee) == 14


def test_a_node_that_dies_while_one_is_waited_for(network, payer, payee, tmp_path):
    with before(network.url) as proxy, Chain.open_rpc(proxy.url, timeout=1, outbox=tmp_path) as chain:
        network.ask("miner_stop")
        sent = chain.submit(payer, payee, b"", value=7)
        proxy.fault = lambda method: "request"
        with pytest.raises(ChainUnreachable, match=f"{sent.tx} was sent but not found") as said:
            chain.settle(sent)
        assert "will be looked up again" in str(said.value)
        proxy.fault = lambda method: None
        network.ask("miner_start")
        assert chain.settle(sent).tx == sent.tx


# The process kills itself at the method's call (before it is forwarded to the node), or after it.
_VICTIM = """
import os, signal, sys
from pathlib import Path
from ledger.address import Address
from ledger.chain import Chain
from ledger.keys import LocalSigner
url, folder, secret, payee, moment = sys.argv[1:]
chain = Chain.open_rpc(url, outbox=Path(folder))
send = chain._network.send
def dying(raw):
    if moment == "after":
        send(raw)
    os.kill(os.getpid(), signal.SIGKILL)
chain._network.send = dying
chain.transact(LocalSigner(bytes.fromhex(secret)), Address.parse(payee), b"", value=7)
"""


def _die(network: Network, folder: Path, payer: LocalSigner, payee: Address, moment: str) -> None:
    command = [sys.executable, "-c", _VICTIM, network.url, folder, payer._key.secret.hex(), str(payee), moment]
    victim = subprocess.run(command, cwd=ROOT, timeout=60, check=False)
    assert victim.returncode == -signal.SIGKILL


@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_around_the_broadcast_sends_exactly_one(network, payer, payee, tmp_path, moment, paused):
    if paused:
        network.ask("miner_stop")
    _die(network, tmp_path, payer, payee, moment)
    assert (tmp_path / "outbox.sqlite").stat().st_mode & 0o777 == 0o600
    assert payer._key.secret not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    with Chain.open_rpc(network.url, outbox=tmp_path) as chain:
        (left,) = chain.unsettled()
        assert (left.account, left.nonce, left.to, left.value) == (payer.address, 1, payee, 7)
        assert network.ask("eth_getTransactionByHash", left.tx)["hash"] == left.tx  # handed in again by opening
        network.ask("miner_start")
        assert chain.transact(payer, payee, b"", value=7).tx == left.tx
        assert [entry["hash"] for entry in network.sent_by(payer.address)][1:] == [left.tx]
        assert chain.balance(payee) == 7
        assert chain._watch.outbox.entries() == ()


def test_another_call_waits_for_what_a_killed_process_left(network, payer, payee, tmp_path):
    network.ask("miner_stop")
    _die(network, tmp_path, payer, payee, "before")
    with Chain.open_rpc(network.url, outbox=tmp_path, timeout=1) as chain:
        with pytest.raises(ChainUnreachable, match="was sent but not mined"):
            chain.transact(payer, payee, b"", value=8)
        assert [one.value for one in chain.unsettled()] == [7]  # the other was not even signed
        network.ask("miner_start")
        assert chain.transact(payer, payee, b"", value=8).succeeded
        (left,) = chain.unsettled()  # it was mined, yet nobody was told
        assert chain.transact(payer, payee, b"", value=7).tx == left.tx
        assert [int(entry["value"], 16) for entry in network.sent_by(payer.address)] == [0, 7, 8]


def test_two_processes_share_an_outbox(network, payer, payee, tmp_path):
    program = """
import sys
from pathlib import Path
from ledger.address import Address
from ledger.chain import Chain
from ledger.keys import LocalSigner
url, folder, secret, payee = sys.argv[1:]
with Chain.open_rpc(url, outbox=Path(folder)) as chain:
    signer = LocalSigner(bytes.fromhex(secret))
    for one in [chain.submit(signer, Address.parse(payee), b"", value=1) for _ in range(10)]:
        chain.settle(one)
"""
    command = [sys.executable, "-c", program, network.url, str(tmp_path), payer._key.secret.hex(), str(payee)]
    running = [subprocess.Popen(command, cwd=ROOT) for _ in range(3)]
    assert [process.wait(timeout=120) for process in running] == [0, 0, 0]
    assert [int(entry["nonce"], 16) for entry in network.sent_by(payer.address)] == list(range(31))
    assert not list(tmp_path.glob("*.owner"))


def test_a_reorganised_transaction_is_pending_again_and_mined_again(network, payer, payee, tmp_path):
    with Chain.open_rpc(network.url, confirmations=2, outbox=tmp_path) as chain:
        before_it = network.ask("evm_snapshot")
        sent = chain.submit(payer, payee, b"", value=7)
        receipt = chain.settle(sent)
        assert (chain.status(sent).state, chain.status(sent).receipt) == (State.MINED, receipt)
        network.ask("miner_stop")
        network.ask("evm_revert", before_it)
        assert chain.balance(payee) == 0
        assert chain.status(sent).state is State.PENDING  # and handed in again by being looked at
        network.ask("miner_start")
        again = chain.settle(sent)
        assert (again.tx, chain.balance(payee)) == (receipt.tx, 7)
        network.ask("evm_mine")
        assert (chain.status(sent).state, chain.status(sent).blocks) == (State.MINED, 1)
        network.ask("evm_mine")
        assert chain.settle(sent, final=True) == again
        assert chain.status(sent.tx).state is State.FINAL
        assert chain._watch.outbox.entries() == ()


def test_the_next_transaction_brings_a_reorganised_one_back(network, payer, payee, tmp_path):
    with Chain.open_rpc(network.url, confirmations=5, outbox=tmp_path) as chain:
        before_it = network.ask("evm_snapshot")
        first = chain.transact(payer, payee, b"", value=7)
        network.ask("evm_revert", before_it)
        second = chain.transact(payer, payee, b"", value=8)
        assert [entry["hash"] for entry in network.sent_by(payer.address)][1:] == [first.tx, second.tx]
        for _ in range(5):
            network.ask("evm_mine")
        chain.transact(payer, payee, b"", value=9)  # takes out what is final by now
        assert [entry.submission.value for entry in chain._watch.outbox.entries()] == [9]
    with Chain.open_rpc(network.url, confirmations=0, outbox=tmp_path) as chain:
        assert chain._watch.outbox.entries() == ()


@pytest.mark.parametrize("which", ["faster", "slower"])
def test_whichever_of_two_is_mined_counts(network, payer, payee, tmp_path, monkeypatch, which):
    network.ask("miner_stop")
    with Chain.open_rpc(network.url, outbox=tmp_path) as chain:
        slow = chain.submit(payer, payee, b"", value=7)
        if which == "slower":  # the node loses the replacement
            monkeypatch.setattr(chain._network, "send", lambda raw: slow.tx)
        fast = chain.speed_up(slow, payer)
        assert (fast.nonce, fast.to, fast.data, fast.value) == (slow.nonce, payee, b"", 7)
        assert (fast.replaced, fast.hashes) == ((slow.tx,), (fast.tx, slow.tx))
        assert fast.fee_per_gas * 8 >= slow.fee_per_gas * 9
        assert fast.tip_per_gas * 8 >= slow.tip_per_gas * 9
        network.mine_and_go_on()
        mined = fast if which == "faster" else slow
        assert chain.settle(slow).tx == mined.tx
        assert chain.settle(fast).tx == mined.tx
        assert chain.balance(payee) == 7
        assert chain.speed_up(slow, payer).nonce == slow.nonce  # too late, and no harm
        assert len(network.sent_by(payer.address)) == 2
        with pytest.raises(Refused, match="cannot send another"):
            chain.speed_up(slow, BANKER)


def test_one_that_was_sped_up_survives_a_kill(network, payer, payee, tmp_path):
    network.ask("miner_stop")
    with Chain.open_rpc(network.url, outbox=tmp_path) as chain:
        fast = chain.speed_up(chain.submit(payer, payee, b"", value=7), payer)
    with Chain.open_rpc(network.url, outbox=tmp_path) as chain:
        assert chain.unsettled() == (fast,)
        network.mine_and_go_on()
        assert chain.transact(payer, payee, b"", value=7).tx == fast.tx
        assert chain.balance(payee) == 7


def test_one_whose_nonce_another_took_is_dropped(network, payer, payee, tmp_path):
    with Chain.open_rpc(network.url, outbox=tmp_path) as chain, Chain.open_rpc(network.url) as wallet:
        before_it = network.ask("evm_snapshot")
        lost = chain.submit(payer, payee, b"", value=7)
        network.ask("evm_revert", before_it)
        wallet.transact(payer, payee, b"", value=8)  # a wallet elsewhere has the same key
        with pytest.raises(TransactionDropped, match=f"{lost.tx} will never be mined"):
            chain.settle(lost)
        with pytest.raises(TransactionDropped, match="neither"):
            chain.status(lost)
        chain.transact(payer, payee, b"", value=9)
        assert chain.balance(payee) == 17


def test_another_chain_with_the_same_id_gets_nothing_of_this_one(network, payer, payee, tmp_path):
    _die(network, tmp_path, payer, payee, "before")
    server, url = ganache_server.start()
    try:
        ganache_server.wait(server, url)
        with Chain.open_rpc(url, outbox=tmp_path) as other:
            assert other.unsettled() == ()
    finally:
        server.kill()
        server.wait()
    with Chain.open_rpc(network.url, outbox=tmp_path) as chain:
        assert len(chain.unsettled()) == 1

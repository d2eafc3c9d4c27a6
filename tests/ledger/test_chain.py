"""The embedded chain: its state outlives the process, however that ends, and two processes never share it."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from typing import NoReturn

import pytest

from ledger.abi import Interface
from ledger.address import Address
from ledger.chain import Chain
from ledger.cid import Cid
from ledger.contracts import Contracts, Deployment, deploy
from ledger.digest import Digest
from ledger.errors import (
    ArgumentRefused,
    ChainUnreachable,
    InsufficientFunds,
    Malformed,
    NoDeployment,
    NotFound,
    Refused,
    Reverted,
)
from ledger.keys import LocalSigner
from ledger.records import Terms

ETHER = 10**18
SOMEBODY = Address(bytes(range(20)))


def digest(text: str) -> Digest:
    return Digest.of(text.encode())


TERMS = Terms(price=0, royalty_ppm=0, uses=("train",))
CID = str(Cid.of_raw(b"a record"))


@pytest.fixture
def signer() -> LocalSigner:
    return LocalSigner.generate()


def test_state_receipts_events_and_history_survive_reopening(tmp_path, signer):
    with Chain.open_embedded(tmp_path / "chain") as chain:
        chain.fund(signer.address, ETHER)
        deployment = deploy(chain, signer)
        contracts = Contracts(chain, deployment)
        dataset = contracts.register_dataset(signer, digest("root"), digest("record"), "cid-a", TERMS)
        model = contracts.record_model(signer, digest("weights"), digest("run"), "cid-b", [(dataset.id, 1_000_000)])
        track = contracts.mint_track(signer, digest("claim"), digest("audio"), digest("t"), CID, model.id)
        number, balance = chain.block_number, chain.balance(signer.address)
    with Chain.open_embedded(tmp_path / "chain") as chain:
        contracts = Contracts(chain, deployment)
        assert (chain.block_number, chain.balance(signer.address)) == (number, balance)
        assert contracts.dataset(dataset.id) == dataset
        assert contracts.model(model.id) == model
        assert contracts.tracks() == (track,)
        assert contracts.is_licensed("dataset", dataset.id, signer.address, "train", block=dataset.block)
        assert not contracts.is_licensed("dataset", dataset.id, signer.address, "train", block=dataset.block - 1)
        again = contracts.mint_track(signer, digest("claim 2"), digest("audio 2"), digest("t"), CID, model.id)
        assert contracts.tracks() == (track, again)


def _register_until_killed(folder, deployment: Deployment, signer: LocalSigner, pipe: int) -> NoReturn:
    """In a process of its own: register datasets, one after the other, and say so after each."""
    try:
        with Chain.open_embedded(folder) as chain, os.fdopen(pipe, "w") as report:
            contracts = Contracts(chain, deployment)
            while True:
                root = digest(f"root {chain.block_number}")
                entry = contracts.register_dataset(signer, root, root, "cid", TERMS)
                print(entry.id, root, file=report, flush=True)
    finally:
        os._exit(1)


def test_kill_in_the_middle_of_sending_loses_nothing_that_was_reported(tmp_path, signer):
    with Chain.open_embedded(tmp_path) as chain:
        chain.fund(signer.address, ETHER)
        deployment = deploy(chain, signer)
    reported: dict[int, str] = {}
    for kills, extra_milliseconds in enumerate((0, 3, 11, 17, 29, 37), start=1):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            _register_until_killed(tmp_path, deployment, signer, write)
        os.close(write)
        with os.fdopen(read) as report:
            lines = [report.readline() for _ in range(2)]
            time.sleep(extra_milliseconds / 1000)
            os.kill(child, signal.SIGKILL)
            assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
            lines += report.readlines()
        reported |= {int(line.split()[0]): line.split()[1] for line in lines if line.endswith("\n")}
        with Chain.open_embedded(tmp_path) as chain:
            contracts = Contracts(chain, deployment)
            count = contracts._on.view("Datasets", "count")
            # At most the one that was under way may be there without having been reported.
            assert len(reported) <= count <= len(reported) + kills
            assert all(str(contracts.dataset(id).root) == root for id, root in reported.items())
            # Every block is whole: the faucet's, seven contracts, and one for each registration with all that it wrote.
            assert chain.block_number == 8 + count
            newest = contracts.dataset(count)
            assert newest.block == chain.block_number
            assert contracts.dataset_by_root(newest.root) == newest
    with contextlib.closing(sqlite3.connect(tmp_path / "chain.sqlite")) as file:
        assert file.execute("pragma integrity_check").fetchone() == ("ok",)


def test_a_block_that_fails_half_way_leaves_no_trace(tmp_path, signer, monkeypatch):
    with Chain.open_embedded(tmp_path) as chain:
        chain.fund(signer.address, ETHER)
        number = chain.block_number

        def full(*_):
            raise OSError("no space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(chain._network._file, "keep", full)
            with pytest.raises(OSError, match="no space"):
                chain.fund(SOMEBODY, 1)
        assert (chain.block_number, chain.balance(SOMEBODY)) == (number, 0)
        chain.fund(SOMEBODY, 1)
        assert (chain.block_number, chain.balance(SOMEBODY)) == (number + 1, 1)


def test_a_second_opener_waits_and_gives_up_naming_the_lock(tmp_path):
    with Chain.open_embedded(tmp_path), pytest.raises(ChainUnreachable, match=r"chain\.lock"):
        Chain.open_embedded(tmp_path, timeout=0.1)
    Chain.open_embedded(tmp_path, timeout=0.1).close()


def test_a_second_opener_gets_its_turn(tmp_path):
    first = Chain.open_embedded(tmp_path)
    threading.Timer(0.2, first.close).start()
    with Chain.open_embedded(tmp_path, timeout=10) as second:
        assert second.block_number == 0


def test_blocks_have_the_time_of_the_clock(tmp_path):
    now = [1_800_000_000.9]
    with Chain.open_embedded(tmp_path, clock=lambda: now[0]) as chain:
        chain.fund(SOMEBODY, 1)
        chain.fund(SOMEBODY, 1)
        now[0] += 60
        chain.fund(SOMEBODY, 1)
        now[0] -= 1000  # a clock that was set back never makes a block older than the one before
        chain.fund(SOMEBODY, 1)
        times = [chain.timestamp(block) - 1_800_000_000 for block in range(chain.block_number + 1)]
        assert times == [0, 0, 0, 60, 60]
        with pytest.raises(NotFound, match="no block 5"):
            chain.timestamp(5)


def test_threads_share_a_chain(tmp_path):
    with Chain.open_embedded(tmp_path) as chain:
        threads = [threading.Thread(target=lambda: [chain.fund(SOMEBODY, 1) for _ in range(3)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (chain.balance(SOMEBODY), chain.block_number) == (12, 12)


def test_nobody_sees_half_a_block(tmp_path, monkeypatch):
    with Chain.open_embedded(tmp_path) as chain:
        file = chain._network._file
        keep, seen = file.keep, []
        reader = threading.Thread(target=lambda: seen.append(chain.balance(SOMEBODY)))

        def keep_slowly(*arguments):
            reader.start()
            reader.join(timeout=0.3)
            assert seen == []
            keep(*arguments)

        monkeypatch.setattr(file, "keep", keep_slowly)
        chain.fund(SOMEBODY, 1)
        reader.join()
        assert seen == [1]


def test_who_cannot_pay_for_gas_is_told_so(tmp_path, signer):
    with Chain.open_embedded(tmp_path) as chain:
        with pytest.raises(InsufficientFunds, match=f"{signer.address} has 0 wei"):
            deploy(chain, signer)
        chain.fund(signer.address, 1000)
        with pytest.raises(InsufficientFunds, match="for gas"):
            chain.transact(signer, SOMEBODY, b"", value=1)
        assert chain.balance(signer.address) == 1000


def test_a_transaction_of_another_chain_or_turn_is_refused(tmp_path, signer):
    with Chain.open_embedded(tmp_path) as chain:
        chain.fund(signer.address, ETHER)
        fields = {
            "type": 2,
            "chainId": chain.chain_id,
            "nonce": 0,
            "to": str(SOMEBODY),
            "value": 1,
            "gas": 21_000,
            "maxFeePerGas": 10**9,
            "maxPriorityFeePerGas": 0,
            "data": b"",
        }
        good = signer.sign_transaction(fields)
        variants = (
            {"chainId": 1},
            {"nonce": 1},
            {"gas": 20_999},
            {"gas": 10**8},
            {"value": 2 * ETHER},
            {"maxFeePerGas": 1},
        )
        bad = [signer.sign_transaction(fields | wrong) for wrong in variants]
        bad += [b"", b"\x02 no transaction", b"\x05", b"\xff", b"\xc0", good[:-1], good[:-1] + bytes([good[-1] ^ 1])]
        chain_before = chain.block_number
        for raw in bad:
            with pytest.raises(Refused, match="refuses the transaction"):
                chain._network.send(raw)
        assert chain.block_number == chain_before
        chain._network.send(good)
        with pytest.raises(Refused, match="nonce"):
            chain._network.send(good)
        assert chain.balance(SOMEBODY) == 1


def test_a_deployment_belongs_to_its_chain(tmp_path, signer):
    with Chain.open_embedded(tmp_path) as chain:
        chain.fund(signer.address, ETHER)
        before = Deployment(chain.chain_id, *7 * (SOMEBODY,), block=1)
        with pytest.raises(NoDeployment, match=str(SOMEBODY)):
            Contracts(chain, before)
        elsewhere = Deployment(1, *7 * (SOMEBODY,), block=1)
        with pytest.raises(NoDeployment, match="chain 1;"):
            Contracts(chain, elsewhere)


def test_a_deployment_file_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "new" / "deployment.json"
    deployment = Deployment(5, *6 * (SOMEBODY,), Address(bytes(20)), block=17)
    deployment.write(path)
    assert Deployment.read(path) == deployment
    with pytest.raises(NoDeployment, match=r"other\.json"):
        Deployment.read(tmp_path / "other.json")
    whole = path.read_text()
    path.write_text(whole.replace('"keys"', '"kays"'))
    with pytest.raises(Malformed, match="no address of keys: made by another version"):
        Deployment.read(path)
    for damaged in ("", "[]", "{}", whole[:-9], whole.replace("17", '"17"'), whole.replace("0x", "")):
        path.write_text(damaged)
        with pytest.raises(Malformed, match=r"deployment\.json"):
            Deployment.read(path)


def test_a_refusal_that_nobody_decoded_says_its_bytes(tmp_path, signer):
    # PUSH1 1 PUSH0 MSTORE8 PUSH1 1 PUSH0 REVERT
    with Chain.open_embedded(tmp_path) as chain:
        chain.fund(signer.address, ETHER)
        with pytest.raises(Reverted, match="0x01") as refusal:
            chain.transact(signer, None, bytes.fromhex("60015f5360015ffd"))
        assert refusal.value.data == b"\x01"


def test_a_call_where_no_contract_is_finds_nothing(tmp_path):
    with Chain.open_embedded(tmp_path) as chain, pytest.raises(NotFound, match=f"no Datasets contract at {SOMEBODY}"):
        chain.call(Interface.load("Datasets"), SOMEBODY, "count")


def test_an_argument_that_does_not_fit_is_named():
    with pytest.raises(ArgumentRefused, match="id = -1 does not fit"):
        Interface.load("Datasets").call("offer", -1)
    with pytest.raises(NotFound, match="Operas"):
        Interface.load("Operas")


# From the Contract ABI specification of Solidity, section "Examples": sam("dave", true, [1, 2, 3]).
_SAM = (
    "a5643bf2"
    "0000000000000000000000000000000000000000000000000000000000000060"
    "0000000000000000000000000000000000000000000000000000000000000001"
    "00000000000000000000000000000000000000000000000000000000000000a0"
    "0000000000000000000000000000000000000000000000000000000000000004"
    "6461766500000000000000000000000000000000000000000000000000000000"
    "0000000000000000000000000000000000000000000000000000000000000003"
    "0000000000000000000000000000000000000000000000000000000000000001"
    "0000000000000000000000000000000000000000000000000000000000000002"
    "0000000000000000000000000000000000000000000000000000000000000003"
)


def test_calls_are_encoded_as_the_specification_says():
    inputs = [{"name": name, "type": kind} for name, kind in (("a", "bytes"), ("b", "bool"), ("c", "uint256[]"))]
    interface = Interface("Foo", ({"type": "function", "name": "sam", "inputs": inputs, "outputs": inputs},), b"")
    assert interface.call("sam", b"dave", True, [1, 2, 3]).hex() == _SAM
    assert interface.result("sam", bytes.fromhex(_SAM)[4:]) == (b"dave", True, (1, 2, 3))


def test_deep_json_ends_in_an_error_and_not_the_process_beside_an_open_chain(tmp_path):
    program = (
        "import json, pathlib, sys\n"
        "from ledger.chain import Chain\n"
        "with Chain.open_embedded(pathlib.Path(sys.argv[1])):\n"
        "    try: json.loads('[{\"a\":' * 10**6)\n"
        "    except RecursionError: print('lives')\n"
    )
    run = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=False)
    assert run.stdout == "lives\n"


def test_calls_within_calls_end_for_lack_of_gas_and_not_of_depth(tmp_path):
    with Chain.open_embedded(tmp_path) as chain:
        signer = LocalSigner.generate()
        chain.fund(signer.address, 10**20)
        # Calls itself with all its gas but what EIP-150 holds back: PUSH1 0 five times, ADDRESS, GAS, CALL.
        code = bytes.fromhex("60006000600060006000305af1")
        creation = bytes([0x60, len(code), 0x60, 12, 0x60, 0, 0x39, 0x60, len(code), 0x60, 0, 0xF3]) + code
        receipt = chain.transact(signer, None, creation)
        assert chain.transact(signer, receipt.contract, b"").succeeded

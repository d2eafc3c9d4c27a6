"""The embedded chain is read while another process has it open and writes: whole blocks, all of one moment."""

import os
import signal
import time

import pytest

from ledger.chain import Chain
from ledger.contracts import Contracts, deploy
from ledger.digest import Digest
from ledger.errors import ChainUnreachable, Refused, StoreFault
from ledger.keys import LocalSigner
from ledger.records import Terms

TERMS = Terms(price=0, royalty_ppm=0, uses=("train",))
SIGNER = LocalSigner((7).to_bytes(32))
BEGINNING = 8  # the block of the last of the seven contracts, after that of the faucet


@pytest.fixture
def deployment(tmp_path):
    with Chain.open_embedded(tmp_path) as chain:
        chain.fund(SIGNER.address, 10**18)
        return deploy(chain, SIGNER)


def test_a_reader_sees_whole_blocks_of_one_moment_while_another_process_writes(tmp_path, deployment):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            with Chain.open_embedded(tmp_path) as chain, os.fdopen(write, "w") as report:
                contracts = Contracts(chain, deployment)
                while True:
                    root = Digest.of(b"%d" % chain.block_number)
                    print(contracts.register_dataset(SIGNER, root, root, "cid", TERMS).id, file=report, flush=True)
        finally:
            os._exit(1)
    os.close(write)
    seen = []
    try:
        with os.fdopen(read) as report:
            for _ in range(8):
                told = int(report.readline())
                begin = time.monotonic()
                with Chain.read_embedded(tmp_path) as chain:
                    assert time.monotonic() - begin < 2  # a lock would be held for ever
                    contracts = Contracts(chain, deployment)
                    number = chain.block_number
                    report.readline()  # a block more
                    datasets = contracts.datasets()
                    assert [entry.block for entry in datasets] == list(range(BEGINNING + 1, number + 1))
                    assert len(datasets) >= told
                    assert chain.nonce(SIGNER.address) == BEGINNING - 1 + len(datasets)
                    assert chain.block_number == number
                    seen.append(number)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert seen == sorted(set(seen))
    # What the killed one left in the log beside the file is read as well.
    with Chain.read_embedded(tmp_path) as chain:
        assert chain.block_number >= seen[-1]


def test_a_reader_keeps_no_writer_out_and_sends_nothing(tmp_path, deployment):
    with Chain.read_embedded(tmp_path) as reader:
        with Chain.open_embedded(tmp_path, timeout=0.1) as chain:
            chain.fund(SIGNER.address, 1)
        assert reader.block_number == BEGINNING
        with pytest.raises(Refused, match="opened to read"):
            Contracts(reader, deployment).register_dataset(SIGNER, Digest.of(b"r"), Digest.of(b"r"), "cid", TERMS)
        with pytest.raises(Refused, match="faucet"):
            reader.fund(SIGNER.address, 1)
    with Chain.read_embedded(tmp_path) as reader:
        assert reader.block_number == BEGINNING + 1


def test_what_is_no_chain_is_not_made_one(tmp_path):
    with pytest.raises(ChainUnreachable, match="no chain in"):
        Chain.read_embedded(tmp_path)
    assert not any(tmp_path.iterdir())
    (tmp_path / "chain.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(StoreFault):
        Chain.read_embedded(tmp_path)

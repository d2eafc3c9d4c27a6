"""The same verbs on Ganache: a second implementation of the chain, reached over JSON-RPC."""

import dataclasses
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ganache_server import ETHER, start, wait

from ledger.chain import Chain
from ledger.cid import Cid
from ledger.contracts import Contracts, Deployment, deploy
from ledger.digest import Digest
from ledger.errors import (
    AlreadyRegistered,
    ChainUnreachable,
    InsufficientFunds,
    LicenseMissing,
    NoDeployment,
    NotFound,
    NothingDue,
    PriceNotMet,
    Refused,
)
from ledger.keys import Keystore, LocalSigner
from ledger.records import Terms

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "scripts" / "deploy.py"
HOLDER, TRAINER = (LocalSigner(bytes(31) + bytes([number])) for number in (101, 102))
TERMS = Terms(price=10**15, royalty_ppm=50_000, uses=("train", "commercial"))


@pytest.fixture(scope="module")
def contracts(ganache):
    with Chain.open_rpc(ganache) as chain:
        yield Contracts(chain, deploy(chain, HOLDER))


def digest(text: str) -> Digest:
    return Digest.of(text.encode())


def cid(text: str) -> str:
    return str(Cid.of_digest(digest(text).raw))


def _story(contracts: Contracts) -> list:
    """From a dataset to a track that is sold and earns, with what is refused on the way."""
    said: list = []
    dataset = contracts.register_dataset(HOLDER, digest("root"), digest("record"), cid("dataset"), TERMS)
    free = dataclasses.replace(TERMS, price=0)
    dear = dataclasses.replace(TERMS, price=10**24)
    buy = (TRAINER, "dataset", dataset.id, ["train"], digest("l"), cid("license"))
    for attempt, kind in (
        (lambda: contracts.register_dataset(TRAINER, dataset.root, digest("x"), cid("x"), TERMS), AlreadyRegistered),
        (lambda: _record(contracts, dataset.id), LicenseMissing),
        (lambda: contracts.buy_license(*buy, free), PriceNotMet),
        (lambda: contracts.buy_license(*buy, dear), InsufficientFunds),
        (lambda: contracts.withdraw(TRAINER), NothingDue),
        (lambda: contracts.dataset(99), NotFound),
    ):
        with pytest.raises(kind) as refusal:
            attempt()
        said.append(kind if kind is InsufficientFunds else str(refusal.value))
    license = contracts.buy_license(*buy, TERMS)
    history = [
        contracts.is_licensed("dataset", dataset.id, TRAINER.address, "train", block=block)
        for block in (0, dataset.block - 1, license.block - 1, license.block, None)
    ]
    model = _record(contracts, dataset.id)
    end = contracts.chain.timestamp(model.block) + 10**6
    grant = contracts.grant_license(
        TRAINER, "model", model.id, HOLDER.address, ["generate"], end, digest("g"), cid("grant")
    )
    track = contracts.mint_track(
        HOLDER, digest("claim"), digest("audio"), digest("track"), cid("track"), model.id, royalty_ppm=100_000
    )
    due = contracts.due(HOLDER.address)
    contracts.withdraw(HOLDER)
    contracts.withdraw_consent(HOLDER, dataset.id)
    mark = track.id.to_bytes(8)
    said += [
        dataset,
        license,
        history,
        model,
        dataclasses.replace(grant, valid_until=None),
        track,
        due,
        contracts.due(HOLDER.address),
        contracts.dataset(dataset.id).consent,
        contracts.licenses("dataset", dataset.id) == (license,),
        contracts.licenses("model", model.id, HOLDER.address) == (grant,),
        contracts.model_by_weights(model.weights) == model,
        contracts.track_by_watermark(mark) == contracts.track_by_audio(track.audio) == track,
        contracts.tracks() == (track,),
    ]
    contracts.list_track(HOLDER, track.id, 10**16)
    said.append(contracts.buy_track(TRAINER, track.id, 10**16).owner)
    said += [contracts.royalty_due(track.id, share.index) for share in contracts.royalty_shares(track.id)]
    account, royalty = contracts.royalty(track.id, 10**16)
    said += [contracts.chain.balance(account), royalty]
    for index in (2, 0):
        contracts.pull_royalty(TRAINER, track.id, index)
    said += [contracts.chain.balance(account), contracts.due(HOLDER.address, till="market")]
    return [_timeless(item) for item in said]


def _record(contracts: Contracts, dataset: int):
    return contracts.record_model(TRAINER, digest("weights"), digest("run"), cid("model"), [(dataset, 1_000_000)])


def _timeless(item):
    """An entry without what differs between two chains."""
    changes = {name: 0 for name in ("block", "time", "tx", "valid_from") if hasattr(item, name)}
    return dataclasses.replace(item, **changes) if changes else item


def test_both_chains_tell_the_same_story(contracts, tmp_path):
    with Chain.open_embedded(tmp_path) as embedded:
        for signer in (HOLDER, TRAINER):
            embedded.fund(signer.address, 100 * ETHER)
        expected = _story(Contracts(embedded, deploy(embedded, HOLDER)))
    told = _story(contracts)
    assert told == expected
    assert told[8] == [False, False, False, True, True]


def test_entries_have_the_time_of_their_block(contracts):
    entry = contracts.register_dataset(HOLDER, digest("timed"), digest("r"), cid("timed"), TERMS)
    assert entry.time == contracts.chain.timestamp(entry.block)
    assert abs(entry.time - time.time()) < 60
    with pytest.raises(NotFound, match="no block"):
        contracts.chain.timestamp(10**6)


def test_a_network_has_no_faucet(contracts):
    with pytest.raises(Refused, match=str(TRAINER.address)):
        contracts.chain.fund(TRAINER.address, 1)


def test_a_transaction_that_does_not_belong_here_is_refused(contracts):
    with pytest.raises(Refused, match="refuses the transaction"):
        contracts.chain._network.send(b"\x02 no transaction")


def test_a_transaction_that_fails_when_mined_says_why(contracts, monkeypatch):
    network = contracts.chain._network
    monkeypatch.setattr(network, "estimate", lambda *_: 500_000)  # as if the estimate had come before the refusal
    with pytest.raises(LicenseMissing, match="dataset 77, use train"):
        contracts.record_model(TRAINER, digest("unlicensed"), digest("run"), cid("run"), [(77, 1_000_000)])


def test_a_deployment_of_another_chain_is_none_here(contracts):
    elsewhere = dataclasses.replace(contracts.deployment, keys=HOLDER.address)
    with pytest.raises(NoDeployment, match=str(HOLDER.address)):
        Contracts(contracts.chain, elsewhere)


def test_a_node_that_dies_is_unreachable(ganache):
    server, url = start()
    try:
        wait(server, url)
        with Chain.open_rpc(url, timeout=5) as chain:
            assert chain.balance(HOLDER.address) == 100 * ETHER
            server.kill()
            server.wait()
            for ask in (
                lambda: chain.block_number,
                lambda: chain.balance(HOLDER.address),
                lambda: deploy(chain, HOLDER),
            ):
                with pytest.raises(ChainUnreachable, match=r"127\.0\.0\.1"):
                    ask()
    finally:
        server.kill()
        server.wait()


def test_the_deployment_script_writes_where_the_contracts_are(ganache, tmp_path):
    keys = Keystore(tmp_path / "keys")
    address = keys.new("deployer", "open sesame", scrypt_n=2)
    out = tmp_path / "deployment.json"
    command = [sys.executable, DEPLOY, "--keys", tmp_path / "keys", "--key", "deployer", "--out", out]
    environment = {**os.environ, "STEMMATA_RPC": ganache, "STEMMATA_PASSPHRASE": "open sesame"}

    def run(**changes):
        return subprocess.run(
            command, capture_output=True, text=True, timeout=120, check=False, env=environment | changes
        )

    assert "set STEMMATA_PASSPHRASE" in run(STEMMATA_PASSPHRASE="").stderr
    assert run(STEMMATA_PASSPHRASE="wrong").stderr.startswith("WrongPassphrase: ")
    poor = run()
    assert (poor.returncode, poor.stderr.split(":")[0]) == (1, "InsufficientFunds")
    assert not out.exists()
    with Chain.open_rpc(ganache) as chain:
        chain.transact(HOLDER, address, b"", value=ETHER)
        rich = run()
        assert (rich.returncode, rich.stderr) == (0, "")
        contracts = Contracts(chain, Deployment.read(out))
        assert contracts.tracks() == ()
    assert "exists" in run().stderr

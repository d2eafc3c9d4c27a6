"""Holder and licensee in homes of their own, with nothing between them but a network, a key service and blocks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import ganache_server
import pytest
import requests
from story import MICRO, PASSPHRASE, TERMS, new_home, new_key, record_folder

from api.home import Home
from api.settings import Settings
from api.workflows import datasets, forgetting, generation, licenses, opening, training
from ledger.chain import Chain
from ledger.contracts import deploy
from ledger.errors import LicenseMissing, NotFound
from ledger.keys import LocalSigner, Signer
from ledger.records import timestamp

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.integration

BANKER = LocalSigner(bytes(31) + bytes([103]))
SERVE = [sys.executable, "-c", "from api.cli import main; main()", "serve-keys", "--port", "0", "--json"]


def clock() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def ganache() -> Iterator[str]:
    """A network of this test's own, since its clock is moved."""
    with ganache_server.running() as network:
        yield network


@pytest.fixture
def settings(ganache: str, tmp_path: Path) -> Settings:
    where = tmp_path / "deployment.json"
    with Chain.open_rpc(ganache) as chain:
        deploy(chain, BANKER).write(where)
    return Settings(home=tmp_path / "holder", passphrase=PASSPHRASE, rpc_url=ganache, deployment=where)


def person(home: Home, name: str) -> Signer:
    signer = new_key(home, name)
    with Chain.open_rpc(home.settings.rpc_url or "") as chain:
        chain.transact(BANKER, signer.address, b"", value=10**19)
    return signer


@pytest.fixture
def url(settings: Settings) -> Iterator[str]:
    """The holder's key service, as a program of its own."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("STEMMATA_")},
        "STEMMATA_HOME": str(settings.home),
        "STEMMATA_PASSPHRASE": PASSPHRASE,
        "STEMMATA_RPC": str(settings.rpc_url),
        "STEMMATA_DEPLOYMENT": str(settings.deployment),
    }
    new_home(settings)
    server = subprocess.Popen(
        SERVE, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        yield json.loads(server.stdout.readline())["url"]
    finally:
        server.terminate()
        _, said = server.communicate(timeout=30)
        assert PASSPHRASE not in said
        assert "Traceback" not in said


def pass_time(network: str, seconds: int) -> None:
    for method, parameters in (("evm_increaseTime", [seconds]), ("evm_mine", [])):
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        assert "error" not in requests.post(network, json=call, timeout=30).json()


def test_a_licensee_opens_what_was_bought_until_the_license_ends(settings: Settings, url: str, tmp_path: Path) -> None:
    holder = Home(settings)
    anna = person(holder, "anna")
    folder = record_folder(tmp_path / "recordings", "C", "D")
    added = datasets.add(holder, folder, title="studies", license_="CC0-1.0", terms=TERMS, signer=anna, now=clock)
    number = added.entry.id

    theirs = new_home(Settings(home=tmp_path / "carl", passphrase=PASSPHRASE, rpc_url=settings.rpc_url,
                               deployment=settings.deployment))  # fmt: skip
    carl, dora = person(theirs, "carl"), person(theirs, "dora")
    shutil.copytree(holder.path / "content", theirs.path / "content")
    with pytest.raises(LicenseMissing, match=f"dataset {number}, use train"):
        opening.fetch(theirs, "dataset", number, url=url, signer=carl, now=clock)
    licenses.buy(theirs, "dataset", number, uses=("train",), signer=carl, now=clock)
    with pytest.raises(NotFound, match="license open"):
        training.train(theirs, [number], preset=MICRO, seed=1, signer=carl, now=clock)
    assert opening.fetch(theirs, "dataset", number, url=url, signer=carl, now=clock).tried
    trained = training.train(theirs, [number], preset=MICRO, seed=1, signer=carl, now=clock, seal=True)
    generation.generate(
        theirs,
        trained.entry.id,
        seconds=5,
        seed=1,
        creator=carl.address,
        out=tmp_path / "track.wav",
        now=clock,
        unlock=lambda: carl,
    )

    with Chain.open_rpc(settings.rpc_url or "") as chain:
        present = datetime.fromtimestamp(chain.timestamp(chain.block_number), UTC)
    end = timestamp(present + timedelta(hours=1))
    licenses.grant(holder, "dataset", number, licensee=dora.address, uses=("train",), until=end, signer=anna, now=clock)
    assert opening.fetch(theirs, "dataset", number, url=url, signer=dora, now=clock).tried
    pass_time(settings.rpc_url or "", 7200)
    with pytest.raises(LicenseMissing, match="the last one ended"):
        opening.fetch(theirs, "dataset", number, url=url, signer=dora, now=clock)
    with pytest.raises(LicenseMissing):
        training.train(theirs, [number], preset=MICRO, seed=2, signer=dora, now=clock)

    # While the service runs, the holder forgets: it gives no more keys, and who has one goes on.
    forgetting.forget(holder, number, recordings=True, confirm=lambda record: None)
    with pytest.raises(NotFound, match="no key of its own"):
        opening.fetch(theirs, "dataset", number, url=url, signer=carl, now=clock)
    assert opening.data_key(theirs, theirs.vault(), "dataset", number, signer=carl, now=clock)

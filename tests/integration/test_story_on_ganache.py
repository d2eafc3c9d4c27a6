"""The whole way again with nothing changed but the settings: Ganache behind JSON-RPC instead of the embedded chain."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from planted import leaks
from scripted_node import Node
from stand_alone import alone, proofs_alone
from story import PASSPHRASE, TERMS, new_home, new_key, now, record_folder, tell

from api.settings import Settings
from api.workflows import bundling, datasets
from api.workflows.evidence.hearing import Hearing
from gen.audio import encode, load
from ledger import parcel
from ledger.chain import Chain
from ledger.findings import Status, Verdict
from ledger.keys import Keystore, LocalSigner

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.integration

BANKER = LocalSigner(bytes(31) + bytes([103]))


def pay(network: str, account: object) -> None:
    with Chain.open_rpc(network) as chain:
        chain.transact(BANKER, account, b"", value=10**19)


def deployed(network: str, folder: Path) -> Settings:
    """A home on a network that has the contracts."""
    deployment, keys = folder / "deployment.json", folder / "keys"
    pay(network, Keystore(keys).new("deployer", PASSPHRASE, scrypt_n=2**12))
    command = [sys.executable, str(ROOT / "scripts" / "deploy.py"), "--rpc", network, "--keys", str(keys)]
    subprocess.run(
        [*command, "--key", "deployer", "--out", str(deployment)],
        env={"STEMMATA_PASSPHRASE": PASSPHRASE, "PATH": ""},
        check=True,
        timeout=120,
    )
    return Settings(home=folder / "home", passphrase=PASSPHRASE, rpc_url=network, deployment=deployment)


def test_from_recordings_to_a_verdict_on_a_network(ganache: str, tmp_path: Path) -> None:
    settings = deployed(ganache, tmp_path)
    story = tell(tmp_path, settings, lambda account: pay(ganache, account))
    assert not (tmp_path / "home" / "chain").exists()
    piece = tmp_path / "piece.mp3"
    encode(piece, load(story.track).excerpt(3, 18), 128)
    outcome = story.audit(piece)
    assert outcome.verdict is Verdict.VERIFIED
    assert [node.license.id for node in outcome.tracks[0].model.datasets if node.license] == [1, 1]
    # What was sent has passed the outbox.
    stored = [path for path in settings.home.rglob("*") if path.is_file()]
    assert any("outbox" in path.parts for path in stored)
    for path in stored:
        assert list(leaks(path.read_bytes(), ("take in", "recordings in", str(tmp_path)))) == [], path
    # Ganache makes its blocks and receipts by itself: what it logged is proved, and it has the blocks of these hashes.
    out = tmp_path / "piece.bundle"
    bundling.write(story.home, piece, out, Hearing(), now=now())
    told = [finding for finding in bundling.read(out, piece, Hearing()).findings if finding.check == "chain proof"]
    assert [finding.status for finding in told] == [Status.OK]
    assert alone(out, piece) == "verified"
    for url, code in ((ganache, 0), ("http://127.0.0.1:1", 5), ("file:///etc/passwd", 2)):
        assert proofs_alone(out, url) == code
    content = parcel.unpack(out.read_bytes())
    (number, *_) = json.loads(content["bundle.json"])["chain"]["proofs"]
    with Node(
        {"eth_getBlockByNumber": lambda asked, _: {"hash": "0x00"} if asked == hex(int(number)) else None}
    ) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        assert proofs_alone(out, other.url) == 4
        other.shutdown()
        thread.join()


def test_a_license_whose_buyer_was_killed_is_not_paid_twice(ganache: str, tmp_path: Path) -> None:
    """Killed while its transaction waits, and run again before it is mined, when the record is another by its time."""
    settings = deployed(ganache, tmp_path)
    home = new_home(settings)
    anna, carl = new_key(home, "anna"), new_key(home, "carl")
    for signer in (anna, carl):
        pay(ganache, signer.address)
    folder = record_folder(tmp_path / "recordings", "C")
    datasets.add(home, folder, title="studies", license_="CC0-1.0", terms=TERMS, signer=anna, now=now)
    with home.acting(carl.address) as ledger:
        home.introduce(ledger, carl)
    environment = {
        **os.environ,
        "STEMMATA_HOME": str(settings.home),
        "STEMMATA_PASSPHRASE": PASSPHRASE,
        "STEMMATA_RPC": ganache,
        "STEMMATA_DEPLOYMENT": str(settings.deployment),
    }
    program = "from api.cli import main; main()"
    command = [sys.executable, "-c", program, "license", "buy", "1", "--use", "train", "--key", "carl", "--json"]
    ask(ganache, "miner_stop")
    try:
        first = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL)
        with Chain.open_rpc(ganache, outbox=settings.home / "outbox") as chain:
            end = time.monotonic() + 60
            while not any(entry.taken for entry in chain._watch.outbox.entries(carl.address) if entry.told is None):
                assert time.monotonic() < end and first.poll() is None, "nothing was sent"
                time.sleep(0.05)
        first.send_signal(signal.SIGKILL)
        first.wait()
        threading.Timer(2, lambda: (ask(ganache, "evm_mine"), ask(ganache, "miner_start"))).start()
        again = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    finally:
        ask(ganache, "miner_start")
    assert json.loads(again.stdout)["already"], again.stdout + again.stderr
    with home.ledger() as ledger:
        assert len(ledger.contracts.licenses("dataset", 1)) == 1
        assert ledger.contracts.due(anna.address, till="licenses") == TERMS.price


def ask(network: str, method: str) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": []}).encode()
    with urllib.request.urlopen(urllib.request.Request(network, body, {"Content-Type": "application/json"})) as answer:
        answer.read()

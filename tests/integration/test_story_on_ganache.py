"""The whole way again with nothing changed but the settings: Ganache behind JSON-RPC instead of the embedded chain."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from planted import leaks
from story import PASSPHRASE, tell

from api.settings import Settings
from gen.audio import encode, load
from ledger.chain import Chain
from ledger.findings import Verdict
from ledger.keys import Keystore, LocalSigner

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.integration

BANKER = LocalSigner(bytes(31) + bytes([103]))


def test_from_recordings_to_a_verdict_on_a_network(ganache: str, tmp_path: Path) -> None:
    deployment = tmp_path / "deployment.json"
    settings = Settings(home=tmp_path / "home", passphrase=PASSPHRASE, rpc_url=ganache, deployment=deployment)

    def pay(account: object) -> None:
        with Chain.open_rpc(ganache) as chain:
            chain.transact(BANKER, account, b"", value=10**19)

    keys = tmp_path / "keys"
    pay(Keystore(keys).new("deployer", PASSPHRASE, scrypt_n=2**12))
    command = [sys.executable, str(ROOT / "scripts" / "deploy.py"), "--rpc", ganache, "--keys", str(keys)]
    subprocess.run(
        [*command, "--key", "deployer", "--out", str(deployment)],
        env={"STEMMATA_PASSPHRASE": PASSPHRASE, "PATH": ""},
        check=True,
        timeout=120,
    )
    story = tell(tmp_path, settings, pay)
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

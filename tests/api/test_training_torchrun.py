"""The command itself, begun by torchrun in two processes: one records and speaks, the other one shares the work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from story import MICRO, PASSPHRASE, Story

from api import toolchain
from ledger.archive import fetch
from ledger.records import TrainingRunRecord

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from api.cli import main; main()", "train", "--json", "--key", "carl"]


def torchrun(story: Story, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"),
            *(*COMMAND, *words),
        ],
        check=False,
        env={
            **os.environ,
            "STEMMATA_HOME": str(story.home.settings.home),
            "STEMMATA_PASSPHRASE": PASSPHRASE,
            "PYTHONPATH": f"{ROOT}",
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        timeout=400,
    )


@pytest.mark.slow
def test_two_processes_train_one_model_and_the_first_one_speaks(story: Story, tmp_path: Path) -> None:
    shared = replace(MICRO, vocoder=replace(MICRO.vocoder, batch=2)).to_dict()
    preset = tmp_path / "shared.yaml"
    preset.write_text(yaml.safe_dump({"like": "tiny", **{name: shared[name] for name in shared if name != "name"}}))
    words = ("--dataset", "1", "--preset", str(preset), "--seed", "34", "--device", "cpu")
    run = torchrun(story, *words)
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout)  # one object, so only one of them spoke
    assert not said["already"]
    with story.home.ledger() as ledger:
        entry = ledger.contracts.model(said["model"])
        record = fetch(ledger.store, TrainingRunRecord, entry.cid, entry.record, entry.trainer)
    assert record.machine == f"{toolchain.machine()}, 2 x CPU"
    again = torchrun(story, *words)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout) == {**said, "already": True}
    refused = torchrun(story, *words, "--processes", "2")
    assert refused.returncode != 0
    assert "--processes: torchrun says how many there are" in refused.stderr

"""The script that makes an instrument: the whole of it, found again when it is run again."""

import csv
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from story import PASSPHRASE, new_home, new_key, record_folder

from api.home import Home
from api.instrument.files import Instrument
from api.settings import Settings
from api.workflows import model_audit
from ledger.findings import Verdict

ROOT = Path(__file__).parent.parent.parent
SCRIPT = ROOT / "scripts" / "make_instrument.py"
PRESET = """
corpus: {most: 12.0}
segment: {seconds: 5.0}
latent: {size: 16}
generator: {codes: 16, hidden: 32, steps: 6, batch: 2, length: 8, free: 4, free_from: 2}
vocoder: {channels: 16, steps: 2, batch: 1, phase_refinement: 4}
"""
COMPOSERS = {"bach": "C", "beethoven": "D", "haydn": "E", "mozart": "F", "schumann": "G"}


def make(place: Path) -> Instrument:
    words = ["recordings", "--preset", "micro.yaml", "--home", "maker", "--out", "made"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STEMMATA_")}
    done = subprocess.run(
        [sys.executable, SCRIPT, *words],
        cwd=place,
        env={**environment, "PYTHONPATH": str(ROOT), "STEMMATA_PASSPHRASE": PASSPHRASE},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = Instrument.read(place / "made")
    assert found is not None
    return found


@pytest.mark.slow
def test_one_command_makes_it_and_finds_what_is_done(tmp_path: Path) -> None:
    (tmp_path / "micro.yaml").write_text(PRESET)
    (tmp_path / "recordings").mkdir()
    with (tmp_path / "recordings" / "SOURCES.csv").open("w", newline="") as file:
        sources = csv.writer(file)
        sources.writerow(("style", "score", "sha256", "recording", "seconds", "left_out_because"))
        for composer, key in COMPOSERS.items():
            record_folder(tmp_path / "recordings" / composer, key)
            sources.writerow((composer, f"{composer}/study.mxl", "00", f"take in {key}.wav", "15.0", ""))
        sources.writerow(("bach", "bach/other.mxl", "00", "", "", "claims a right: somebody's"))
        sources.writerow(("monteverdi", "monteverdi/one.mxl", "00", "one.flac", "15.0", ""))
    home = new_home(Settings(home=tmp_path / "maker", passphrase=PASSPHRASE))
    new_key(home, "maker")
    first = make(tmp_path)
    made = tmp_path / "made"
    outcome = model_audit.audit(Home(Settings(home=tmp_path / "home", instrument=made)), 1)
    assert outcome.verdict is Verdict.VERIFIED
    assert outcome.node is not None
    titles = [node.record.title.split(":")[0] for node in outcome.node.datasets if node.record]
    assert titles[0] == "Johann Sebastian Bach"
    assert (len(titles), outcome.node.entry.terms.uses) == (5, ("generate",))
    card = (made / "MODEL_CARD.md").read_text("utf-8")
    assert not re.search(r"[{}]", card)
    assert str(first.weights) in card
    assert "not on a GPU" in card
    assert (made / "SOURCES.csv").read_text().count("\n") == 6  # what became a recording, of these five
    assert make(tmp_path).files == first.files  # nothing is registered, trained or offered anew


def test_a_passphrase_is_given_or_made_up_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passphrase = runpy.run_path(str(SCRIPT))["_passphrase"]
    monkeypatch.setenv("STEMMATA_PASSPHRASE", PASSPHRASE)
    assert passphrase(tmp_path / "given") == PASSPHRASE
    assert not (tmp_path / "given").exists()
    monkeypatch.delenv("STEMMATA_PASSPHRASE")
    made = passphrase(tmp_path / "maker")
    assert len(made) >= 32
    assert passphrase(tmp_path / "maker") == made
    assert (tmp_path / "maker" / "passphrase").stat().st_mode & 0o777 == 0o600

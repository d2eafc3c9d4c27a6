"""The instrument that this package carries: what a newcomer's home begins with when nothing is said."""

import csv
import re
import tomllib
from pathlib import Path

import pytest
from shell import Shell
from story import PASSPHRASE, new_home

from api import instrument
from api.home import Home
from api.instrument.files import CHAIN, MANIFEST, RECORDS, WEIGHTS, Instrument
from api.settings import Settings
from api.workflows import model_audit, models
from ledger.findings import Verdict

FOLDER = Path(instrument.__file__).parent
ROOT = FOLDER.parent.parent
COMPOSERS = ("Bach", "Beethoven", "Haydn", "Mozart", "Schumann")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A new one, as the environment makes it where nothing is set."""
    return new_home(Settings.from_environ({"STEMMATA_HOME": str(tmp_path), "STEMMATA_PASSPHRASE": PASSPHRASE}))


def test_all_of_it_is_package_data() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["api"]
    names = {WEIGHTS, RECORDS, CHAIN, MANIFEST, "MODEL_CARD.md", "SOURCES.csv"}
    names |= {path.name for path in FOLDER.iterdir() if path.is_file()}
    assert [name for name in sorted(names) if not any(Path("instrument", name).match(each) for each in patterns)] == []


def test_it_is_the_first_that_a_home_can_audit(home: Home) -> None:
    outcome = model_audit.audit(home, 1)
    assert outcome.verdict is Verdict.VERIFIED
    with home.ledger() as ledger:
        entry, dues = models.show(ledger, 1)
        titles = [models.title(ledger, dataset) or "" for dataset, _ in entry.datasets]
        assert len(ledger.contracts.models()) == 1
    assert [dataset for dataset, _ in entry.datasets] == [1, 2, 3, 4, 5]
    assert [composer for composer, title in zip(COMPOSERS, titles, strict=True) if composer in title.split(":")[0]] == [
        *COMPOSERS
    ]
    assert (entry.terms.price, entry.terms.uses, entry.royalty_ppm, dues) == (0, ("generate",), 0, ())
    assert entry.owner == entry.trainer


def test_its_files_are_whole_and_small_and_its_card_tells_of_them(home: Home) -> None:
    found = Instrument.read(FOLDER)
    assert found is not None
    assert [found.path(name).stat().st_size < 20_000_000 for name in (WEIGHTS, RECORDS, CHAIN)] == [True] * 3
    outcome = model_audit.audit(home, 1)
    assert outcome.node is not None
    card = (FOLDER / "MODEL_CARD.md").read_text("utf-8")
    assert str(found.weights) in card
    assert str(outcome.node.entry.record) in card
    assert str(outcome.node.entry.trainer) in card
    with (FOLDER / "SOURCES.csv").open(newline="", encoding="utf-8") as file:
        sources = list(csv.DictReader(file))
    assert {row["style"] for row in sources} == {composer.lower() for composer in COMPOSERS}
    recordings = sum(len(node.record.recordings) for node in outcome.node.datasets if node.record)
    assert recordings <= len(sources)


@pytest.mark.slow
def test_the_readmes_first_commands_do_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shell = Shell(tmp_path / "home", {"STEMMATA_INSTRUMENT": "on"})
    block = re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), flags=re.DOTALL)[0]
    commands = re.findall(r"^\$ stemmata (.*)$", block, flags=re.MULTILINE)
    assert [words.split()[0] for words in commands] == ["key", "generate", "mint", "audit", "model"]
    commands[1] = commands[1].replace("--seconds 30", "--seconds 6 --style bach=2,mozart=1")  # sooner, and mixed
    said = [shell.json(*words.split()) for words in commands]
    assert (said[1]["model"], said[1]["seconds"]) == (1, 6)
    assert [said[3]["verdict"], said[4]["verdict"]] == ["verified", "verified"]

"""A home that begins with an instrument: whole or not at all, playable at once, and open to an audit."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from shell import Shell
from story import PASSPHRASE, Story, new_home, new_key

from api.errors import InstrumentDamaged, InstrumentMissing
from api.home import Home
from api.instrument import snapshot
from api.instrument.files import CHAIN, MANIFEST, RECORDS, WEIGHTS, Instrument
from api.settings import Settings
from api.workflows import datasets, model_audit
from api.workflows import instrument as workflow
from ledger import car, file
from ledger.cid import Cid
from ledger.errors import NoDeployment
from ledger.findings import Status, Verdict
from ledger.store import BlockStore


@pytest.fixture(scope="module")
def folder(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The story's model, made an instrument; its owner gives it to anybody."""
    said = Shell(story.home.path).json("model", "offer", str(story.model), "--price", "0", "--key", "carl")
    assert said["terms"]["uses"] == ["generate"]
    place = tmp_path_factory.mktemp("instrument") / "files"
    snapshot.take(story.home, story.model, place)
    return place


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """An instrument that a test may alter."""
    return Path(shutil.copytree(folder, tmp_path / "instrument"))


def fresh(place: Path, instrument: Path) -> Home:
    return Home(Settings(home=place / "home", passphrase=PASSPHRASE, instrument=instrument))


def begun(home: Home) -> list[str]:
    """What a home holds, but for locks and empty folders."""
    return sorted(
        path.relative_to(home.path).as_posix()
        for path in home.path.rglob("*")
        if path.is_file() and "lock" not in path.name
    )


def test_an_instrument_has_no_recordings_and_no_secrets(folder: Path, story: Story) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted((CHAIN, MANIFEST, RECORDS, WEIGHTS))
    with story.home.ledger() as ledger:
        records = [datasets.show(ledger, number)[1] for number in (1, 2)]
    with (folder / RECORDS).open("rb") as archive:
        held = {cid for cid, _ in car.unpack(archive)}
    recordings = [item for record in records for item in record.recordings]
    assert recordings
    assert not held & {item.content.cid for item in recordings}
    assert held >= {item.fingerprint.cid for item in recordings}


def test_a_new_home_begins_with_it_and_goes_on(folder: Path, story: Story, tmp_path: Path) -> None:
    home = fresh(tmp_path, folder)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    with home.ledger() as ledger, story.home.ledger() as theirs:
        assert ledger.chain.block_number == theirs.chain.block_number
        assert ledger.contracts.models() == theirs.contracts.models()
        assert ledger.contracts.deployment.tracks == theirs.contracts.deployment.tracks
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    shutil.rmtree(home.path / "chain")
    with pytest.raises(NoDeployment), home.ledger():  # it does not begin anew, as if nothing had been recorded since
        pass


def test_who_begins_without_it_has_an_empty_chain_and_is_told_so(folder: Path, tmp_path: Path) -> None:
    home = fresh(tmp_path, folder)
    with Home(replace(home.settings, instrument=None)).ledger() as ledger:
        assert ledger.contracts.models() == ()
        with pytest.raises(InstrumentMissing, match="STEMMATA_INSTRUMENT is off"):
            workflow.entry(Home(replace(home.settings, instrument=None)), ledger)
        network = Home(replace(home.settings, rpc_url="http://127.0.0.1:9"))
        with pytest.raises(InstrumentMissing, match="network nobody has recorded"):
            workflow.entry(network, ledger)
    with home.ledger() as ledger:
        assert ledger.contracts.models() == ()
        with pytest.raises(InstrumentMissing, match="was begun without the instrument"):
            workflow.entry(home, ledger)


@pytest.mark.parametrize("name", [WEIGHTS, RECORDS, CHAIN, MANIFEST])
@pytest.mark.parametrize("harm", ["altered", "missing"])
def test_a_damaged_instrument_is_refused_by_name_and_nothing_begins(
    copy: Path, tmp_path: Path, name: str, harm: str
) -> None:
    path = copy / name
    data = path.read_bytes()
    path.write_bytes(data[:30] + bytes([data[30] ^ 0x80]) + data[31:])
    if harm == "missing":
        path.unlink()
    home = fresh(tmp_path, copy)
    if (name, harm) == (MANIFEST, "missing"):  # a package that was built without
        assert home.instrument() is None
        return
    with pytest.raises(InstrumentDamaged, match=f"{name}: .*STEMMATA_INSTRUMENT=off"), home.ledger():
        pass
    assert begun(home) == []


class Killed(BaseException):
    """What no handler expects."""


@pytest.mark.parametrize("stage", ["records", "weights", MANIFEST, "chain.sqlite"])
def test_a_kill_while_it_is_laid_down_leaves_a_home_that_begins_with_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    home = fresh(tmp_path, folder)
    write = file.write

    def kill(*arguments: object, **more: object) -> None:
        raise Killed

    def written(path: Path, *arguments: object, **more: object) -> None:
        if path.name == stage:
            raise Killed
        write(path, *arguments, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(file, "write", written)
        if stage == "records":
            patch.setattr(car, "load", kill)
        if stage == "weights":
            patch.setattr(BlockStore, "add_file", kill)
        with pytest.raises(Killed), home.ledger():
            pass
    assert not home.exists
    assert model_audit.audit(home, 1).verdict is Verdict.VERIFIED


@pytest.mark.slow
def test_sigkill_in_the_middle_of_the_chains_file(folder: Path, tmp_path: Path) -> None:
    home = fresh(tmp_path, folder)
    program = """
import os, signal, sys
from pathlib import Path
from api.home import Home
from api.settings import Settings
replace = Path.replace
def killed(path, target):
    if Path(target).name == "chain.sqlite":
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(path, target)
Path.replace = killed
with Home(Settings(home=Path(sys.argv[1]), instrument=Path(sys.argv[2]))).ledger():
    pass
"""
    done = subprocess.run([sys.executable, "-c", program, str(home.path), str(folder)], check=False, timeout=60)
    assert done.returncode == -9
    assert not home.exists
    assert model_audit.audit(home, 1).verdict is Verdict.VERIFIED


@pytest.fixture(scope="module")
def played(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A newcomer's home, with a key and nothing else."""
    place = tmp_path_factory.mktemp("newcomer")
    home = new_home(Settings(home=place / "home", passphrase=PASSPHRASE, instrument=folder))
    new_key(home, "dora")
    return Shell(home.path, {"STEMMATA_INSTRUMENT": str(folder)})


def test_it_plays_where_no_model_is_named_under_a_license_that_is_taken_once(played: Shell) -> None:
    out = played.home.parent / "track.wav"
    words = ("generate", "--seconds", "4", "--key", "dora")
    first = played.run(*words, "--out", str(out))
    assert (first.code, first.out.splitlines()[0]) == (0, "license 1 of model 1, the instrument: generate, free")
    # Nothing is signed any more, so nobody has to open the key; and no home needs weights beside the package's.
    again = Shell(played.home, {**played.settings, "STEMMATA_PASSPHRASE": ""}).json(*words, "--out", str(out))
    assert again["model"] == 1
    assert not (played.home / "models").exists() or not list((played.home / "models").iterdir())
    assert played.json("mint", str(out), "--key", "dora")["already"] is False
    home = Home(Settings(home=played.home))
    with home.ledger() as ledger:
        address = home.keystore().address("dora")
        assert len(ledger.contracts.licenses("model", 1, address)) == 1
    audit = played.json("audit", str(out))
    assert audit["verdict"] == "verified"
    assert [item["dataset"] for item in audit["tracks"][0]["model"]["datasets"]] == [1, 2]
    held = [item for item in audit["findings"] if item["check"] == "recordings"]
    assert [item["status"] for item in held] == ["note", "note"]
    assert all(item["detail"].startswith("0 of 2 encrypted recordings") for item in held)


def test_styles_have_the_names_of_the_datasets(played: Shell) -> None:
    """Both datasets of the story are called studies, so only their numbers tell them apart."""
    out = str(played.home.parent / "styled.wav")
    words = ("generate", "--seconds", "3", "--out", out, "--key", "dora", "--style")
    assert "'studies' is in the titles of several" in played.refusal(*words, "studies", code=2)
    assert "'bach' is in no title of the model's datasets: 1 'studies'" in played.refusal(*words, "bach=2", code=2)
    assert "each once" in played.refusal(*words, "studies=1,studies=2", code=2)
    named = played.json(*words, "2=3")
    assert played.json(*words, "0,1")["claim"] == named["claim"]


def test_it_shows_itself_and_its_home_is_whole(played: Shell) -> None:
    shown = played.json("model", "show", "1")
    assert shown["instrument"] is True
    assert [item["title"] for item in shown["datasets"]] == ["studies", "studies"]
    assert played.run("model", "show", "1").out.startswith("model 1, the instrument")
    assert played.json("content", "fsck")["whole"] is True  # although it never had the recordings


def test_a_model_is_audited_alone(played: Shell, tmp_path: Path) -> None:
    done = played.run("model", "audit", "1")
    assert done.code == 0
    assert done.out.startswith("verdict: verified\n\n└─ model 1")
    assert "NotFound" in played.refusal("model", "audit", "9")
    copy = Path(shutil.copytree(played.home, tmp_path / "home"))
    with Home(Settings(home=copy)).ledger() as ledger:
        entry = ledger.contracts.model(1)
        weights = ledger.store.path(Cid.parse(entry.cid).digest)
    weights.chmod(0o644)
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    harmed = Shell(copy, played.settings).run("model", "audit", "1", "--json")
    assert harmed.code == 4
    assert harmed.object["verdict"] == "invalid"


@pytest.mark.parametrize(
    ("harm", "status", "verdict"),
    [
        (lambda path: path.unlink(), Status.NOTE, Verdict.VERIFIED),
        (lambda path: path.write_bytes(b"other"), Status.INVALID, Verdict.INVALID),
    ],
    ids=["missing", "altered"],
)
def test_weights_that_are_not_here_are_a_note_and_other_weights_are_wrong(
    folder: Path, tmp_path: Path, harm: Callable[[Path], object], status: Status, verdict: Verdict
) -> None:
    home = fresh(tmp_path, folder)
    instrument = Instrument.read(folder)
    assert instrument is not None
    assert model_audit.audit(home, 1).verdict is Verdict.VERIFIED
    first = home.store().add_file(folder / WEIGHTS)
    path = home.store().path(first.digest)
    path.chmod(0o644)
    harm(path)
    outcome = model_audit.audit(home, 1)
    assert [found.status for found in outcome.findings if found.check == "weights"] == [status]
    assert outcome.verdict is verdict

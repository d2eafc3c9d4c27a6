"""What a holder says of recordings reaches whoever is licensed as numbers: works for the split, styles to learn by."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml
from chords import chords
from shell import Shell
from story import MICRO, PASSPHRASE, TERMS, new_home, new_key, now

from api import drafts, private_names
from api.home import Home
from api.settings import Settings
from api.workflows import datasets, licenses, model_labels, sounds, training
from gen.audio import save
from gen.confined import ConfinedDecoder
from gen.training.loop import Progress
from gen.training.material import Material, gather
from ledger.archive import fetch
from ledger.digest import Digest
from ledger.keys import Signer
from ledger.records import TrainingRunRecord


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Signer]:
    """Two datasets: twelve short recordings of ten works in two genres, and one that nothing is said of."""
    folder = tmp_path_factory.mktemp("labels")
    home = new_home(Settings(home=folder / "home", passphrase=PASSPHRASE))
    new_key(home, "anna")
    new_key(home, "carl")
    lines = ["file,genre,work,artist"]
    for number in range(12):
        save(place(folder / "one", f"{number:02}.wav"), chords(5.5, 700 + number))
        lines.append(f"{number:02}.wav,{'waltz' if number % 2 else 'march'},Op. {number % 10},Brüll")
    (folder / "one" / "labels.csv").write_text("\n".join(lines), encoding="utf-8")
    save(place(folder / "two", "other.wav"), chords(7.0, 800))
    ids = [
        datasets.add(
            home,
            folder / name,
            title=name,
            license_="MIT",
            terms=TERMS,
            signer=home.signer("anna"),
            now=now,
            hide_labels=name == "two",
        ).entry.id
        for name in ("one", "two")
    ]
    carl = home.signer("carl")
    for dataset_id in ids:
        licenses.buy(home, "dataset", dataset_id, uses=("train",), signer=carl, now=now)
    return home, carl


def place(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


def heard(home: Home, signer: Signer, seed: int) -> Material:
    with home.ledger() as ledger:
        chosen = [datasets.show(ledger, number) for number in (1, 2)]
    with ConfinedDecoder() as decoder:
        return gather(sounds.of_datasets(home, chosen, decoder, signer=signer, now=now), MICRO, seed)


@pytest.mark.slow
def test_a_licensee_splits_by_work_and_knows_no_name(made: tuple[Home, Signer]) -> None:
    home, carl = made
    for seed in range(3):
        found = heard(home, carl, seed)
        assert found.label_sizes == (3, 1, 2, 1, 11, 1)
        works = [
            {source.labels[4] for source in windows.sources if source.style == 0}
            for windows in (found.train, found.validation, found.test)
            if windows is not None
        ]
        assert len(works) == 3 and all(works) and not works[0] & (works[1] | works[2])
        assert found.split.by_time == 1  # the one recording of the other dataset
        batch = found.train[0, 0]
        assert batch.labels.shape == (1, 6) and batch.labels[0, 2] == 1
        assert set(found.figures) == {"labelled_genre", "labelled_artist", "labelled_work"}


@pytest.mark.slow
def test_a_model_hears_labels_and_its_record_says_how_many(made: tuple[Home, Signer]) -> None:
    home, carl = made
    told: list[Progress] = []
    done = training.train(home, [1, 2], preset=MICRO, seed=1, signer=carl, now=now, progress=told.append)
    assert 0 < float(done.metrics["labelled_work"]) < 1 and "labelled_era" not in done.metrics
    assert [step.phase for step in told[:13]] == ["listening"] * 13 and told[13].phase == "windows"
    assert all(step.steps == 13 for step in told[:13])
    with home.ledger() as ledger:
        record = fetch(ledger.store, TrainingRunRecord, done.entry.cid, done.entry.record, done.entry.trainer)
    assert record.metrics["labelled_work"] == done.metrics["labelled_work"]
    assert record.config["segment.seconds"] == "5.0" and record.split.by_time == 1
    assert_labels_can_be_asked_for(home, done.entry.id)
    weights = home.folder("models") / f"{done.entry.weights}.safetensors"
    assert "Brüll".encode() not in weights.read_bytes() and b"waltz" not in weights.read_bytes()


def assert_labels_can_be_asked_for(home: Home, model: int) -> None:
    shell, number = Shell(home.path), str(model)
    with home.ledger() as ledger:
        one = datasets.show(ledger, 1)[1]
    private = private_names.read(home, one.root)
    genres = {item.labels[0]: private[item.sha256].labels["genre"] for item in one.recordings}
    first, second = shell.json("model", "show", number)["labels"]
    assert first["dataset"] == 1 and set(first["fields"]) == {"genre", "artist", "work"}
    assert {each["number"]: each["name"] for each in first["fields"]["genre"]} == genres
    assert [each["number"] for each in first["fields"]["work"]] == list(range(1, 11))
    assert second == {"dataset": 2, "fields": {}}
    assert f"labels   1:genre  1 ({genres[1]}), 2 ({genres[2]})" in shell.run("model", "show", number).out
    stranger = Shell(home.path, {"STEMMATA_PASSPHRASE": ""}).run("model", "show", number).out
    assert "labels   1:work  1 to 10\n" in stranger and "march" not in stranger

    out = home.path.parent / "labelled.wav"
    making = ("generate", "--model", number, "--seconds", "3", "--out", str(out), "--key", "carl")
    for label, said in (
        ("genre=1", "learnt from the datasets 1, 2; say which, such as 1:genre=1"),
        ("3:genre=1", "learnt from 1, 2 alone"),
        ("1:genre=3", "knows 1 to 2 of dataset 1"),
        ("1:genre=0", "knows 1 to 2 of dataset 1"),
        ("1:era=1", "knows none of dataset 1"),
        ("2:genre=1", "knows none of dataset 2"),
    ):
        assert said in shell.refusal(*making, "--label", label, code=2)
    assert "asked for twice" in shell.refusal(*making, "--label", "1:genre=1", "--label", "1:genre=2", code=2)
    assert not out.exists()
    shell.json(*making, "--label", "1:genre=2", "--label", "1:work=10", "--repeat-limit", "99")
    assert drafts.find(home, Digest.of_file(out), out.name).claim.sampler["labels"] == "2,0,0,0,10,0"


@pytest.mark.slow
def test_labels_of_a_later_dataset_stand_behind_those_of_the_first(made: tuple[Home, Signer], tmp_path: Path) -> None:
    home, carl = made
    save(place(tmp_path / "third", "a.wav"), chords(6.0, 820))
    save(place(tmp_path / "third", "b.wav"), chords(6.0, 821))
    (tmp_path / "third" / "labels.csv").write_text("file,genre\na.wav,polka\nb.wav,reel\n", encoding="utf-8")
    third = datasets.add(
        home, tmp_path / "third", title="third", license_="MIT", terms=TERMS, signer=home.signer("anna"), now=now
    ).entry.id
    licenses.buy(home, "dataset", third, uses=("train",), signer=carl, now=now)
    done = training.train(home, [third, 1], preset=MICRO, seed=2, signer=carl, now=now)
    with home.ledger() as ledger:
        ids, records = (1, third), [datasets.show(ledger, number)[1] for number in (1, third)]
        asked = model_labels.Asked(third, "genre", 2)
        assert model_labels.moved(ledger, done.entry.id, [asked]) == (4, 0, 0, 0, 0, 0)
        assert [each.dataset for each in model_labels.known(home, ledger, done.entry.id)] == list(ids)
    # The same as training has it.
    with home.ledger() as ledger:
        chosen = [datasets.show(ledger, number) for number in ids]
    with ConfinedDecoder() as decoder:
        found = gather(sounds.of_datasets(home, chosen, decoder, signer=carl, now=now), MICRO, 2)
    (digest,) = (item.sha256.raw for item in records[1].recordings if item.labels[0] == 2)
    windows = [part for part in (found.train, found.validation, found.test) if part is not None]
    assert {source.labels[0] for part in windows for source in part.sources if source.digest == digest} == {4}


@pytest.mark.slow
def test_a_preset_of_ones_own_decides_and_is_recorded(made: tuple[Home, Signer], tmp_path: Path) -> None:
    home, _ = made
    path = tmp_path / "mine.yaml"
    values = {name: value for name, value in MICRO.to_dict().items() if name != "name"}
    values |= {"cleaning": {"lowest": 40.0}, "segment": {"seconds": 5.0, "overlap": 0.5}, "augment": {"gain": 3.0}}
    path.write_text(yaml.safe_dump(values))
    shell = Shell(home.path)
    done = shell.json("train", "--dataset", "2", "--preset", str(path), "--key", "carl")
    with home.ledger() as ledger:
        entry = ledger.contracts.model(done["model"])
        record = fetch(ledger.store, TrainingRunRecord, entry.cid, entry.record, entry.trainer)
    assert record.preset == "mine" and record.config["augment.gain"] == "3.0"
    assert record.config["cleaning.lowest"] == "40.0" and record.config["segment.overlap"] == "0.5"
    path.write_text("augment: {gian: 3.0}")
    said = shell.refusal("train", "--dataset", "2", "--preset", str(path), "--key", "carl")
    assert said.startswith("ConfigError: preset mine.yaml: augment.gian: unknown")


def test_progress_is_told_in_words() -> None:
    said = training.described(Progress(1, 3, "listening", math.nan, math.nan))
    assert said == "hearing recordings\t"
    assert (
        training.described(Progress(1, 3, "vocoder", 0.5, math.nan, 2.0)) == "training vocoder\tloss 0.500, 2.0 steps/s"
    )

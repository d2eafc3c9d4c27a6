"""A datasheet is valid Croissant by the library of those who made it, says what is true, and names nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from chords import chords
from shell import Shell
from story import PASSPHRASE, new_home, new_key

from api.home import Home
from api.settings import Settings
from api.workflows import datasets
from gen.audio import encode, save
from ledger.records import DatasetRecord

mlc = pytest.importorskip("mlcroissant", reason="the library that validates Croissant is not installed")

WORDS = ("--title", "Songs", "--license", "CC-BY-4.0", "--price", "0.1", "--share", "5", "--skip-bad")
LABELS = """file,genre,artist,era,work
one.wav,Waltz,Zelda Quux,1990s,Opus Secretum
two.wav,Polka,Yorick Plugh,,
three.wav,Polka,zelda quux,,
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = new_home(Settings(home=tmp_path_factory.mktemp("datasheet") / "home", passphrase=PASSPHRASE))
    new_key(made, "anna")
    return made


@pytest.fixture(scope="module")
def folder(home: Home) -> Path:
    """Three takes, a copy of one, and a file that is left out."""
    made = home.path.parent / "tapes"
    made.mkdir()
    for number, (name, seconds) in enumerate((("one", 6.0), ("two", 14.0), ("three", 15.0))):
        save(made / f"{name}.wav", chords(seconds, 600 + number))
    encode(made / "two again.mp3", chords(14.0, 601), 96)
    (made / "notes.wav").write_text("no sound at all")
    (made / "labels.csv").write_text(LABELS)
    assert Shell(home.path).json("dataset", "add", str(made), *WORDS, "--key", "anna")["recordings"] == 4
    return made


@pytest.fixture(scope="module")
def record(home: Home, folder: Path) -> DatasetRecord:
    with home.ledger() as ledger:
        return datasets.show(ledger, 1)[1]


@pytest.fixture
def sheet(home: Home, folder: Path, tmp_path: Path) -> Path:
    out = tmp_path / "sheet.json"
    done = Shell(home.path).json("dataset", "croissant", "1", "--out", str(out), "--labels", str(folder))
    assert done == {"dataset": 1, "file": str(out), "recordings": 4}
    return out


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_the_library_of_the_standard_reads_it_without_complaint(sheet: Path, record: DatasetRecord) -> None:
    found = mlc.Dataset(sheet)
    assert not found.metadata.ctx.issues.errors and not found.metadata.ctx.issues.warnings
    assert found.metadata.name == "Songs"
    assert [node.sha256 for node in found.metadata.distribution] == [
        str(item.content.sha256) for item in record.recordings
    ]
    rows = list(found.records("recordings"))
    assert [row["recordings/sha256"] for row in rows] == [str(item.sha256) for item in record.recordings]
    assert [row["recordings/seconds"] for row in rows] == pytest.approx(
        [item.frames / item.rate for item in record.recordings], abs=1e-3
    )
    responsible = found.metadata
    assert responsible.data_collection_type == ["Others"]
    assert responsible.data_collection_missing_data == "Left out, by reason: 1 x NotAudio."
    for field in ("data_biases", "data_limitations", "data_use_cases", "personal_sensitive_information"):
        assert getattr(responsible, field)


def test_digests_are_checked_when_what_they_name_is_loaded(
    home: Home, sheet: Path, record: DatasetRecord, tmp_path: Path
) -> None:
    """As somebody reads the ciphertexts who adds a record set for them."""
    said = read(sheet)
    said["distribution"][0]["encodingFormat"] = "text/plain"
    source = {"fileObject": {"@id": "recording-1"}, "extract": {"fileProperty": "content"}}
    field = {"@type": "cr:Field", "@id": "raw/bytes", "dataType": "sc:Text", "source": source}
    said["recordSet"].append({"@type": "cr:RecordSet", "@id": "raw", "field": [field]})
    ciphertext = tmp_path / "ciphertext"
    ciphertext.write_bytes(home.store().read_bytes(record.recordings[0].content.cid))
    loaded = mlc.Dataset(said, mapping={"recording-1": ciphertext})
    assert next(iter(loaded.records("raw")))["raw/bytes"] == ciphertext.read_bytes()
    data = bytearray(ciphertext.read_bytes())
    data[len(data) // 2] ^= 1
    ciphertext.write_bytes(data)
    with pytest.raises(Exception, match="Download\\(recording-1\\)") as refusal:
        list(mlc.Dataset(said, mapping={"recording-1": ciphertext}).records("raw"))
    assert "is not identical with the reference" in str(refusal.value.__cause__)


def test_it_counts_and_names_nobody(sheet: Path) -> None:
    said = read(sheet)
    assert said["rai:dataBiases"] == [
        "Counted: 3 takes, 0.6 min; copies of these left out: 1.",
        "By genre: Polka 83%, Waltz 17%, unknown 0%. Under-represented, with less than half of an even share: Waltz.",
        "By era: 1990s 17%, unknown 83%.",
        "By artist: 2 named, the most frequent 60%, unknown 0%.",
        "By composer: 0 named, unknown 100%.",
        "By region: 0 named, unknown 100%.",
    ]
    text = sheet.read_text().casefold()
    for name in ("zelda", "yorick", "secretum", "one.wav", "two again", "tapes"):
        assert name not in text


def test_every_address_is_where_the_ciphertext_is(sheet: Path, record: DatasetRecord) -> None:
    assert [part["contentUrl"] for part in read(sheet)["distribution"]] == [
        f"ipfs://{item.content.cid}" for item in record.recordings
    ]


def test_registration_writes_one_into_the_home(home: Home, folder: Path, tmp_path: Path) -> None:
    kept = home.path / "datasheets" / "dataset-1.json"
    assert not mlc.Dataset(kept).metadata.ctx.issues.errors
    out = tmp_path / "sheet.json"
    Shell(home.path).json("dataset", "croissant", "1", "--out", str(out))
    assert kept.read_bytes() == out.read_bytes()
    kept.unlink()
    again = Shell(home.path).json("dataset", "add", str(folder), *WORDS, "--key", "anna")
    assert (again["already"], again["datasheet"]) == (True, str(kept))
    assert kept.exists()


def test_other_terms_for_what_is_registered_are_pointed_to(home: Home, folder: Path) -> None:
    words = [word if word != "0.1" else "0.2" for word in WORDS]
    said = Shell(home.path).run("dataset", "add", str(folder), *words, "--key", "anna").out
    assert "stemmata dataset terms 1" in said
    assert "dataset terms" not in Shell(home.path).run("dataset", "add", str(folder), *WORDS, "--key", "anna").out


def test_a_folder_that_is_not_there_is_named(home: Home, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "none" / "sheet.json"
    said = Shell(home.path).refusal("dataset", "croissant", "1", "--out", str(out), code=2)
    assert said == f"UsageError: --out {out}: the folder {out.parent} does not exist; make it first"


def test_without_labels_it_says_so(home: Home, folder: Path, tmp_path: Path) -> None:
    shell, out = Shell(home.path), tmp_path / "sheet.json"
    shell.json("dataset", "croissant", "1", "--out", str(out))
    assert not mlc.Dataset(out).metadata.ctx.issues.errors
    said = read(out)
    assert "rai:dataBiases" not in said
    assert "Genre, era, region and the number of artists are not stated." in said["rai:dataLimitations"]
    assert said["rai:dataUseCases"][0] == "Licensed for: train."
    shell.json("dataset", "croissant", "1", "--out", str(out))  # the same again
    out.write_text("my own notes")
    assert shell.refusal("dataset", "croissant", "1", "--out", str(out), code=2).startswith("OutputExists: ")
    assert out.read_text() == "my own notes"


def test_a_folder_of_other_recordings_is_refused(home: Home, folder: Path, tmp_path: Path) -> None:
    save(tmp_path / "other.wav", chords(1.0, 9))
    words = ("dataset", "croissant", "1", "--out", str(tmp_path / "sheet.json"), "--labels", str(tmp_path))
    assert Shell(home.path).refusal(*words, code=2).endswith("holds none of the dataset's recordings")
    assert not (tmp_path / "sheet.json").exists()


def test_what_is_no_longer_for_sale_is_not_offered(home: Home, folder: Path, tmp_path: Path) -> None:
    shell = Shell(home.path)
    save(tmp_path / "last.wav", chords(3.0, 700))
    number = str(shell.json("dataset", "add", str(tmp_path), *WORDS, "--key", "anna")["dataset"])
    shell.json("dataset", "terms", number, "--allow", "mining=allowed", "--key", "anna")
    assert "mining allowed without a license" in shell.run("dataset", "show", number).out
    shell.json("dataset", "withdraw", number, "--key", "anna", "--yes")
    shown = shell.json("dataset", "show", number)
    assert (shown["uses"], shown["allow"]) == ([], {"mining": "notAllowed", "inference": "notAllowed"})
    out = tmp_path / "sheet.json"
    shell.json("dataset", "croissant", number, "--out", str(out))
    assert read(out)["rai:dataUseCases"] == [
        "No licenses are on sale.",
        "Without a license: data mining notAllowed, inference notAllowed (ERC-7517).",
    ]
    assert "has withdrawn consent" in read(out)["rai:dataReleaseMaintenancePlan"]
    assert "gets their key" in read(out)["description"]
    shell.json("dataset", "forget", number, "--recordings", "--yes")
    shell.json("dataset", "croissant", number, "--out", str(tmp_path / "after.json"))
    after = read(tmp_path / "after.json")
    assert "erased the key" in after["description"] and "erased the key" in after["rai:dataLimitations"][0]

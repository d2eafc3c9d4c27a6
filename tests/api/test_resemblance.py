"""Nobody registers a dataset under a second name: copies are known by their sound, and it is said whose they are."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from chords import chords
from shell import Shell
from story import PASSPHRASE, TERMS, new_home, new_key, now

from api.errors import ResemblesDataset
from api.home import Home
from api.settings import Settings
from api.workflows import datasets, offers
from api.workflows.datasets import Registered
from api.workflows.resemblance import is_own
from gen.audio import Waveform, encode, save
from ledger.address import Address
from ledger.cid import Cid

SECONDS = 14.0
WORDS = ("--title", "T", "--license", "CC0-1.0", "--price", "0.1", "--share", "5")


@pytest.fixture(scope="module")
def music() -> list[Waveform]:
    return [chords(SECONDS, 300 + number) for number in range(5)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, music: list[Waveform]) -> Home:
    """Where anna has registered the first three recordings, as dataset 1."""
    folder = tmp_path_factory.mktemp("resemblance")
    made = new_home(Settings(home=folder / "home", passphrase=PASSPHRASE))
    for name in ("anna", "ben"):
        new_key(made, name)
    (folder / "tapes").mkdir()
    for number, piece in enumerate(music[:3]):
        save(folder / "tapes" / f"{number}.wav", piece)
    assert add(made, folder / "tapes", "anna").entry.id == 1
    return made


@pytest.fixture
def copies(tmp_path: Path, music: list[Waveform]) -> Path:
    """Two of anna's recordings, as a pirate would have them, and one of the pirate's own."""
    folder = tmp_path / "mine"
    folder.mkdir()
    encode(folder / "my song.mp3", music[0], 96)
    later = music[1].samples[:, 30_000:] * np.float32(0.4)
    save(folder / "another.wav", Waveform(later, music[1].rate))
    save(folder / "really mine.wav", music[3])
    return folder


def add(home: Home, folder: Path, key: str, *, allow_overlap: bool = False) -> Registered:
    return datasets.add(
        Home(home.settings),
        folder,
        title="songs",
        license_="MIT",
        terms=TERMS,
        signer=home.signer(key),
        now=now,
        allow_overlap=allow_overlap,
    )


def count(home: Home) -> int:
    with home.ledger() as ledger:
        return len(ledger.contracts.datasets())


@pytest.mark.slow
def test_copies_of_somebodys_recordings_are_refused_by_name(home: Home, copies: Path) -> None:
    before = count(home)
    for allowed in (False, True):  # it is not the pirate's to allow
        with pytest.raises(ResemblesDataset) as refusal:
            add(home, copies, "ben", allow_overlap=allowed)
        said = str(refusal.value)
        anna = home.keystore().address("anna")
        assert said.startswith(f"2 of 3 recordings are those of dataset 1 (held by {anna}): ")
        assert "my song.mp3" in said and "another.wav" in said and "really mine" not in said
        assert said.endswith("Leave them out; nothing was registered")
    assert count(home) == before
    for name in ("my song.mp3", "another.wav"):
        (copies / name).unlink()
    done = add(home, copies, "ben")
    assert (done.recordings, done.overlaps, done.uncompared) == (1, (), ())


def test_the_same_samples_in_another_file_are_known_however_short(home: Home, tmp_path: Path) -> None:
    for key in ("anna", "ben"):
        (tmp_path / key).mkdir()
    save(tmp_path / "anna" / "jingle.wav", chords(1.0, 77))
    samples, rate = soundfile.read(tmp_path / "anna" / "jingle.wav", dtype="int16")
    soundfile.write(tmp_path / "ben" / "jingle.flac", samples, rate, subtype="PCM_16")
    first = add(home, tmp_path / "anna", "anna").entry.id
    with pytest.raises(ResemblesDataset, match=rf"1 of 1 recordings are those of dataset {first} \(held by"):
        add(home, tmp_path / "ben", "ben")


@pytest.mark.slow
def test_ones_own_may_overlap_if_one_says_so(home: Home, tmp_path: Path, music: list[Waveform]) -> None:
    folder = tmp_path / "remastered"
    folder.mkdir()
    for number in (0, 4):
        save(folder / f"{number}.wav", Waveform(np.tanh(2 * music[number].samples), 44100))
    said = Shell(home.path).refusal("dataset", "add", str(folder), *WORDS, "--key", "anna")
    assert said.startswith("ResemblesDataset: 1 of 2 recordings are those of dataset 1 (held by ")
    assert said.endswith(
        "0.wav. Leave them out, or register them once more with --allow-overlap; nothing was registered"
    )
    done = Shell(home.path).json("dataset", "add", str(folder), *WORDS, "--key", "anna", "--allow-overlap")
    assert (done["overlaps"], done["uncompared"]) == ([{"dataset": 1, "recordings": 1}], [])
    offers.withdraw(Home(home.settings), done["dataset"], signer=home.signer("anna"), confirm=lambda: None)
    save(folder / "5.wav", chords(SECONDS, 400))
    (folder / "0.wav").unlink()
    assert add(home, folder, "anna").overlaps == ()  # what is sold no more is no obstacle to its holder
    save(folder / "5.wav", chords(SECONDS, 401))
    with pytest.raises(
        ResemblesDataset, match=f"^1 of 2 recordings are those of dataset {done['dataset']} .*; 1 of 2 "
    ):
        add(home, folder, "ben")  # but to everybody else


def test_what_a_key_held_is_its_successors_own() -> None:
    anna, betty, carl, owner, nobody = (Address(bytes([number]) * 20) for number in range(1, 6))

    class Chain:
        """Where anna's key passed to betty, and betty's to carl."""

        def key_end(self, account: Address) -> SimpleNamespace | None:
            return {
                anna: SimpleNamespace(successor=betty),
                betty: SimpleNamespace(successor=carl),
                owner: SimpleNamespace(successor=nobody),
            }.get(account)

    entry = SimpleNamespace(holder=anna, owner=owner)
    assert all(is_own(Chain(), entry, account) for account in (anna, betty, carl, owner))  # type: ignore[arg-type]
    assert not is_own(Chain(), entry, nobody)  # type: ignore[arg-type]


def test_what_cannot_be_compared_is_said_and_stops_nobody(home: Home, tmp_path: Path) -> None:
    with home.ledger() as ledger:
        entry, record = datasets.show(ledger, 1)
    for number, lost in enumerate((Cid.parse(entry.cid), record.recordings[0].fingerprint.cid)):
        path = home.store().path(lost.digest)
        away = path.rename(path.with_suffix(".away"))
        folder = tmp_path / str(number)
        folder.mkdir()
        save(folder / "new.wav", chords(3.0, 500 + number))
        assert add(home, folder, "ben").uncompared == (1,)
        away.rename(path)
    said = Shell(home.path).run("dataset", "show", "1")
    assert said.code == 0

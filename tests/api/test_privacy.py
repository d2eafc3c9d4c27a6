"""No name leaks: planted wherever programs leave names, they are found in nothing that is stored, shared or sent."""

from __future__ import annotations

import base64
import json
import platform
import socket
from collections.abc import Iterator
from pathlib import Path

import planted
import pytest
from chords import chords
from story import MICRO, PASSPHRASE, TERMS, new_home, new_key, now

from api import private_names, report
from api.home import Home
from api.settings import Settings
from api.workflows import content_upkeep, datasets, generation, licenses, minting, training
from api.workflows.audit import audit
from gen.audio import load, save
from ledger.findings import Verdict

pytestmark = pytest.mark.slow

TITLE = "Tjejkvartett in public"
USER, HOST = "wolfgangerl", "kiosk-in-the-attic"
HOLDERS = "the holder's own folder"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    waves = [chords(12.0, 700 + number, channels=1) for number in range(5)]
    return planted.plant(tmp_path_factory.mktemp("ballroom-annex") / HOLDERS, waves)


@pytest.fixture(scope="module")
def words(source: Path) -> tuple[str, ...]:
    """All that must be found nowhere; the last folder's name is in ``planted.WORDS`` already."""
    real = [name for name in (socket.gethostname(), socket.getfqdn()) if len(name) > 5]
    return (*planted.WORDS, HOLDERS, str(source.parents[1]), "ballroom-annex", USER, HOST, *real)


@pytest.fixture(scope="module")
def made(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Everything that the whole way leaves: ``home``, and beside it the track, archives and a signed report."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("USER", "LOGNAME", "USERNAME"):
            patch.setenv(name, USER)
        patch.setenv("HOSTNAME", HOST)
        patch.setattr(socket, "gethostname", lambda: HOST)
        patch.setattr(platform, "node", lambda: HOST)
        patch.chdir(source.parent)
        home = new_home(Settings(home=folder / "home", passphrase=PASSPHRASE))
        anna, carl = new_key(home, "anna"), new_key(home, "carl")
        (source / "a letter.wav").write_text("Dear all")
        done = datasets.add(home, source, title=TITLE, license_="MIT", terms=TERMS, signer=anna, now=now, skip_bad=True)
        licenses.buy(home, "dataset", done.entry.id, uses=("train",), signer=carl, now=now)
        model = training.train(home, [done.entry.id], preset=MICRO, seed=1, signer=carl, now=now).entry
        track = folder / "track.wav"
        generation.generate(home, model.id, seconds=12, seed=5, creator=carl.address, out=track, now=now)
        minting.mint(home, track, signer=carl)
        piece = folder / "piece.wav"
        save(piece, load(track).excerpt(1, 11))
        outcome = audit(home, piece)
        assert outcome.verdict is Verdict.VERIFIED
        report.write_signed(folder / "report.json", outcome, carl, now())
        for kind, name in (("dataset", "1"), ("model", "1"), ("track", str(track))):
            content_upkeep.export(home, kind, name, folder / f"{kind}.car", lambda *said: None)
        yield folder


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_names_are_planted_and_the_search_finds_them(source: Path, tmp_path: Path) -> None:
    found = {word for path in files(source) for word in planted.leaks(path.read_bytes(), planted.WORDS)}
    assert found == {*planted.TAGS.values(), *planted.CHUNKS.values()}
    assert any(list(planted.file_times(path.read_bytes())) for path in files(source))
    assert {path.name for path in files(source)} >= set(planted.FILES)


def test_the_whole_way_leaves_everything_that_is_looked_at(made: Path) -> None:
    parts = {path.relative_to(made).parts[0] for path in files(made)}
    assert parts == {"home", "track.wav", "piece.wav", "report.json", "dataset.car", "model.car", "track.car"}
    homes = {path.relative_to(made / "home").parts[0] for path in files(made / "home")}
    assert homes >= {"chain", "content", "vault", "private", "intake", "models", "runs", "drafts", "keys"}
    records = [path for path in files(made / "home" / "content") if path.read_bytes()[:1] == b"{"]
    assert len(records) >= 4


def test_no_planted_name_is_anywhere_in_clear(made: Path, words: tuple[str, ...]) -> None:
    found = {
        (str(path.relative_to(made)), word) for path in files(made) for word in planted.leaks(path.read_bytes(), words)
    }
    assert found == set()


def test_no_file_time_is_anywhere_in_clear(made: Path) -> None:
    found = {
        (str(path.relative_to(made)), form) for path in files(made) for form in planted.file_times(path.read_bytes())
    }
    assert found == set()


def test_no_name_is_the_name_of_a_file(made: Path, words: tuple[str, ...]) -> None:
    names = "\n".join(str(path.relative_to(made)) for path in made.rglob("*")).encode()
    assert list(planted.leaks(names, words)) == []


def test_what_the_holder_says_in_public_is_found_where_it_was_said(made: Path) -> None:
    """Else the search would find nothing whatever there is."""
    told = {
        path.relative_to(made).parts[0 if path.parent == made else 1]
        for path in files(made)
        if list(planted.leaks(path.read_bytes(), (TITLE,)))
    }
    assert told == {"content", "dataset.car", "model.car", "track.car", "report.json"}


def test_the_holder_has_the_names(made: Path, source: Path) -> None:
    home = Home(Settings(home=made / "home", passphrase=PASSPHRASE))
    with home.ledger() as ledger:
        root = ledger.contracts.dataset(1).root
    assert {name.text for name in private_names.read(home, root).values()} == {*planted.FILES, "a letter.wav"}


@pytest.mark.parametrize("word", [planted.TAGS["artist"], planted.CHUNKS["ID3 in WAV"], HOST])
def test_a_leak_in_any_dress_is_found(word: str) -> None:
    envelope = json.dumps({"payload": base64.b64encode(json.dumps({"title": word}).encode()).decode()})
    dresses = [word.encode(), word.upper().encode() if word.isascii() else word.encode(), word.encode("utf-16-le")]
    dresses += [word.encode("utf-16-be"), word.encode().hex().encode(), envelope.encode(), json.dumps([word]).encode()]
    dresses += [base64.b64encode(b"x" * before + word.encode() + b"yy") for before in range(4)]
    for dress in dresses:
        assert list(planted.leaks(b"\0\1" + dress, (word,))) or list(planted.leaks(dress, (word,))), dress

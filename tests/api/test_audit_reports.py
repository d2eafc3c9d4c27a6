"""``audit``'s ways to say it to people, by command."""

from __future__ import annotations

from pathlib import Path

import pytest
from chords import chords
from reported import WHEN, audited
from shell import Shell
from story import Story

from api.home import Home
from api.reports.writing import deliver
from api.settings import Settings
from gen.audio import save


@pytest.mark.slow
def test_a_track_is_reported_in_every_form_and_in_spanish(story: Story, shell: Shell, tmp_path: Path) -> None:
    html, pdf = tmp_path / "r.html", tmp_path / "r.pdf"
    done = shell.run("audit", str(story.track), "--html", str(html), "--pdf", str(pdf), "--lang", "es")
    assert done.code == 0, done.err
    assert done.out.startswith("veredicto: verificado\n  es el mismo archivo que consta en el registro (seguro)\n")
    assert "└─ pista " in done.out and "con licencia para entrenamiento" in done.out
    page = html.read_text(encoding="utf-8")
    assert '<html lang="es">' in page and "titular del conjunto de datos 2" in page
    assert pdf.read_bytes().startswith(b"%PDF")


@pytest.mark.slow
def test_who_is_owed_what_is_left_open_where_no_chain_answers(story: Story, tmp_path: Path) -> None:
    """The chain answers the audit, and is gone when the report asks it for shares."""
    away = Home(Settings(home=tmp_path / "home", rpc_url="http://127.0.0.1:9", deployment=tmp_path / "none"))
    for home, why in ((away, "could not be read"), (None, "the chain was not asked")):
        deliver(home, story.track, audited(), language="en", when=WHEN, html=tmp_path / "r.html")
        assert why in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_a_sound_that_is_gone_by_then_is_said_to_be(tmp_path: Path) -> None:
    deliver(
        None,
        tmp_path / "gone.wav",
        audited(),
        language="en",
        when=WHEN,
        html=tmp_path / "r.html",
        pdf=tmp_path / "r.pdf",
    )
    assert "The sound could not be drawn: gone.wav" in (tmp_path / "r.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "audit one of FILE, --batch DIR and --watch DIR; nothing was given"),
        (("FILE", "--batch", "DIR"), "FILE and --batch was given"),
        (("--batch", "DIR", "--watch", "DIR"), "--batch and --watch was given"),
        (("FILE", "--out", "DIR"), "--out, --each and --workers go with --batch or --watch"),
        (("--batch", "DIR", "--html", "r.html"), "--html and --pdf go with FILE"),
        (("FILE", "--pdf", "nowhere/r.pdf"), "the folder nowhere does not exist"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_work(tmp_path: Path, words: tuple[str, ...], why: str) -> None:
    save(tmp_path / "a.wav", chords(1.0, 1))
    places = {"FILE": str(tmp_path / "a.wav"), "DIR": str(tmp_path)}
    said = Shell(tmp_path / "home").refusal("audit", *(places.get(word, word) for word in words), code=2)
    assert why in said
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]

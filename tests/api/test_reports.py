"""The page and the document: whole, in both languages, and deaf to whatever a stranger wrote."""

from __future__ import annotations

import ast
import base64
import io
import re
import string
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reported import CLAIM, Story, reported, tone

from api.reports import stemma
from api.reports.html import page
from api.reports.outline import absent, clock
from api.reports.paper import COLOURS
from api.reports.pdf import document
from api.reports.picture import COLUMNS, LOWEST_HZ, ROWS, look, png
from api.reports.texts import LANGUAGES, TABLES, Language, Texts
from gen.waveform import Waveform
from ledger.conclusions import Case
from ledger.findings import Finding, Status, Verdict

ROOT = Path(__file__).parent.parent.parent
ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title><svg onload=alert(1)>",
    "javascript:alert(1)",
    "{{ 7*7 }}{% raw %}{nb}",
    "\u202egnp.exe\x00\x1b[2J\n</style><style>*{display:none}",
)


class Page(HTMLParser):
    """Elements, attributes and text, as a browser would see them."""

    VOID = frozenset({"meta", "img"})

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def text_of(pdf: bytes) -> str:
    from pypdf import PdfReader

    return "\n".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(pdf)).pages)


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_forms_say_all_there_is(language: Language) -> None:
    report, t = reported(language=language), Texts(language)
    said = [
        t("verdict.invalid"),
        t("meaning.invalid"),
        t("certainty.chance", chance="9.1e-13"),
        t("case.license_missing")[1:],
        t("mark", mark=f"{t('points_to')} {str(CLAIM)[:12]}…", start="0:01.0", end="0:06.5"),
        t("measure.speed", value="1.020"),
        t("measure.distance", value="0.125"),
        f"{t('node.dataset')} 2",
        t("node.license.missing", number=2),
        t("role.dataset", number=1),
        "0x000102030405060708090A0b0C0D0e0F101112ff",
        "0.1 ETH",
        t("unchecked"),
        t("check.co-signature"),
        *(t(f"status.{status.value}") for status in Status),
    ]
    html = page(report, "1.0")
    shown = " ".join(Page(html).text.split())
    bound = " ".join(text_of(document(report, "1.0")).split())
    assert [words for words in said if words.lower() not in shown.lower()] == []
    assert [words for words in said if words.lower() not in bound.lower()] == []
    assert f'<html lang="{language}">' in html


@pytest.mark.parametrize("language", LANGUAGES)
def test_recordings_that_are_not_here_are_told_of_under_the_verdict(language: Language) -> None:
    def held(*counts: tuple[int, int]) -> list[Finding]:
        said = [f"{here} of {all_} encrypted recordings are in the store" for here, all_ in counts]
        found = [Finding("recordings", Status.NOTE, f"dataset {number}", text) for number, text in enumerate(said)]
        return found + found[:1]  # a dataset behind two tracks is looked at twice, and counts once

    t = Texts(language)
    assert absent(held((3, 3), (4, 4)), t) == absent([], t) == ""
    assert absent(held((0, 40), (0, 7)), t) == t("absent.all")
    said = absent(held((1, 40), (7, 7)), t)
    assert said == t("absent", missing=39, count=47)
    report = replace(reported(language=language), absent=said)
    assert said in " ".join(Page(page(report, "1.0")).text.split())
    assert said in " ".join(text_of(document(report, "1.0")).split())


def test_each_box_of_the_chain_has_the_outcome_of_its_own_checks() -> None:
    boxes = {box.name: (box.status, depth) for depth, box in reported().chains[0].flat()}
    assert boxes == {
        f"track {str(CLAIM)[:12]}…": (Status.OK, 0),
        "model 1": (Status.OK, 1),
        "dataset 1": (Status.UNVERIFIABLE, 2),
        "license 1": (Status.OK, 3),
        "dataset 2": (Status.WARNING, 2),
        "dataset 2: no license": (Status.INVALID, 3),
    }


def test_a_page_asks_for_nothing_and_runs_nothing() -> None:
    source = page(reported(), "1.0")
    seen = Page(source)
    assert not {"script", "link", "iframe", "object", "embed", "form", "base", "a", "audio", "video"} & set(seen.tags)
    assert [value for _, name, value in seen.attributes if name.startswith("on") or name in ("style", "href")] == []
    assert [value[:22] for _, name, value in seen.attributes if name == "src"] == ["data:image/png;base64,"]
    assert re.findall(r"(?:https?:)?//[a-z]", re.sub('base64,[^"]*', "", source)) == []
    assert "url(" not in source.replace("url(#hatch)", "") and "@import" not in source
    policy = next(value for _, name, value in seen.attributes if name == "content" and "default-src" in value)
    assert "default-src 'none'" in policy and "unsafe" not in policy


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_a_stranger_wrote_has_no_meaning(attack: str) -> None:
    # A record's title has no control characters, or it would not be read.
    title = attack if attack.isprintable() else "x"
    report = reported(Story(title, attack, attack))
    plain, hostile = Page(page(reported(), "1.0")), Page(page(report, "1.0"))
    assert hostile.tags == plain.tags
    assert Counter((tag, name) for tag, name, _ in hostile.attributes) == Counter(
        (tag, name) for tag, name, _ in plain.attributes
    )
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", hostile.text)
    said = attack.partition("\u202e")[2][:7] or attack
    assert said in hostile.text
    if title == attack:
        assert attack in " ".join(hostile.text.split("\n"))


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2) of ``#rrggbb``."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_colour_of_words_stands_out_from_its_ground() -> None:
    style = (ROOT / "api" / "reports" / "templates" / "report.css").read_text()
    colours = dict(re.findall(r"--([a-z]+):(#[0-9a-f]{3,6})", style))
    grounds = [luminance("#ffffff"), luminance(colours["wash"])]
    assert {"ink", "quiet", "ok", "note", "warning", "invalid", "unverifiable"} <= set(colours)
    for name in ("ink", "quiet", "ok", "note", "warning", "invalid", "unverifiable"):
        assert min((ground + 0.05) / (luminance(colours[name]) + 0.05) for ground in grounds) >= 4.5, name
    printed = {status.value: "#" + bytes(colour).hex() for status, colour in COLOURS.items()}
    assert printed == {status.value: colours[status.value] for status in Status}


def test_letters_of_any_script_reach_the_document_or_are_named() -> None:
    title = "Música Ωδή 音楽"
    bound = text_of(document(reported(Story(title=title)), "1.0"))
    assert "Música" in bound
    assert "Ωδή" in bound or "\\u03a9\\u03b4\\u03ae" in bound
    assert "音楽" in bound or "\\u97f3\\u697d" in bound


def test_a_document_counts_its_pages_and_takes_no_ones_word_for_it() -> None:
    bound = text_of(document(reported(Story(name="{nb} pages")), "1.0"))
    assert "Audit of {nb} pages" in bound
    assert "page 2 of 3" in bound


def test_the_same_report_is_the_same_file() -> None:
    assert document(reported(), "1.0") == document(reported(), "1.0")
    assert page(reported(), "1.0") == page(reported(), "1.0")


def test_the_document_names_its_language_and_parts() -> None:
    from pypdf import PdfReader

    read = PdfReader(io.BytesIO(document(reported(language="es"), "1.0")))
    assert read.trailer["/Root"]["/Lang"] == "es"
    assert read.metadata is not None and read.metadata.title == "Auditoría de song.mp3"
    assert [part.title for part in read.outline][:2] == ["Veredicto", "El archivo"]  # type: ignore[union-attr]


# -- words


def test_both_tables_have_every_text_with_the_same_places() -> None:
    def places(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}

    english, spanish = TABLES["en"], TABLES["es"]
    assert set(english) == set(spanish)
    assert {key for key in english if places(english[key]) != places(spanish[key])} == set()
    assert {key for key in english if not english[key].strip() and key != "details"} == set()
    for table in TABLES.values():
        assert {f"case.{case.name.lower()}" for case in Case} <= set(table)
        assert {f"verdict.{one.value}" for one in Verdict} | {f"status.{one.value}" for one in Status} <= set(table)


def checks_named_in(path: Path) -> set[str]:
    """Names given to findings as literals: to ``Finding`` itself, or to a method that makes one."""
    named: set[str] = set()
    for call in ast.walk(ast.parse(path.read_bytes())):
        if not isinstance(call, ast.Call) or not call.args:
            continue
        called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        first = call.args[0]
        if called in ("Finding", "_ok", "_note", "_invalid", "_say", "_agree") and isinstance(first, ast.Constant):
            named.add(str(first.value))
    return named


def test_every_check_has_a_name_in_every_language() -> None:
    named = {
        name
        for room in ("ledger", "api")
        for path in (ROOT / room).rglob("*.py")
        if b"Finding" in path.read_bytes()
        for name in checks_named_in(path)
    }
    assert {"record", "token", "fingerprint", "co-signature"} <= named
    assert {name for name in named if f"check.{name}" not in TABLES["es"]} == set()


# -- pictures


def test_a_picture_shows_where_it_is_loud_and_how_high_it_sounds() -> None:
    rate = 44_100
    time = np.arange(rate * 8) / rate
    loud = np.where(time < 4, 0.1, 0.8) * np.sin(2 * np.pi * 1000 * time)
    picture = look(Waveform(loud[np.newaxis].astype(np.float32), rate))
    assert picture.spectrogram.shape == (ROWS, COLUMNS)
    assert np.allclose(picture.highs[: COLUMNS // 2 - 5], 0.1, atol=0.01)
    assert np.allclose(picture.lows[COLUMNS // 2 + 5 :], -0.8, atol=0.01)
    row = int(picture.spectrogram[:, COLUMNS * 3 // 4].argmax())
    heard = picture.highest * (LOWEST_HZ / picture.highest) ** (row / ROWS)
    assert 950 < heard < 1050


@pytest.mark.parametrize(("frames", "rate"), [(1, 8000), (3, 2000), (700, 44_100), (5000, 192_000)])
def test_even_the_shortest_sound_has_a_picture(frames: int, rate: int) -> None:
    picture = look(Waveform(np.full((2, frames), 0.25, dtype=np.float32), rate))
    assert len(picture.highs) == min(frames, COLUMNS)
    assert picture.spectrogram.shape == (ROWS, COLUMNS)


def test_the_spectrogram_is_a_png_that_others_read() -> None:
    picture = look(tone(1.0))
    image = Image.open(io.BytesIO(png(picture)))
    image.load()
    assert image.size == (COLUMNS, ROWS)
    assert np.array_equal(np.asarray(image), picture.spectrogram)
    lightness = np.asarray(image.convert("L"), dtype=int)
    assert lightness[picture.spectrogram == 255].min() > lightness[picture.spectrogram == 0].max()


def test_the_page_carries_that_picture() -> None:
    report = reported()
    assert report.picture is not None
    assert base64.b64encode(png(report.picture)).decode() in page(report, "1.0")


def test_no_box_overlaps_another_and_no_words_leave_theirs() -> None:
    drawn = stemma.draw(reported(Story(title="W" * 200)).chains[0])
    for above, below in zip(drawn.boxes, drawn.boxes[1:], strict=False):
        assert above.y + above.height < below.y
    for one in drawn.boxes:
        assert all(one.y < baseline < one.y + one.height for baseline, _ in one.texts)
        assert all(len(text) < 50 for _, text in one.texts)
    assert drawn.boxes[-1].y + drawn.boxes[-1].height < drawn.height


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0:00.0"), (7.54, "0:07.5"), (187.5, "3:07.5"), (59.97, "1:00.0"), (3723.2, "1:02:03")]
)
def test_places_in_a_sound_are_said_as_a_clock_does(seconds: float, said: str) -> None:
    assert clock(seconds) == said

"""A report as a document: PDF with real text, an outline, and drawings in vectors (ISO 32000; by fpdf2).

It names a language and a title, and every word in it can be copied and searched. Its text is not tagged by structure
(PDF/UA): for a reader of screens the page is the better form.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from api.reports import stemma
from api.reports.html import SIGN_OF
from api.reports.outline import Line, Report, clock
from api.reports.picture import LOWEST_HZ, png
from ledger.findings import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fpdf import FPDF

    from api.reports.outline import Owing
    from api.reports.picture import Picture
    from api.reports.provenance import Box

_COLOURS: Final = {
    Status.OK: (26, 127, 55),
    Status.NOTE: (87, 96, 106),
    Status.WARNING: (138, 75, 0),
    Status.INVALID: (179, 38, 30),
    Status.UNVERIFIABLE: (91, 63, 176),
}
_INK: Final = (27, 31, 36)
_QUIET: Final = (87, 96, 106)
_RULE: Final = (208, 215, 222)
_MARK: Final = (10, 111, 143)
_MARKED: Final = (207, 232, 239)
_WASH: Final = (246, 248, 250)
_MARGIN: Final = 18.0  # mm, as all below
_LEADING: Final = 5.2
# Faces with more letters than the built-in ones, where systems have them: plain and bold.
_FACES: Final = (
    ("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf"),
    ("/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf", "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans-Bold.ttf"),
    ("/Library/Fonts/Arial Unicode.ttf", "/Library/Fonts/Arial Unicode.ttf"),
    ("C:/Windows/Fonts/arial.ttf", "C:/Windows/Fonts/arialbd.ttf"),
)
_FEW: Final = "cp1252"  # the letters of the built-in faces


def document(report: Report, version: str) -> bytes:
    """The report as a PDF file. ``version`` is that of this software.

    Letters that no face here has are written as their code points. Needs the extra ``report``.
    """
    return _Document(report, version).bytes()


class _Document:
    """The document while it is written, from its top to its end."""

    def __init__(self, report: Report, version: str) -> None:
        self.report, self.t = report, report.texts
        self.pdf, self.legible = _blank(report, version)
        self.width = self.pdf.epw

    def bytes(self) -> bytes:
        self._verdict()
        self._facts()
        self._sound()
        self._witnesses()
        self._chains()
        self._owing()
        self._unchecked()
        self._findings()
        return bytes(self.pdf.output())

    # -- parts

    def _verdict(self) -> None:
        t, pdf, verdict = self.t, self.pdf, self.report.verdict
        self._size(9, _QUIET, bold=True)
        self._write("STEMMATA")
        self._size(17, bold=True)
        self._write(t("title", name=self.report.name), 7.5)
        pdf.ln(3)
        pdf.start_section(self.legible(t("verdict")))
        status = SIGN_OF[verdict]
        top = pdf.y
        self._sign(pdf.l_margin + 6, top + 6.5, 6, status)
        with self._indented(16):
            self._size(18, _COLOURS[status], bold=True)
            self._write(t(f"verdict.{verdict.value}"), 8)
            self._size(10.5)
            self._write(t(f"meaning.{verdict.value}"))
        pdf.ln(3)
        for said in self.report.conclusions:
            self._signed(SIGN_OF[said.verdict], t(f"verdict.{said.verdict.value}"), said.text)
            with self._indented(8):
                self._size(9, _QUIET)
                self._write(f"{t('certainty')}: {said.certainty}", 4.6)
                for why in said.because:
                    self._write(f"- {why}", 4.6)
            pdf.ln(1.5)

    def _facts(self) -> None:
        self._heading(self.t("facts"))
        for name, value in self.report.facts:
            self._size(10, _QUIET)
            self.pdf.cell(28, _LEADING, self.legible(name))
            self._size(10)
            self._write(value)

    def _sound(self) -> None:
        t, picture = self.t, self.report.picture
        self._heading(t("sound"))
        self._size(10)
        if picture is None:
            self._write(t("no_sound", why=self.report.no_picture))
        else:
            length = clock(picture.seconds)
            self._write(f"{t('waveform')}. {t('waveform.said', length=length)}")
            self._wave(picture)
            high = round(picture.highest)
            said = t("spectrogram.said", low=round(LOWEST_HZ), high=high, length=length)
            self._room(45)
            self._write(f"{t('spectrogram')}. {said}")
            shown = io.BytesIO(png(picture))
            self.pdf.image(shown, w=self.width, h=32, alt_text=t("spectrogram"))
            self._ticks(picture)
        self._size(10, bold=True)
        self._write(t("marks"))
        self._size(10)
        for stretch in self.report.stretches:
            self._write(f"- {stretch.label}")
        if not self.report.stretches:
            self._write(t("marks.none"))

    def _witnesses(self) -> None:
        t = self.t
        self._heading(t("evidence"))
        for one in self.report.witnesses:
            self._room(16)
            self._size(10, bold=True)
            self._write(one.layer)
            self._size(10)
            self._write(one.detail)
            self._size(9, _QUIET)
            self._write(", ".join(filter(None, (f"{t('points_to')}: {one.track}", one.where, one.measures))))
            self.pdf.ln(1.5)
        if not self.report.witnesses:
            self._size(10)
            self._write(t("evidence.none"))

    def _chains(self) -> None:
        self._heading(self.t("chain"))
        self._size(10)
        self._write(self.t("chain.said" if self.report.chains else "chain.none"))
        for chain in self.report.chains:
            self._chain(chain)

    def _owing(self) -> None:
        self._heading(self.t("royalties"))
        for owing in self.report.owing:
            self._size(10)
            self._write(owing.text)
            if owing.rows:
                self._table(owing)
        if not self.report.owing:
            self._size(10)
            self._write(self.t("royalties.none"))

    def _unchecked(self) -> None:
        self._heading(self.t("unchecked"))
        if not self.report.unchecked:
            self._size(10)
            self._write(self.t("unchecked.none"))
        for line in self.report.unchecked:
            self._finding(line)

    def _findings(self) -> None:
        self._heading(self.t("findings"))
        self._size(10)
        self._write(f"{self.t('findings.said')} {self.t('details')}")
        for line in self.report.findings:
            self._finding(line)

    # -- pieces

    def _finding(self, line: Line) -> None:
        self._signed(line.status, self.t(f"status.{line.status.value}"), f"{line.check}: {line.subject}")
        with self._indented(8):
            self._size(9, _QUIET)
            self._write(line.detail, 4.6)
        self.pdf.ln(1)

    def _signed(self, status: Status, word: str, text: str) -> None:
        """A sign, its word in its colour, and a text beside it."""
        self._room(14)
        self._sign(self.pdf.l_margin + 2.6, self.pdf.y + 2.6, 2.2, status)
        with self._indented(8):
            self._size(10, _COLOURS[status], bold=True)
            self.pdf.write(_LEADING, self.legible(f"{word}  "))
            self._size(10)
            self.pdf.write(_LEADING, self.legible(text))
            self.pdf.ln(_LEADING)

    def _sign(self, x: float, y: float, radius: float, status: Status) -> None:
        """A disc with a tick, a cross, or a letter's sign in white."""
        pdf = self.pdf
        pdf.set_fill_color(*_COLOURS[status])
        pdf.circle(x, y, radius, style="F")
        pdf.set_draw_color(255)
        with pdf.local_context(line_width=radius * 0.2):
            for points in _STROKES[status]:
                pdf.polyline([(x + across * radius, y + down * radius) for across, down in points])
        pdf.set_draw_color(*_RULE)

    def _wave(self, picture: Picture) -> None:
        pdf, height = self.pdf, 26.0
        self._room(height + 8)
        left, top, middle = pdf.l_margin, pdf.y, pdf.y + height / 2
        pdf.set_fill_color(*_WASH)
        pdf.rect(left, top, self.width, height, style="F")
        for stretch in self.report.stretches:
            begin = left + self.width * stretch.start / picture.seconds
            wide = self.width * (stretch.end - stretch.start) / picture.seconds
            pdf.set_fill_color(*_MARKED)
            pdf.rect(begin, top, wide, height, style="F")
            pdf.set_fill_color(*_MARK)
            pdf.rect(begin, top, wide, 1, style="F")
        scale = self.width / len(picture.lows)
        tops = [
            (left + x * scale, middle - max(0.1, min(1.0, high) * height / 2)) for x, high in enumerate(picture.highs)
        ]
        ends = [
            (left + x * scale, middle - min(-0.1, max(-1.0, low) * height / 2)) for x, low in enumerate(picture.lows)
        ]
        pdf.set_fill_color(*_INK)
        pdf.polygon([*tops, *reversed(ends)], style="F")
        pdf.set_y(top + height)
        self._ticks(picture)

    def _ticks(self, picture: Picture) -> None:
        pdf = self.pdf
        self._size(8, _QUIET)
        for place, align in enumerate("LLCRR"):
            pdf.set_x(pdf.l_margin + place * self.width / 5)
            pdf.cell(self.width / 5, 4.5, clock(picture.seconds * place / 4), align=align)
        pdf.ln(7)
        self._size(10)

    def _chain(self, chain: Box) -> None:
        pdf, drawn = self.pdf, stemma.draw(chain)
        scale = min(self.width, 112.0) / stemma.WIDTH
        points = scale * 72 / 25.4
        # On one page if it fits on any.
        if pdf.h - pdf.t_margin - pdf.b_margin > drawn.height * scale:
            self._room(drawn.height * scale)
        previous = pdf.y
        for one in drawn.boxes:
            if previous + one.height * scale > pdf.h - pdf.b_margin - 2:
                pdf.add_page()
                previous = pdf.t_margin
            y = previous
            shift = y - one.y * scale
            left, right = pdf.l_margin + one.x * scale, pdf.l_margin + (one.x + one.width) * scale
            if one.stem is not None:
                stem, begin = pdf.l_margin + one.stem[0] * scale, max(pdf.t_margin, one.stem[1] * scale + shift)
                pdf.set_draw_color(140, 149, 159)
                pdf.polyline([(stem, begin), (stem, y + 18 * scale), (left, y + 18 * scale)])
            pdf.set_draw_color(*_COLOURS[one.box.status])
            pdf.set_fill_color(255)
            pdf.rect(left, y, right - left, one.height * scale, style="FD", round_corners=True, corner_radius=1.6)
            self._sign(left + 21 * scale, y + 18 * scale, 9.5 * scale, one.box.status)
            self._size(stemma.TITLE * points, bold=True)
            pdf.text(pdf.l_margin + one.left * scale, shift + one.baseline * scale, self.legible(one.title))
            word = self.legible(self.t(f"status.{one.box.status.value}"))
            self._size(stemma.TEXT * points, _COLOURS[one.box.status], bold=True)
            pdf.text(right - 12 * scale - pdf.get_string_width(word), shift + one.baseline * scale, word)
            self._size(stemma.TEXT * points)
            for baseline, text in one.texts:
                pdf.text(pdf.l_margin + one.left * scale, shift + baseline * scale, self.legible(text))
            previous = y + one.height * scale + 14 * scale
        pdf.set_y(previous)
        self._size(10)

    def _table(self, owing: Owing) -> None:
        self._size(8.5)
        self.pdf.set_fill_color(255)
        heads = [self.t(key) for key in ("payee", "role", "part", "due")]
        with self.pdf.table(
            col_widths=(48, 26, 12, 14),
            text_align=("LEFT", "LEFT", "RIGHT", "RIGHT"),
            borders_layout="HORIZONTAL_LINES",
        ) as table:
            for cells in (heads, *owing.rows):
                row = table.row()
                for cell in cells:
                    row.cell(self.legible(cell))
        self.pdf.ln(2)

    # -- words

    def _heading(self, text: str) -> None:
        self.pdf.ln(4)
        self._room(24)
        self.pdf.start_section(self.legible(text))
        self._size(13, bold=True)
        self._write(text, 7.5)

    def _write(self, text: str, leading: float = _LEADING) -> None:
        self.pdf.multi_cell(0, leading, self.legible(text), align="LEFT", new_x="LMARGIN", new_y="NEXT")

    def _size(self, points: float, colour: tuple[int, int, int] = _INK, *, bold: bool = False) -> None:
        self.pdf.set_font(style="B" if bold else "", size=points)
        self.pdf.set_text_color(*colour)

    def _room(self, height: float) -> None:
        """Go to the next page if so much is not left on this one."""
        if self.pdf.will_page_break(height):
            self.pdf.add_page()

    @contextmanager
    def _indented(self, by: float) -> Iterator[None]:
        pdf = self.pdf
        pdf.set_left_margin(pdf.l_margin + by)
        pdf.set_x(pdf.l_margin)
        yield
        pdf.set_left_margin(pdf.l_margin - by)
        pdf.set_x(pdf.l_margin)


# Strokes of each sign within a disc of radius 1.
_STROKES: Final[dict[Status, tuple[list[tuple[float, float]], ...]]] = {
    Status.OK: ([(-0.47, 0.05), (-0.14, 0.38), (0.47, -0.37)],),
    Status.INVALID: ([(-0.38, -0.38), (0.38, 0.38)], [(0.38, -0.38), (-0.38, 0.38)]),
    Status.WARNING: ([(0, -0.55), (0, 0.15)], [(0, 0.42), (0, 0.55)]),
    Status.NOTE: ([(-0.38, 0), (0.38, 0)],),
    Status.UNVERIFIABLE: (
        [(-0.3, -0.26), (-0.2, -0.48), (0, -0.56), (0.22, -0.46), (0.28, -0.26), (0.14, -0.08), (0, 0.04), (0, 0.2)],
        [(0, 0.44), (0, 0.56)],
    ),
}


def _blank(report: Report, version: str) -> tuple[FPDF, Callable[[str], str]]:
    """An empty document with its type and foot, and what makes a text legible in that type."""
    from fpdf import FPDF

    texts = report.texts

    class Paper(FPDF):
        def footer(self) -> None:
            self.set_y(-13)
            self.set_font(size=8)
            self.set_text_color(*_QUIET)
            self.cell(0, 5, texts("made.document", version=version))
            self.set_x(self.l_margin)
            self.cell(0, 5, texts("page", number=self.page_no(), pages="{nb}"), align="R")

    pdf = Paper(format="A4")
    pdf.set_margins(_MARGIN, _MARGIN)
    pdf.set_auto_page_break(True, 18)
    pdf.core_fonts_encoding = _FEW
    pdf.set_lang(texts.language)
    pdf.set_title(texts("title", name=report.name))
    pdf.set_creator(f"Stemmata {version}")
    # The moment of the audit, so that the same report is the same file.
    pdf.set_creation_date(datetime.fromisoformat(report.facts[-1][1]).astimezone(UTC))
    face = next((pair for pair in _FACES if all(Path(path).is_file() for path in pair)), None)
    if face is None or _has_letters(repr(replace(report, picture=None))):
        pdf.set_font("Helvetica", size=10)
        legible = _folding(_has_letters)
    else:
        pdf.add_font("face", "", face[0])
        pdf.add_font("face", "B", face[1])
        letters = {chr(code) for code in pdf.fonts["face"].cmap}  # type: ignore[union-attr]
        pdf.set_font("face", size=10)
        legible = _folding(letters.issuperset)
    pdf.add_page()
    return pdf, legible


def _has_letters(text: str) -> bool:
    """Whether the built-in faces can write a text."""
    try:
        text.encode(_FEW)
    except UnicodeEncodeError:
        return False
    return True


def _folding(known: Callable[[str], bool]) -> Callable[[str], str]:
    """Keeps what can be written, and writes the rest as code points."""
    return lambda text: "".join(sign if known(sign) else ascii(sign)[1:-1] for sign in text)

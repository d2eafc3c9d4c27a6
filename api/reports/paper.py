"""The paper that a report is written on: its type, its signs, its foot, and room on each page (by fpdf2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from api.reports.outline import Report
from ledger.findings import Status

if TYPE_CHECKING:
    from fpdf import FPDF

COLOURS: Final = {
    Status.OK: (26, 127, 55),
    Status.NOTE: (87, 96, 106),
    Status.WARNING: (138, 75, 0),
    Status.INVALID: (179, 38, 30),
    Status.UNVERIFIABLE: (91, 63, 176),
}
INK: Final = (27, 31, 36)
QUIET: Final = (87, 96, 106)
RULE: Final = (208, 215, 222)
MARK: Final = (10, 111, 143)
MARKED: Final = (207, 232, 239)
WASH: Final = (246, 248, 250)
_MARGIN: Final = 18.0  # mm, as all below
LEADING: Final = 5.2
# Faces with more letters than the built-in ones, where systems have them: plain and bold.
_FACES: Final = (
    ("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf"),
    ("/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf", "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans-Bold.ttf"),
    ("/Library/Fonts/Arial Unicode.ttf", "/Library/Fonts/Arial Unicode.ttf"),
    ("C:/Windows/Fonts/arial.ttf", "C:/Windows/Fonts/arialbd.ttf"),
)
# Stands for the number of pages until it is known; no text of a stranger has it, since it cannot be seen.
_PAGES: Final = "\x7f"
_FEW: Final = "cp1252"  # the letters of the built-in faces


class Paper:
    """A document while it is written, from its top to its end; lengths are in mm, sizes of type in points."""

    def __init__(self, report: Report, version: str) -> None:
        self.t = report.texts
        self.pdf, self.legible = _blank(report, version)
        self.width = self.pdf.epw

    def heading(self, text: str) -> None:
        """The head of a part, which the outline lists."""
        self.pdf.ln(4)
        self.room(24)
        self.pdf.start_section(self.legible(text))
        self.size(13, bold=True)
        self.write(text, 7.5)

    def signed(self, status: Status, word: str, text: str) -> None:
        """A sign, its word in its colour, and a text beside it."""
        self.room(14)
        self.sign(self.pdf.l_margin + 2.6, self.pdf.y + 2.6, 2.2, status)
        with self.indented(8):
            self.size(10, COLOURS[status], bold=True)
            self.pdf.write(LEADING, self.legible(f"{word}  "))
            self.size(10)
            self.pdf.write(LEADING, self.legible(text))
            self.pdf.ln(LEADING)

    def sign(self, x: float, y: float, radius: float, status: Status) -> None:
        """A disc with a tick, a cross, or a letter's sign in white."""
        pdf = self.pdf
        pdf.set_fill_color(*COLOURS[status])
        pdf.circle(x, y, radius, style="F")
        pdf.set_draw_color(255)
        with pdf.local_context(line_width=radius * 0.2):
            for points in _STROKES[status]:
                pdf.polyline([(x + across * radius, y + down * radius) for across, down in points])
        pdf.set_draw_color(*RULE)

    def write(self, text: str, leading: float = LEADING) -> None:
        """Words over as many lines as they need."""
        self.pdf.multi_cell(0, leading, self.legible(text), align="LEFT", new_x="LMARGIN", new_y="NEXT")

    def size(self, points: float, colour: tuple[int, int, int] = INK, *, bold: bool = False) -> None:
        """Choose the type for what follows."""
        self.pdf.set_font(style="B" if bold else "", size=points)
        self.pdf.set_text_color(*colour)

    def room(self, height: float) -> None:
        """Go to the next page if so much is not left on this one."""
        if self.pdf.will_page_break(height):
            self.pdf.add_page()

    @contextmanager
    def indented(self, by: float) -> Iterator[None]:
        """What is written within begins further in."""
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

    class Sheets(FPDF):
        def footer(self) -> None:
            self.set_y(-13)
            self.set_font(size=8)
            self.set_text_color(*QUIET)
            self.cell(0, 5, texts("made.document", version=version))
            self.set_x(self.l_margin)
            self.cell(0, 5, texts("page", number=self.page_no(), pages=_PAGES), align="R")

    pdf = Sheets(format="A4")
    pdf.alias_nb_pages(_PAGES)
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

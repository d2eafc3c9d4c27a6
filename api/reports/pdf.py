"""A report as a document: PDF with real text, an outline, and drawings in vectors (ISO 32000; by fpdf2).

It names a language and a title, and every word in it can be copied and searched. Its text is not tagged by structure
(PDF/UA): for a reader of screens the page is the better form.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from api.reports import stemma
from api.reports.html import SIGN_OF
from api.reports.outline import Line, Report, clock
from api.reports.paper import COLOURS, INK, LEADING, MARK, MARKED, QUIET, WASH, Paper
from api.reports.picture import LOWEST_HZ, png

if TYPE_CHECKING:
    from api.reports.outline import Owing
    from api.reports.picture import Picture
    from api.reports.provenance import Box


def document(report: Report, version: str) -> bytes:
    """The report as a PDF file. ``version`` is that of this software.

    Letters that no face here has are written as their code points. Needs the extra ``report``.
    """
    return _Document(report, version).bytes()


class _Document(Paper):
    """The document while it is written, from its top to its end."""

    def __init__(self, report: Report, version: str) -> None:
        super().__init__(report, version)
        self.report = report

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
        self.size(9, QUIET, bold=True)
        self.write("STEMMATA")
        self.size(17, bold=True)
        self.write(t("title", name=self.report.name), 7.5)
        pdf.ln(3)
        pdf.start_section(self.legible(t("verdict")))
        status = SIGN_OF[verdict]
        top = pdf.y
        self.sign(pdf.l_margin + 6, top + 6.5, 6, status)
        with self.indented(16):
            self.size(18, COLOURS[status], bold=True)
            self.write(t(f"verdict.{verdict.value}"), 8)
            self.size(10.5)
            self.write(t(f"meaning.{verdict.value}"))
            if self.report.absent:
                self.write(self.report.absent)
        pdf.ln(3)
        for said in self.report.conclusions:
            self.signed(SIGN_OF[said.verdict], t(f"verdict.{said.verdict.value}"), said.text)
            with self.indented(8):
                self.size(9, QUIET)
                self.write(f"{t('certainty')}: {said.certainty}", 4.6)
                for why in said.because:
                    self.write(f"- {why}", 4.6)
            pdf.ln(1.5)

    def _facts(self) -> None:
        self.heading(self.t("facts"))
        for name, value in self.report.facts:
            self.size(10, QUIET)
            self.pdf.cell(28, LEADING, self.legible(name))
            self.size(10)
            self.write(value)

    def _sound(self) -> None:
        t, picture = self.t, self.report.picture
        self.heading(t("sound"))
        self.size(10)
        if picture is None:
            self.write(t("no_sound", why=self.report.no_picture))
        else:
            length = clock(picture.seconds)
            self.write(f"{t('waveform')}. {t('waveform.said', length=length)}")
            self._wave(picture)
            high = round(picture.highest)
            said = t("spectrogram.said", low=round(LOWEST_HZ), high=high, length=length)
            self.room(45)
            self.write(f"{t('spectrogram')}. {said}")
            shown = io.BytesIO(png(picture))
            self.pdf.image(shown, w=self.width, h=32, alt_text=t("spectrogram"))
            self._ticks(picture)
        self.size(10, bold=True)
        self.write(t("marks"))
        self.size(10)
        for stretch in self.report.stretches:
            self.write(f"- {stretch.label}")
        if not self.report.stretches:
            self.write(t("marks.none"))

    def _witnesses(self) -> None:
        t = self.t
        self.heading(t("evidence"))
        for one in self.report.witnesses:
            self.room(16)
            self.size(10, bold=True)
            self.write(one.layer)
            self.size(10)
            self.write(one.detail.text)
            self.size(9, QUIET)
            self.write(", ".join(filter(None, (f"{t('points_to')}: {one.track}", one.where, one.measures))))
            self.pdf.ln(1.5)
        if not self.report.witnesses:
            self.size(10)
            self.write(t("evidence.none"))

    def _chains(self) -> None:
        self.heading(self.t("chain"))
        self.size(10)
        self.write(self.t("chain.said" if self.report.chains else "chain.none"))
        for chain in self.report.chains:
            self._chain(chain)

    def _owing(self) -> None:
        self.heading(self.t("royalties"))
        for owing in self.report.owing:
            self.size(10)
            self.write(owing.text)
            if owing.rows:
                self._table(owing)
        if not self.report.owing:
            self.size(10)
            self.write(self.t("royalties.none"))

    def _unchecked(self) -> None:
        self.heading(self.t("unchecked"))
        if not self.report.unchecked:
            self.size(10)
            self.write(self.t("unchecked.none"))
        for line in self.report.unchecked:
            self._finding(line)

    def _findings(self) -> None:
        self.heading(self.t("findings"))
        self.size(10)
        self.write(f"{self.t('findings.said')} {self.t('details')}")
        for line in self.report.findings:
            self._finding(line)

    # -- pieces

    def _finding(self, line: Line) -> None:
        self.signed(line.status, self.t(f"status.{line.status.value}"), f"{line.check}: {line.subject}")
        with self.indented(8):
            self.size(9, QUIET)
            self.write(line.detail.text, 4.6)
        self.pdf.ln(1)

    def _wave(self, picture: Picture) -> None:
        pdf, height = self.pdf, 26.0
        self.room(height + 8)
        left, top, middle = pdf.l_margin, pdf.y, pdf.y + height / 2
        pdf.set_fill_color(*WASH)
        pdf.rect(left, top, self.width, height, style="F")
        for stretch in self.report.stretches:
            begin = left + self.width * stretch.start / picture.seconds
            wide = self.width * (stretch.end - stretch.start) / picture.seconds
            pdf.set_fill_color(*MARKED)
            pdf.rect(begin, top, wide, height, style="F")
            pdf.set_fill_color(*MARK)
            pdf.rect(begin, top, wide, 1, style="F")
        scale = self.width / len(picture.lows)
        tops = [
            (left + x * scale, middle - max(0.1, min(1.0, high) * height / 2)) for x, high in enumerate(picture.highs)
        ]
        ends = [
            (left + x * scale, middle - min(-0.1, max(-1.0, low) * height / 2)) for x, low in enumerate(picture.lows)
        ]
        pdf.set_fill_color(*INK)
        pdf.polygon([*tops, *reversed(ends)], style="F")
        pdf.set_y(top + height)
        self._ticks(picture)

    def _ticks(self, picture: Picture) -> None:
        pdf = self.pdf
        self.size(8, QUIET)
        for place, align in enumerate("LLCRR"):
            pdf.set_x(pdf.l_margin + place * self.width / 5)
            pdf.cell(self.width / 5, 4.5, clock(picture.seconds * place / 4), align=align)
        pdf.ln(7)
        self.size(10)

    def _chain(self, chain: Box) -> None:
        pdf, drawn = self.pdf, stemma.draw(chain)
        scale = min(self.width, 112.0) / stemma.WIDTH
        points = scale * 72 / 25.4
        # On one page if it fits on any.
        if pdf.h - pdf.t_margin - pdf.b_margin > drawn.height * scale:
            self.room(drawn.height * scale)
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
            pdf.set_draw_color(*COLOURS[one.box.status])
            pdf.set_fill_color(255)
            pdf.rect(left, y, right - left, one.height * scale, style="FD", round_corners=True, corner_radius=1.6)
            self.sign(left + 21 * scale, y + 18 * scale, 9.5 * scale, one.box.status)
            self.size(stemma.TITLE * points, bold=True)
            pdf.text(pdf.l_margin + one.left * scale, shift + one.baseline * scale, self.legible(one.title))
            word = self.legible(self.t(f"status.{one.box.status.value}"))
            self.size(stemma.TEXT * points, COLOURS[one.box.status], bold=True)
            pdf.text(right - 12 * scale - pdf.get_string_width(word), shift + one.baseline * scale, word)
            self.size(stemma.TEXT * points)
            for baseline, text in one.texts:
                pdf.text(pdf.l_margin + one.left * scale, shift + baseline * scale, self.legible(text))
            previous = y + one.height * scale + 14 * scale
        pdf.set_y(previous)
        self.size(10)

    def _table(self, owing: Owing) -> None:
        self.size(8.5)
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

"""A report as one page: nothing is fetched, nothing is run, and nothing that a stranger wrote has a meaning in it.

Whatever comes in is escaped by the template engine; beyond that, the page forbids its reader's browser all but its own
style sheet, by digest, and pictures within the page (Content Security Policy 3).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from api.reports import stemma
from api.reports.outline import Line, Report, Stretch, clock
from api.reports.picture import LOWEST_HZ, png
from ledger.findings import Status, Verdict

if TYPE_CHECKING:
    from api.reports.picture import Picture

HEIGHT: Final = 120.0
"""Height of the waveform in units of its drawing; its width is one unit a column."""
_TICKS: Final = 5
SIGN_OF: Final = {
    Verdict.VERIFIED: Status.OK,
    Verdict.UNKNOWN: Status.NOTE,
    Verdict.INVALID: Status.INVALID,
    Verdict.UNVERIFIABLE: Status.UNVERIFIABLE,
}
"""The sign that stands for a verdict."""


def page(report: Report, version: str) -> str:
    """The report as HTML. ``version`` is that of this software."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("api.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = environment.get_template("report.css").render()
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    picture = report.picture
    return environment.get_template("report.html").render(
        report=report,
        t=report.texts,
        version=version,
        style=style,
        policy=f"default-src 'none'; style-src 'sha256-{allowed}'; img-src data:; base-uri 'none'; form-action 'none'",
        sign_of=SIGN_OF,
        stemmas=[stemma.draw(chain) for chain in report.chains],
        sizes=stemma,
        by_subject=_by_subject(report.findings),
        height=HEIGHT,
        wave="" if picture is None else _outline_of(picture),
        columns=0 if picture is None else len(picture.lows),
        marks=() if picture is None else _marks(picture, report.stretches),
        ticks=() if picture is None else [clock(picture.seconds * n / (_TICKS - 1)) for n in range(_TICKS)],
        lowest=round(LOWEST_HZ),
        spectrogram="" if picture is None else base64.b64encode(png(picture)).decode(),
    )


def _outline_of(picture: Picture) -> str:
    """The waveform as the path of its outline: along the tops, and back along the bottoms."""
    middle = HEIGHT / 2
    # Two units of thickness at least, so that silence is a line.
    tops = [(x + 0.5, middle - max(1.0, min(1.0, float(high)) * middle)) for x, high in enumerate(picture.highs)]
    bottoms = [(x + 0.5, middle + max(1.0, min(1.0, -float(low)) * middle)) for x, low in enumerate(picture.lows)]
    return "M" + "L".join(f"{x:g} {y:.1f}" for x, y in [*tops, *reversed(bottoms)]) + "Z"


def _marks(picture: Picture, stretches: Sequence[Stretch]) -> list[tuple[float, float]]:
    """Marked stretches in units of the drawing: where each begins, and how wide it is."""
    scale = len(picture.lows) / picture.seconds
    return [
        (round(one.start * scale, 1), round(max(1.0, (one.end - one.start) * scale), 1))
        for one in stretches
        if one.end > one.start
    ]


def _by_subject(lines: Sequence[Line]) -> list[tuple[str, list[Line]]]:
    """Findings under what they are about, in the order in which each came first."""
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(line.subject, []).append(line)
    return list(groups.items())

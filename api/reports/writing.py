"""Write the reports of one audit: the sound looked at, the shares read, the page and the document laid out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from api.errors import DocumentMissing
from api.home import Home
from api.outputs import require_folder
from api.reports.outline import outline
from api.reports.texts import Language, Texts

if TYPE_CHECKING:
    from api.reports.picture import Picture
    from api.workflows.audit import Audit
    from api.workflows.royalties import Account


def ready(*, html: Path | None, pdf: Path | None) -> None:
    """See before the work that what is asked for can be written. Raises UsageError, and DocumentMissing for PDF."""
    for option, path in (("--html", html), ("--pdf", pdf)):
        if path is not None:
            require_folder(path, option)
    if pdf is not None and find_spec("fpdf") is None:
        raise DocumentMissing("PDF needs fpdf2; in the project's folder: pip install '.[report]'")


def deliver(
    home: Home | None,
    audio: Path,
    outcome: Audit,
    *,
    language: Language,
    when: datetime,
    html: Path | None = None,
    pdf: Path | None = None,
) -> None:
    """Write the report of an audit of the file ``audio`` as a page, a document, or both; each whole or not at all.

    What cannot be read any more is said in it. ``home`` tells who is owed what; None asks no chain, and says so.
    Raises OSError. The document needs the extra ``report`` (:func:`ready`).
    """
    from ledger import file

    if html is None and pdf is None:
        return
    made = version("stemmata")
    said = outline(
        outcome,
        audio.name,
        texts=Texts(language),
        when=when,
        picture=_picture(audio),
        accounts={} if home is None else _accounts(home, outcome),
    )
    if html is not None:
        from api.reports.html import page

        content = page(said, made).encode()
        file.write(html, lambda out: out.write(content), mode=0o644)
    if pdf is not None:
        from api.reports.pdf import document

        bound = document(said, made)
        file.write(pdf, lambda out: out.write(bound), mode=0o644)


def _picture(audio: Path) -> Picture | str:
    """The sound to look at; or, of a file that was changed or lost since it was audited, why there is none."""
    from api.reports.picture import look
    from gen.audio import load
    from gen.errors import AudioError

    try:
        return look(load(audio))
    except AudioError as error:
        return str(error)


def _accounts(home: Home, outcome: Audit) -> Mapping[int, Account | str]:
    """The shares of each track that was found, by token, or why they could not be read."""
    from api.workflows import royalties
    from ledger.errors import LedgerError

    found: dict[int, Account | str] = {}
    if not outcome.tracks:
        return found
    try:
        with home.ledger() as ledger:
            for node in (node for node in outcome.tracks if node.entry.anchored is None):
                found[node.entry.id] = royalties.show(ledger, f"{node.entry.id:016x}")
    except (LedgerError, OSError) as error:
        found |= {node.entry.id: str(error) for node in outcome.tracks if node.entry.id not in found}
    return found

"""The European Commission's template for the public summary of training content, filled in as far as the records go.

Source: the annex to the Commission's communication C(2025) 5235 of 24 July 2025 (Regulation (EU) 2024/1689, Article
53(1)(d)). Numbers and titles of sections are the template's, in its order; questions and answers are in our own words.
What no record holds is left open, for the provider to fill in. The duty is that of providers of general-purpose models,
which a music model of this size is not: for others the summary is a courtesy.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from api.exports.names import Names
    from api.exports.whole import WholeDataset, WholeModel

TITLE = "Public summary of training content"
SOURCE = "Template of the European Commission, 24 July 2025; Regulation (EU) 2024/1689, Article 53(1)(d)"
OPEN = "left open: no record says this, the provider has to"
# Hours of audio, section 1.3: below the first, from one to the other, above the second.
_BINS = (10_000, 1_000_000)
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~&])")


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the template: its number, its title, and pairs of a question and its answer.

    An answer is a text, a list of texts, or None where it is left open.
    """

    number: str
    title: str
    answers: tuple[tuple[str, str | list[str] | None], ...] = ()


def sections(node: WholeModel, names: Names, provider: str | None = None) -> tuple[Section, ...]:
    """The template, filled in for a model. ``provider`` is name and contact, which no record holds."""
    return (*_general(node, names, provider), *_sources(node, names), *_processing(node))


def as_json(filled: tuple[Section, ...]) -> dict[str, Any]:
    """One object; an answer that is left open is null."""
    return {
        "title": TITLE,
        "template": SOURCE,
        "sections": [
            {
                "number": section.number,
                "title": section.title,
                "answers": [{"question": question, "answer": answer} for question, answer in section.answers],
            }
            for section in filled
        ],
    }


def as_markdown(filled: tuple[Section, ...]) -> str:
    """For people, and for whatever makes pages of Markdown."""
    lines = [f"# {TITLE}", "", f"{SOURCE}."]
    for section in filled:
        lines += ["", f"{'#' * (2 + section.number.count('.'))} {section.number} {section.title}"]
        for question, answer in section.answers:
            if isinstance(answer, list):
                lines += ["", f"**{question}:**", "", *(f"- {_plain(item)}" for item in answer)]
            else:
                lines += ["", f"**{question}:** {f'*{OPEN}*' if answer is None else _plain(answer)}"]
    return "\n".join(lines) + "\n"


def as_html(filled: tuple[Section, ...]) -> str:
    """One page without scripts, styles from elsewhere, or any other request."""
    body = [f"<h1>{TITLE}</h1>", f"<p>{SOURCE}.</p>"]
    for section in filled:
        level = 2 + section.number.count(".")
        body.append(f"<h{level}>{section.number} {section.title}</h{level}>")
        if section.answers:
            body.append("<dl>")
            body += [f"<dt>{question}</dt>{_definitions(answer)}" for question, answer in section.answers]
            body.append("</dl>")
    style = "body{font-family:sans-serif;max-width:50em;margin:2em auto;padding:0 1em}dt{font-weight:bold}"
    head = f'<meta charset="utf-8"><title>{TITLE}</title><style>{style}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(body) + "\n</body></html>\n"


def _general(node: WholeModel, names: Names, provider: str | None) -> tuple[Section, ...]:
    record = node.record
    hours = sum(each.seconds for each in node.datasets) / 3600
    number = sum(len(each.record.recordings) for each in node.datasets)
    parents = [f"{names.model(each.id)}, record sha256:{each.record}" for each in record.parents]
    newest = max((each.record.created for each in node.datasets), default=None)
    return (
        Section("1", "General information"),
        Section(
            "1.1",
            "Provider identification",
            (
                ("Provider's name and contact", provider),
                ("Authorised representative", None),
                ("Account that trained the model", names.account(record.trainer)),
            ),
        ),
        Section(
            "1.2",
            "Model identification",
            (
                ("Model", f"{names.model(node.entry.id)}, weights sha256:{record.weights}"),
                ("Models that it began from", parents or "none"),
                ("Placed on the Union market", None),
            ),
        ),
        Section(
            "1.3",
            "Modalities, overall training data size and other characteristics",
            (
                ("Modality", "audio"),
                ("Size", f"{_bin(hours)}: {hours:.2f} hours in {number} recordings"),
                ("Types of content", "music recordings, registered by their rights holders"),
                ("Latest registration of a dataset", None if newest is None else f"{newest[5:7]}/{newest[:4]}"),
                ("Trained on after that", "no: a model that is recorded never changes"),
                ("Languages", None),
            ),
        ),
    )


def _sources(node: WholeModel, names: Names) -> tuple[Section, ...]:
    licensed = [_dataset(each, names) for each in node.datasets if each.license is not None]
    own = [_dataset(each, names) for each in node.datasets if each.license is None]
    alone = "no: the training read the datasets of section 2 and nothing else"
    return (
        Section("2", "List of data sources"),
        Section(
            "2.1",
            "Publicly available datasets",
            (("Used", "no: every dataset here is encrypted, and opens for licensees"),),
        ),
        Section("2.2", "Private non-publicly available datasets obtained from third parties"),
        Section(
            "2.2.1",
            "Datasets commercially licensed by rightsholders or their representatives",
            (("Licensed", licensed or "none"),),
        ),
        Section("2.2.2", "Private datasets obtained from other third parties", (("Obtained", "none"),)),
        Section(
            "2.3",
            "Data crawled and scraped from online sources",
            (("Crawled", f"{alone}; how a holder came by a recording is not recorded"),),
        ),
        Section("2.4", "User data", (("Used", alone),)),
        Section(
            "2.5",
            "Synthetic data",
            (("Used", f"{alone}; whether a holder's recordings were made by AI is not recorded"),),
        ),
        Section("2.6", "Other sources of data", (("The provider's own datasets", own or "none"),)),
    )


def _processing(node: WholeModel) -> tuple[Section, ...]:
    withdrawn = [str(each.entry.id) for each in node.datasets if not each.entry.consent]
    since = f"; consent was withdrawn since for dataset {', '.join(withdrawn)}" if withdrawn else ""
    return (
        Section("3", "Data processing aspects"),
        Section(
            "3.1",
            "Respect of reservation of rights from text and data mining exception or limitation",
            (
                ("Signatory of the Code of Practice for general-purpose AI models", None),
                (
                    "Measures",
                    "No exception is relied on: the contract that records a model refuses one without a "
                    f"license for training from every dataset that is not the trainer's own{since}.",
                ),
            ),
        ),
        Section("3.2", "Removal of illegal content", (("Measures", None),)),
        Section(
            "3.3",
            "Other information",
            (
                (
                    "How to check this",
                    f"The signed record of the training is ipfs://{node.entry.cid}, sha256:{node.entry.record}; it "
                    "names datasets and licenses by digests that are on chain.",
                ),
            ),
        ),
    )


def _dataset(node: WholeDataset, names: Names) -> str:
    record, license_ = node.record, node.license
    under = ""
    if license_ is not None:
        paid = "bought" if license_.price else "for nothing"
        under = f", under license {license_.id}, {paid}"
    many = f"{len(record.recordings)} recordings, {node.seconds / 3600:.2f} hours"
    return f"{record.title}: {many}, audio, held by {record.holder}{under} ({names.dataset(node.entry.id)})"


def _bin(hours: float) -> str:
    low, high = _BINS
    if hours < low:
        return "less than 10,000 hours"
    return "10,000 to 1 million hours" if hours <= high else "more than 1 million hours"


def _plain(text: str) -> str:
    """A text whose signs mean nothing to Markdown."""
    return _MARKDOWN.sub(r"\\\1", text)


def _definitions(answer: str | list[str] | None) -> str:
    if answer is None:
        return f"<dd><em>{OPEN}</em></dd>"
    return "".join(f"<dd>{html.escape(item)}</dd>" for item in ([answer] if isinstance(answer, str) else answer))

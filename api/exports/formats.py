"""The formats by name: what each can be made of, and how."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from api.errors import UsageError
from api.exports import cyclonedx, ddex, prov, rsl, slsa, spdx, tdmrep, training_summary

if TYPE_CHECKING:
    from api.exports.names import Names
    from api.exports.whole import Whole, WholeDataset, WholeModel, WholeTrack
    from ledger.preferences import Preferences


@dataclass(frozen=True, slots=True)
class Wish:
    """What a format needs beyond the records.

    now: for what depends on it, such as whether a license is on sale. suffix: of the file to be written, with its dot,
    or nothing. erased: whether the key of a dataset's recordings was erased here. locations: paths or URLs where the
    recordings are published. terms: the URL where a license is to be had. dpid: a DDEX party id. provider: name and
    contact of a model's provider.
    """

    now: datetime
    suffix: str = ""
    erased: bool = False
    locations: tuple[str, ...] = ()
    terms: str | None = None
    dpid: str | None = None
    provider: str | None = None


Maker = Callable[[Any, "Names", Wish], str]
_WEB = ("https://", "http://")
_LONGEST_TEXT = 2000


@dataclass(frozen=True, slots=True)
class Format:
    """``title`` says what it is; ``makers`` make its text, by the kind of what it is made of; of a wish it heeds the
    parts ``takes``."""

    title: str
    makers: Mapping[str, Maker]
    takes: tuple[str, ...] = ()


def check(name: str, kind: str, wish: Wish) -> None:
    """Raise :class:`UsageError` for a kind or a wish that the format knows nothing of."""
    known = FORMATS[name]
    if kind not in known.makers:
        raise UsageError(f"--as {name} is made of a {' or a '.join(known.makers)}, not of a {kind}")
    said = {
        "locations": ("location", wish.locations),
        "terms": ("terms", _given(wish.terms)),
        "dpid": ("dpid", _given(wish.dpid)),
        "provider": ("provider", _given(wish.provider)),
    }
    for part, (option, texts) in said.items():
        if texts and part not in known.takes:
            raise UsageError(f"--{option} does not go with --as {name}, which would not say it")
        for text in texts:
            _check_text(option, text)
    if wish.terms is not None and not wish.terms.startswith(_WEB):
        raise UsageError(f"--terms {wish.terms}: give a URL, https://…")
    for place in wish.locations:
        # RFC 9309, section 2.2.2: a path begins at the root. TDMRep speaks of the server it lies on, and of no other.
        if not place.startswith("/" if name == "tdmrep" else ("/", *_WEB)):
            expected = (
                "a path on the server, /…" if name == "tdmrep" else "a path on the server, /…, or a URL, https://…"
            )
            raise UsageError(f"--location {place}: give {expected}")


def _given(text: str | None) -> tuple[str, ...]:
    return () if text is None else (text,)


def _check_text(option: str, text: str) -> None:
    """Neither XML nor JSON in UTF-8 can say every string: no control characters, no bytes that are no text."""
    from ledger.errors import MalformedRecord
    from ledger.records import checks

    try:
        checks.text(f"--{option}", text, _LONGEST_TEXT)
    except MalformedRecord as error:
        raise UsageError(str(error)) from None


def make(name: str, kind: str, node: Whole, names: Names, wish: Wish) -> str:
    """The text of a format, of what :func:`check` lets pass."""
    return FORMATS[name].makers[kind](node, names, wish)


def _json(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _plain(make: Callable[[Any, Names], object]) -> Maker:
    """Of a function that needs no more than the records."""
    return lambda node, names, wish: _json(make(node, names))


def _croissant(node: WholeDataset, names: Names, wish: Wish) -> str:
    from api.workflows.datasheet import datasheet

    return _json(datasheet(node.entry, node.record, None, erased=wish.erased))


def _ddex(node: WholeTrack, names: Names, wish: Wish) -> str:
    if wish.dpid is None:
        raise UsageError("--as ddex: a DDEX message names who sends it; give your party id with --dpid")
    return ddex.text(node, names, wish.dpid)


def _summary(node: WholeModel, names: Names, wish: Wish) -> str:
    filled = training_summary.sections(node, names, wish.provider)
    if wish.suffix == ".json":
        return _json(training_summary.as_json(filled))
    return (training_summary.as_html if wish.suffix == ".html" else training_summary.as_markdown)(filled)


def _preferences(node: WholeDataset, names: Names, wish: Wish) -> Preferences:
    from ledger.preferences import Preferences

    document = wish.terms or names.dataset(node.entry.id)
    return Preferences.of(node.entry.terms, consent=node.entry.consent, now=wish.now, document=document)


def _cawg(node: WholeDataset, names: Names, wish: Wish) -> str:
    return _json(_preferences(node, names, wish).assertion())


def _erc7517(node: WholeDataset, names: Names, wish: Wish) -> str:
    return _json(_preferences(node, names, wish).metadata())


def _rsl(node: WholeDataset, names: Names, wish: Wish) -> str:
    said, holder = _preferences(node, names, wish), names.account(node.record.holder)
    if wish.locations:
        return rsl.text(said, wish.locations, holder, encrypted=False)
    stored = [f"ipfs://{item.content.cid}" for item in node.record.recordings]
    return rsl.text(said, stored, holder, encrypted=True)


def _tdmrep(node: WholeDataset, names: Names, wish: Wish) -> str:
    if not wish.locations:
        raise UsageError("--as tdmrep speaks of paths on a web server: say with --location where the recordings are")
    said = _preferences(node, names, wish)
    return _json([rule for place in wish.locations for rule in tdmrep.rules(said, place, wish.terms)])


FORMATS: Mapping[str, Format] = {
    "prov": Format(
        "W3C PROV (PROV-JSON)",
        {"track": _plain(prov.of_track), "model": _plain(prov.of_model), "dataset": _plain(prov.of_dataset)},
    ),
    "slsa": Format("SLSA provenance v1 (in-toto)", {"track": _plain(slsa.of_track), "model": _plain(slsa.of_model)}),
    "cyclonedx": Format(
        "CycloneDX 1.6 ML-BOM", {"track": _plain(cyclonedx.of_track), "model": _plain(cyclonedx.of_model)}
    ),
    "spdx": Format(
        "SPDX 3.0.1 (AI, Dataset)",
        {"track": _plain(spdx.of_track), "model": _plain(spdx.of_model), "dataset": _plain(spdx.of_dataset)},
    ),
    "croissant": Format("Croissant 1.0", {"dataset": _croissant}),
    "ddex": Format("DDEX ERN 4.3.2, AI disclosure", {"track": _ddex}, ("dpid",)),
    "training-summary": Format("the EU's public summary of training content", {"model": _summary}, ("provider",)),
    "cawg": Format("cawg.training-mining 1.1", {"dataset": _cawg}, ("terms",)),
    "erc7517": Format("ERC-7517", {"dataset": _erc7517}, ("terms",)),
    "rsl": Format("RSL 1.0", {"dataset": _rsl}, ("locations", "terms")),
    "tdmrep": Format("TDMRep", {"dataset": _tdmrep}, ("locations", "terms")),
}

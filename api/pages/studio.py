"""The studio: what a reader may play, and how a form's wishes become a request for music."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from api import terms as words
from api.amounts import percent_from_ppm
from api.errors import InstrumentMissing, UsageError
from api.home import Home, Ledger

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.contracts import ModelEntry

Access = Literal["instrument", "own", "licensed", "price", "closed"]

STYLE: Final = "style-"
"""What the fields of a form with a dataset's weight begin with; its number follows."""


@dataclass(frozen=True, slots=True)
class Style:
    """One of a model's datasets: its title where its record is here, and its weight to begin with, 0 to 100."""

    id: int
    title: str | None
    weight: int


@dataclass(frozen=True, slots=True)
class Model:
    """A model as a reader may play it.

    access: it is the instrument, the reader's own, licensed, on sale, or not to be had. money: the price of a
    license for people; None where none is on sale. terms: what its buyer agrees to, as the job ``license`` reads it.
    """

    id: int
    access: Access
    money: str | None
    terms: Mapping[str, str]
    styles: tuple[Style, ...]

    @property
    def titles(self) -> str:
        """What it was trained on, in a few words."""
        return ", ".join(one.title.partition(":")[0] for one in self.styles if one.title is not None)

    @property
    def playable(self) -> bool:
        """Whether the reader may ask it for music."""
        return self.access not in ("price", "closed")


def models(home: Home, ledger: Ledger, entries: Iterable[ModelEntry], reader: Address) -> tuple[Model, ...]:
    """The models as a reader may play them, those first that need nothing more."""
    found = [_model(ledger, entry, reader, _instrument(home, ledger)) for entry in entries]
    return tuple(sorted(found, key=lambda one: (not one.playable, one.access == "closed")))


def _model(ledger: Ledger, entry: ModelEntry, reader: Address, instrument: int | None) -> Model:
    from api.workflows import models

    share = max(ppm for _, ppm in entry.datasets)
    styles = tuple(Style(number, models.title(ledger, number), ppm * 100 // share) for number, ppm in entry.datasets)
    offered = "generate" in entry.terms.uses
    access: Access = "price" if offered else "closed"
    if entry.id == instrument:
        access = "instrument"
    elif entry.owner == reader:
        access = "own"
    elif ledger.contracts.is_licensed("model", entry.id, reader, "generate"):
        access = "licensed"
    price, token = entry.terms.price, entry.terms.currency
    terms = {
        "price": words.amount(price, token),
        "currency": words.ETHER if token is None else str(token),
        "share": percent_from_ppm(entry.terms.royalty_ppm),
        "until": entry.terms.until or words.NEVER,
    }
    return Model(
        entry.id,
        access,
        words.money(price, token) if offered else None,
        terms,
        styles,
    )


def _instrument(home: Home, ledger: Ledger) -> int | None:
    from api.workflows import instrument

    try:
        found = instrument.entry(home, ledger)
    except InstrumentMissing:
        return None
    return found.id if found.terms.price == 0 and "generate" in found.terms.uses else None


def mixed(model: Model, style: Mapping[str, int]) -> Model:
    """The same model with an earlier request's weights to begin with, where that names its datasets by number."""
    if not any(style.values()) or not set(style) <= {str(one.id) for one in model.styles}:
        return model
    most = max(100, *style.values())
    return replace(
        model, styles=tuple(replace(one, weight=style.get(str(one.id), 0) * 100 // most) for one in model.styles)
    )


def wish(model: Model, said: Mapping[str, Any], primer: str | None) -> dict[str, Any]:
    """A form's fields as a request for a job ``generate``; ``primer`` is an upload.

    Raises :class:`UsageError` for what is no number, and for a mix of nothing.
    """
    style = {str(one.id): _whole(said, STYLE + str(one.id)) for one in model.styles}
    if not any(style.values()):
        raise UsageError("style: give at least one some weight")
    asked: dict[str, Any] = {
        "kind": "generate",
        "seconds": _decimal(said, "seconds"),
        "seed": _whole(said, "seed"),
        "variations": _whole(said, "variations"),
        "temperature": _decimal(said, "temperature"),
        "style": style,
    }
    if model.access != "instrument":  # whose free license is taken by whoever names no model
        asked["model"] = model.id
    if primer is not None:
        asked["primer"] = primer
    return asked


def _whole(said: Mapping[str, Any], name: str) -> int:
    text = str(said.get(name, ""))
    if not (text.isascii() and text.isdigit() and len(text) < 17):
        raise UsageError(f"{name} {text[:40]!r}: a whole number")
    return int(text)


def _decimal(said: Mapping[str, Any], name: str) -> float:
    text = str(said.get(name, ""))
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{name} {text[:40]!r}: a number") from None

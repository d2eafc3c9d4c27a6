"""The instrument on a home's chain, and the free license to play it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from api.errors import InstrumentMissing
from api.home import Home, Ledger

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.contracts import LicenseEntry, ModelEntry
    from ledger.keys import Signer


@dataclass(frozen=True, slots=True)
class Playable:
    """The instrument's model, and the license that was taken now; None where none had to be."""

    model: int
    taken: LicenseEntry | None


def entry(home: Home, ledger: Ledger) -> ModelEntry:
    """The model with the instrument's weights. Raises :class:`InstrumentMissing`, with what to do."""
    instrument = home.instrument()
    found = None if instrument is None else ledger.contracts.model_by_weights(instrument.weights)
    if found is not None:
        return found
    if home.settings.rpc_url is not None:
        why = "on this network nobody has recorded the instrument that comes with the package"
        remedy = "or, to play it on an embedded chain, leave STEMMATA_RPC unset"
    elif instrument is None:
        why = "there is no instrument here: STEMMATA_INSTRUMENT is off, or the package was built without one"
        remedy = "or begin another home with one"
    else:
        why = f"{home.path} was begun without the instrument, whose records have to be the first of a chain"
        remedy = "or begin another home: one that is new begins with it (STEMMATA_HOME)"
    raise InstrumentMissing(f"{why}. Name a model with --model, {remedy}")


def ready(home: Home, *, creator: Address, unlock: Callable[[], Signer], now: Callable[[], datetime]) -> Playable:
    """Have the creator licensed to generate with the instrument: a free license is taken once, signed by the creator.

    Raises :class:`InstrumentMissing`, and :class:`~ledger.errors.PriceNotMet` where it is not free on this chain.
    """
    from api.workflows import licenses

    with home.ledger() as ledger:
        model = entry(home, ledger).id
        if ledger.contracts.is_licensed("model", model, creator, "generate"):
            return Playable(model, None)
    free = licenses.Seen(price="0")
    taken = licenses.buy(home, "model", model, uses=("generate",), signer=unlock(), now=now, seen=free)
    return Playable(model, None if taken.already else taken.entry)

"""Show a model: whose it is, what it is on offer for, and what its tracks owe."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from api.home import Ledger

if TYPE_CHECKING:
    from ledger.contracts import ModelEntry
    from ledger.contracts.entries import SubjectKind

# A due in 48 bits, as contracts/Dues.sol packs it.
_MODEL = 1 << 47
_PPM = 27
_TOKEN = (1 << _PPM) - 1


class Due(NamedTuple):
    """What a track made with a model owes to the holder of a dataset, or of a model it was trained from."""

    kind: SubjectKind
    id: int
    ppm: int


def show(ledger: Ledger, model_id: int) -> tuple[ModelEntry, tuple[Due, ...]]:
    """A model's entry, and its dues in the contract's order; its own holder's royalty is in the entry."""
    from ledger.abi import Interface

    entry = ledger.contracts.model(model_id)
    models = ledger.contracts.deployment.models
    _, dues = ledger.chain.call(Interface.load("Models"), models, "duesOf", model_id)
    return entry, tuple(
        Due("model" if due & _MODEL else "dataset", due & _TOKEN, (due & ~_MODEL) >> _PPM) for due in dues
    )


def title(ledger: Ledger, dataset_id: int) -> str | None:
    """What a dataset is called; None where its record is not in this home, or is not whole."""
    from api.workflows import datasets
    from ledger.errors import Invalid, Malformed, Unverifiable

    try:
        return datasets.show(ledger, dataset_id)[1].title
    except (Unverifiable, Invalid, Malformed):
        return None

"""Whether a model has what a request for music wishes of it, as far as the records here tell."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from api.errors import InstrumentMissing, UsageError, WishUnknown
from api.service.kinds.making import Generate

if TYPE_CHECKING:
    from api.home import Ledger
    from api.service.kinds.kind import Request
    from api.service.service import Service

_RUN: Final = 2**18
"""Bytes of the longest record of a training that a request has read; one of a hundred datasets has 27 kB."""


def refuse(service: Service, request: Request) -> None:
    """Let a request through, or raise :class:`~api.errors.WishUnknown`, which lists what the model knows.

    Where no record here says which styles and labels a model has, or one that is too large for a request, the job finds
    out.
    """
    from ledger.errors import Invalid, Malformed, NotFound, Unverifiable

    if not isinstance(request, Generate) or not (request.style or request.morph_style or request.labels):
        return
    unknown = (InstrumentMissing, NotFound, Unverifiable, Invalid, Malformed)
    with contextlib.suppress(*unknown), service.home.reading() as ledger:
        try:
            _require(service, ledger, request)
        except UsageError as error:
            raise WishUnknown(str(error)) from None


def _require(service: Service, ledger: Ledger, request: Generate) -> None:
    from api.workflows import instrument, model_labels
    from api.workflows.styles import Style
    from ledger.cid import Cid

    told = service.summaries.reading()
    model = request.model or instrument.entry(service.home, ledger).id
    for field, mix in (("style", request.style), ("morph_style", request.morph_style)):
        if mix and not any(Style(field, mix).of(ledger, model, lambda ledger, number: told.of(ledger, number).title)):
            raise UsageError(f"{field}: give at least one of them a weight above 0")
    if request.labels:
        asked = [model_labels.Asked(one.dataset, one.field, one.number) for one in request.labels]
        ledger.store.read_bytes(Cid.parse(ledger.contracts.model(model).cid), _RUN)  # Malformed for a longer one
        model_labels.moved(ledger, model, asked, lambda ledger, number: told.of(ledger, number).labels)

"""What is wrong with a request for a job, as far as a look-up tells: said at once, not by a job that fails."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from api.errors import DataKeyElsewhere, NoSuchThing, UsageError
from api.service.directory import Directory
from api.service.kinds import price
from api.service.kinds.licensing import License, seen
from api.service.kinds.making import Train, presets
from api.service.kinds.offering import Terms
from api.service.kinds.registering import Register
from api.service.kinds.trading import Buy, List
from api.service.underway import Underway

if TYPE_CHECKING:
    from api.service.kinds.kind import Request
    from api.service.service import Service
    from ledger.address import Address
    from ledger.contracts.entries import SubjectKind


def refuse(service: Service, account: Address | None, request: Request) -> None:
    """Let a request through, or say what is wrong with it.

    Raises :class:`~api.errors.NoSuchThing` for a dataset, model or preset that there is not,
    :class:`~ledger.errors.NotOwner` for what only its owner may do, :class:`~api.errors.UsageError` for a price or a
    royalty that makes no sense or for what is the account's own, :class:`~api.errors.DataKeyElsewhere` for recordings
    that nobody can open here, and what :func:`api.workflows.licenses.wanted`,
    :func:`api.workflows.run.entitled`, :func:`api.workflows.run.require_room` and
    :meth:`api.service.underway.Underway.refuse` do.
    """
    from api import terms
    from api.workflows import licenses
    from ledger.errors import Unverifiable

    if isinstance(request, Train) and request.preset not in (known := presets(service.home)):
        raise NoSuchThing(f"preset: there is no {request.preset!r}; choose one of {', '.join(known)}")
    if isinstance(request, Register):
        terms.price(request.price, terms.currency(request.currency))
    if isinstance(request, List) or (isinstance(request, Terms) and request.currency is not None):
        request.units()
    if isinstance(request, List | Terms):
        with contextlib.suppress(Unverifiable):
            price.require_decimals(service.home, request.token(), request.decimals)
    for kind, number in request.subjects():
        _require(service, kind, number, account if request.owned else None)
    if isinstance(request, Terms) and request.currency is None and request.price is not None:
        with contextlib.suppress(Unverifiable), service.home.reading() as ledger:
            request.units(licenses.subject(ledger.contracts, request.subject, request.id).terms.currency)
    if isinstance(request, Buy):
        _refuse_own(service, account, request.track)
    if account is not None and isinstance(request, License):
        _require_offer(service, account, request)
    if account is not None and isinstance(request, Train):
        _require_material(service, account, request)
    Underway(service).refuse(account, request)


def _refuse_own(service: Service, account: Address | None, track: str) -> None:
    """That nobody buys what they sell themselves: the contract would take the money, and pay them the rest of it."""
    from api.workflows import market
    from ledger.errors import NotFound, Unverifiable

    try:
        with service.home.reading() as ledger:
            found = market.show(ledger, track)
    except NotFound:
        raise NoSuchThing(f"there is no track {track} on this chain") from None
    except Unverifiable:
        return
    if found.listing is not None and found.live and found.listing.seller == account:
        raise UsageError(f"track: {track} is yours, and offered by you; there is nothing to buy. You may end the offer")


def _require(service: Service, kind: SubjectKind, number: int, owner: Address | None) -> None:
    """That there is one of this number, and where ``owner`` is said, that it is theirs."""
    from api.workflows import licenses
    from ledger.errors import NotFound, NotOwner, Unverifiable

    directory = Directory.of(service)
    found = directory.dataset(number) if kind == "dataset" else directory.model(number)
    if found is not None and owner in (None, found.owner):
        return
    try:  # the directory may be behind
        with service.home.reading() as ledger:
            now = licenses.subject(ledger.contracts, kind, number)
    except NotFound:
        raise NoSuchThing(f"there is no {kind} {number} on this chain") from None
    except Unverifiable:
        return  # the job finds out, once the chain can be asked
    if owner not in (None, now.owner):
        raise NotOwner(f"{kind} {number} is {now.owner}'s, who alone may do this")


def _require_offer(service: Service, account: Address, request: License) -> None:
    """That what is asked for is on offer, on the terms that were seen, or is held already."""
    from api import terms
    from api.workflows import licenses
    from ledger.errors import Unverifiable

    with contextlib.suppress(Unverifiable), service.home.reading() as ledger:
        entry = licenses.subject(ledger.contracts, request.subject, request.id)
        uses, now = terms.uses(request.uses), service.now()
        licenses.wanted(ledger.contracts, request.subject, entry, account, uses, now, seen(request))


def _require_material(service: Service, account: Address, request: Train) -> None:
    """That the account may train on it, as far as that can be read here."""
    from api.amounts import ppm_from_percent
    from api.workflows import opening, run
    from ledger.errors import Invalid, Malformed, Unverifiable

    royalty = ppm_from_percent(request.royalty, "royalty")
    told = service.summaries.reading()
    with contextlib.suppress(Unverifiable, Invalid, Malformed), service.home.reading() as ledger:
        entries, _ = run.entitled(ledger, request.datasets, account)
        records = [told.of(ledger, entry.id) for entry in entries]
        run.require_room(ledger, entries, [record.milliseconds for record in records], account, royalty)
        for entry, record in zip(entries, records, strict=True):
            if not opening.lies_here(service.home, entry, record.asset):
                raise DataKeyElsewhere(entry.id)

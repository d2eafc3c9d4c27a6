"""Where content is: here, on the IPFS node, at the pinning service."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.home import Home, Ledger
from api.workflows import elsewhere, subjects
from ledger import transfer
from ledger.errors import Invalid, LedgerError, Malformed, Unverifiable

if TYPE_CHECKING:
    from ledger.cid import Cid
    from ledger.closure import Kind, Named
    from ledger.pinning import RemotePin
    from ledger.store import ContentStore


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where one content is: ``here`` (``whole``, ``partly``, ``absent``), whether the node has pinned it, and what the
    pinning service says; None where there is no node or service to ask, or it did not answer."""

    named: Named
    here: str
    node: bool | None
    service: str | None


@dataclass(frozen=True, slots=True)
class Survey:
    """Where everything is, and what stood in the way of knowing it."""

    rows: tuple[Whereabouts, ...]
    troubles: tuple[str, ...]


def survey(home: Home, subject: tuple[Kind, str] | None) -> Survey:
    """Where a record and all it rests on is, or everything that any record on chain names."""
    store, troubles = home.store(), list[str]()
    with home.ledger() as ledger:
        names = list({named.cid: named for named in _known(ledger, subject, troubles)}.values())
    pinned: dict[Cid, bool] = {}
    said: dict[Cid, str] | None = None
    if home.settings.ipfs_api is not None:
        with _noting(troubles), contextlib.closing(elsewhere.node(home)) as there:
            for named in names:
                pinned[named.cid] = there.is_pinned(named.cid)
    if home.settings.pinning is not None:
        with _noting(troubles), contextlib.closing(elsewhere.pinning(home)) as service:
            found = service.list(named.cid for named in names)
            said = {pin.cid: str(pin.status) for pin in sorted(found, key=progress_of)}
    rows = (
        Whereabouts(
            named,
            _here(store, named.cid, troubles),
            pinned.get(named.cid),
            None if said is None else said.get(named.cid, "not asked"),
        )
        for named in names
    )
    return Survey(tuple(rows), tuple(troubles))


def progress_of(pin: RemotePin) -> int:
    """Of several requests for one content the one that has come farthest counts."""
    return ("failed", "queued", "pinning", "pinned").index(pin.status)


def _known(ledger: Ledger, subject: tuple[Kind, str] | None, troubles: list[str]) -> Iterator[Named]:
    """What can be named without asking anybody else; a record that cannot be read is a trouble."""
    from ledger.closure import records, rests_on

    if subject is not None:
        with _noting(troubles):
            kind, text = subject
            yield from rests_on(ledger.contracts, ledger.store, kind, subjects.find(ledger, kind, text))
        return
    for filed in records(ledger.contracts):
        yield filed.envelope
        with _noting(troubles):
            yield from filed.read(ledger.store)


def _here(store: ContentStore, cid: Cid, troubles: list[str]) -> str:
    try:
        return "whole" if transfer.is_whole(store, cid) else "partly" if store.has(cid) else "absent"
    except LedgerError as error:
        troubles.append(str(error))
        return "damaged"


@contextlib.contextmanager
def _noting(troubles: list[str]) -> Iterator[None]:
    try:
        yield
    except (Unverifiable, Invalid, Malformed) as error:
        troubles.append(str(error))

"""What records name, moved to where others keep it and back, and checked there."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from api.home import Home
from api.workflows import elsewhere, subjects
from api.workflows.meter import Bar, Meter
from api.workflows.whereabouts import progress_of
from ledger import transfer
from ledger.errors import Invalid, Malformed, NodeRefused, NodeUnreachable, Unverifiable

if TYPE_CHECKING:
    from api.workflows.elsewhere import Place
    from ledger.cid import Cid
    from ledger.closure import Kind, Named
    from ledger.ipfs import IpfsNode
    from ledger.pinning import PinningService, RemotePin
    from ledger.store import ContentStore

SEARCH = 60.0
"""Seconds that a node may search the network for each block that is pulled through it."""


@dataclass(frozen=True, slots=True)
class Item:
    """One content: what it is, bytes of its blocks, and its state.

    ``state``: ``pinned`` or a pinning service's other words after a push, ``here`` after a pull; after a check
    ``whole``, ``wrong``, or ``unknown``, and then ``detail`` says why.
    """

    named: Named
    size: int
    state: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Moved:
    """All of it, and how many bytes of it went over the network."""

    items: tuple[Item, ...]
    bytes: int


def push(home: Home, kind: Kind, text: str, bar: Bar) -> Moved:
    """Send a record and all it rests on to the IPFS node, read it back there, and pin it; errors of ``transfer.push``.

    Broken off anywhere, the same call goes on: journals lie in ``transfers/`` until all is there.
    """
    with contextlib.closing(elsewhere.node(home)) as there:
        store = home.store()
        names = _rests_on(home, kind, text, store)
        return _send(home, there, names, bar)


def push_to_service(home: Home, kind: Kind, text: str, bar: Bar, *, wait: float) -> Moved:
    """Let the pinning service pin a record and all it rests on, and wait ``wait`` seconds for it in all.

    Where there is an IPFS node, it gets all first, and its public addresses are told to the service as the origin;
    without one, the service has to find it on the network. Requests that the service has already are not made again;
    those that failed are. Raises :class:`~ledger.errors.PinFailed`, and the other errors of
    :class:`~ledger.pinning.PinningService`.
    """
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(contextlib.closing(elsewhere.pinning(home)))
        names = _rests_on(home, kind, text, home.store())
        sent: Moved | None = None
        there, origins = None, list[str]()
        if home.settings.ipfs_api is not None:
            there = stack.enter_context(contextlib.closing(elsewhere.node(home)))
            sent = _send(home, there, names, bar)
            origins = [address for address in there.peer().addresses if elsewhere.is_public(address)]
        pins = _requests(service, names, origins)
        if there is not None:
            _introduce(there, pins.values())
        sizes = {} if sent is None else {item.named.cid: item.size for item in sent.items}
        end = time.monotonic() + wait
        items = []
        for number, named in enumerate(names):
            bar("pinned", number, len(names))
            pin = pins[named.cid]
            if wait and pin.status != "pinned":
                pin = service.wait(pin.id, max(end - time.monotonic(), 0.0))
            items.append(Item(named, sizes.get(named.cid, 0), str(pin.status), pin.info))
        bar("pinned", len(names), len(names))
        return Moved(tuple(items), 0 if sent is None else sent.bytes)


def pull(home: Home, kind: Kind | Literal["cid"], text: str, place: Place | None, bar: Bar) -> Moved:
    """Fetch a record and all it rests on, as far as it is not here; errors of :func:`ledger.transfer.pull`.

    Of the kind ``cid`` is a content alone, whatever it is. All that is needed beforehand is the chain: each record
    tells what to fetch next.
    """
    from ledger.cid import Cid
    from ledger.closure import Named

    with contextlib.closing(elsewhere.remote(home, place, search=SEARCH)) as there:
        store = home.store()
        through = transfer.ReadThrough(store, there)
        names = [Named(Cid.parse(text), "content")] if kind == "cid" else _rests_on(home, kind, text, through)
        meter = Meter(bar, sum(transfer.announced(through, named.cid) for named in names))
        items, fetched = [], through.fetched
        for named in names:
            size, more = transfer.pull(there, store, named.cid, progress=meter.count)
            items.append(Item(named, size, "here"))
            fetched += more
        return Moved(tuple(items), fetched)


def verify(home: Home, kind: Kind, text: str, place: Place | None, bar: Bar) -> Moved:
    """Read a record and all it rests on there, and hold it against its CIDs and digests; what fails is told so."""
    with contextlib.closing(elsewhere.remote(home, place)) as there:
        names = _rests_on(home, kind, text, transfer.ReadThrough(home.store(), there, keep=False))
        items = []
        meter = Meter(bar, 0)
        for named in names:
            try:
                meter.total += transfer.announced(there, named.cid)
                size = transfer.verify(there, named.cid, sha256=named.sha256, progress=meter.count)
                items.append(Item(named, size, "whole"))
            except (Invalid, Malformed) as error:
                items.append(Item(named, 0, "wrong", str(error)))
            except Unverifiable as error:
                items.append(Item(named, 0, "unknown", str(error)))
        return Moved(tuple(items), sum(item.size for item in items))


def _send(home: Home, there: IpfsNode, names: list[Named], bar: Bar) -> Moved:
    store = home.store()
    meter = Meter(bar, sum(transfer.announced(store, named.cid) for named in names))
    items, sent = [], 0
    for named in names:
        done = transfer.push(store, there, named.cid, journals=home.folder("transfers"), progress=meter.count)
        items.append(Item(named, done.size, "pinned"))
        sent += done.sent
    return Moved(tuple(items), sent)


def _rests_on(home: Home, kind: Kind, text: str, store: ContentStore) -> list[Named]:
    """All of it, read before anything long begins: the embedded chain is not held open meanwhile."""
    from ledger.closure import rests_on

    with home.ledger() as ledger:
        return list(rests_on(ledger.contracts, store, kind, subjects.find(ledger, kind, text)))


def _requests(service: PinningService, names: list[Named], origins: list[str]) -> dict[Cid, RemotePin]:
    """The service's request for each, made where there is none that lives."""
    found = {pin.cid: pin for pin in sorted(service.list(named.cid for named in names), key=progress_of)}
    for named in names:
        old = found.get(named.cid)
        if old is None:
            found[named.cid] = service.add(named.cid, name=named.what, origins=origins)
        elif old.status == "failed":
            found[named.cid] = service.replace(old.id, named.cid, name=named.what, origins=origins)
    return found


def _introduce(there: IpfsNode, pins: Iterable[RemotePin]) -> None:
    """Connect the node to the service's own nodes, which may not be able to reach it; none has to succeed."""
    for address in sorted({address for pin in pins for address in pin.delegates}):
        with contextlib.suppress(NodeRefused, NodeUnreachable):
            there.connect(address)

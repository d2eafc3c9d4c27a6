"""What records name, moved to where others keep it and back, and checked there."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from api.errors import UsageError
from api.home import Home, Ledger
from api.workflows import tracks
from ledger import transfer
from ledger.errors import Invalid, LedgerError, Malformed, NodeRefused, NodeUnreachable, Unverifiable

if TYPE_CHECKING:
    from ledger.cid import Cid
    from ledger.closure import Kind, Named
    from ledger.gateway import Gateway
    from ledger.ipfs import IpfsNode
    from ledger.pinning import PinningService, RemotePin
    from ledger.store import ContentStore

Place = Literal["ipfs", "gateway"]
"""Where content can be read: an IPFS node, or a trustless gateway."""

Bar = Callable[[str, int, int], None]
"""Is told a phase, and how many bytes of how many are done in it."""

SEARCH = 60.0
"""Seconds that a node may search the network for each block that is pulled through it."""

_LOOPBACK = re.compile(r"/ip4/127\.|/ip6/::1/")


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


def push(home: Home, kind: Kind, text: str, bar: Bar) -> Moved:
    """Send a record and all it rests on to the IPFS node, read it back there, and pin it; errors of ``transfer.push``.

    Broken off anywhere, the same call goes on: journals lie in ``transfers/`` until all is there.
    """
    with contextlib.closing(node(home)) as there:
        store = home.store()
        names = _rests_on(home, kind, text, store)
        return _send(home, there, names, bar)


def push_to_service(home: Home, kind: Kind, text: str, bar: Bar, *, wait: float) -> Moved:
    """Let the pinning service pin a record and all it rests on, and wait ``wait`` seconds for it in all.

    Where there is an IPFS node, it gets all first, and is named to the service as the origin; without one, the service
    has to find it on the network. Requests that the service has already are not made again; those that failed are.
    Raises :class:`~ledger.errors.PinFailed`, and the other errors of :class:`~ledger.pinning.PinningService`.
    """
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(contextlib.closing(pinning(home)))
        names = _rests_on(home, kind, text, home.store())
        sent: Moved | None = None
        there, origins = None, list[str]()
        if home.settings.ipfs_api is not None:
            there = stack.enter_context(contextlib.closing(node(home)))
            sent = _send(home, there, names, bar)
            origins = [address for address in there.peer().addresses if not _LOOPBACK.match(address)]
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


def pull(home: Home, kind: Kind, text: str, place: Place | None, bar: Bar) -> Moved:
    """Fetch a record and all it rests on, as far as it is not here; errors of :func:`ledger.transfer.pull`.

    All that is needed beforehand is the chain: each record tells what to fetch next.
    """
    with contextlib.closing(remote(home, place, search=SEARCH)) as there:
        store = home.store()
        through = transfer.ReadThrough(store, there)
        names = _rests_on(home, kind, text, through)
        meter = _Meter(bar, sum(transfer.announced(through, named.cid) for named in names))
        items, fetched = [], through.fetched
        for named in names:
            size, more = transfer.pull(there, store, named.cid, progress=meter.count)
            items.append(Item(named, size, "here"))
            fetched += more
        return Moved(tuple(items), fetched)


def verify(home: Home, kind: Kind, text: str, place: Place | None, bar: Bar) -> Moved:
    """Read a record and all it rests on there, block by block, and hold it against its CIDs; what fails is told so."""
    with contextlib.closing(remote(home, place)) as there:
        names = _rests_on(home, kind, text, transfer.ReadThrough(home.store(), there, keep=False))
        items = []
        meter = _Meter(bar, 0)
        for named in names:
            try:
                meter.total += transfer.announced(there, named.cid)
                size = transfer.verify(there, named.cid, progress=meter.count)
                items.append(Item(named, size, "whole"))
            except (Invalid, Malformed) as error:
                items.append(Item(named, 0, "wrong", str(error)))
            except Unverifiable as error:
                items.append(Item(named, 0, "unknown", str(error)))
        return Moved(tuple(items), sum(item.size for item in items))


def status(home: Home, subject: tuple[Kind, str] | None) -> Survey:
    """Where a record and all it rests on is, or everything that any record on chain names."""
    store, troubles = home.store(), list[str]()
    with home.ledger() as ledger:
        names = list({named.cid: named for named in _known(ledger, subject, troubles)}.values())
    pinned: dict[Cid, bool] = {}
    said: dict[Cid, str] | None = None
    if home.settings.ipfs_api is not None:
        with _noting(troubles), contextlib.closing(node(home)) as there:
            for named in names:
                pinned[named.cid] = there.is_pinned(named.cid)
    if home.settings.pinning is not None:
        with _noting(troubles), contextlib.closing(pinning(home)) as service:
            found = service.list(named.cid for named in names)
            said = {pin.cid: str(pin.status) for pin in sorted(found, key=_progress_of)}
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


def node(home: Home, search: float = 0.0) -> IpfsNode:
    """The IPFS node of the settings. Raises :class:`UsageError` where they name none, or not rightly."""
    from ledger.ipfs import IpfsNode

    address = home.settings.ipfs_api
    if address is None:
        raise UsageError("no IPFS node is set: IPFS_API says where its API is, such as /ip4/127.0.0.1/tcp/5001")
    with _usage():
        return IpfsNode(address, auth=home.settings.ipfs_auth, search=search)


def remote(home: Home, place: Place | None, search: float = 0.0) -> IpfsNode | Gateway:
    """The node or the gateway; without a word which, the one that is set, and of both the node."""
    from ledger.gateway import Gateway

    url = home.settings.gateway
    if place == "ipfs" or (place is None and home.settings.ipfs_api is not None):
        return node(home, search)
    if url is None:
        others = "" if place == "gateway" else ", and no IPFS node (IPFS_API)"
        raise UsageError(
            f"no gateway is set{others}: STEMMATA_GATEWAY is its URL, such as https://trustless-gateway.link"
        )
    with _usage():
        return Gateway(url)


def pinning(home: Home) -> PinningService:
    """The pinning service of the settings. Raises :class:`UsageError` as :func:`node` does."""
    from ledger.pinning import PinningService

    url, token = home.settings.pinning, home.settings.pinning_token
    if url is None or token is None:
        raise UsageError(
            "no pinning service is set: STEMMATA_PINNING is its URL before /pins, STEMMATA_PINNING_TOKEN lets us in"
        )
    with _usage():
        return PinningService(url, token)


class _Meter:
    """Bytes done in each phase, of all that are to be moved."""

    def __init__(self, bar: Bar, total: int):
        self.total, self._bar, self._done = total, bar, dict[str, int]()

    def count(self, phase: str, size: int) -> None:
        self._done[phase] = self._done.get(phase, 0) + size
        self._bar(phase, self._done[phase], max(self.total, self._done[phase]))


def _send(home: Home, there: IpfsNode, names: list[Named], bar: Bar) -> Moved:
    store = home.store()
    meter = _Meter(bar, sum(transfer.announced(store, named.cid) for named in names))
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
        return list(rests_on(ledger.contracts, store, kind, _id(ledger, kind, text)))


def _known(ledger: Ledger, subject: tuple[Kind, str] | None, troubles: list[str]) -> Iterator[Named]:
    """What can be named without asking anybody else; a record that cannot be read is a trouble."""
    from ledger.closure import records, rests_on

    if subject is not None:
        with _noting(troubles):
            kind, text = subject
            yield from rests_on(ledger.contracts, ledger.store, kind, _id(ledger, kind, text))
        return
    for filed in records(ledger.contracts):
        yield filed.envelope
        with _noting(troubles):
            yield from filed.read(ledger.store)


def _id(ledger: Ledger, kind: Kind, text: str) -> int:
    if kind == "track":
        return tracks.find(ledger, text).id
    if not (text.isascii() and text.isdigit() and int(text)):
        raise UsageError(f"ID {text!r}: a {kind} has a number, 1 or more")
    return int(text)


def _requests(service: PinningService, names: list[Named], origins: list[str]) -> dict[Cid, RemotePin]:
    """The service's request for each, made where there is none that lives."""
    found = {pin.cid: pin for pin in sorted(service.list(named.cid for named in names), key=_progress_of)}
    for named in names:
        old = found.get(named.cid)
        if old is None:
            found[named.cid] = service.add(named.cid, name=named.what, origins=origins)
        elif old.status == "failed":
            found[named.cid] = service.replace(old.id, named.cid, name=named.what, origins=origins)
    return found


def _progress_of(pin: RemotePin) -> int:
    """Of several requests for one content the one that has come farthest counts."""
    return ("failed", "queued", "pinning", "pinned").index(pin.status)


def _introduce(there: IpfsNode, pins: Iterable[RemotePin]) -> None:
    """Connect the node to the service's own nodes, which may not be able to reach it; none has to succeed."""
    for address in sorted({address for pin in pins for address in pin.delegates}):
        with contextlib.suppress(NodeRefused, NodeUnreachable):
            there.connect(address)


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


@contextlib.contextmanager
def _usage() -> Iterator[None]:
    """A setting that cannot be right is the user's to mend."""
    try:
        yield
    except Malformed as error:
        raise UsageError(str(error)) from None

"""Keep the content of a home: add and pin, collect, inspect, and carry it in archives with all that it rests on."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from api import pins
from api.errors import OutputExists, UsageError
from api.home import Home
from api.outputs import require_folder
from api.workflows import subjects
from api.workflows.meter import Bar, Meter

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.cid import Cid
    from ledger.closure import Filed, Kind, Named
    from ledger.damage import Fault
    from ledger.garbage import Collected
    from ledger.store import BlockStore


@dataclass(frozen=True, slots=True)
class Exported:
    """An archive that was written: what it holds, in the order of its roots; its blocks, and its own bytes."""

    names: tuple[Named, ...]
    blocks: int
    size: int


@dataclass(frozen=True, slots=True)
class Imported:
    """An archive that was read: its roots, and the records on this home's chain that are among them, each whole.

    ``unknown`` are the roots that no record on this home's chain names, all of them where it has none.
    """

    roots: tuple[Cid, ...]
    records: tuple[str, ...]
    unknown: tuple[Cid, ...]


def cid_of(path: Path, bar: Bar) -> Cid:
    """The CID of a file or folder, with nothing stored."""
    return _import(path, lambda cid, block: None, Meter(bar, _size(path)), "reading")


def add(home: Home, path: Path, bar: Bar) -> Cid:
    """Store a file or folder as it is, unencrypted, and pin it."""
    with home.store().batch() as batch:
        cid = _import(path, batch.put, Meter(bar, _size(path)), "storing")
    pins.keep(home, [cid], path.name)
    return cid


def get(home: Home, cid: Cid, out: Path, bar: Bar) -> int:
    """Write a file or folder of the store as ``out``; how many files. Every block is verified on the way."""
    from ledger import file, folder, unixfs

    if out.exists():
        raise OutputExists(f"{out} exists; move it or choose another name")
    require_folder(out, "--out")
    store = home.store()
    meter = Meter(bar, _announced(store, cid))

    def block(name: Cid) -> bytes:
        data = store.get(name)
        meter.count("writing", len(data))
        return data

    if folder.is_folder(cid, store.get):
        return folder.export(cid, block, out)
    file.write(out, lambda target: target.writelines(unixfs.read(cid, block)), mode=0o644)
    return 1


def collect(home: Home, *, hours: float, forsaken: Sequence[str], dry_run: bool) -> Collected:
    """Remove what neither a record nor a pin reaches, and nobody stored within so many hours.

    Raises :class:`~ledger.errors.NamesUnknown` where a record cannot be read that ``forsaken`` does not name (``all``
    names each), :class:`UsageError` where it names none that there is, and :class:`~ledger.errors.StoreFault` while
    another collection runs.
    """
    from ledger import garbage

    with _records(home) as records:
        known = list(records)
        names = {filed.name for filed in known} | {named.what for named in pins.everything(home)} | {"all"}
        for name in forsaken:
            if name not in names:
                raise UsageError(f"--forsake {name!r}: no record or pin here is called so; such as 'dataset 5', or all")
        return garbage.collect(
            home.store(),
            known,
            pins.everything(home),
            now=time.time(),
            grace=hours * 3600,
            forsaken=lambda name: "all" in forsaken or name in forsaken,
            dry_run=dry_run,
        )


def inspect(home: Home, *, repair: bool, progress: Callable[[int], None]) -> Iterator[Fault]:
    """Every fault of this home's store; what accounts without a key here have recorded need not be in it."""
    from ledger import damage

    keys = home.keystore()
    own = {keys.address(name) for name in keys.names()}

    instrument = home.instrument()
    makers = () if instrument is None else instrument.makers  # whose recordings never came along

    def mine(account: Address) -> bool:
        return account in own or (home.settings.rpc_url is None and account not in makers)

    with _records(home) as records:
        yield from damage.inspect(
            home.store(), records, pins.everything(home), mine=mine, repair=repair, progress=progress
        )


def export(home: Home, kind: Kind, text: str, out: Path, bar: Bar) -> Exported:
    """Write an archive of a dataset, a model or a track with everything that it rests on."""
    from ledger import car, closure, file
    from ledger.errors import Invalid, Malformed, Unverifiable

    if out.exists():
        raise OutputExists(f"{out} exists; move it or choose another name")
    require_folder(out, "--out")
    with home.ledger() as ledger:
        names = tuple(closure.rests_on(ledger.contracts, ledger.store, kind, subjects.find(ledger, kind, text)))
        roots = [named.cid for named in names]
        meter = Meter(bar, sum(_announced(ledger.store, root) for root in roots))
        count = 0

        def fill(target: BinaryIO) -> None:
            nonlocal count
            count = car.export(ledger.store, roots, target, progress=lambda size: meter.count("exporting", size))

        try:
            file.write(out, fill, mode=0o644)
        except (Unverifiable, Invalid, Malformed):
            for named in names:
                try:
                    ledger.store.check(named.cid)
                except (Unverifiable, Invalid, Malformed) as error:
                    raise type(error)(f"{named.what}: {error}") from None
            raise
    return Exported(names, count, out.stat().st_size)


def take(home: Home, path: Path, bar: Bar) -> Imported:
    """Read an archive into the store and pin what it holds; every block, and all that its records name, is verified."""
    from ledger import car
    from ledger.errors import Invalid, Malformed, Unverifiable

    meter = Meter(bar, path.stat().st_size)
    with path.open("rb") as source:
        try:
            roots = car.load(home.store(), source, progress=lambda size: meter.count("importing", size))
        except (Unverifiable, Invalid, Malformed) as error:
            raise type(error)(f"{path}: {error}") from error
    found, unknown = [], set(roots)
    if home.exists:
        held = set(roots)
        with _records(home) as records:
            for filed in records:
                if filed.envelope.cid in held:
                    unknown.discard(filed.envelope.cid)
                    for named in filed.read(home.store()):
                        home.store().check(named.cid)
                        unknown.discard(named.cid)
                    found.append(filed.name)
    pins.keep(home, roots, f"archive {path.name}")
    return Imported(roots, tuple(found), tuple(root for root in roots if root in unknown))


def _import(path: Path, put: Callable[[Cid, bytes], None], meter: Meter, phase: str) -> Cid:
    """The CID of a file or folder, each of whose blocks is given to ``put``."""
    from ledger import folder, unixfs

    def counted(cid: Cid, block: bytes) -> None:
        put(cid, block)
        meter.count(phase, len(block))

    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        raise UsageError(f"{path} is a symbolic link; name what it leads to")
    if stat.S_ISDIR(mode):
        return folder.import_folder(path, counted)
    if not stat.S_ISREG(mode):
        raise UsageError(f"{path} is neither file nor folder; put what is to be stored into a file")
    with path.open("rb") as source:
        return unixfs.import_file(source, counted)


def _size(path: Path) -> int:
    """Bytes of a file, or of all files of a folder; one that is gone again counts nothing."""
    if not path.is_dir():
        return path.stat().st_size
    size = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):
                size += (Path(folder) / name).lstat().st_size
    return size


def _announced(store: BlockStore, cid: Cid) -> int:
    """Bytes under a root, as far as it can be read; what is wrong with it is told when it is exported."""
    from ledger import transfer
    from ledger.errors import Invalid, Malformed, Unverifiable

    with suppress(Invalid, Malformed, Unverifiable):
        return transfer.announced(store, cid)
    return 0


@contextmanager
def _records(home: Home) -> Iterator[Iterator[Filed]]:
    """The records on every chain that this home has acted on.

    A home that forgot where it acted would take what is recorded there for garbage, so that is refused.
    """
    from ledger import closure
    from ledger.errors import NoDeployment

    if not home.exists:
        raise NoDeployment(f"{home.path} knows no chain, so nobody can tell what is named there; is it the right home?")
    if home.settings.rpc_url is None and any(home.folder("outbox").iterdir()):
        raise NoDeployment(
            f"{home.path} has acted on a network: set STEMMATA_RPC, so that its records can be asked for"
        )
    with home.ledger() as ledger:
        if home.settings.rpc_url is None or not (home.path / "chain" / "chain.sqlite").exists():
            yield closure.records(ledger.contracts)
            return
        embedded = Home(replace(home.settings, rpc_url=None, deployment=None))
        with embedded.ledger() as other:
            yield (filed for each in (ledger, other) for filed in closure.records(each.contracts))

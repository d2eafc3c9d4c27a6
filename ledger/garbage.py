"""Garbage: the blocks of a store that neither a record on chain nor a pin reaches."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger import blockfiles
from ledger.closure import Filed, Named
from ledger.errors import Invalid, Malformed, NamesUnknown, StoreFault, Unverifiable
from ledger.store import BlockStore

if TYPE_CHECKING:
    from ledger.cid import Cid

GRACE = 86_400.0
"""Seconds for which a block that nothing names is left alone: whoever put it may be about to record it."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What :func:`collect` did: blocks and bytes removed, blocks that are named, blocks too young to judge."""

    removed: int
    freed: int
    named: int
    young: int


def collect(
    store: BlockStore,
    records: Iterable[Filed],
    pins: Iterable[Named],
    *,
    now: float,
    grace: float = GRACE,
    forsaken: Callable[[str], bool] = lambda name: False,
    dry_run: bool = False,
) -> Collected:
    """Remove the blocks that no record and no pin reaches, and that nobody put for ``grace`` seconds before ``now``.

    Whoever puts a block makes it new, so that what is being added stays, also where its blocks were here before. With
    a ``grace`` shorter than the longest run that stores and then records, nothing else may run meanwhile. Killed at
    any point it has removed only what nothing names. Memory holds one digest for each block that is named.

    Raises :class:`~ledger.errors.NamesUnknown`, having removed nothing, where a record cannot be read, or a node of
    what it names is damaged or missing below others, unless ``forsaken`` says of the record's name that what only it
    names may go; and :class:`~ledger.errors.StoreFault` where another collection is running.
    """
    with _collecting(store):
        # What is recorded meanwhile is no pin any more, but was one: listed the other way round it could be in neither.
        pins = tuple(pins)
        kept = _named(store, records, pins, forsaken)
        oldest = now - grace
        removed = freed = named = young = 0
        for found in blockfiles.files(store):
            if found.digest is None:
                continue
            if found.digest in kept:
                named += 1
                continue
            size = _remove(store, found.digest, oldest, dry_run)
            if size is None:
                young += 1
            else:
                removed, freed = removed + 1, freed + size
    return Collected(removed, freed, named, young)


def _named(
    store: BlockStore, records: Iterable[Filed], pins: Iterable[Named], forsaken: Callable[[str], bool]
) -> set[bytes]:
    """The digests of all blocks that may not go."""
    kept: set[bytes] = set()
    loose: set[bytes] = set()  # what forsaken records reach: kept as well, but it may hide nothing from the others
    unknown: dict[str, str] = {}

    def keep(named: Named, name: str) -> None:
        aside = store.folder / "damaged" / named.cid.digest.hex()
        if not store.has(named.cid) and not aside.exists():
            kept.add(named.cid.digest)  # it was never here, nor is anything that it alone could lead to
            return
        broken: dict[Cid, str] = {}
        given_up = forsaken(name)
        for _ in blockfiles.below(store, named.cid, loose if given_up else kept, broken):
            pass
        if broken and not given_up:
            unknown[name] = f"{named.what}: {next(iter(broken.values()))}"

    for filed in records:
        keep(filed.envelope, filed.name)
        try:
            names = filed.read(store)
        except (Unverifiable, Invalid, Malformed) as error:
            if not forsaken(filed.name):
                unknown[filed.name] = str(error)
            continue
        for named in names:
            keep(named, filed.name)
    for pin in pins:
        keep(pin, pin.what)
    if unknown:
        listing = "\n".join(f"  {name}: {why}" for name, why in unknown.items())
        raise NamesUnknown(
            f"nothing was removed, since it is not known what these name:\n{listing}\n"
            "Pull them or add them again, or say that what only they name may go.",
            unknown,
        )
    return kept | loose if loose else kept


def _remove(store: BlockStore, digest: bytes, oldest: float, dry_run: bool) -> int | None:
    """The size of a file that was, or would be, removed; None where it is too young.

    Its age is read under the lock under which whoever puts the block makes it young: neither can miss the other.
    """
    path = store.path(digest)
    try:
        with store.locked(alone=True):
            found = path.stat()
            if found.st_mtime > oldest:
                return None
            if not dry_run:
                path.unlink()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreFault(
            f"{path} cannot be removed: {error.strerror}; what was removed so far is garbage too"
        ) from error
    return found.st_size


@contextlib.contextmanager
def _collecting(store: BlockStore) -> Iterator[None]:
    with (store.folder / "collecting").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreFault(f"{store.folder} is being collected by another process; let that one finish") from None
        yield

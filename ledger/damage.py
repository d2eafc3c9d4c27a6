"""Damage: files of a block store that are not what their names say, and blocks that records need and nobody finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ledger import blockfiles, transfer, unixfs
from ledger.blockfiles import BlockFile
from ledger.cid import Codec
from ledger.closure import Filed, Named
from ledger.digest import Digest
from ledger.errors import Invalid, Malformed, StoreFault, Unverifiable
from ledger.store import BlockStore

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.cid import Cid

_MOST_NEEDS = 10  # names that are listed of all that need one damaged block


@dataclass(frozen=True, slots=True)
class Fault:
    """Something :func:`inspect` found.

    Attributes:
        kind: ``damaged``, a file that is not what its name says; ``missing``, a block that a record or pin needs;
            ``unread``, a record or node whose blocks are sound, and that is wrong in what it says, such as the SHA-256
            of a file; ``foreign``, a file
            that is not the store's. (Temporary files of killed writers are gone when the store is opened.)
        what: the file, from the store's folder; or the CID.
        needed_by: such as ``recording 3 of dataset 1``; empty where nothing named needs it.
        detail: what is wrong.
        mended: whether it was moved aside.
    """

    kind: Literal["damaged", "missing", "unread", "foreign"]
    what: str
    needed_by: tuple[str, ...]
    detail: str
    mended: bool = False


def inspect(
    store: BlockStore,
    records: Iterable[Filed],
    pins: Iterable[Named],
    *,
    mine: Callable[[Address], bool] = lambda account: True,
    repair: bool = False,
    progress: Callable[[int], None] = lambda count: None,
) -> Iterator[Fault]:
    """Read every file of the store, then look for every block that records and pins need; faults as they are found.

    Files of several blocks are read once more, in order, for the SHA-256 that a record gives of the whole.

    What others have recorded, as ``mine`` says of an account, need not be here; but what of it is here has to be
    whole. With ``repair`` a damaged file is moved to ``damaged/``, so that the block can be pulled or added again;
    foreign files are never touched. ``progress`` is told how many files were read.

    Memory holds the digests of the blocks of one name at a time, and those of all damaged blocks.
    """
    damaged: dict[bytes, str] = {}
    for count, found in enumerate(blockfiles.files(store), start=1):
        if found.digest is None:
            yield Fault("foreign", found.path, (), "not a file of the store; move it elsewhere")
        elif (wrong := _wrong(store, found)) is not None:
            damaged[found.digest] = wrong
        progress(count)
    search = _Search(store, mine, {digest: [] for digest in damaged})
    yield from search.run(records, pins)
    for digest, wrong in damaged.items():
        if repair:
            _set_aside(store, digest)
        path = store.path(digest).relative_to(store.folder)
        yield Fault("damaged", str(path), tuple(search.needs[digest]), wrong, repair)


@dataclass(frozen=True)
class _Search:
    """Looks for what is named; ``needs`` lists, by the digest of each damaged block, what needs it."""

    store: BlockStore
    mine: Callable[[Address], bool]
    needs: dict[bytes, list[str]]

    def run(self, records: Iterable[Filed], pins: Iterable[Named]) -> Iterator[Fault]:
        for filed in records:
            own = self.mine(filed.by)
            faults = list(self._look(filed.envelope, own))
            yield from faults
            try:
                names = filed.read(self.store)
            except (Unverifiable, Invalid, Malformed) as error:
                if self.store.has(filed.envelope.cid) and not faults and filed.envelope.cid.digest not in self.needs:
                    yield Fault("unread", str(filed.envelope.cid), (filed.envelope.what,), str(error))
                continue
            for named in names:
                yield from self._look(named, own)
        for pin in pins:
            yield from self._look(pin, True, "add or import the content again")

    def _look(self, named: Named, own: bool, remedy: str = "pull it by its CID, or add it again") -> Iterator[Fault]:
        if not own and not self.store.has(named.cid):
            return
        broken: dict[Cid, str] = {}
        whole = True
        for cid in blockfiles.below(self.store, named.cid, set(), broken):
            if cid.digest in self.needs:
                whole = False
                if len(self.needs[cid.digest]) < _MOST_NEEDS:
                    self.needs[cid.digest].append(named.what)
            elif not self.store.has(cid):
                whole = False
                yield Fault("missing", str(cid), (named.what,), f"not in the store; {remedy}")
        for cid, wrong in broken.items():
            if self.store.has(cid) and cid.digest not in self.needs:
                yield Fault("unread", str(cid), (named.what,), wrong)
        # The digest of a single block is its CID's, which the reference itself was held against.
        if whole and not broken and named.sha256 is not None and named.cid.codec is not Codec.RAW:
            try:
                transfer.verify(self.store, named.cid, sha256=named.sha256)
            except (Unverifiable, Invalid, Malformed) as error:
                yield Fault("unread", str(named.cid), (named.what,), str(error))


def _wrong(store: BlockStore, found: BlockFile) -> str | None:
    """What is wrong with a block's file, if anything."""
    path = store.folder / found.path
    try:
        size = path.lstat().st_size
        if size > unixfs.MAX_BLOCK:
            return f"has {size} bytes, and no block has more than {unixfs.MAX_BLOCK}"
        digest = Digest.of_file(path)
    except FileNotFoundError:
        return None  # collected meanwhile
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None if digest.raw == found.digest else f"has the SHA-256 {digest}, not that of its name"


def _set_aside(store: BlockStore, digest: bytes) -> None:
    """Move a damaged file to ``damaged/``, unless a whole one has come in its place."""
    path, aside = store.path(digest), store.folder / "damaged"
    with store.locked(alone=True):
        if _wrong(store, BlockFile(str(path.relative_to(store.folder)), digest)) is None:
            return
        try:
            aside.mkdir(exist_ok=True)
            path.replace(aside / path.name)
        except OSError as error:
            raise StoreFault(f"{path} cannot be moved to {aside}: {error.strerror}") from error

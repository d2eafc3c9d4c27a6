"""Content stores: blocks by CID, and files as trees of blocks. The embedded store is one folder and needs no server."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import secrets
import time
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from ledger import file, folder, unixfs
from ledger.cid import Cid
from ledger.errors import BlockMissing, DigestMismatch, Malformed, StoreFault

IN_MEMORY = 1 << 26
"""Bytes. What :meth:`ContentStore.read_bytes` takes into memory unless the caller says otherwise."""

_ABANDONED = 3600.0  # seconds after which a temporary file has no writer any more
_FEW = 1  # blocks, up to which it is quicker to flush each than the disk with what others wrote to it


class ContentStore(Protocol):
    """Where content lives. A class has to bring ``put``, ``get`` and ``has``; all else follows from them."""

    @abstractmethod
    def put(self, cid: Cid, block: bytes) -> None:
        """Keep a block; when this returns it survives a crash.

        :class:`~ledger.errors.DigestMismatch` where the CID is not the block's, :class:`~ledger.errors.Malformed`
        beyond 2 MiB, :class:`~ledger.errors.StoreFault` where it could not be written.
        """

    @abstractmethod
    def get(self, cid: Cid) -> bytes:
        """A block, verified against its CID at every call.

        :class:`~ledger.errors.BlockMissing` where there is none, :class:`~ledger.errors.DigestMismatch` where its
        bytes have changed.
        """

    @abstractmethod
    def has(self, cid: Cid) -> bool:
        """Whether a block is there; its bytes are not looked at."""

    def add_file(self, source: Path | BinaryIO) -> Cid:
        """Keep a file (or an open one, from where it stands to its end) in profile ``unixfs-v1-2025``; its CID.

        Memory stays constant. Broken off at any point, it leaves whole blocks only; adding again completes them.
        """
        return _add(source, self.put)

    def add_folder(self, source: Path) -> Cid:
        """Keep a folder and all below as :func:`ledger.folder.import_folder` does, whose errors it raises; its CID."""
        with self.batch() as batch:
            return folder.import_folder(source, batch.put)

    @contextlib.contextmanager
    def batch(self) -> Iterator[ContentStore]:
        """This store for many blocks at once, by any number of threads: they are durable when the statement ends.

        Where it ends with an error, some of the blocks may be there and none need be durable.
        """
        yield self

    def add_bytes(self, content: bytes) -> Cid:
        """Keep bytes; their CID, the same as that of a file of these bytes."""
        return self.add_file(io.BytesIO(content))

    def read(self, cid: Cid, *, limit: int = unixfs.MAX_SIZE, start: int = 0) -> Iterator[bytes]:
        """Content piece by piece, from byte ``start`` on; errors of :func:`ledger.unixfs.read` and of :meth:`get`."""
        return unixfs.read(cid, self.get, limit=limit, start=start)

    def read_bytes(self, cid: Cid, limit: int = IN_MEMORY) -> bytes:
        """Content as one piece; more than ``limit`` bytes are :class:`~ledger.errors.Malformed` before any is read."""
        return b"".join(self.read(cid, limit=limit))

    def open(self, cid: Cid, *, limit: int = unixfs.MAX_SIZE) -> BinaryIO:
        """Content as a file to read once from its beginning, in constant memory; errors as :meth:`read`."""
        return cast(BinaryIO, io.BufferedReader(_Content(self.read(cid, limit=limit))))

    def check(self, cid: Cid) -> None:
        """Read and verify every block under a file or folder; returns if all are whole, else raises as :meth:`read`."""
        for _ in folder.blocks(cid, self.get):
            pass


class BlockStore(ContentStore):
    """A content store in one folder: ``ab/cd/abcd...``, each file named by the SHA-256 of its bytes.

    So ``sha256sum`` alone can check it. Blocks are written beside and renamed: any number of threads and processes
    may add and read at once, and one that is killed leaves at most a temporary file, swept away by whoever opens the
    store an hour later.

    A block outlives a power cut once ``put`` or ``add_file`` has returned, or the ``with`` statement of
    :meth:`batch` has ended: before anything can name it. Of what was being added when the power went, a file may be
    torn; reading finds that out, and adding the content again replaces it.
    """

    def __init__(self, place: Path):
        """Open the store, and create its folder at the first time; :class:`~ledger.errors.StoreFault` if that fails."""
        self.folder = place
        self.unfinished = place / "tmp"
        self._lock = place / "lock"
        try:
            self.unfinished.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._lock, os.O_RDONLY | os.O_CREAT, 0o666))
        except OSError as error:
            raise StoreFault(f"the content store {place} cannot be created: {error.strerror}") from error
        self._sweep()

    @contextlib.contextmanager
    def batch(self) -> Iterator[ContentStore]:
        """As :meth:`ContentStore.batch`: one flush of the whole disk at the end instead of several for each block."""
        batch = _Batch(self)
        try:
            yield batch
            batch.flush()
        finally:
            batch.close()

    def put(self, cid: Cid, block: bytes) -> None:
        """As :meth:`ContentStore.put`. A damaged block of this CID is replaced."""
        with self.batch() as batch:
            batch.put(cid, block)

    def add_file(self, source: Path | BinaryIO) -> Cid:
        """As :meth:`ContentStore.add_file`, in a batch of its own."""
        with self.batch() as batch:
            return batch.add_file(source)

    def get(self, cid: Cid) -> bytes:
        """As :meth:`ContentStore.get`."""
        path = self.path(cid.digest)
        try:
            block = _read(path)
        except FileNotFoundError:
            raise BlockMissing(
                f"block {cid} is not in the store {self.folder}; add the content that holds it, or pull it"
            ) from None
        except OSError as error:
            raise BlockMissing(f"block {cid} in the store {self.folder} cannot be read: {error.strerror}") from error
        if not cid.names(block):
            raise DigestMismatch(
                f"block {cid} was changed on disk: file {path.relative_to(self.folder)} of the store is no longer "
                "what its name says; add the content again, or copy this file from a store where it is whole"
            )
        return block

    def has(self, cid: Cid) -> bool:
        """As :meth:`ContentStore.has`."""
        return self.path(cid.digest).is_file()

    def path(self, digest: bytes) -> Path:
        """Where the block with this SHA-256 lies, if it is there."""
        name = digest.hex()
        return self.folder / name[:2] / name[2:4] / name

    @contextlib.contextmanager
    def locked(self, *, alone: bool) -> Iterator[None]:
        """Hold the store's lock: ``alone`` while a block is judged and taken away, else while one is kept or comes."""
        descriptor = os.open(self._lock, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            yield
        finally:
            os.close(descriptor)

    def _sweep(self) -> None:
        oldest = time.time() - _ABANDONED
        for path in self.unfinished.iterdir():
            with contextlib.suppress(OSError):  # another process sweeps too, or it is no file of ours
                if path.stat().st_mtime < oldest:
                    path.unlink()


class _Batch(ContentStore):
    """A block store while many blocks are put: all of them are made durable together, by :meth:`flush`."""

    def __init__(self, store: BlockStore):
        self._store = store
        self._paths: list[Path] = []
        # Opened before the first write: only then does syncfs tell of writes that failed in between.
        self._disk = os.open(store.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def put(self, cid: Cid, block: bytes) -> None:
        if len(block) > unixfs.MAX_BLOCK:
            raise Malformed(f"block {cid} has {len(block)} bytes; no block has more than {unixfs.MAX_BLOCK}")
        if not cid.names(block):
            raise DigestMismatch(f"these {len(block)} bytes are not block {cid}; their CID has to be computed again")
        self._keep(cid, block)

    def add_file(self, source: Path | BinaryIO) -> Cid:
        return _add(source, self._keep)  # the CIDs were computed from these very blocks: no need to do it twice

    def _keep(self, cid: Cid, block: bytes) -> None:
        path = self._store.path(cid.digest)
        try:
            if not self._holds(path, block):
                self._write(path, block)
        except OSError as error:
            raise StoreFault(
                f"block {cid} could not be written to {self._store.folder}: {error.strerror}; "
                "nothing half-written was left, so it can be added again once that is mended"
            ) from error
        if len(self._paths) <= _FEW:
            self._paths.append(path)

    def get(self, cid: Cid) -> bytes:
        return self._store.get(cid)

    def has(self, cid: Cid) -> bool:
        return self._store.has(cid)

    def flush(self) -> None:
        """Everything put so far outlives a power cut; also what was there before, since its writer may not be done."""
        try:
            if len(self._paths) > _FEW:
                file.sync_disk(self._disk)
                return
            for path in self._paths:
                file.sync(path)
            for above in {above for path in self._paths for above in list(path.parents)[:3]}:
                file.sync(above)
        except OSError as error:
            raise StoreFault(
                f"blocks could not be written to {self._store.folder}: {error.strerror}; add them again"
            ) from error

    def close(self) -> None:
        os.close(self._disk)

    def _holds(self, path: Path, block: bytes) -> bool:
        """Whether the block is there and whole; then it counts as new, so that no collection takes it away."""
        with self._store.locked(alone=False):
            try:
                os.utime(path)
                return _read(path) == block
            except OSError:
                return False

    def _write(self, path: Path, block: bytes) -> None:
        temporary = self._store.unfinished / f".unfinished-{secrets.token_hex(8)}"
        try:
            with temporary.open("xb", buffering=0) as opened:
                left = memoryview(block)
                while left:
                    left = left[opened.write(left) :]
                os.fchmod(opened.fileno(), 0o444)
            # Who has just judged the block that lay here must not take this one away for it.
            with self._store.locked(alone=False):
                try:
                    temporary.replace(path)
                except FileNotFoundError:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _add(source: Path | BinaryIO, put: unixfs.Put) -> Cid:
    if isinstance(source, Path):
        with source.open("rb") as opened:
            return unixfs.import_file(opened, put)
    return unixfs.import_file(source, put)


def _read(path: Path) -> bytes:
    """A block file, and no more than shows that it is too large to be one."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pieces = []
        left = min(os.fstat(descriptor).st_size, unixfs.MAX_BLOCK) + 1
        while left and (piece := os.read(descriptor, left)):
            pieces.append(piece)
            left -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
    finally:
        os.close(descriptor)


class _Content(io.RawIOBase):
    """An iterator of bytes as a file that can be read."""

    def __init__(self, pieces: Iterator[bytes]):
        self._pieces = pieces
        self._piece = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self._piece:
            self._piece = memoryview(next(self._pieces, b""))
        some = self._piece[: len(buffer)]
        buffer[: len(some)] = some
        self._piece = self._piece[len(some) :]
        return len(some)

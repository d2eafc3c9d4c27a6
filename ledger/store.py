"""Content stores: blocks by CID, and files as trees of blocks. The embedded store is one folder and needs no server."""

from __future__ import annotations

import contextlib
import io
import time
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from ledger import file, unixfs
from ledger.cid import Cid
from ledger.errors import BlockMissing, DigestMismatch, Malformed, StoreFault

IN_MEMORY = 1 << 26
"""Bytes. What :meth:`ContentStore.read_bytes` takes into memory unless the caller says otherwise."""

_ABANDONED = 3600.0  # seconds after which a temporary file has no writer any more


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
        if isinstance(source, Path):
            with source.open("rb") as opened:
                return unixfs.import_file(opened, self.put)
        return unixfs.import_file(source, self.put)

    def add_bytes(self, content: bytes) -> Cid:
        """Keep bytes; their CID, the same as that of a file of these bytes."""
        return self.add_file(io.BytesIO(content))

    def read(self, cid: Cid, *, limit: int = unixfs.MAX_SIZE) -> Iterator[bytes]:
        """Content piece by piece; errors of :func:`ledger.unixfs.read` and of :meth:`get`."""
        return unixfs.read(cid, self.get, limit=limit)

    def read_bytes(self, cid: Cid, limit: int = IN_MEMORY) -> bytes:
        """Content as one piece; more than ``limit`` bytes are :class:`~ledger.errors.Malformed` before any is read."""
        return b"".join(self.read(cid, limit=limit))

    def open(self, cid: Cid, *, limit: int = unixfs.MAX_SIZE) -> BinaryIO:
        """Content as a file to read once from its beginning, in constant memory; errors as :meth:`read`."""
        return cast(BinaryIO, io.BufferedReader(_Content(self.read(cid, limit=limit))))

    def check(self, cid: Cid) -> None:
        """Read and verify every block under ``cid``; returns if all are whole, else raises as :meth:`read`."""
        for _ in unixfs.blocks(cid, self.get):
            pass


class BlockStore(ContentStore):
    """A content store in one folder: ``ab/cd/abcd...``, each file named by the SHA-256 of its bytes.

    So ``sha256sum`` alone can check it. Blocks are written beside, flushed to the disk and renamed: any number of
    processes may add and read at once, and one that is killed leaves at most a temporary file, swept away by
    whoever opens the store an hour later.
    """

    def __init__(self, folder: Path):
        """Open the store, and create its folder at the first time; :class:`~ledger.errors.StoreFault` if that fails."""
        self.folder = folder
        self._unfinished = folder / "tmp"
        try:
            self._unfinished.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreFault(f"the content store {folder} cannot be created: {error.strerror}") from error
        self._sweep()

    def put(self, cid: Cid, block: bytes) -> None:
        """As :meth:`ContentStore.put`. A damaged block of this CID is replaced."""
        if len(block) > unixfs.MAX_BLOCK:
            raise Malformed(f"block {cid} has {len(block)} bytes; no block has more than {unixfs.MAX_BLOCK}")
        if not cid.names(block):
            raise DigestMismatch(f"these {len(block)} bytes are not block {cid}; their CID has to be computed again")
        path = self._path(cid)
        with contextlib.suppress(OSError):
            if path.read_bytes() == block:
                return
        try:
            self._write(path, block)
        except OSError as error:
            raise StoreFault(
                f"block {cid} could not be written to {self.folder}: {error.strerror}; "
                "nothing half-written was left, so it can be added again once that is mended"
            ) from error

    def get(self, cid: Cid) -> bytes:
        """As :meth:`ContentStore.get`."""
        path = self._path(cid)
        try:
            with path.open("rb") as opened:
                block = opened.read(unixfs.MAX_BLOCK + 1)
        except FileNotFoundError:
            raise BlockMissing(
                f"block {cid} is not in the store {self.folder}; add the content that holds it"
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
        return self._path(cid).is_file()

    def _path(self, cid: Cid) -> Path:
        name = cid.digest.hex()
        return self.folder / name[:2] / name[2:4] / name

    def _write(self, path: Path, block: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        file.write(path, lambda target: target.write(block), mode=0o444, unfinished=self._unfinished)
        file.sync_folder(path.parent.parent)
        file.sync_folder(self.folder)

    def _sweep(self) -> None:
        oldest = time.time() - _ABANDONED
        for path in self._unfinished.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < oldest:
                    path.unlink()


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

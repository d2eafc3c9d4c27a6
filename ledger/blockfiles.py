"""The files of a block store, and the blocks behind a name: the two walks that its upkeep is made of.

Blocks of content itself are not read to know what a name reaches, only the nodes that link to them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ledger import dagpb
from ledger.cid import Cid
from ledger.errors import Invalid, Malformed, StoreFault, Unverifiable
from ledger.store import BlockStore

_PAIR = re.compile(r"[0-9a-f]{2}")
_NAME = re.compile(r"[0-9a-f]{64}")
_OWN = {"tmp", "lock", "collecting", "damaged"}


@dataclass(frozen=True, slots=True)
class BlockFile:
    """A file of the store's folder: its path from there, and the digest where place and name are those of a block."""

    path: str
    digest: bytes | None


def files(store: BlockStore) -> Iterator[BlockFile]:
    """Every file but the store's own locks and temporary ones; a folder that is no block's counts as one file.

    Memory holds the names of one folder at a time. Raises :class:`~ledger.errors.StoreFault` where one cannot be read.
    """
    for first in _entries(store.folder):
        if first.name in _OWN:
            continue
        if not _leads(first):
            yield BlockFile(first.name, None)
            continue
        for second in _entries(Path(first.path)):
            place = f"{first.name}/{second.name}"
            if not _leads(second):
                yield BlockFile(place, None)
                continue
            for third in _entries(Path(second.path)):
                block = _NAME.fullmatch(third.name) and third.name.startswith(first.name + second.name)
                yield BlockFile(f"{place}/{third.name}", bytes.fromhex(third.name) if block else None)


def below(store: BlockStore, root: Cid, seen: set[bytes], broken: dict[Cid, str]) -> Iterator[Cid]:
    """As :func:`ledger.dagpb.below`, going on where a node cannot be read: ``broken`` then has it, with the reason."""

    def get(cid: Cid) -> bytes:
        try:
            block = store.get(cid)
            dagpb.Node.decode(block)
        except (Unverifiable, Invalid, Malformed) as error:
            broken[cid] = str(error)
            return b""  # a node without links
        return block

    return dagpb.below(root, get, seen)


def _leads(entry: os.DirEntry[str]) -> bool:
    return _PAIR.fullmatch(entry.name) is not None and entry.is_dir(follow_symlinks=False)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """What a folder holds; nothing of one that was removed meanwhile."""
    try:
        with os.scandir(folder) as found:
            yield from found
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreFault(f"{folder} cannot be read: {error.strerror}; mend its disk or its permissions") from error

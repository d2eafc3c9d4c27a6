"""Weights that are stored as ciphertext, by the trainer's choice: how they are put away, and opened again."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from ledger.digest import Digest

if TYPE_CHECKING:
    from ledger.records import ContentRef, TrainingRunRecord
    from ledger.store import ContentStore
    from ledger.vault import DataKey


def asset(weights: Digest) -> str:
    """The associated data of the ciphertext."""
    return f"weights:{weights}"


def keep(store: ContentStore, path: Path, weights: Digest, key: DataKey, folder: Path) -> ContentRef:
    """Encrypt a file of weights into the store; ``folder`` is for ciphertext on its way.

    Raises :class:`~ledger.errors.DigestMismatch`, and stores nothing, where what was encrypted is not these weights.
    """
    from ledger import hashing
    from ledger.errors import DigestMismatch
    from ledger.vault import encrypt

    with tempfile.TemporaryFile(dir=folder) as ciphertext, path.open("rb") as opened:
        source = hashing.HashedFile(opened)
        encrypt(cast(BinaryIO, source), cast(BinaryIO, ciphertext), key, asset(weights).encode())
        if source.digest != weights:
            raise DigestMismatch(f"{path} no longer holds what was trained; delete {path.parent} and train again")
        ciphertext.seek(0)
        return hashing.keep(store, cast(BinaryIO, ciphertext))


@contextlib.contextmanager
def opened(store: ContentStore, record: TrainingRunRecord, key: DataKey) -> Iterator[Path]:
    """The weights as a file that lies in memory alone, and is gone afterwards.

    Raises :class:`~ledger.errors.DecryptionFailed` for another key, :class:`~ledger.errors.DigestMismatch` where
    the ciphertext holds other weights or is none that the record names, and errors of the store.
    """
    from ledger import hashing
    from ledger.errors import DigestMismatch
    from ledger.vault import decrypt

    descriptor = os.memfd_create("weights")
    with os.fdopen(descriptor, "w+b") as memory:
        with store.open(record.content.cid) as stored:
            ciphertext = hashing.HashedFile(stored)
            decrypt(cast(BinaryIO, ciphertext), memory, key, asset(record.weights).encode())
        if ciphertext.digest != record.content.sha256:
            raise DigestMismatch(f"the ciphertext {record.content.cid} has another SHA-256 than its record says")
        memory.flush()
        path = Path(f"/proc/self/fd/{descriptor}")
        if Digest.of_file(path) != record.weights:
            raise DigestMismatch(f"the ciphertext {record.content.cid} holds other weights than {record.weights}")
        yield path

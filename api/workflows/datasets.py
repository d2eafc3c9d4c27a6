"""Register a folder of recordings as a dataset, and show one."""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from api import private_names
from api.data_keys import get_or_new
from api.errors import BadRecordings, RecordingChanged, printable
from api.home import Home, Ledger
from api.private_names import PrivateName
from ledger.digest import Digest

if TYPE_CHECKING:
    from ledger.contracts import DatasetEntry
    from ledger.keys import Signer
    from ledger.records import DatasetRecord, Omission, Recording, Terms
    from ledger.vault import DataKey, Vault

Report = Callable[[str, int, int], None]  # phase, done, of how many


@dataclass(frozen=True, slots=True)
class Examined:
    """One usable file: its digests and shape, before anything is stored."""

    path: Path
    sha256: Digest
    pcm: Digest
    size: int
    frames: int
    rate: int
    channels: int
    iscc: str


@dataclass(frozen=True, slots=True)
class Registered:
    """The outcome of :func:`add`. ``already`` says that the same recordings had a dataset before."""

    entry: DatasetEntry
    recordings: int
    seconds: float
    omitted: tuple[tuple[str, str], ...]
    already: bool


def add(
    home: Home,
    folder: Path,
    *,
    title: str,
    license_: str,
    terms: Terms,
    signer: Signer,
    now: Callable[[], datetime],
    skip_bad: bool = False,
    report: Report = lambda phase, done, total: None,
) -> Registered:
    """Examine, encrypt, store and register a folder; the same recordings twice are one dataset.

    Nothing reaches the chain before every recording lies encrypted in the store, so a run that is killed leaves only
    blocks that nothing names, and can be repeated. Raises :class:`BadRecordings` unless ``skip_bad``, and
    :class:`~ledger.errors.AlreadyRegistered` where somebody else registered the same recordings.
    """
    from gen.errors import NoRecordings
    from ledger.archive import publish
    from ledger.errors import AlreadyRegistered
    from ledger.merkle import MerkleTree
    from ledger.records import DatasetRecord, timestamp

    vault = home.vault()  # before the long work, so that a wrong passphrase is said at once
    good, bad = _examine(folder, report)
    if bad and not skip_bad:
        raise BadRecordings(bad)
    if not good:
        raise NoRecordings(f"{folder}: none of {len(bad)} files can be used" if bad else f"{folder}: no recordings")
    seconds = sum(item.frames / item.rate for item in good)
    names = tuple((printable(path.relative_to(folder)), type(error).__name__) for path, error in bad)
    root = MerkleTree([item.sha256.raw + item.pcm.raw for item in good]).root
    with home.changing("datasets"):
        with home.ledger() as ledger:
            known = ledger.contracts.dataset_by_root(root)
        if known is not None:
            if signer.address not in (known.holder, known.owner):
                raise AlreadyRegistered(
                    f"{folder}: {known.holder} registered these recordings, as dataset {known.id}", known.id
                )
            return Registered(known, len(good), seconds, names, already=True)
        asset = f"dataset:{secrets.token_hex(16)}"
        recordings, omitted = _store(home, vault, root, asset, folder, good, bad, report)
        record = DatasetRecord(
            root=root,
            asset=asset,
            title=title,
            holder=signer.address,
            license=license_,
            terms=terms,
            recordings=recordings,
            omitted=omitted,
            created=timestamp(now()),
        )
        with home.ledger() as ledger:
            cid = publish(ledger.store, record, signer)
            home.fund(ledger, signer)
            entry = ledger.contracts.register_dataset(signer, root, record.digest, str(cid), terms)
    return Registered(entry, len(good), seconds, names, already=False)


def show(ledger: Ledger, dataset_id: int) -> tuple[DatasetEntry, DatasetRecord]:
    """A dataset's entry on chain and its verified record."""
    from ledger.archive import fetch
    from ledger.records import DatasetRecord

    entry = ledger.contracts.dataset(dataset_id)
    return entry, fetch(ledger.store, DatasetRecord, entry.cid, entry.record, entry.holder)


def decrypt(ciphertext: bytes, key: DataKey, asset: str, recording: Digest) -> bytes:
    """The file as it was registered. Callers ask the chain for a license before they take the key from the vault."""
    from ledger.errors import DigestMismatch
    from ledger.vault import decrypt_bytes

    data = decrypt_bytes(io.BytesIO(ciphertext), key, asset.encode())
    if Digest.of(data) != recording:
        raise DigestMismatch(f"recording {recording} of {asset} decrypts to other bytes")
    return data


def _examine(folder: Path, report: Report) -> tuple[list[Examined], list[tuple[Path, Exception]]]:
    """Every recording of a folder, decoded and judged; identical files count once, in the order of their digests."""
    from gen.corpus import examine_all, scan
    from gen.fingerprint import fingerprint

    paths = scan(folder).recordings
    good: dict[Digest, Examined] = {}
    bad: list[tuple[Path, Exception]] = []
    for done, item in enumerate(examine_all(paths), start=1):
        if item.error is not None:
            bad.append((item.path, item.error))
        elif (wave := item.waveform) is not None:
            digest = Digest.of_file(item.path)
            good[digest] = Examined(
                path=item.path,
                sha256=digest,
                pcm=Digest(wave.pcm_sha256()),
                size=item.path.stat().st_size,
                frames=wave.frames,
                rate=wave.rate,
                channels=wave.channels,
                iscc=fingerprint(wave).iscc,
            )
        report("examining", done, len(paths))
    return [good[digest] for digest in sorted(good)], bad


def _store(
    home: Home,
    vault: Vault,
    root: Digest,
    asset: str,
    folder: Path,
    good: list[Examined],
    bad: list[tuple[Path, Exception]],
    report: Report,
) -> tuple[tuple[Recording, ...], tuple[Omission, ...]]:
    """Encrypt and store the recordings, keep key, names and salts in the vault's care, and describe it all."""
    from ledger import hashing
    from ledger.records import Omission, Recording

    key = get_or_new(vault, asset)
    store = home.store()
    names: dict[Digest, PrivateName] = {}

    def commit(path: Path, digest: Digest) -> Digest:
        names[digest] = PrivateName.new(printable(path.relative_to(folder)))
        return names[digest].commitment

    recordings = []
    for done, item in enumerate(good, start=1):
        with tempfile.TemporaryFile(dir=home.folder("tmp")) as ciphertext:
            _encrypt(item, cast(BinaryIO, ciphertext), key, asset)
            content = hashing.keep(store, cast(BinaryIO, ciphertext))
        recordings.append(
            Recording(
                sha256=item.sha256,
                pcm=item.pcm,
                size=item.size,
                frames=item.frames,
                rate=item.rate,
                channels=item.channels,
                iscc=item.iscc,
                content=content,
                name_commitment=commit(item.path, item.sha256),
            )
        )
        report("encrypting", done, len(good))
    omitted = []
    for path, error in bad:
        try:
            digest = Digest.of_file(path) if path.is_file() else None
        except OSError:
            digest = None
        salted = commit(path, digest or Digest.of(os.fsencode(path)))
        omitted.append(Omission(sha256=digest, reason=type(error).__name__, name_commitment=salted))
    private_names.keep(home, vault, root, names)
    return tuple(recordings), tuple(omitted)


def _encrypt(item: Examined, target: BinaryIO, key: DataKey, asset: str) -> None:
    """Encrypt a file, hashing what is read: it must be the file that was examined."""
    from ledger.vault import encrypt

    with item.path.open("rb") as source:
        reader = _Hashing(source)
        encrypt(cast(BinaryIO, reader), target, key, asset.encode())
    if Digest(reader.sha256.digest()) != item.sha256:
        raise RecordingChanged(f"{item.path} changed while it was being registered; add the folder again")
    target.seek(0)


class _Hashing(io.RawIOBase):
    """A file that hashes what is read from it."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.sha256 = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._source.read(len(buffer))
        buffer[: len(data)] = data
        self.sha256.update(data)
        return len(data)

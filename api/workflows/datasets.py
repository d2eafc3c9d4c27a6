"""Register a folder of recordings as a dataset, and show one."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api import intake, private_names
from api.data_keys import of_recordings
from api.decoders import Decoders
from api.errors import BadRecordings, NamesForgotten, ResemblesDataset, printable
from api.home import Home, Ledger
from api.private_names import PrivateName
from api.workflows import labels
from api.workflows.recordings import Bad, Report, take_in
from ledger.digest import Digest

if TYPE_CHECKING:
    from ledger.contracts import DatasetEntry
    from ledger.keys import Signer
    from ledger.records import DatasetRecord, Omission, Recording, Terms
    from ledger.store import ContentStore
    from ledger.vault import DataKey, Vault


MOST_NAMED = 10
"""Files that an error lists for each dataset."""


@dataclass(frozen=True, slots=True)
class Registered:
    """The outcome of :func:`add`. ``already`` says that the same recordings had a dataset before.

    ``overlaps`` counts the recordings that other datasets of the same holder have too, by dataset; ``uncompared`` are
    datasets whose records or fingerprints could not be read. ``findings`` has a file's name and what was measured on
    it, with what is odd about it in words under ``warnings`` (:attr:`api.intake.Intake.findings`).
    """

    entry: DatasetEntry
    recordings: int
    seconds: float
    omitted: tuple[tuple[str, str], ...]
    already: bool
    overlaps: tuple[tuple[int, int], ...] = ()
    uncompared: tuple[int, ...] = ()
    findings: tuple[tuple[str, Mapping[str, Any]], ...] = ()


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
    allow_overlap: bool = False,
    allow_resampled: bool = False,
    hide_labels: bool = False,
    report: Report = lambda phase, done, total: None,
) -> Registered:
    """Judge, encrypt, store and register a folder; the same recordings twice are one dataset.

    Nothing reaches the chain before every recording lies encrypted in the store: a run that is stopped registers
    nothing, and the same call goes on where it ended. Raises :class:`BadRecordings` unless ``skip_bad``,
    :class:`~api.errors.RecordingChanged` where a file is written to meanwhile,
    :class:`~ledger.errors.AlreadyRegistered` where somebody else registered the same recordings, and
    :class:`ResemblesDataset` where recordings are somebody else's under other names, or, unless ``allow_overlap``, the
    holder's own. The record says by numbers which recordings have a label in common, unless ``hide_labels``.
    """
    from gen.corpus import scan
    from gen.errors import NoRecordings
    from ledger.archive import publish
    from ledger.errors import AlreadyRegistered
    from ledger.records import DatasetRecord, LabelledDatasetRecord, recordings_root, timestamp

    vault = home.vault()  # before the long work, so that a wrong passphrase is said at once
    with home.acting(signer.address):
        pass  # and a key that has ended as well
    paths = scan(folder).recordings
    listed = labels.table(folder, paths)
    with home.changing(f"intake-{intake.name(vault, folder)}"):
        taking = intake.Intake.open(home, vault, folder, paths, resampled=allow_resampled)
        with Decoders() as decoders:
            taken, bad = take_in(home.store(), taking, paths, decoders=decoders, skip_bad=skip_bad, report=report)
            if bad and not skip_bad:
                raise BadRecordings(bad)
            if not taken:
                raise NoRecordings(f"{folder}: none of {len(bad)} files can be used")
            good = _distinct(taken, paths)
            said = labels.of(good, listed, decoders)
        findings = tuple((printable(path.relative_to(folder)), taking.findings.get(path, {})) for path in good)
        root = recordings_root(tuple(good.values()))
        seconds = sum(item.frames / item.rate for item in good.values())
        left_out = tuple((printable(path.relative_to(folder)), type(error).__name__) for path, error in bad)
        with home.changing("datasets"):
            entry = _registered(home, folder, root, signer)
            if entry is not None:
                _finish(home, taking, entry)
                if listed:  # a copy of the folder without its table takes nothing back
                    _relabel(home, vault, root, {good[path].sha256: each for path, each in said.items()})
                return Registered(entry, len(good), seconds, left_out, already=True, findings=findings)
            overlaps, uncompared = _unlike_others(home, folder, good, signer, allow_overlap)
            # A run that was killed may have sent a record with commitments to these, which is recorded yet.
            known = _known_names(home, root)
            recordings, omitted, names = _named(folder, good, bad, said, known, numbered=not hide_labels)
            private_names.keep(home, vault, root, {**known, **names})
            vault.put(of_recordings(taking.asset, root, signer.address), taking.key)
            record = (LabelledDatasetRecord if recordings[0].labels else DatasetRecord)(
                root=root,
                asset=taking.asset,
                title=title,
                holder=signer.address,
                license=license_,
                terms=terms,
                recordings=recordings,
                omitted=omitted,
                created=timestamp(now()),
            )
            already = False
            try:
                with home.ledger() as ledger:
                    cid = publish(ledger.store, record, signer)
                    home.introduce(ledger, signer)
                    entry = ledger.contracts.register_dataset(signer, root, record.digest, str(cid), terms)
            except AlreadyRegistered:  # by what a killed run had sent, unless it was somebody else
                entry = _registered(home, folder, root, signer)
                if entry is None:
                    raise
                already = True
        _finish(home, taking, entry)
    return Registered(entry, len(good), seconds, left_out, already, overlaps, uncompared, findings)


def show(ledger: Ledger, dataset_id: int) -> tuple[DatasetEntry, DatasetRecord]:
    """A dataset's entry on chain and its verified record."""
    from ledger.archive import fetch
    from ledger.records import DatasetRecord

    entry = ledger.contracts.dataset(dataset_id)
    return entry, fetch(ledger.store, DatasetRecord, entry.cid, entry.record, entry.holder)


def read(store: ContentStore, asset: str, item: Recording, key: DataKey) -> bytes:
    """A recording out of the store, by :func:`decrypt`, once its ciphertext is the one that the record names."""
    from ledger.errors import DigestMismatch

    ciphertext = b"".join(store.read(item.content.cid))
    if Digest.of(ciphertext) != item.content.sha256:
        raise DigestMismatch(f"the ciphertext {item.content.cid} of {asset} has another SHA-256 than its record says")
    return decrypt(ciphertext, key, asset, item.sha256)


def decrypt(ciphertext: bytes, key: DataKey, asset: str, recording: Digest) -> bytes:
    """The file as it was registered. Callers ask the chain for a license before they take the key from the vault."""
    from ledger.errors import DigestMismatch
    from ledger.vault import decrypt_bytes

    data = decrypt_bytes(io.BytesIO(ciphertext), key, asset.encode())
    if Digest.of(data) != recording:
        raise DigestMismatch(f"recording {recording} of {asset} decrypts to other bytes")
    return data


def _distinct(taken: Mapping[Path, Recording], paths: Sequence[Path]) -> dict[Path, Recording]:
    """In the order of their digests; identical files count once, under the first of their names."""
    first = {taken[path].sha256: path for path in reversed(paths) if path in taken}
    return {first[digest]: taken[first[digest]] for digest in sorted(first)}


def _registered(home: Home, folder: Path, root: Digest, signer: Signer) -> DatasetEntry | None:
    """The dataset that these recordings are already. Raises ``AlreadyRegistered`` where it is somebody else's."""
    from ledger.errors import AlreadyRegistered

    with home.ledger() as ledger:
        known = ledger.contracts.dataset_by_root(root)
    if known is not None and signer.address not in (known.holder, known.owner):
        raise AlreadyRegistered(
            f"{folder}: {known.holder} registered these recordings, as dataset {known.id}", known.id
        )
    return known


def _finish(home: Home, taking: intake.Intake, entry: DatasetEntry) -> None:
    from ledger.errors import BlockMissing

    record = None
    with home.ledger() as ledger, contextlib.suppress(BlockMissing):
        record = show(ledger, entry.id)[1]
    taking.finish(entry.root, record)


def _unlike_others(
    home: Home, folder: Path, good: Mapping[Path, Recording], signer: Signer, allow_overlap: bool
) -> tuple[tuple[tuple[int, int], ...], tuple[int, ...]]:
    """What ``Registered`` says of other datasets. A dataset whose consent its holder has withdrawn is no obstacle."""
    from api.workflows import resemblance

    with home.ledger() as ledger:
        compared = resemblance.compare(ledger, tuple(good.values()))
        own = [found for found in compared.found if resemblance.is_own(ledger.contracts, found.entry, signer.address)]
    others = [found for found in compared.found if found not in own]
    current = [found for found in own if found.entry.consent]
    if others or (current and not allow_overlap):
        lines = []
        for found in others or current:
            names = [
                printable(path.relative_to(folder)) for path, item in good.items() if item.sha256 in found.recordings
            ]
            lines.append(
                f"{len(names)} of {len(good)} recordings are those of dataset {found.entry.id} "
                f"(held by {found.entry.holder}): {', '.join(names[:MOST_NAMED])}{', …' * (len(names) > MOST_NAMED)}"
            )
        remedy = "" if others else ", or register them once more with --allow-overlap"
        raise ResemblesDataset("; ".join(lines) + f". Leave them out{remedy}; nothing was registered")
    return tuple((found.entry.id, len(found.recordings)) for found in current), compared.unread


def _known_names(home: Home, root: Digest) -> dict[Digest, PrivateName]:
    """The listing that an earlier run wrote; one that opens no more is of no use to anybody."""
    from ledger.errors import DecryptionFailed

    try:
        return private_names.read(home, root)
    except (NamesForgotten, DecryptionFailed):
        return {}


def _relabel(home: Home, vault: Vault, root: Digest, said: Mapping[Digest, Mapping[str, str]]) -> None:
    """Other labels for a dataset that is there; names that were forgotten stay so."""
    known = _known_names(home, root)
    names = {digest: replace(name, labels=said.get(digest, name.labels)) for digest, name in known.items()}
    if names != known:
        private_names.keep(home, vault, root, names)


def _named(
    folder: Path,
    good: Mapping[Path, Recording],
    bad: Sequence[Bad],
    said: Mapping[Path, Mapping[str, str]],
    known: Mapping[Digest, PrivateName],
    *,
    numbered: bool,
) -> tuple[tuple[Recording, ...], tuple[Omission, ...], dict[Digest, PrivateName]]:
    """Recordings and omissions as the record tells of them, and the names that they commit to, with known salts.

    numbered: give them the numbers of their labels, if there are any.
    """
    from ledger.records import Omission

    names: dict[Digest, PrivateName] = {}

    def commit(path: Path, digest: Digest) -> Digest:
        text = printable(path.relative_to(folder))
        old = known.get(digest)
        name = old if old is not None and old.text == text else PrivateName.new(text)
        names[digest] = replace(name, labels=said.get(path, {}))
        return names[digest].commitment

    recordings = [replace(item, name_commitment=commit(path, item.sha256)) for path, item in good.items()]
    if numbered and any(said.get(path) for path in good):
        numbers = labels.numbers(said.get(path, {}) for path in good)
        recordings = [replace(item, labels=own) for item, own in zip(recordings, numbers, strict=True)]
    omitted = []
    for path, error in bad:
        try:
            digest = Digest.of_file(path) if path.is_file() else None
        except OSError:
            digest = None
        listed = digest if digest is not None and digest not in names else Digest.of(os.fsencode(path))
        salted = commit(path, listed)
        omitted.append(Omission(sha256=digest, reason=type(error).__name__, name_commitment=salted))
    return tuple(recordings), tuple(omitted), names

"""What was done of a folder's registration, so that the same command goes on where a kill or a power cut ended it.

One file of JSON lines in ``intake/`` for each folder: first the asset under which it is encrypted, then a line for each
file that was dealt with, at last the root under which all of it was registered. The folder is known again by a keyed
hash over its path, a file by one over its path, size and times: neither tells a name to anybody who would guess it and
has not the vault. What a line says of a recording, its record says to all, but for what was found odd about it: that
is the holder's alone.

A folder that was registered and has changed since is another dataset, and gets a key of its own: whoever holds a
license for the first one holds that one's key. Where it turns out to hold the recordings of a dataset that is there,
its own key is erased again.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.data_keys import get_or_new, of_recordings
from api.home import Home
from ledger import file
from ledger.digest import Digest

if TYPE_CHECKING:
    from gen.corpus import Findings
    from ledger.cid import Cid
    from ledger.records import DatasetRecord, Recording
    from ledger.vault import DataKey, Vault

UNNAMED = Digest(bytes(32))
"""Stands where a record has the commitment to a recording's name: names are committed to at the end."""
LOWEST = 44100
"""The rate in Hz that a recording must have unless a lower one is accepted; :data:`gen.audio.LOWEST_RATE`."""
_RESAMPLED: dict[str, Any] = {"resampled": True}


@dataclass(frozen=True)
class Intake:
    """An open registration of a folder. ``done`` holds what is known of each file, None if it cannot be used.

    ``resampled`` says that recordings of less than 44.1 kHz can be. ``findings`` grows with every file that can: its
    loudness and defects (:meth:`gen.corpus.Findings.to_dict`), and under ``warnings`` the same in words.
    """

    asset: str
    """``dataset:`` and 32 random hex digits; see :class:`~ledger.records.DatasetRecord`."""
    key: DataKey
    done: Mapping[Path, Recording | None]
    resampled: bool
    findings: dict[Path, dict[str, Any]]
    _vault: Vault = field(repr=False)
    _notes: Path = field(repr=False)
    _tags: Mapping[Path, str] = field(repr=False)

    @classmethod
    def open(cls, home: Home, vault: Vault, folder: Path, paths: Sequence[Path], *, resampled: bool) -> Intake:
        """Go on with the registration of ``folder``, whose recordings are ``paths``, or begin one.

        Only one process at a time may hold it: see :func:`name`.
        """
        from ledger.errors import MalformedRecord, NotFound

        called = name(vault, folder)
        notes = home.folder("intake") / f"{called}.jsonl"
        lines = _lines(notes)
        tag_key = get_or_new(vault, tags_key(called))
        tags = {path: _tag(tag_key, folder, path) for path in paths}
        # Begun by no one, or its key was erased, or the notes are not ours.
        with contextlib.suppress(NotFound, KeyError, IndexError, MalformedRecord):
            asset = str(lines[0]["asset"])
            key = vault.get(asset)
            known = {line["file"]: line["recording"] for line in lines if "file" in line}
            # Accepted at another rate, other recordings are in it.
            same = set(tags.values()) == set(known) and resampled == (_RESAMPLED in lines)
            if not _finished(lines) or same:
                done = {path: _recording(known[tag]) for path, tag in tags.items() if tag in known}
                done = {path: item for path, item in done.items() if item is None or resampled or item.rate >= LOWEST}
                findings = {line["file"]: line["findings"] for line in lines if line.get("findings")}
                found = {path: findings[tags[path]] for path in done if tags[path] in findings}
                return cls(asset, key, done, resampled, found, vault, notes, tags)
        if lines:  # of a dataset that came of them the key is kept under another name; this one is named no more
            vault.erase(str(lines[0].get("asset")))
        asset = f"dataset:{secrets.token_hex(16)}"
        key = get_or_new(vault, asset)
        _write(notes, [{"asset": asset}])
        return cls(asset, key, {}, resampled, {}, vault, notes, tags)

    def note(self, path: Path, recording: Recording | None, findings: Findings | None = None) -> None:
        """Write down what became of a file; a recording's ciphertext must be safe in the store by then."""
        line = {"file": self._tags[path], "recording": recording.to_json() if recording else None}
        if findings is not None:
            self.findings[path] = line["findings"] = {**findings.to_dict(), "warnings": _warnings(findings)}
        self._append(line)

    def finish(self, root: Digest, record: DatasetRecord | None = None) -> None:
        """Write down that all of it is registered, as the dataset of this record.

        Where that has another asset, the key of this one is erased, since nobody will ever ask for it; what it
        encrypted is left to collections.
        """
        ends = [_RESAMPLED] * self.resampled + [{"root": str(root)}]
        if record is None or record.asset == self.asset:
            written = _lines(self._notes)
            for end in ends:
                if end not in written:
                    self._append(end)
            return
        self._vault.erase(of_recordings(self.asset, root, record.holder))
        self._vault.erase(self.asset)
        plain = [replace(item, name_commitment=UNNAMED, labels=()) for item in record.recordings]
        named = {str(item.sha256): item.to_json() for item in plain}
        lines: list[dict[str, Any]] = [{"asset": record.asset}]
        for line in _lines(self._notes):
            if "file" in line and line["recording"] is None:
                lines.append(line)
            elif "file" in line and line["recording"]["sha256"] in named:
                lines.append({**line, "recording": named[line["recording"]["sha256"]]})
        _write(self._notes, [*lines, *ends])

    def _append(self, line: dict[str, Any]) -> None:
        # A line that a kill tore gets its end here; and nothing is lost but time if a power cut takes the last lines.
        with self._notes.open("rb+") as notes:
            end = notes.seek(0, os.SEEK_END)
            notes.seek(end - 1)
            torn = notes.read(1) != b"\n"
            notes.write(b"\n" * torn + json.dumps(line).encode() + b"\n")


def _warnings(findings: Findings) -> list[str]:
    lower = [f"{findings.rate} Hz: training brings it to {LOWEST} Hz"] if findings.resampled else []
    return [*lower, *(str(defect) for defect in findings.defects)]


def name(vault: Vault, folder: Path) -> str:
    """What a folder's registration is called among files and locks: a keyed hash of where the folder really is."""
    key = get_or_new(vault, "intake")
    return hmac.digest(key.reveal(), os.fsencode(folder.resolve()), "sha256").hex()[:32]


def tags_key(called: str) -> str:
    """Under which name the vault keeps the key of the hashes in a registration's notes."""
    return f"intake:{called}"


def noted(home: Home, root: Digest, asset: str | None) -> Iterator[tuple[str, str]]:
    """The registrations that came to this root, or go on under this asset: what each is called, and its asset."""
    for notes in home.folder("intake").glob("*.jsonl"):
        lines = _lines(notes)
        begun = lines[0].get("asset") if lines else None
        if isinstance(begun, str) and (begun == asset or {"root": str(root)} in lines):
            yield notes.stem, begun


def forget(home: Home, vault: Vault, called: str) -> bool:
    """Erase the notes of a registration; whether there were any. Its lock stays, since somebody may wait for it."""
    with home.changing(f"intake-{called}"):
        return _erase(home, vault, called)


def abandon(home: Home, vault: Vault, folder: Path) -> bool:
    """Erase the key and the notes of a registration that did not come to its end; whether there was one.

    Where its transaction is on its way already, the dataset comes to be, and its key is there to be handed out.
    """
    called = name(vault, folder)
    with home.changing(f"intake-{called}"):
        lines = _lines(home.folder("intake") / f"{called}.jsonl")
        if not lines or _finished(lines):
            return False
        vault.erase(str(lines[0].get("asset")))
        return _erase(home, vault, called)


def _erase(home: Home, vault: Vault, called: str) -> bool:
    vault.erase(tags_key(called))
    try:
        file.shred(home.folder("intake") / f"{called}.jsonl")
    except FileNotFoundError:
        return False
    return True


def pending(home: Home) -> Iterator[Cid]:
    """Content that no record names yet, and that a registration will go on with: to be spared by collections.

    Raises :class:`~ledger.errors.Malformed`, with the file that is no such notes.
    """
    from ledger.errors import Malformed

    for notes in sorted(home.folder("intake").glob("*.jsonl")):
        lines = _lines(notes)
        if _finished(lines):
            continue
        try:
            found = [_recording(line["recording"]) for line in lines if "recording" in line]
        except (Malformed, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Malformed(
                f"{notes}: the notes of a registration cannot be read: {error}; if it is not to go on, delete it"
            ) from None
        for recording in found:
            if recording is not None:
                yield from (recording.content.cid, recording.fingerprint.cid)


def _lines(notes: Path) -> list[dict[str, Any]]:
    """All lines that are whole."""
    try:
        written = notes.read_bytes()
    except FileNotFoundError:
        return []
    lines = []
    for line in written.splitlines():
        with contextlib.suppress(ValueError):
            lines.append(json.loads(line))
    return [line for line in lines if isinstance(line, dict)]


def _write(notes: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    file.write(notes, lambda out: out.writelines(json.dumps(line).encode() + b"\n" for line in lines))


def _finished(lines: Sequence[Mapping[str, Any]]) -> bool:
    return any("root" in line for line in lines)


def _recording(written: dict[str, Any] | None) -> Recording | None:
    from ledger.records import Recording
    from ledger.records.fields import read_object

    return None if written is None else read_object("recording", written, Recording.read)


def _tag(key: DataKey, folder: Path, path: Path) -> str:
    """Changes with the file: at the latest with the time of its last change of status, which nobody sets at will."""
    try:
        status = path.stat()
        state = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    except OSError:
        state = (0, 0, 0, 0, 0)
    text = os.fsencode(path.relative_to(folder)) + b"\0" + repr(state).encode()
    return hmac.digest(key.reveal(), text, "sha256").hex()

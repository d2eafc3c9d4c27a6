"""Take recordings in: each file judged, hashed, encrypted and stored, several at a time.

A file is opened once and read twice, the second time out of the system's cache where that has room. A decoder in a
process of its own reads it first, as it likes, since whoever made the file may mean harm; then one pass over its bytes
gives the file's digest, its ciphertext, the ciphertext's CID and digest, and the blocks in the store. That both saw the
same bytes is known from the time of the file's last change of status, which nobody sets at will.
Memory stays constant but for the decoded samples of the files in work. Threads do: hashing, encryption,
decoding and the disk leave Python's lock alone.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from api.decoders import Decoders
from api.errors import RecordingChanged, printable
from api.intake import UNNAMED, Intake
from ledger.digest import Digest
from ledger.hashing import HashedFile, keep

if TYPE_CHECKING:
    from ledger.cid import Cid
    from ledger.records import Recording
    from ledger.store import ContentStore

Report = Callable[[str, int, int], None]  # phase, bytes done, of how many
Bad = tuple[Path, Exception]

MOST_AT_ONCE = 8
"""Files. Each may decode to 2 GiB of samples."""


def take_in(
    store: ContentStore,
    intake: Intake,
    paths: Sequence[Path],
    *,
    decoders: Decoders,
    skip_bad: bool,
    report: Report,
) -> tuple[dict[Path, Recording], list[Bad]]:
    """Every recording in the store as ciphertext, described but for its name; and the files that cannot be used.

    A record has a recording's own rate, be it less than training works with. What is odd about one is in
    ``intake.findings`` afterwards.
    Once there is a file that cannot be used, and unless ``skip_bad``, the others are only judged. Raises
    :class:`~api.errors.RecordingChanged` where a file was written to meanwhile. Stopped anywhere, it goes on with the
    files that ``intake`` does not know yet.
    """
    from gen.errors import AudioError

    meter = _Meter(report, sum(_size(path) for path in paths))
    good: dict[Path, Recording] = {}
    bad: list[Bad] = []
    with ThreadPoolExecutor(min(MOST_AT_ONCE, len(os.sched_getaffinity(0)))) as pool:
        taking = _Taking(store, intake, decoders, meter)
        works = {pool.submit(taking.take, path): path for path in paths}
        try:
            for work in as_completed(works):
                path = works[work]
                try:
                    if (recording := work.result()) is not None:
                        good[path] = recording
                except AudioError as error:
                    bad.append((path, error))
                    if not skip_bad:
                        taking.judge_only.set()
                    meter.pass_by(_size(path))
        except BaseException:
            taking.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    order = {path: place for place, path in enumerate(paths)}
    return good, sorted(bad, key=lambda item: order[item[0]])


@dataclass(frozen=True)
class _Taking:
    """What the threads share."""

    store: ContentStore
    intake: Intake
    decoders: Decoders
    meter: _Meter
    judge_only: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    noting: threading.Lock = field(default_factory=threading.Lock)

    def take(self, path: Path) -> Recording | None:
        """One file; None where it was only judged. Raises ``AudioError`` and ``RecordingChanged``."""
        from gen.corpus import examine
        from gen.file import open_regular
        from gen.fingerprint import fingerprint
        from gen.harmony import harmony
        from ledger.encryption import encrypting
        from ledger.records import Recording

        known = self.intake.done.get(path)
        if known is not None and all(_stored(self.store, part.cid) for part in (known.fingerprint, known.content)):
            self.meter.pass_by(known.size)
            return known
        with open_regular(path) as source:
            before = os.fstat(source.fileno())
            with self.decoders.one() as decoder:
                found = examine(source, name=path.name, allow_resampled=self.intake.resampled, decoder=decoder)
            if found.error is not None:
                if path not in self.intake.done:
                    with self.noting:
                        self.intake.note(path, None)
                raise found.error
            wave, findings = found.original, found.findings
            assert wave is not None and findings is not None  # noqa: S101  (there is no error)
            del found
            frames, rate, channels = wave.frames, wave.rate, wave.channels
            pcm, codes = Digest(wave.pcm_sha256()), replace(fingerprint(wave), harmony=harmony(wave))
            del wave
            if self.judge_only.is_set():
                return None
            source.seek(0)
            plain = _Watched(source, self, before.st_size)
            content = keep(self.store, encrypting(cast(BinaryIO, plain), self.intake.key, self.intake.asset.encode()))
            after = os.fstat(source.fileno())
        if (after.st_ctime_ns, plain.size) != (before.st_ctime_ns, before.st_size):
            raise RecordingChanged(f"{printable(path)} changed while it was being registered; add the folder again")
        recording = Recording(
            sha256=plain.digest,
            pcm=pcm,
            size=plain.size,
            frames=frames,
            rate=rate,
            channels=channels,
            iscc=codes.iscc,
            fingerprint=keep(self.store, io.BytesIO(codes.to_bytes())),
            content=content,
            name_commitment=UNNAMED,
        )
        with self.noting:
            self.intake.note(path, recording, findings)
        return recording


class _Meter:
    """Counts bytes over all threads."""

    def __init__(self, report: Report, total: int) -> None:
        self._report, self._total, self._done = report, total, 0
        self._guard = threading.Lock()

    def pass_by(self, count: int) -> None:
        with self._guard:
            self._done += count
            self._report("registering", self._done, self._total)


class _Watched(HashedFile):
    """The file as it is read again: hashed, counted, cut short where it grows or where all of the work is stopped."""

    def __init__(self, source: BinaryIO, taking: _Taking, expected: int) -> None:
        super().__init__(source)
        self._taking, self._expected = taking, expected

    def read(self, size: int = -1) -> bytes:
        if self._taking.stop.is_set():
            raise InterruptedError("stopped")
        data = b"" if self.size > self._expected else super().read(size)
        self._taking.meter.pass_by(len(data))
        return data


def _stored(store: ContentStore, cid: Cid) -> bool:
    """Whether all of a ciphertext is there and whole; then it counts as new, so that no collection takes it away."""
    from ledger import unixfs
    from ledger.errors import Invalid, Malformed, Unverifiable

    try:
        with store.batch() as batch:
            for name, block in unixfs.blocks(cid, store.get):
                batch.put(name, block)
    except (Malformed, Invalid, Unverifiable):
        return False
    return True


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0

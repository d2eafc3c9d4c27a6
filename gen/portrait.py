"""All that is measured on a recording, made once: findings, fingerprint, description, mel frames."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from gen import describe as describing
from gen import features
from gen.audio import Decoder
from gen.cache import Cache
from gen.config import MelConfig
from gen.corpus import examine
from gen.decode import decode
from gen.describe import Description, describe
from gen.entry import Array, Rows
from gen.errors import ChangedFile, DamagedEntry, UnreadableFile
from gen.features import FLOOR
from gen.file import printable
from gen.fingerprint import Fingerprint, fingerprint
from gen.stamps import Stamps

VERSION = 1
"""Goes up whenever the same file gives other findings, another fingerprint, or another form of either."""
_ROW_FRAMES = 512


@dataclass(frozen=True, eq=False)
class Portrait:
    """digest: sha256 of the file. findings: `gen.corpus.Findings.to_dict`. fingerprint, description: of its sound.

    frames: how many log-mel frames it has. rows: these, float32 (bands, 512) each, from the cache; the last is filled
    up with silence. None where they were not to be kept.
    """

    digest: bytes
    findings: dict[str, Any]
    fingerprint: Fingerprint
    description: Description
    frames: int
    rows: Rows | None

    def mel(self) -> npt.NDArray[np.float32]:
        """All log-mel frames, (bands, frames), a copy. Raises ValueError where they were not kept."""
        if self.rows is None:
            raise ValueError("rows: this portrait was made without its frames; make it with them")
        return np.concatenate(list(self.rows), axis=1)[:, : self.frames]


@dataclass(frozen=True)
class Sketch:
    """A portrait on its way between processes: all but its frames, which stay in the cache.

    digest: sha256 of the file. facts: the rest of the portrait, JSON. frames: the name of the frames' entry.
    """

    digest: bytes
    facts: bytes
    frames: str

    def completed(self, rows: Rows | None) -> Portrait:
        """The portrait, with its frames where there are any."""
        about = json.loads(self.facts)
        return Portrait(
            self.digest,
            about["findings"],
            Fingerprint.from_bytes(bytes.fromhex(about["fingerprint"])),
            Description.from_dict(about["description"]),
            about["frames"],
            rows,
        )


def portray(
    path: Path,
    cache: Cache,
    stamps: Stamps,
    mel: MelConfig,
    *,
    allow_resampled: bool = False,
    decoder: Decoder = decode,
) -> Portrait:
    """The portrait of a recording, from the cache if the file and all settings are what they were.

    Raises what `gen.audio.examine` raises for a file that is not fit, ChangedFile for one that is written to meanwhile,
    and CacheFull.
    """
    found, rows = sketch(path, cache, stamps, mel, allow_resampled=allow_resampled, decoder=decoder)
    return found.completed(rows)


def entries(cache: Cache, digest: bytes, mel: MelConfig, *, allow_resampled: bool = False) -> tuple[str, str]:
    """The names under which the cache keeps the facts and the frames of a file with this digest."""
    settings: dict[str, str | int | bool | float] = {f"mel.{name}": value for name, value in asdict(mel).items()}
    settings |= {"allow_resampled": allow_resampled, "describe": describing.VERSION}
    version = VERSION * 1000 + features.VERSION
    return cache.key("facts", digest, settings, version), cache.key("mel", digest, settings, version)


def sketch(
    path: Path,
    cache: Cache,
    stamps: Stamps,
    mel: MelConfig,
    *,
    allow_resampled: bool = False,
    keep_frames: bool = True,
    decoder: Decoder = decode,
) -> tuple[Sketch, Rows | None]:
    """What `portray` does, up to the point where a portrait is put together. Raises what it raises.

    keep_frames: whether the log-mel frames go into the cache too; without them it takes some kilobytes a recording, and
    nothing can be made to sound from it.
    """
    digest = _digest(path, stamps)
    facts, frames = entries(cache, digest, mel, allow_resampled=allow_resampled)
    known = _known(cache, digest, facts, frames, keep_frames)
    if known is not None:
        return known
    examination = examine(path, allow_resampled=allow_resampled, decoder=decoder)
    if examination.error is not None:
        raise examination.error
    waveform, findings = examination.waveform, examination.findings
    if waveform is None or findings is None or _digest(path, stamps) != digest:
        raise ChangedFile(f"{printable(path)}: changed while it was read; try again when it is whole")
    waveform = waveform.mono()  # once for both
    described = describe(waveform, mel)
    about = {
        "findings": findings.to_dict(),
        "fingerprint": fingerprint(waveform).to_bytes().hex(),
        "description": described.description.to_dict(),
        "frames": described.frames.shape[1],
    }
    data = json.dumps(about, separators=(",", ":")).encode()
    rows = cache.store(frames, _blocks(described.frames)) if keep_frames else None
    cache.store(facts, [np.frombuffer(data, dtype=np.uint8)])
    return Sketch(digest, data, frames), rows


def recall(
    path: Path,
    cache: Cache,
    stamps: Stamps,
    mel: MelConfig,
    *,
    allow_resampled: bool = False,
    keep_frames: bool = True,
) -> tuple[Sketch, Rows | None] | None:
    """What `sketch` gives, if that takes no work, not even reading the file. Raises UnreadableFile."""
    digest = stamps.recall(path)
    if digest is None:
        return None
    facts, frames = entries(cache, digest, mel, allow_resampled=allow_resampled)
    return _known(cache, digest, facts, frames, keep_frames)


def _known(
    cache: Cache, digest: bytes, facts: str, frames: str, keep_frames: bool
) -> tuple[Sketch, Rows | None] | None:
    known, rows = cache.find(facts), cache.find(frames) if keep_frames else None
    if known is not None and (rows is not None or not keep_frames):
        with suppress(DamagedEntry):
            return Sketch(digest, known[0].tobytes(), frames), rows
    return None


def _digest(path: Path, stamps: Stamps) -> bytes:
    try:
        return stamps.sha256(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnreadableFile(f"{printable(path)}: cannot be read ({reason}); copy it to a sound disk") from error


def _blocks(frames: Tensor) -> Iterator[Array]:
    for first in range(0, frames.shape[1], _ROW_FRAMES):
        block = frames[:, first : first + _ROW_FRAMES].numpy()
        missing = _ROW_FRAMES - block.shape[1]
        yield np.pad(block, ((0, 0), (0, missing)), constant_values=np.log(np.float32(FLOOR))) if missing else block

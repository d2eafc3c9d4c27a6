"""All that is measured on a recording, made once: findings, fingerprint, description, mel frames."""

import json
from collections.abc import Iterator
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
from gen.errors import ChangedFile
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
    up with silence.
    """

    digest: bytes
    findings: dict[str, Any]
    fingerprint: Fingerprint
    description: Description
    frames: int
    rows: Rows

    def mel(self) -> npt.NDArray[np.float32]:
        """All log-mel frames, (bands, frames), a copy."""
        return np.concatenate(list(self.rows), axis=1)[:, : self.frames]


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
    digest = stamps.sha256(path)
    settings: dict[str, str | int | bool | float] = {f"mel.{name}": value for name, value in asdict(mel).items()}
    settings |= {"allow_resampled": allow_resampled, "describe": describing.VERSION}
    facts, frames = (cache.key(kind, digest, settings, VERSION * 1000 + features.VERSION) for kind in ("facts", "mel"))
    known, rows = cache.find(facts), cache.find(frames)
    if known is not None and rows is not None:
        return _read(digest, known[0], rows)
    examination = examine(path, allow_resampled=allow_resampled, decoder=decoder)
    if examination.error is not None:
        raise examination.error
    waveform, findings = examination.waveform, examination.findings
    if waveform is None or findings is None or stamps.sha256(path) != digest:
        raise ChangedFile(f"{printable(path)}: changed while it was read; try again when it is whole")
    waveform = waveform.mono()  # once for both
    described = describe(waveform, mel)
    about = {
        "findings": findings.to_dict(),
        "fingerprint": fingerprint(waveform).to_bytes().hex(),
        "description": described.description.to_dict(),
        "frames": described.frames.shape[1],
    }
    data = np.frombuffer(json.dumps(about, separators=(",", ":")).encode(), dtype=np.uint8)
    rows = cache.store(frames, _blocks(described.frames))
    return _read(digest, cache.store(facts, [data])[0], rows)


def _read(digest: bytes, facts: Array, rows: Rows) -> Portrait:
    about = json.loads(facts.tobytes())
    return Portrait(
        digest,
        about["findings"],
        Fingerprint.from_bytes(bytes.fromhex(about["fingerprint"])),
        Description.from_dict(about["description"]),
        about["frames"],
        rows,
    )


def _blocks(frames: Tensor) -> Iterator[Array]:
    for first in range(0, frames.shape[1], _ROW_FRAMES):
        block = frames[:, first : first + _ROW_FRAMES].numpy()
        missing = _ROW_FRAMES - block.shape[1]
        yield np.pad(block, ((0, 0), (0, missing)), constant_values=np.log(np.float32(FLOOR))) if missing else block

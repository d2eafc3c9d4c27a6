"""Recordings as a run learns from them: decoded, cleaned, in one channel; made once, and then taken from the cache."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import overload

import numpy as np

from gen.cache import Cache
from gen.cleaning import clean
from gen.entry import Array
from gen.errors import CacheFull, DamagedEntry
from gen.fingerprint import Fingerprint, fingerprint
from gen.loader import Source
from gen.preset import Preset
from gen.waveform import Waveform

VERSION = 1
"""Goes up whenever the same file and preset give another sound, or another fingerprint."""
_ROW = 1 << 18


@dataclass(frozen=True)
class Facts:
    """What is known of a recording as it was decoded: its rate in Hz, samples per channel, fingerprint."""

    rate: int
    frames: int
    fingerprint: Fingerprint

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.frames / self.rate


class Sounds(Sequence[Waveform]):
    """One waveform for each source, as preset.cleaning has it, at its own rate; only one is in memory at a time.

    A cache that is full or damaged costs time, never the run. Reading one raises what the source's `load` raises.
    """

    def __init__(self, sources: Sequence[Source], cache: Cache, preset: Preset) -> None:
        self._sources, self._cache, self._preset = tuple(sources), cache, preset

    def __len__(self) -> int:
        return len(self._sources)

    @overload
    def __getitem__(self, index: int) -> Waveform: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Waveform]: ...
    def __getitem__(self, index: int | slice) -> Waveform | Sequence[Waveform]:
        if isinstance(index, slice):
            return Sounds(self._sources[index], self._cache, self._preset)
        source = self._sources[index]
        key = self._key("sound", source)
        facts, rows = self._known(source), self._rows(key)
        if facts is not None and rows is not None:
            samples = np.concatenate(rows)[: facts.frames]
            samples.setflags(write=False)
            return Waveform(samples[None], facts.rate)
        waveform = source.load()
        if facts is None:
            self._describe(source, waveform)
        if self._preset.corpus.clean:
            waveform = clean(waveform, self._preset.cleaning).waveform
        waveform = waveform.mono()
        self._keep(key, _pieces(waveform))
        return waveform

    def facts(self, index: int) -> Facts:
        """Of a recording, as it was before it was cleaned."""
        source = self._sources[index]
        return self._known(source) or self._describe(source, source.load())

    def _known(self, source: Source) -> Facts | None:
        rows = self._rows(self._key("facts", source))
        if rows is None:
            return None
        about = json.loads(rows[0].tobytes())
        return Facts(about["rate"], about["frames"], Fingerprint.from_bytes(bytes.fromhex(about["fingerprint"])))

    def _describe(self, source: Source, waveform: Waveform) -> Facts:
        facts = Facts(waveform.rate, waveform.frames, fingerprint(waveform))
        about = {"rate": facts.rate, "frames": facts.frames, "fingerprint": facts.fingerprint.to_bytes().hex()}
        self._keep(self._key("facts", source), [np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)])
        return facts

    def _rows(self, key: str) -> list[Array] | None:
        rows = self._cache.find(key)
        if rows is None:
            return None
        try:
            return list(rows)
        except DamagedEntry:
            self._cache.remove(key)
            return None

    def _keep(self, key: str, rows: Iterator[Array] | list[Array]) -> None:
        with contextlib.suppress(CacheFull):
            self._cache.store(key, rows)

    def _key(self, kind: str, source: Source) -> str:
        settings = {f"source.{name}": value for name, value in source.settings.items()}
        if kind == "sound":
            settings["clean"] = self._preset.corpus.clean
            if self._preset.corpus.clean:
                settings |= {f"cleaning.{name}": value for name, value in asdict(self._preset.cleaning).items()}
        return self._cache.key(f"training {kind}", source.digest, settings, VERSION)


def _pieces(waveform: Waveform) -> Iterator[Array]:
    """Rows of one length; the last is filled up with silence."""
    for first in range(0, waveform.frames, _ROW):
        piece = np.asarray(waveform.samples[0, first : first + _ROW], dtype=np.float32)
        yield np.pad(piece, (0, _ROW - len(piece)))

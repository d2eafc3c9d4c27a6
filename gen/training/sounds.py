"""Recordings as a run hears them: what is known of each as it was decoded, and how it sounds once it is prepared."""

import contextlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from gen.cache import Cache
from gen.cleaning import clean
from gen.config import RATE
from gen.errors import CacheFull, DamagedEntry
from gen.fingerprint import Fingerprint, fingerprint
from gen.preset import Preset
from gen.source import Source
from gen.waveform import Waveform

VERSION = 2
"""Goes up whenever the same file and preset give another sound, or another fingerprint."""
_SILENCE = 1e-4
_MOST_GAIN = 300.0


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

    @property
    def samples(self) -> int:
        """How many it has at 44.1 kHz, as `Waveform.resampled` gives them."""
        return max(1, round(self.frames * RATE / self.rate))


class Sounds:
    """Some recordings, whose `load` gives them as decoded; only one is in memory at a time.

    A cache that is full or damaged costs time, never the run. Reading one raises what the source's `load` raises.
    """

    def __init__(self, recordings: Sequence[Source], cache: Cache | None, preset: Preset) -> None:
        self._recordings, self._cache, self._preset = tuple(recordings), cache, preset

    def __len__(self) -> int:
        return len(self._recordings)

    def facts(self, index: int) -> Facts:
        """Of a recording, as it was before it was prepared."""
        recording = self._recordings[index]
        return self._known(recording) or self._described(recording)

    def prepared(self, index: int) -> Source:
        """A recording to cut windows from: cleaned as the preset says, 44.1 kHz, at one level, and in one channel
        unless the preset is for stereo."""
        recording, preset = self._recordings[index], self._preset
        settings: dict[str, str | int | bool | float] = {"loudness": preset.corpus.loudness, "prepared": VERSION}
        if preset.corpus.clean:
            settings |= {f"cleaning.{name}": value for name, value in asdict(preset.cleaning).items()}
        stereo = preset.vocoder.stereo
        settings |= {**recording.settings, "stereo": stereo}

        return replace(
            recording,
            load=lambda: prepared(recording.load(), preset),
            settings=settings,
            cache=recording.cache or self._cache,
        )

    def _known(self, recording: Source) -> Facts | None:
        if self._cache is None:
            return None
        key = self._key(self._cache, recording)
        rows = self._cache.find(key)
        if rows is None:
            return None
        try:
            about = json.loads(rows[0].tobytes())
        except DamagedEntry:
            self._cache.remove(key)
            return None
        return Facts(about["rate"], about["frames"], Fingerprint.from_bytes(bytes.fromhex(about["fingerprint"])))

    def _described(self, recording: Source) -> Facts:
        waveform = recording.load()
        facts = Facts(waveform.rate, waveform.frames, fingerprint(waveform))
        about = {"rate": facts.rate, "frames": facts.frames, "fingerprint": facts.fingerprint.to_bytes().hex()}
        if self._cache is not None:
            with contextlib.suppress(CacheFull):
                row = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
                self._cache.store(self._key(self._cache, recording), [row])
        return facts

    def _key(self, cache: Cache, recording: Source) -> str:
        settings = {f"source.{name}": value for name, value in recording.settings.items()}
        return cache.key("training facts", recording.digest, settings, VERSION)


def prepared(waveform: Waveform, preset: Preset) -> Waveform:
    """A sound as the networks hear it: cleaned as the preset says, 44.1 kHz, at one level, in one channel unless the
    preset is for stereo."""
    if preset.corpus.clean:
        waveform = clean(waveform, preset.cleaning).waveform
    heard = waveform if preset.vocoder.stereo else waveform.mono()
    return levelled(heard.resampled(RATE), preset.corpus.loudness)


def levelled(waveform: Waveform, loudness: float) -> Waveform:
    """Without its mean, which is a fault of the converter and no music, and at this RMS level, in dB below full scale.

    The level is that of the channels' mean in all seconds in which anything sounds; a recording is made 300 times
    louder at most.
    """
    samples = waveform.samples - waveform.samples.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
    power, count = 0.0, 0
    for first in range(0, samples.shape[1], waveform.rate):
        second = samples[:, first : first + waveform.rate].mean(axis=0)
        if np.abs(second).max() > _SILENCE:
            power, count = power + float(np.sum(second**2, dtype=np.float64)), count + second.size
    if count:
        samples *= np.float32(min(10 ** (loudness / 20) / max((power / count) ** 0.5, 1e-9), _MOST_GAIN))
    return Waveform(samples, waveform.rate)

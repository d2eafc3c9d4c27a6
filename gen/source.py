"""A recording that is learnt from, and how it is cut into windows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from gen.cache import Cache
from gen.config import RATE, SegmentConfig
from gen.entry import Array
from gen.segment import segment, starts, window_and_step
from gen.waveform import Waveform


@dataclass(frozen=True)
class Source:
    """A recording that is learnt from, or judged by.

    digest: of the file as it was read, which stands for the sound. style: its index. load: gives the sound, of any rate
    and number of channels, as it shall be learnt from; called only when the cache does not have it. settings: whatever
    changes what `load` gives, such as the limits of cleaning. labels: indices, one for each of `gen.labels.FIELDS`, or
    none. cache: where its windows are kept, if not where those of the others are. shares: how it is divided in time
    before windows are cut, summing to 1; none reaches over a border. chosen: the numbers of those windows that are
    used, counted through all divisions; None for all.
    """

    digest: bytes
    style: int
    load: Callable[[], Waveform]
    settings: Mapping[str, str | int | bool | float] = field(default_factory=dict)
    labels: tuple[int, ...] = ()
    cache: Cache | None = None
    shares: tuple[float, ...] = (1.0,)
    chosen: tuple[int, ...] | None = None


def divided(frames: int, shares: Sequence[float]) -> list[tuple[int, int]]:
    """Where the parts of so many samples begin and end."""
    edges = [round(frames * sum(shares[:place])) for place in range(len(shares))] + [frames]
    return list(pairwise(edges))


def count_windows(frames: int, shares: Sequence[float], cut: SegmentConfig) -> tuple[int, ...]:
    """How many windows each part of a recording has, which has so many samples at 44.1 kHz."""
    length, step = window_and_step(RATE, cut)
    parts = divided(frames, shares)
    return tuple(sum(1 for _ in starts(end - first, length, step)) if end > first else 0 for first, end in parts)


def cut_up(source: Source, cut: SegmentConfig, stereo: bool = False) -> Iterator[Array]:
    """All windows of a recording, part after part: samples at 44.1 kHz, float32 (N,), or (2, N) for stereo."""
    waveform = source.load()
    if not stereo or waveform.channels != 2:
        waveform = waveform.mono()
    sound = waveform.resampled(RATE).samples
    if stereo and len(sound) == 1:
        sound = np.repeat(sound, 2, axis=0)
    for first, end in divided(sound.shape[-1], source.shares):
        if end > first:
            for window in segment(Waveform(sound[:, first:end], RATE), cut):
                samples = window.samples
                if window.sounding < samples.shape[1]:
                    times = -(-samples.shape[1] // window.sounding)
                    samples = np.tile(samples[:, : window.sounding], (1, times))[:, : samples.shape[1]]
                yield samples if stereo else samples[0]

"""The stretches of music that a training run learns from, and those it is judged by."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gen.augment import augment
from gen.cleaning import clean
from gen.config import RATE
from gen.errors import NoRecordings
from gen.features import log_mel
from gen.preset import Preset
from gen.split import SHARES, Item, Part, split
from gen.waveform import Waveform

_SILENCE = 1e-4
_MOST_GAIN = 300.0


@dataclass(frozen=True)
class StyleCorpus:
    """A dataset as training sees it: a name, and recordings of any rate and length (a lazy sequence will do).

    Every recording is asked for at most once, and only some of them where there are many. seconds and works: of each
    recording its length, and the work it is one of or None; empty where unknown: equally long, each a work of its own.
    cleaned: they are as the preset's `cleaning` has them; else they are cleaned when they are asked for.
    """

    name: str
    waveforms: Sequence[Waveform]
    seconds: tuple[float, ...] = ()
    works: tuple[str | None, ...] = ()
    cleaned: bool = False


@dataclass(frozen=True)
class Split:
    """How many windows were used for what, varied copies counted. None is in two of them.

    by_time: recordings that were split by time, since their style has too few works. left_out: of these, recordings
    that were not used since another one is the same take.
    """

    train: int
    validation: int
    test: int
    by_time: int = 0
    left_out: int = 0


@dataclass(frozen=True)
class Excerpt:
    """One window: samples (N,) at 44.1 kHz, mono, levelled; its log-mel frames (bands, T); the index of its style."""

    samples: Tensor
    frames: Tensor
    style: int


@dataclass(frozen=True)
class Excerpts:
    """All windows of a run, by use; by_time and left_out as in `Split`."""

    train: tuple[Excerpt, ...]
    validation: tuple[Excerpt, ...]
    test: tuple[Excerpt, ...]
    by_time: int = 0
    left_out: int = 0

    @property
    def split(self) -> Split:
        """Their numbers."""
        return Split(len(self.train), len(self.validation), len(self.test), self.by_time, self.left_out)


def draw_excerpts(
    styles: Sequence[StyleCorpus], preset: Preset, seed: int, alike: Sequence[tuple[int, int]] = ()
) -> Excerpts:
    """Choose windows from every style, 80 / 10 / 10, as `gen.split.split` places the recordings.

    alike: near-duplicates, as pairs of places in the recordings of all styles, one style after the other. The work is
    bounded by preset.corpus.most, not by how much there is. Beside each window to learn from stand
    preset.augment.copies varied ones; those to be judged by stay as they are. Raises NoRecordings naming a style
    without any.
    """
    random = np.random.default_rng([seed, 1])
    uses: tuple[list[Excerpt], ...] = ([], [], [])
    parts = split(list(_items(styles)), alike, seed).parts
    first = 0
    for index, style in enumerate(styles):
        mine, first = parts[first : first + len(style.waveforms)], first + len(style.waveforms)
        for use, samples in _of_style(style, mine, preset, random):
            for heard in (samples, *(_varied(samples, preset, seed, len(uses[0])) if use == 0 else ())):
                uses[use].append(Excerpt(heard, log_mel(heard, preset.mel), index))
    return Excerpts(*(tuple(found) for found in uses), parts.count(Part.BY_TIME), parts.count(Part.LEFT_OUT))


def _items(styles: Sequence[StyleCorpus]) -> Iterator[Item]:
    for index, style in enumerate(styles):
        count = len(style.waveforms)
        if count == 0:
            raise NoRecordings(f"{style.name}: has no recordings; add some or leave it out")
        for seconds, work in zip(style.seconds or [1.0] * count, style.works or [None] * count, strict=True):
            yield Item(seconds, index, work)


def _varied(samples: Tensor, preset: Preset, seed: int, window: int) -> Iterator[Tensor]:
    for copy in range(preset.augment.copies if preset.augment.active else 0):
        yield torch.from_numpy(augment(samples.numpy(), preset.augment, seed, copy, window))


def _of_style(
    style: StyleCorpus, parts: Sequence[Part], preset: Preset, random: np.random.Generator
) -> Iterator[tuple[int, Tensor]]:
    left = [max(1, round(preset.corpus.most * share / preset.corpus.window)) for share in SHARES]
    order = [int(index) for index in random.permutation(len(style.waveforms))]
    groups = [[index for index in order if parts[index] in (use, Part.BY_TIME)] for use in range(3)]
    plans: dict[int, list[int]] = {}
    for use, group in enumerate(groups):
        for position, index in enumerate(group[: left[use]]):
            plans.setdefault(index, [0, 0, 0])[use] = len(group[: left[use]]) - position
    for index, waiting in plans.items():
        waveform = style.waveforms[index]
        if preset.corpus.clean and not style.cleaned:
            waveform = clean(waveform, preset.cleaning).waveform
        for use in range(3):
            if waiting[use] == 0:
                continue
            by_time = parts[index] is Part.BY_TIME
            region = (sum(SHARES[:use]), sum(SHARES[: use + 1])) if by_time else (0.0, 1.0)
            # What a short recording leaves of its part falls to those after it.
            part = -(-left[use] // waiting[use])
            for samples in _windows(waveform, region, part, preset, random):
                left[use] -= 1
                yield use, samples


def _windows(
    waveform: Waveform, region: tuple[float, float], most: int, preset: Preset, random: np.random.Generator
) -> Iterator[Tensor]:
    start, end = (part * waveform.duration for part in region)
    count = int((end - start) / preset.corpus.window + 1e-6)
    length = preset.corpus.window if count else end - start
    slots = np.sort(random.permutation(max(count, 1)))
    if len(slots) > most:
        slots = np.sort(random.choice(slots, most, replace=False))
    found = []
    for slot in slots:
        first = start + slot * length
        piece = waveform.excerpt(first, max(first + length, first + 1.5 / waveform.rate)).mono().resampled(RATE)
        found.append(np.array(piece.samples[0], dtype=np.float32))
    # A mean far from zero is a fault of the converter, not music.
    found = [samples - samples.mean() for samples in found]
    sounding = [samples for samples in found if np.abs(samples).max() > _SILENCE]
    kept = sounding or found[:1]
    level = float(np.sqrt(np.mean(np.concatenate(kept) ** 2, dtype=np.float64)))
    gain = min(10 ** (preset.corpus.loudness / 20) / max(level, 1e-9), _MOST_GAIN)
    shortest = preset.mel.hop * preset.latent.stack * 2
    for samples in kept:
        times = -(-shortest // len(samples))
        yield torch.from_numpy((np.tile(samples, times) * gain).astype(np.float32))

"""The stretches of music that a training run learns from, and those it is judged by."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gen.augment import augment
from gen.config import RATE, Preset
from gen.errors import NoRecordings
from gen.features import log_mel
from gen.waveform import Waveform

ENOUGH_FILES = 10
"""With fewer recordings than this, each is split by time; otherwise whole recordings are set aside."""
_SHARES = (0.8, 0.1, 0.1)
_SILENCE = 1e-4
_MOST_GAIN = 300.0


@dataclass(frozen=True)
class StyleCorpus:
    """A dataset as training sees it: a name, and recordings of any rate and length (a lazy sequence will do).

    Every recording is asked for at most once, and only some of them where there are many.
    """

    name: str
    waveforms: Sequence[Waveform]


@dataclass(frozen=True)
class Split:
    """How many windows were used for what, varied copies counted. None is in two of them."""

    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class Excerpt:
    """One window: samples (N,) at 44.1 kHz, mono, levelled; its log-mel frames (bands, T); the index of its style."""

    samples: Tensor
    frames: Tensor
    style: int


@dataclass(frozen=True)
class Excerpts:
    """All windows of a run, by use."""

    train: tuple[Excerpt, ...]
    validation: tuple[Excerpt, ...]
    test: tuple[Excerpt, ...]

    @property
    def split(self) -> Split:
        """Their numbers."""
        return Split(len(self.train), len(self.validation), len(self.test))


def draw_excerpts(styles: Sequence[StyleCorpus], preset: Preset, seed: int) -> Excerpts:
    """Choose windows from every style, 80 / 10 / 10.

    By recording where a style has ENOUGH_FILES, else by time within each recording. The work is bounded by
    preset.corpus.most, not by how much there is. Beside each window to learn from stand preset.augment.copies varied
    ones; those to be judged by stay as they are. Raises NoRecordings naming a style without any.
    """
    random = np.random.default_rng([seed, 1])
    uses: tuple[list[Excerpt], ...] = ([], [], [])
    for index, style in enumerate(styles):
        if len(style.waveforms) == 0:
            raise NoRecordings(f"{style.name}: has no recordings; add some or leave it out")
        for use, samples in _of_style(style.waveforms, preset, random):
            for heard in (samples, *(_varied(samples, preset, seed, len(uses[0])) if use == 0 else ())):
                uses[use].append(Excerpt(heard, log_mel(heard, preset.mel), index))
    return Excerpts(*(tuple(found) for found in uses))


def _varied(samples: Tensor, preset: Preset, seed: int, window: int) -> Iterator[Tensor]:
    for copy in range(preset.augment.copies if preset.augment.active else 0):
        yield torch.from_numpy(augment(samples.numpy(), preset.augment, seed, copy, window))


def _of_style(
    waveforms: Sequence[Waveform], preset: Preset, random: np.random.Generator
) -> Iterator[tuple[int, Tensor]]:
    left = [max(1, round(preset.corpus.most * share / preset.corpus.window)) for share in _SHARES]
    order = [int(index) for index in random.permutation(len(waveforms))]
    whole = len(order) >= ENOUGH_FILES
    ends = np.round(np.cumsum(_SHARES) * len(order)).astype(int)
    groups = [order[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)] if whole else [order] * 3
    plans: dict[int, list[int]] = {}
    for use, group in enumerate(groups):
        for position, index in enumerate(group[: left[use]]):
            plans.setdefault(index, [0, 0, 0])[use] = len(group[: left[use]]) - position
    for index, waiting in plans.items():
        waveform = waveforms[index]
        for use in range(3):
            if waiting[use] == 0:
                continue
            region = (0.0, 1.0) if whole else (sum(_SHARES[:use]), sum(_SHARES[: use + 1]))
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
    shortest = preset.mel.hop * preset.generator.stack * 2
    for samples in kept:
        times = -(-shortest // len(samples))
        yield torch.from_numpy((np.tile(samples, times) * gain).astype(np.float32))

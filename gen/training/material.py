"""What a training run learns from, and what it is judged by: windows of every style, split by work."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from gen.errors import ConfigError, NoRecordings
from gen.labels import FIELDS, UNKNOWN
from gen.loader import Feed
from gen.preset import Preset
from gen.similarity import alike
from gen.source import Source, count_windows
from gen.split import SHARES, Part, split
from gen.training.checkpoint import MOST_LABELS, MOST_WIDTH, widest
from gen.training.sounds import Facts, Sounds
from gen.training.styles import StyleCorpus, choose, items_of, offsets_of, shared
from gen.windows import Batch, Place, Windows

__all__ = ["Excerpt", "Excerpts", "Material", "Split", "StyleCorpus", "feed_of", "gather"]

Report = Callable[[str, int, int], None]
"""Told after each recording: the phase ("listening", then "windows"), how many are done, of how many."""


@dataclass(frozen=True)
class Split:
    """How many windows are used for what. None is in two of them.

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
    """One window: samples (N,) at 44.1 kHz, mono, levelled; its log-mel frames (bands, T); its style and labels."""

    samples: Tensor
    frames: Tensor
    style: int
    labels: Tensor


class Excerpts(Sequence[Excerpt]):
    """Some windows, read one by one when they are asked for; and batches of all that they were chosen from."""

    def __init__(self, windows: Windows | None, chosen: Sequence[int], seed: int) -> None:
        self._windows, self._chosen, self._seed = windows, tuple(chosen), seed

    def __len__(self) -> int:
        return len(self._chosen)

    @overload
    def __getitem__(self, index: int) -> Excerpt: ...
    @overload
    def __getitem__(self, index: slice) -> "Excerpts": ...
    def __getitem__(self, index: int | slice) -> "Excerpt | Excerpts":
        if isinstance(index, slice):
            return Excerpts(self._windows, self._chosen[index], self._seed)
        assert self._windows is not None  # noqa: S101  (else there is no index to ask for)
        batch = self._windows[0, self._chosen[index]]
        assert batch.samples is not None and batch.frames is not None  # noqa: S101
        return Excerpt(batch.samples[0], batch.frames[0], int(batch.styles[0]), batch.labels[0])

    def __iter__(self) -> Iterator[Excerpt]:
        return (self[index] for index in range(len(self)))

    def feed(self, batch: int, stream: int, *, samples: bool, frames: bool) -> Feed:
        """As `feed_of`."""
        assert self._windows is not None  # noqa: S101
        return Feed(self._windows.giving(samples=samples, frames=frames), batch, self._seed * 16 + stream)


class Listed(Dataset[Batch]):
    """Excerpts in memory, all of one length, as the loader reads them."""

    def __init__(self, excerpts: Sequence[Excerpt], samples: bool, frames: bool) -> None:
        self._excerpts, self._wanted = tuple(excerpts), (samples, frames)

    def styles(self) -> tuple[int, ...]:
        """The style of each."""
        return tuple(excerpt.style for excerpt in self._excerpts)

    def __getitems__(self, places: Sequence[Place]) -> Batch:
        """A batch at once."""
        chosen = [self._excerpts[index] for _, index in places]
        return Batch(
            torch.stack([excerpt.samples for excerpt in chosen]) if self._wanted[0] else None,
            torch.stack([excerpt.frames for excerpt in chosen]) if self._wanted[1] else None,
            torch.tensor([excerpt.style for excerpt in chosen]),
            torch.stack([excerpt.labels for excerpt in chosen]),
            tuple(str(index) for _, index in places),
        )


def feed_of(
    excerpts: Sequence[Excerpt],
    batch: int,
    stream: int,
    *,
    samples: bool = False,
    frames: bool = False,
) -> Feed:
    """Batches to learn from by their numbers, every style as often as any other: of all windows that a material's
    excerpts were chosen from, varied as the preset says; or of these excerpts, where somebody made them.

    stream: a number below 16 for each phase, so that none hears the windows in the order of another.
    """
    if isinstance(excerpts, Excerpts):
        return excerpts.feed(batch, stream, samples=samples, frames=frames)
    return Feed(Listed(excerpts, samples, frames), batch, stream)


@dataclass(frozen=True)
class Material:
    """All music of a run.

    train, validation, test: windows; None where there are none to judge by. styles: names of the datasets. label_sizes:
    how many numbers each of `gen.labels.FIELDS` has over all datasets, 0 (unknown) among them: a model's embeddings.
    labelled: the share of the windows to learn from whose label is known, field by field.
    """

    train: Windows
    validation: Windows | None
    test: Windows | None
    split: Split
    styles: tuple[str, ...]
    label_sizes: tuple[int, ...]
    labelled: dict[str, float]
    seed: int

    @property
    def figures(self) -> dict[str, float]:
        """What a training record says of labels: "labelled_genre" and so on, where any is known."""
        return {f"labelled_{name}": share for name, share in self.labelled.items() if share > 0}

    def excerpts(self, part: str, most: int = 512) -> Excerpts:
        """Windows of "train", "validation" or "test": all, or so many, about as many of each style, evenly chosen."""
        windows: Windows | None = {"train": self.train, "validation": self.validation, "test": self.test}[part]
        if windows is None:
            return Excerpts(None, (), self.seed)
        styles = np.array(windows.styles())
        own = [np.flatnonzero(styles == style) for style in np.unique(styles)]
        counts = shared(most, [len(each) for each in own])
        chosen = [each[np.arange(count) * len(each) // count] for each, count in zip(own, counts, strict=True) if count]
        return Excerpts(windows, np.concatenate(chosen).tolist(), self.seed)


def gather(
    styles: Sequence[StyleCorpus], preset: Preset, seed: int, report: Report = lambda phase, done, total: None
) -> Material:
    """Hear every recording, split them, and cut windows of those that are used.

    What the caches have is not decoded again, so a run that was stopped goes on where it was. Split 80 / 10 / 10 as
    `gen.split.split` does it: by work, as far as labels tell; near-duplicates by their sound; each dataset for itself,
    and within one each genre that has enough works. preset.corpus.most bounds the windows, and with them which
    recordings are cut. Raises NoRecordings naming a style without any, ConfigError for two of one name, a bad seed, a
    preset too wide or too many labels, and what reading a recording raises.
    """
    _check(styles, preset, seed)
    offsets, sizes = offsets_of(styles)
    if sum(sizes) > MOST_LABELS:
        raise ConfigError(
            f"labels: these datasets have {sum(sizes)} in all, and a model holds {MOST_LABELS}; train on fewer datasets"
        )
    sounds = [Sounds(style.recordings, style.cache, preset) for style in styles]
    facts: list[list[Facts]] = []
    total = sum(len(each) for each in sounds)
    for each in sounds:
        facts.append([])
        for index in range(len(each)):
            facts[-1].append(each.facts(index))
            report("listening", sum(map(len, facts)), total)
    pairs = [(pair.one, pair.other) for pair in alike([known.fingerprint for each in facts for known in each])]
    parts = iter(split(list(items_of(styles, facts)), pairs, seed).parts)
    uses: tuple[list[Source], ...] = ([], [], [])
    by_time = left_out = 0
    for number, each in enumerate(sounds):
        mine = [next(parts) for _ in range(len(each))]
        by_time, left_out = by_time + mine.count(Part.BY_TIME), left_out + mine.count(Part.LEFT_OUT)
        shares = [SHARES if part is Part.BY_TIME else (1.0,) for part in mine]
        counts = [
            count_windows(known.samples, share, preset.segment)
            for known, share in zip(facts[number], shares, strict=True)
        ]
        random = np.random.default_rng([seed, 1, number])
        for use, chosen in enumerate(choose(mine, counts, preset, random)):
            for index in sorted(chosen):
                source = each.prepared(index)
                labels = source.labels or (UNKNOWN,) * len(FIELDS)
                moved = tuple(label and label + offset for label, offset in zip(labels, offsets[number], strict=True))
                uses[use].append(
                    replace(source, style=number, labels=moved, shares=shares[index], chosen=chosen[index])
                )
    return _material(styles, preset, seed, uses, (by_time, left_out), sizes, report)


def _check(styles: Sequence[StyleCorpus], preset: Preset, seed: int) -> None:
    if not styles:
        raise NoRecordings("styles: there are none; give at least one dataset")
    for style in styles:
        if not style.recordings:
            raise NoRecordings(f"{style.name}: has no recordings; add some or leave it out")
    name, times = Counter(style.name for style in styles).most_common(1)[0]
    if times > 1:
        raise ConfigError(f"styles: {name!r} is there twice; give every dataset a name of its own")
    if not 0 <= seed < 1 << 63:
        raise ConfigError(f"seed: must be between 0 and 2**63 - 1, not {seed}")
    if widest(preset) > MOST_WIDTH:  # a file of them would not be read
        raise ConfigError(f"preset: describes networks of more than {MOST_WIDTH} units a layer; make it narrower")


def _material(
    styles: Sequence[StyleCorpus],
    preset: Preset,
    seed: int,
    uses: Sequence[Sequence[Source]],
    counted: tuple[int, int],
    sizes: tuple[int, ...],
    report: Report,
) -> Material:
    total = sum(len(use) for use in uses)
    windows: list[Windows | None] = []
    for use, sources in enumerate(uses):
        before = sum(len(earlier) for earlier in uses[:use])
        made = (
            Windows(
                sources,
                None,
                preset.segment,
                preset.mel,
                augment=preset.augment if use == 0 else None,
                seed=seed,
                samples=True,
                frames=True,
                stereo=preset.vocoder.stereo,
                report=lambda done, _, before=before: report("windows", before + done, total),
            )
            if sources
            else None
        )
        windows.append(made)
    train, validation, test = windows
    if train is None:
        raise NoRecordings("styles: nothing is left to learn from")
    known = {
        name: sum(len(train.used(place)) for place, source in enumerate(train.sources) if source.labels[field])
        / len(train)
        for field, name in enumerate(FIELDS)
    }
    numbers = [0 if each is None else len(each) for each in windows]
    return Material(
        train,
        validation,
        test,
        Split(*numbers, *counted),
        tuple(style.name for style in styles),
        sizes,
        known,
        seed,
    )

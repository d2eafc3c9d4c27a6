"""Windows of recordings as batches: made once, kept in the cache, and handed out in an order that a seed decides."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info

from gen import augment as variation
from gen import features
from gen.cache import Cache, Rows
from gen.config import RATE, AugmentConfig, MelConfig, SegmentConfig
from gen.entry import Array
from gen.errors import ConfigError, DamagedEntry, NoRecordings
from gen.segment import segment
from gen.waveform import Waveform

VERSION = 1
"""Goes up whenever the same recording and settings give other windows."""
_MOST_OPEN = 128

Place = tuple[int, int]
"""An epoch, and a window's number."""


@dataclass(frozen=True)
class Source:
    """A recording that is learnt from.

    digest: of the file as it was read, which stands for the sound. style: its index. load: gives the sound, of any rate
    and number of channels, as it shall be learnt from; called only when the cache does not have it. settings: whatever
    changes what `load` gives, such as the limits of cleaning.
    """

    digest: bytes
    style: int
    load: Callable[[], Waveform]
    settings: Mapping[str, str | int | bool | float] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """samples: float32 (B, N), mono at 44.1 kHz; frames: log-mel, float32 (B, bands, 1 + N // hop); either None if it
    was not asked for. styles: int64 (B,)."""

    samples: Tensor | None
    frames: Tensor | None
    styles: Tensor

    def pin_memory(self) -> "Batch":
        """In memory that a GPU reads from without a copy; called by the DataLoader where it is told to."""
        pinned = (None if part is None else part.pin_memory() for part in (self.samples, self.frames, self.styles))
        return Batch(*pinned)  # type: ignore[arg-type]


class Windows(Dataset[Batch]):
    """The windows of some recordings, in the cache.

    Making one decodes what the cache lacks, one recording after the other; stopped and made again it goes on from
    there. augment: for music to learn from alone; leave it out for music that is judged by. With augment.copies the
    windows of an epoch n are those of epoch n modulo copies, and kept in the cache like all others; with 0 every epoch
    is varied anew, which takes a core some 30 ms for each window that is shifted or stretched. seed: decides how
    windows are varied. samples, frames: what a batch shall hold.
    Raises NoRecordings for no sources, CacheFull, and what loading a recording raises.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        cache: Cache,
        cut: SegmentConfig,
        mel: MelConfig,
        *,
        augment: AugmentConfig | None = None,
        seed: int = 0,
        samples: bool = False,
        frames: bool = True,
    ) -> None:
        if not sources:
            raise NoRecordings("sources: there are none; give at least one recording")
        if not (samples or frames):
            raise ConfigError("samples, frames: at least one of them must be asked for")
        self.sources, self.cache, self.cut, self.mel, self.seed = tuple(sources), cache, cut, mel, seed
        self.augment = augment if augment is not None and augment.active else None
        self.wanted = (samples, frames)
        self._open: OrderedDict[str, Rows] = OrderedDict()
        kinds = ["samples"] if samples or self.augment is not None else []
        kinds += ["frames"] if frames and self.augment is None else []
        counts = [max(len(self._rows(kind, source)) for kind in kinds) for source in self.sources]
        self.ends = np.cumsum(counts)

    def __len__(self) -> int:
        return int(self.ends[-1])

    def __getitem__(self, place: Place) -> Batch:
        return self.__getitems__([place])

    def __getitems__(self, places: Sequence[Place]) -> Batch:
        """A batch at once: each row is copied once, from the cache to its place."""
        samples: list[Array] = []
        frames: list[Array] = []
        styles = []
        for epoch, index in places:
            source, row = self._find(index)
            styles.append(source.style)
            if self.augment is not None and self.augment.copies == 0:
                samples.append(self._varied(source, self._row("samples", source, row), epoch, row))
                if self.wanted[1]:
                    frames.append(features.log_mel(torch.from_numpy(samples[-1]), self.mel).numpy())
                continue
            copy = None if self.augment is None else epoch % self.augment.copies
            if self.wanted[0]:
                samples.append(self._row("samples", source, row, copy))
            if self.wanted[1]:
                frames.append(self._row("frames", source, row, copy))
        return Batch(
            _stacked(samples) if self.wanted[0] else None,
            _stacked(frames) if self.wanted[1] else None,
            torch.tensor(styles),
        )

    def _find(self, index: int) -> tuple[Source, int]:
        """The recording that a window is of, and its number there."""
        number = int(np.searchsorted(self.ends, index, side="right"))
        return self.sources[number], index - (int(self.ends[number - 1]) if number else 0)

    def _row(self, kind: str, source: Source, row: int, copy: int | None = None) -> Array:
        try:
            found: Array = self._rows(kind, source, copy)[row]
        except DamagedEntry:
            key = self._key(kind, source, copy)
            self.cache.remove(key)
            self._open.pop(key, None)
            found = self._rows(kind, source, copy)[row]
        return found

    def _rows(self, kind: str, source: Source, copy: int | None = None) -> Rows:
        """An entry, open; some stay open, since opening one means reading its table."""
        key = self._key(kind, source, copy)
        rows = self._open.get(key)
        if rows is None:
            make = self._sounds if kind == "samples" else self._framed
            rows = self._open[key] = self.cache.obtain(key, lambda: make(source, copy))
            while len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)
        self._open.move_to_end(key)
        return rows

    def _sounds(self, source: Source, copy: int | None) -> Iterator[Array]:
        if copy is None:
            for window in segment(source.load().mono().resampled(RATE), self.cut):
                yield window.samples[0]
            return
        for row in range(len(self._rows("samples", source))):
            yield self._varied(source, self._row("samples", source, row), copy, row)

    def _framed(self, source: Source, copy: int | None) -> Iterator[Array]:
        kept = self.cache.find(self._key("samples", source, copy))
        for samples in self._sounds(source, copy) if kept is None else kept:
            yield features.log_mel(torch.tensor(samples), self.mel).numpy()

    def _varied(self, source: Source, samples: Array, epoch: int, row: int) -> Array:
        """A window as it sounds in an epoch, wherever its recording stands among the others."""
        assert self.augment is not None  # noqa: S101
        window = int.from_bytes(source.digest, "big") << 32 | row
        return variation.augment(samples, self.augment, self.seed, epoch, window)

    def _key(self, kind: str, source: Source, copy: int | None) -> str:
        settings = {f"source.{name}": value for name, value in source.settings.items()}
        settings |= {f"segment.{name}": value for name, value in asdict(self.cut).items()}
        version = VERSION
        if copy is not None and self.augment is not None:
            settings |= {f"augment.{name}": value for name, value in asdict(self.augment).items() if name != "copies"}
            settings |= {"augment.seed": self.seed, "augment.copy": copy, "augment.version": variation.VERSION}
        if kind == "frames":
            settings |= {f"mel.{name}": value for name, value in asdict(self.mel).items()}
            version = VERSION * 1000 + features.VERSION
        return self.cache.key(kind, source.digest, settings, version)


class Order(Sampler[list[Place]]):
    """Batches without end: all windows in a drawn order, then all again in another; no batch is smaller than others.

    The batch with number n is the same for a seed wherever one begins, so a restart goes on as if nothing had been.
    """

    def __init__(self, count: int, batch: int, seed: int, first: int = 0) -> None:
        self.count, self.batch, self.seed, self.first = count, batch, seed, first

    def __iter__(self) -> Iterator[list[Place]]:
        epoch, drawn = -1, np.zeros(0, dtype=np.int64)
        position = self.first * self.batch
        while True:
            places = []
            for place in range(position, position + self.batch):
                if place // self.count != epoch:
                    epoch = place // self.count
                    drawn = np.random.default_rng([self.seed, epoch]).permutation(self.count)
                places.append((epoch, int(drawn[place % self.count])))
            position += self.batch
            yield places


def endless(
    windows: Windows,
    batch: int,
    seed: int,
    *,
    first: int = 0,
    workers: int = 0,
    prefetch: int = 4,
    pin_memory: bool = False,
) -> "DataLoader[Batch]":
    """Batches to learn from, without end, beginning with number `first`; the same ones for any number of workers.

    workers: processes that read, vary and stack while the model learns; each has `prefetch` batches ready.
    """
    order = Order(len(windows), batch, seed, first)
    return _loader(windows, order, workers, prefetch, pin_memory)


def once(windows: Windows, batch: int, *, workers: int = 0, prefetch: int = 4) -> "DataLoader[Batch]":
    """All windows once, in the order of their recordings, to judge by; the last batch may be smaller."""
    places = [(0, index) for index in range(len(windows))]
    return _loader(
        windows, [places[first : first + batch] for first in range(0, len(places), batch)], workers, prefetch, False
    )


def _loader(windows: Windows, order: Any, workers: int, prefetch: int, pin_memory: bool) -> "DataLoader[Batch]":
    return DataLoader(
        windows,
        batch_sampler=order,
        num_workers=workers,
        collate_fn=_as_it_is,
        prefetch_factor=prefetch if workers else None,
        pin_memory=pin_memory,
    )


def _as_it_is(batch: Any) -> Any:
    return batch


def _stacked(rows: list[Array]) -> Tensor:
    made = torch.empty(len(rows), *rows[0].shape)
    if get_worker_info() is not None:
        made.share_memory_()  # now, while it is empty: the way to the other process would copy it
    into = made.numpy()
    for place, row in enumerate(rows):
        into[place] = row
    return made

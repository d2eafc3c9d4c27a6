"""Windows of recordings as batches, handed out in an order that a seed decides."""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any, Protocol

import numpy as np
from torch.utils.data import DataLoader, Sampler

from gen.entry import Array
from gen.source import Source
from gen.windows import Batch, Place, Windows

__all__ = ["Batch", "Feed", "Order", "Source", "Windows", "endless", "once"]


class Readable(Protocol):
    """What batches are read from: `Windows`, or whatever reads as they do."""

    def styles(self) -> tuple[int, ...]:
        """The style of each window."""

    def __getitems__(self, places: Sequence[Place]) -> Batch:
        """A batch at once."""


class Order(Sampler[list[Place]]):
    """Batches without end: each group in a drawn order, then again in another; no batch is smaller than others.

    Every group has the same share of the windows, however many it has: one of each in turn, in a drawn order. The batch
    with number n is the same for a seed wherever one begins, so a restart goes on as if nothing had been. first: the
    number of the first batch.
    """

    def __init__(self, groups: Sequence[Sequence[int]], batch: int, seed: int, first: int = 0) -> None:
        self.groups = [np.asarray(group, dtype=np.int64) for group in groups]
        self.batch, self.seed, self.first = batch, seed, first

    def __iter__(self) -> Iterator[list[Place]]:
        drawn: dict[int, tuple[int, Array]] = {}
        last, turned = -1, np.arange(len(self.groups))
        for number in count(self.first):
            places = []
            for position in range(number * self.batch, (number + 1) * self.batch):
                turn, place = divmod(position, len(self.groups))
                if turn != last and len(self.groups) > 1:
                    turned = np.random.default_rng([self.seed, 0, turn]).permutation(len(self.groups))
                last, group = turn, int(turned[place])
                epoch, index = divmod(turn, len(self.groups[group]))
                if drawn.get(group, (-1,))[0] != epoch:
                    random = np.random.default_rng([self.seed, 1, epoch, group])
                    drawn[group] = epoch, random.permutation(self.groups[group])
                places.append((epoch, int(drawn[group][1][index])))
            yield places


def endless(
    windows: Readable,
    batch: int,
    seed: int,
    *,
    first: int = 0,
    workers: int = 0,
    prefetch: int = 4,
    pin_memory: bool = False,
) -> "DataLoader[Batch]":
    """Batches to learn from, without end, each style as often as any other; the same ones for any number of workers.

    first: the number of the first batch. workers: processes that read, vary and stack while the model learns; each has
    `prefetch` batches ready.
    """
    styles = np.array(windows.styles())
    groups = [np.flatnonzero(styles == style).tolist() for style in np.unique(styles)]
    return _loader(windows, Order(groups, batch, seed, first), workers, prefetch, pin_memory)


class Feed:
    """The batches of `endless` by their numbers: `feed(n)` is the same in every run, whatever was asked for before.

    Asking for one after the other is what it does well; for another than the next it begins anew.
    """

    def __init__(self, windows: Readable, batch: int, seed: int, *, workers: int = 0, pin_memory: bool = False) -> None:
        self.windows, self.batch, self.seed = windows, batch, seed
        self.workers, self.pin_memory = workers, pin_memory
        self._next = -1
        self._batches: Iterator[Batch] = iter(())

    def __call__(self, number: int) -> Batch:
        """The batch with this number, from 0."""
        if number != self._next:
            self._batches = iter(
                endless(
                    self.windows,
                    self.batch,
                    self.seed,
                    first=number,
                    workers=self.workers,
                    pin_memory=self.pin_memory,
                )
            )
        self._next = number + 1
        return next(self._batches)


def once(windows: Windows, batch: int, *, workers: int = 0, prefetch: int = 4) -> "DataLoader[Batch]":
    """All windows once, in the order of their recordings, to judge by; the last batch may be smaller."""
    places = [(0, index) for index in range(len(windows))]
    return _loader(
        windows, [places[first : first + batch] for first in range(0, len(places), batch)], workers, prefetch, False
    )


def _loader(windows: Readable, order: Any, workers: int, prefetch: int, pin_memory: bool) -> "DataLoader[Batch]":
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

"""How audio was sped up, stretched or transposed since it was marked, judged by how well the pilots fit."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Final

import numpy as np

from gen.watermark.detect import PHASES, Grid, Search
from gen.watermark.patterns import RATE, TILE
from gen.watermark.tiles import Array, energies

REACH: Final = 0.06
# Over the excerpt the grid of tiles may slip by half a tile at most before the pilots are lost.
EXCERPT_SECONDS: Final = 15
COARSE: Final = 0.0012
FINE: Final = 0.0003
FINALISTS: Final = 3


@dataclass(frozen=True)
class Change:
    """tempo: how much faster the audio plays; pitch: how much higher its tones are; both as factors."""

    tempo: float = 1.0
    pitch: float = 1.0


def likely(samples: Array, key: bytes) -> list[Change]:
    """The likeliest changes of samples (channels, frames) at 44.1 kHz, at most FINALISTS, best first.

    Tried are tempo and pitch together (another sampling rate or tape speed), tempo alone and pitch alone, each up to
    6 % up or down, on the 15 s in the middle.
    """
    spare = max(0, samples.shape[1] - EXCERPT_SECONDS * RATE) // 2
    excerpt = samples[:, spare : spare + EXCERPT_SECONDS * RATE].mean(axis=0, keepdims=True)
    steps = [float(step) for step in 1 + np.arange(-REACH, REACH + COARSE / 2, COARSE)]
    coarse = [Change(s, s) for s in steps] + [Change(s, 1.0) for s in steps]
    # A band is wide enough for eight steps, so pitch alone needs fewer.
    coarse += [Change(1.0, s) for s in steps[::8]]
    finalists = _best(excerpt, key, coarse, phases=2)
    return _best(excerpt, key, {near for change in finalists for near in _around(change)}, phases=4)


def _around(change: Change) -> Iterator[Change]:
    for step in range(-4, 5):
        factor = 1 + step * FINE
        if change.tempo == 1:
            yield Change(1.0, change.pitch * (1 + 8 * step * FINE))
        elif change.pitch == 1:
            yield Change(change.tempo * factor, 1.0)
        else:
            yield Change(change.tempo * factor, change.pitch * factor)


def _best(excerpt: Array, key: bytes, changes: Iterable[Change], phases: int) -> list[Change]:
    """The FINALISTS of the changes whose pilots fit best."""
    scored = []
    for pitch, group in groupby(sorted(changes, key=attrgetter("pitch", "tempo")), key=attrgetter("pitch")):
        decibels = energies(excerpt, TILE // PHASES, pitch)
        for change in group:
            grid = Grid(decibels, change.tempo, phases)
            fits = Search(grid, key).fits(0, grid.tiles)
            scored += [(fit[0], change.tempo, pitch) for fit in fits[:1]]
    return [Change(tempo, pitch) for _, tempo, pitch in sorted(scored, reverse=True)[:FINALISTS]]

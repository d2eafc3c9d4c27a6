"""How audio was sped up, stretched or transposed since it was marked, judged by how well the pilots fit."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import as_strided

from gen.watermark.align import soft_chips, soft_tiles
from gen.watermark.patterns import CHIP_TILES, PERIOD, PILOT_SHARE, Pattern
from gen.watermark.tiles import STEPS, Analysis, Array, level
from gen.waveform import Waveform

REACH: Final = 0.12
EXCERPT_SECONDS: Final = 20
# Over the coarse excerpt a tempo wrong by half of COARSE slips by an eighth of a chip at either end.
COARSE_SECONDS: Final = 12
COARSE: Final = 0.001
FINE: Final = 0.00015
# Bands are 3 % wide and more.
PITCH: Final = 0.012
FINALISTS: Final = 3
_ROWS_PER_TILE: Final = 2
_SKIP: Final = STEPS // _ROWS_PER_TILE


@dataclass(frozen=True)
class Change:
    """tempo: how much faster the audio plays; pitch: how much higher its tones are; both as factors."""

    tempo: float = 1.0
    pitch: float = 1.0


def likely(waveform: Waveform, key: bytes, id_bytes: int) -> list[Change]:
    """The likeliest changes, at most FINALISTS, best first; none for silence and audio of less than a second.

    Tried are tempo and pitch together (another sampling rate or tape speed), tempo alone and pitch alone, each up to
    12 % up or down, on the 20 s in the middle.
    """
    spare = max(0.0, waveform.duration - EXCERPT_SECONDS) / 2
    excerpt = waveform.excerpt(spare, waveform.duration - spare)
    gain = level(excerpt.samples, excerpt.rate) ** 2
    if gain == 0 or excerpt.duration < 1:
        return []
    analysis = Analysis(excerpt.rate)
    power = np.concatenate(list(analysis.powers(excerpt.samples, _SKIP)))
    pilots = Pattern.of(key, id_bytes).pilots
    second = analysis.rate / float(analysis.begins(0, 1001)[-1]) * 1000 / _SKIP
    side = max(0, (len(power) - round(COARSE_SECONDS * second)) // 2)
    middle = power[side : len(power) - side]
    tempos = [float(step) for step in 1 + np.arange(-REACH, REACH + COARSE / 2, COARSE)]
    pitches = [float(step) for step in 1 + np.arange(-REACH, REACH + PITCH / 2, PITCH)]
    together = [Change(tempo, min(pitches, key=lambda pitch: abs(pitch - tempo))) for tempo in tempos]
    coarse = {*together, *(Change(tempo, 1.0) for tempo in tempos), *(Change(1.0, pitch) for pitch in pitches)}
    finalists = _best(analysis, middle, gain, pilots, coarse)
    near = {
        Change(
            change.tempo + k * FINE,
            change.tempo + k * FINE if 0 < abs(change.tempo - change.pitch) < PITCH else change.pitch,
        )
        for change in finalists
        for k in range(-5, 6)
    }
    return _best(analysis, power, gain, pilots, near)


def _best(analysis: Analysis, power: Array, gain: float, pilots: Array, changes: Iterable[Change]) -> list[Change]:
    """The FINALISTS of the changes whose pilots fit best."""
    scored = []
    for pitch, group in groupby(sorted(changes, key=attrgetter("pitch", "tempo")), key=attrgetter("pitch")):
        tiles = soft_tiles(analysis.decibels(power, gain, pitch), _ROWS_PER_TILE)
        chips = soft_chips(tiles, _ROWS_PER_TILE)
        products = chips @ pilots.T
        energies = np.square(chips).sum(axis=1)
        scored += [(_fit(products, energies, change.tempo), change) for change in group]
    return [change for _, change in sorted(scored, key=lambda each: -each[0])[:FINALISTS]]


def _fit(products: Array, energies: Array, tempo: float) -> float:
    """The highest pilot correlation at this tempo, in standard deviations."""
    rows_per_chip = CHIP_TILES * _ROWS_PER_TILE
    best = 0.0
    for phase in range(rows_per_chip):
        rows = np.round(np.arange(phase, len(products) * tempo, rows_per_chip) / tempo).astype(np.intp)
        rows = rows[rows < len(products)]
        # One period after another, twice side by side, so that the diagonals do not leave the array.
        total = np.zeros(PERIOD, np.float32)
        for first in range(0, len(rows), PERIOD):
            part = products[rows[first : first + PERIOD]]
            twice = np.concatenate([part, part], axis=1)
            stride = twice.strides
            total += as_strided(twice, (len(part), PERIOD), (stride[0] + stride[1], stride[1])).sum(axis=0)
        best = max(best, float(total.max()) / float(np.sqrt(PILOT_SHARE * energies[rows].sum() + 1e-12)))
    return best

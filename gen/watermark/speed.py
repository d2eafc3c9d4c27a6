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
FINALISTS: Final = 2
_COARSE_FINALISTS: Final = 6
_ROWS_PER_TILE: Final = 2
_ROWS_PER_CHIP: Final = CHIP_TILES * _ROWS_PER_TILE
# Over so many chips tempos that differ so much slip by an eighth of a chip from the one between them. That costs a mark
# 6 % of its score on average, as was measured. So more than are wanted are judged again, each by itself.
_PART: Final = PERIOD // 8
_ALIKE: Final = 0.0055
_SKIP: Final = STEPS // _ROWS_PER_TILE


@dataclass(frozen=True)
class Change:
    """tempo: how much faster the audio plays; pitch: how much higher its tones are; both as factors."""

    tempo: float = 1.0
    pitch: float = 1.0


def likely(waveform: Waveform, key: bytes, id_bytes: int) -> list[Change]:
    """The likeliest changes, FINALISTS or fewer, best first; none for silence and audio of less than a second.

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
    finalists = _best(analysis, middle, gain, pilots, coarse, _COARSE_FINALISTS, _ALIKE)
    near = {
        Change(
            change.tempo + k * FINE,
            change.tempo + k * FINE if 0 < abs(change.tempo - change.pitch) < PITCH else change.pitch,
        )
        for change in finalists
        for k in range(-5, 6)
    }
    chosen: list[Change] = []
    for change in _best(analysis, power, gain, pilots, near, len(near)):
        if not any(_same(change, other) for other in chosen):
            chosen.append(change)
    return chosen[:FINALISTS]


def _same(one: Change, other: Change) -> bool:
    """Whether a search at one finds what a search at the other does."""
    return abs(one.tempo - other.tempo) < COARSE and abs(one.pitch - other.pitch) < PITCH / 2


def _best(
    analysis: Analysis, power: Array, gain: float, pilots: Array, changes: Iterable[Change], most: int, alike: float = 0
) -> list[Change]:
    """Those of the changes whose pilots fit best. alike: tempos less far apart than this share most of the work."""
    scored: list[tuple[float, Change]] = []
    for pitch, group in groupby(sorted(changes, key=attrgetter("pitch", "tempo")), key=attrgetter("pitch")):
        tiles = soft_tiles(analysis.decibels(power, gain, pitch), _ROWS_PER_TILE)
        chips = soft_chips(tiles, _ROWS_PER_TILE)
        # Chips that lie behind the end are nothing.
        products = np.zeros((len(chips) + 1, PERIOD), np.float32)
        np.matmul(chips, pilots.T, out=products[:-1])
        energies = np.append(np.square(chips).sum(axis=1), np.float32(0))
        near: list[Change] = []
        for change in group:
            if near and change.tempo - near[0].tempo > alike:
                scored += zip(_fits(products, energies, near), near, strict=True)
                near = []
            near.append(change)
        scored += zip(_fits(products, energies, near), near, strict=True)
    return [change for _, change in sorted(scored, key=lambda each: -each[0])[:most]]


def _fits(products: Array, energies: Array, changes: list[Change]) -> list[float]:
    """The highest pilot correlations at tempos that are nearly the same, in standard deviations.

    Over one part of the pattern they do not differ: its products are added up once, and shifted for each tempo.
    """
    tempo = (changes[0].tempo + changes[-1].tempo) / 2
    length = len(energies) - 1
    count = -(-int(length * tempo / _ROWS_PER_CHIP + 1) // _PART)
    sums = np.empty((count, PERIOD, _ROWS_PER_CHIP), np.float32)
    energy = np.empty(_ROWS_PER_CHIP, np.float32)
    for phase in range(_ROWS_PER_CHIP):
        rows = np.round((np.arange(count * _PART) * _ROWS_PER_CHIP + phase) / tempo).astype(np.intp)
        np.minimum(rows, length, out=rows)
        energy[phase] = energies[rows].sum()
        for first in range(0, count, PERIOD // _PART):
            part = products[rows[first * _PART : first * _PART + PERIOD]]
            # Twice side by side, so that the diagonals do not leave the array.
            twice = np.concatenate([part, part], axis=1)
            row, column = twice.strides
            shape = (len(part) // _PART, _PART, PERIOD)
            diagonals = as_strided(twice, shape, (_PART * (row + column), row + column, column))
            # A row later is a phase more, and a chip later a row of the pattern less.
            sums[first : first + shape[0], ::-1, phase] = diagonals.sum(axis=1)
    lines = sums.reshape(count, -1)
    scale = np.sqrt(PILOT_SHARE * np.tile(energy, PERIOD) + np.float32(1e-12))
    middles = (np.arange(count) + 0.5) * _PART * _ROWS_PER_CHIP
    best = []
    for change in changes:
        shifts = np.round(middles * (tempo / change.tempo - 1)).astype(np.intp)
        places = (np.arange(lines.shape[1]) + shifts[:, None]) % lines.shape[1]
        shifted = np.take_along_axis(lines, places, axis=1) if shifts.any() else lines
        best.append(float((shifted.sum(axis=0) / scale).max()))
    return best

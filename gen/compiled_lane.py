"""Two channels of a stream at 44.1 kHz as the writer changes them: what `gen.watermark.lanes.Lane` does, compiled.

Every sample is fetched once for a transform and once for the sum; windows, energies, factors and sums are worked out on
the way. Results differ from those of `Lane` by float32's rounding. Importing this imports numba, which takes half a
second until it runs, and two more where nothing was compiled before.
"""

import numpy as np
from numpy.typing import NDArray

from gen.compiled_fourier import PLACES, ROW, SIDE, SIZE, TURNS, aligned, backward, forward
from gen.numba_cache import compiled
from gen.watermark.lanes import Spectra
from gen.watermark.tiles import Analysis, Array

_HALF = SIZE // 2
# Samples that are fetched from one frame before the next: of both channels, a cache line.
_LINE = 8

Places = NDArray[np.intp]


class CompiledLane:
    """Two channels. Frames have SIZE samples and begin every SIZE / 2; otherwise as `Lane`."""

    def __init__(self, analysis: Analysis, most: int) -> None:
        self.channels = 2
        self._edges = analysis.edges
        self._window = analysis.window
        # The inverse transform leaves its factor to the window.
        self._second_window = analysis.window / np.float32(SIZE)
        # The rows of the bands' bins, and of their negative frequencies.
        bins = np.arange(self._edges[0], self._edges[-1])
        self._places = np.stack([PLACES[bins], PLACES[SIZE - bins]], axis=1)
        self._rows = aligned(SIZE * ROW)
        # The spectra of a batch, SIDE frames side by side.
        self._parts = aligned(-(-most // SIDE), 2 * len(bins), ROW)
        # What the last frame adds to the samples that come next.
        self._added = np.zeros(SIZE, np.float32)

    def spectra(self, samples: Array, begins: Places) -> Spectra:
        """Short-time spectra of the frames that begin there; see `Lane.spectra`.

        Their parts are float32 (groups, bins and signs, ROW), each group SIDE frames side by side.
        """
        for first in range(0, len(begins) - 1, SIDE):
            some = begins[first : first + SIDE + 1]
            known = samples[2 * int(some[0]) : 2 * int(some[-1]) + SIZE]
            _fetch(known, self._window, self._rows)
            forward(self._rows, TURNS)
            _keep(self._rows, self._places, self._parts[first // SIDE])
        return Spectra(samples, begins, self._parts)

    def energies(self, spectra: Spectra) -> Array:
        """Energies of the bands, summed over the channels: float32 (frames, bands)."""
        energies = np.empty((len(spectra.begins) - 1, len(self._edges) - 1), np.float32)
        _sum(spectra.parts, self._edges, energies)
        return energies

    def changed(self, spectra: Spectra, factors: Array) -> Array:
        """The samples until the next frame begins, with the frames added to them; see `Lane.changed`."""
        known = spectra.samples[2 * int(spectra.begins[0]) :]
        result = aligned(len(factors) * SIZE)
        for first in range(0, len(factors), SIDE):
            some = slice(first * SIZE, (first + SIDE) * SIZE)
            _grow(spectra.parts[first // SIDE], factors[first : first + SIDE], self._edges, self._places, self._rows)
            backward(self._rows, TURNS)
            _add(known[some], self._rows, self._second_window, self._added, result[some])
        return result


@compiled
def _fetch(samples: Array, window: Array, rows: Array) -> None:
    """Fill in rows with the frames under samples, float32 (2 * n,), sample after sample; with silence behind them."""
    frames = samples.size // SIZE - 1
    if frames < SIDE:
        rows[:] = 0
    for start in range(0, SIZE, _LINE):
        for side in range(frames):
            for place in range(start, start + _LINE):
                sample = side * SIZE + 2 * place
                rows[place * ROW + side] = samples[sample] * window[place]
                rows[place * ROW + SIDE + side] = samples[sample + 1] * window[place]


@compiled
def _keep(rows: Array, places: Places, parts: Array) -> None:
    """Fill in the parts (bins and signs, ROW) of a group. places: of the rows, intp (bins, 2)."""
    for number in range(len(parts)):
        row = places[number // 2, number % 2] * ROW
        for each in range(ROW):
            parts[number, each] = rows[row + each]


@compiled
def _sum(parts: Array, edges: Places, energies: Array) -> None:
    """Fill in energies (frames, bands) from parts (groups, bins and signs, ROW)."""
    count, bands = energies.shape
    sums = np.empty(ROW, np.float32)
    for group in range((count + SIDE - 1) // SIDE):
        first = group * SIDE
        for band in range(bands):
            sums[:] = 0
            for number in range(2 * (edges[band] - edges[0]), 2 * (edges[band + 1] - edges[0])):
                for each in range(ROW):
                    sums[each] += parts[group, number, each] * parts[group, number, each]
            # Each channel is in the positive and the negative frequencies.
            for side in range(min(SIDE, count - first)):
                energies[first + side, band] = np.float32(0.5) * (sums[side] + sums[SIDE + side])


@compiled
def _grow(parts: Array, factors: Array, edges: Places, places: Places, rows: Array) -> None:
    """Fill in rows with the spectra of what is added. parts: (bins and signs, ROW). factors: (frames, BANDS)."""
    rows[:] = 0
    growth = np.zeros(ROW, np.float32)
    for band in range(edges.size - 1):
        for side in range(len(factors)):
            growth[side] = growth[SIDE + side] = factors[side, band]
        for number in range(2 * (edges[band] - edges[0]), 2 * (edges[band + 1] - edges[0])):
            row = places[number // 2, number % 2] * ROW
            for each in range(ROW):
                rows[row + each] = parts[number, each] * growth[each]


@compiled
def _add(samples: Array, rows: Array, window: Array, added: Array, result: Array) -> None:
    """Fill in the result (2 * n,) with samples and frames; what the last frame adds behind them is in `added` then."""
    frames = result.size // SIZE
    for start in range(0, _HALF, _LINE):
        for side in range(frames):
            for place in range(start, start + _LINE):
                for channel in range(2):
                    sample = side * SIZE + 2 * place + channel
                    row = place * ROW + channel * SIDE + side
                    before = added[2 * place + channel]
                    if side:
                        before = rows[row + _HALF * ROW - 1] * window[_HALF + place]
                    result[sample] = samples[sample] + rows[row] * window[place] + before
    for place in range(_HALF):
        for channel in range(2):
            row = (_HALF + place) * ROW + channel * SIDE + frames - 1
            added[2 * place + channel] = rows[row] * window[_HALF + place]

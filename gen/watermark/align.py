"""Where the pattern lies under the audio: correlations with the pilots for short blocks, and the likeliest path.

The *delay* says where a period of the pattern begins, in steps (a quarter of a tile) modulo the period. Cutting keeps
the delay; a splice changes it at once, another speed changes it slowly. So it is looked for in blocks of half a second,
and the path through them may slip by a step from block to block cheaply, and jump anywhere for a price.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from gen.watermark.patterns import CHIP_TILES, PERIOD, PILOT_SHARE
from gen.watermark.tiles import REACH, STEPS, Array, residual
from gen.watermark.worth import Evidence

CHIP_STEPS: Final = CHIP_TILES * STEPS
DELAYS: Final = PERIOD * CHIP_STEPS
BLOCK_CHIPS: Final = 21
BLOCK_STEPS: Final = BLOCK_CHIPS * CHIP_STEPS
# Prices in standard deviations of one block's correlation: the highest of all delays reaches four by chance.
_SLIP: Final = 0.7
_JUMP: Final = 7.0
# Blocks correlated at once: the products stay in a core's cache.
_BLOCKS_AT_ONCE: Final = 16
# Rows of tiles looked at together: they stay there too.
_ROWS: Final = 1024

Delays = NDArray[np.intp]


def soft_tiles(decibels: Array, steps: int = STEPS) -> Array:
    """Soft tiles: what stands out, with the sign of the mark, weighted by how far it can be trusted.

    decibels: float32 (rows, BANDS), `steps` rows for each tile. Returns the same shape.
    """
    result = np.empty_like(decibels)
    reach = REACH * steps
    for first in range(0, len(decibels), _ROWS):
        begin = max(0, first - reach)
        rest, liveliness = residual(decibels[begin : first + _ROWS + reach], steps)
        own = slice(first - begin, first - begin + _ROWS)
        soft = rest[own] / liveliness[own]
        # The hyperbolic tangent: a tile far out is an accident of the music, and may not outvote the others.
        np.divide(np.tanh(soft, out=soft), np.sqrt(liveliness[own]), out=result[first : first + _ROWS])
    return result


def soft_chips(tiles: Array, steps: int = STEPS) -> Array:
    """Soft chips that begin at every row: each tile less the one that follows. float32 (rows - steps, BANDS)."""
    return tiles[:-steps] - tiles[steps:]


@dataclass(frozen=True, eq=False)
class Alignment:
    """How the pilots fit: correlations float32 (blocks, delays), their variances without a mark (blocks, delays).

    chips: float32 (rows, BANDS), `chip_rows` rows for each chip. Delays count rows; there are PERIOD * chip_rows.
    """

    chips: Array
    correlations: Array
    variances: Array
    chip_rows: int = CHIP_STEPS

    @classmethod
    def of(cls, chips: Array, pilots: Array, chip_rows: int = CHIP_STEPS) -> "Alignment":
        """Align soft chips (rows, BANDS) with the pilots of a pattern (PERIOD, BANDS)."""
        block_rows = BLOCK_CHIPS * chip_rows
        blocks = max(1, -(-len(chips) // block_rows))
        padded = np.pad(chips, ((0, blocks * block_rows - len(chips)), (0, 0)))
        correlations = np.empty((blocks, PERIOD, chip_rows), np.float32)
        variances = np.empty((blocks, PERIOD, chip_rows), np.float32)
        turned = np.ascontiguousarray(np.concatenate([pilots, pilots[: BLOCK_CHIPS - 1]]).T)
        starts = np.arange(blocks)[:, None] * BLOCK_CHIPS
        # Row r of the pattern lies under chip k when the delay is k - r chips (and the phase).
        rows = (starts - np.arange(PERIOD)) % PERIOD
        for phase in range(chip_rows):
            grid = padded[phase::chip_rows].reshape(blocks, BLOCK_CHIPS, -1)
            parts = range(0, blocks, _BLOCKS_AT_ONCE)
            sums = np.concatenate([_diagonals(grid[part : part + _BLOCKS_AT_ONCE], turned) for part in parts])
            correlations[:, :, phase] = np.take_along_axis(sums, rows, axis=1)
            energy = np.square(grid).reshape(blocks, -1).sum(axis=1)
            variances[:, :, phase] = PILOT_SHARE * energy[:, None]
        return cls(chips, correlations.reshape(blocks, -1), variances.reshape(blocks, -1), chip_rows)

    @property
    def blocks(self) -> int:
        """How many blocks of half a second there are, the last one perhaps not full."""
        return len(self.correlations)

    def scores(self, first: int, last: int) -> Array:
        """Pilot correlation of the blocks first to last at each constant delay, in standard deviations."""
        variance = self.variances[first:last].sum(axis=0)
        return self.correlations[first:last].sum(axis=0) / np.sqrt(variance + np.float32(1e-12))

    def path(self) -> tuple[Delays, Array]:
        """The likeliest delay of each block, and the correlation there in standard deviations (Viterbi algorithm)."""
        fits = self.correlations / np.sqrt(self.variances + np.float32(1e-12))
        # What the best path to each delay is worth, without the steps that it took: few of them are asked for.
        totals = np.empty_like(fits)
        totals[0] = fits[0]
        near = np.empty(fits.shape[1] + 2, np.float32)
        for before, fit, after in zip(totals, fits[1:], totals[1:], strict=False):
            near[1:-1], near[0], near[-1] = before, before[-1], before[0]
            best = np.maximum(near[:-2], near[2:]) - np.float32(_SLIP)
            np.maximum(best, before, out=best)
            np.maximum(best, before.max() - np.float32(_JUMP), out=best)
            np.add(best, fit, out=after)
        delays = np.empty(self.blocks, np.intp)
        delays[-1] = np.argmax(totals[-1])
        for block in range(self.blocks - 1, 0, -1):
            delays[block - 1] = _came_from(totals[block - 1], int(delays[block]))
        return delays, fits[np.arange(self.blocks), delays]

    def fold(self, delays: Delays, first: int, weights: Array | None = None) -> Array:
        """Chips of the blocks from `first` on, each at its delay, periods added up: float32 (PERIOD, BANDS).

        weights: float32 (blocks, BANDS), how much each is worth.
        """
        total = np.zeros((2 * PERIOD, self.chips.shape[1]), np.float32)
        for place, delay in enumerate(delays.tolist()):
            chips, row = self._block(first + place, delay)
            total[row : row + len(chips)] += chips if weights is None else chips * weights[place]
        return total[:PERIOD] + total[PERIOD:]

    def evidence(self, delays: Delays, first: int, known: Array) -> Evidence:
        """What the blocks from `first` on say where signs (PERIOD, BANDS; 0 for unknown) are known."""
        twice = np.concatenate([known, known[:BLOCK_CHIPS]])
        sums = np.zeros((len(delays), self.chips.shape[1]), np.float32)
        powers = np.zeros_like(sums)
        for place, delay in enumerate(delays.tolist()):
            chips, row = self._block(first + place, delay)
            agreed = chips * twice[row : row + len(chips)]
            sums[place] = agreed.sum(axis=0)
            powers[place] = np.square(agreed).sum(axis=0)
        return Evidence(sums, powers)

    def agreement(self, delays: Delays, signs: Array) -> Array:
        """For each block, how far its chips agree with signs (PERIOD, BANDS) at its delay, in standard deviations."""
        twice = np.concatenate([signs, signs[:BLOCK_CHIPS]])
        result = np.zeros(len(delays), np.float32)
        for block, delay in enumerate(delays.tolist()):
            chips, row = self._block(block, delay)
            wanted = twice[row : row + len(chips)]
            result[block] = float((chips * wanted).sum()) / (float(np.sqrt(np.square(chips).sum())) + 1e-9)
        return result

    def _block(self, block: int, delay: int) -> tuple[Array, int]:
        """The chips of a block on the grid of a delay, and the row of the pattern under the first of them."""
        chip, phase = divmod(delay, self.chip_rows)
        begin, end = (place * BLOCK_CHIPS * self.chip_rows for place in (block, block + 1))
        return self.chips[begin + phase : end : self.chip_rows], (block * BLOCK_CHIPS - chip) % PERIOD


def _came_from(totals: Array, delay: int) -> int:
    """From which delay of the block before, with these totals, the best path leads to a delay."""
    top = int(np.argmax(totals))
    slipped = ((delay - step) % len(totals) for step in (1, -1))
    prices = {delay: np.float32(0), **dict.fromkeys(slipped, np.float32(_SLIP))}
    best = max(prices, key=lambda source: totals[source] - prices[source])
    return top if totals[top] - np.float32(_JUMP) > totals[best] - prices[best] else best


def _diagonals(chips: Array, turned: Array) -> Array:
    """Sums of chips times pilots at each row of the pattern: float32 (blocks, PERIOD).

    chips: float32 (blocks, BLOCK_CHIPS, BANDS). turned: float32 (BANDS, PERIOD + BLOCK_CHIPS - 1).
    """
    products = chips @ turned
    block, chip, row = products.strides
    # Along the diagonals lie the products of chips and the pilots they would have at one delay.
    return as_strided(products, (*chips.shape[:2], PERIOD), (block, chip + row, row)).sum(axis=1)

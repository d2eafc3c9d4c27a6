"""How much the chips of a band and a block are worth, as those say whose sign is known."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gen.watermark.tiles import Array

# Few pilots lie in one band or block, so neighbours are asked together.
_BANDS_TOGETHER: Final = 25
_BLOCKS_TOGETHER: Final = 15
# And all the others, as if there were so much more of each.
_PRIOR: Final = 0.3


@dataclass(frozen=True, eq=False)
class Evidence:
    """Of the chips of known sign in each block and band, float32 (blocks, BANDS): sums, signs taken off, and powers."""

    sums: Array
    powers: Array

    @property
    def score(self) -> float:
        """How far all of them agree with their signs, in standard deviations of chips that carry none."""
        return float(self.sums.sum()) / (float(np.sqrt(self.powers.sum())) + 1e-9)


def worth(views: list[Evidence]) -> list[Array]:
    """How much each block and band of each view of the same audio is worth: float32 (blocks, BANDS), never below 0.

    The best weight of a value is its mean over its variance. Bands and blocks are asked apart.
    """
    mean = sum(float(view.sums.sum()) for view in views) / (sum(float(view.powers.sum()) for view in views) + 1e-9)
    weights = []
    for view in views:
        bands = _smooth(view.sums.sum(axis=0), view.powers.sum(axis=0), _BANDS_TOGETHER, mean)
        blocks = _smooth(view.sums.sum(axis=1), view.powers.sum(axis=1), _BLOCKS_TOGETHER, mean)
        blocks /= blocks.mean() + 1e-9
        weights.append((bands * blocks[:, None]).astype(np.float32))
    return weights


def _smooth(sums: Array, powers: Array, together: int, mean: float) -> NDArray[np.float64]:
    """Sums over powers of each place and its neighbours, drawn towards the mean; the same for all of few places."""
    if len(sums) <= together:
        return np.full(len(sums), max(0.0, float(sums.sum()) / (float(powers.sum()) + 1e-9)))
    kernel = np.hanning(together + 2)[1:-1]
    prior = _PRIOR * float(powers.mean()) * kernel.sum()
    weighed = np.convolve(sums, kernel, "same") + mean * prior
    return np.maximum(weighed / (np.convolve(powers, kernel, "same") + prior + 1e-9), 0)

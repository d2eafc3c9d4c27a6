"""The random numbers that a free run is drawn with, apart from the run: the same numbers make the same music."""

from typing import NamedTuple

import torch
from torch import Tensor

_BLOCK = 128


class Chance(NamedTuple):
    """The luck of some steps.

    leave: uniform in [0, 1), (B, T): whether a place is left. where: Gumbel's distribution, (B, T, codes): for which.
    noise: standard normal, (B, T, noise_size): how a point is reached.
    """

    leave: Tensor
    where: Tensor
    noise: Tensor


def draw_chance(random: torch.Generator, batch: int, steps: int, codes: int, noise_size: int) -> Chance:
    """Luck for a batch whose rows share one generator of random numbers, and a model that knows so many places."""
    leave = torch.rand(batch, steps, generator=random)
    where = -torch.empty(batch, steps, codes).exponential_(generator=random).log()
    # Points follow from it to the last bit. Drawn as float64, and rounded, it is the same on every processor.
    noise = torch.randn(batch, steps, noise_size, generator=random, dtype=torch.float64).float()
    return Chance(leave, where, noise)


class Dice:
    """Luck for one row (B = 1), from a generator of its own; however many steps are taken at a time, it is the same."""

    def __init__(self, random: torch.Generator, codes: int, noise_size: int) -> None:
        """random: nobody else may draw from it. codes: how many places the model knows."""
        self._random, self._codes, self._noise_size = random, codes, noise_size
        self._left = draw_chance(random, 1, 0, codes, noise_size)

    def roll(self, steps: int) -> Chance:
        """The next steps' luck."""
        while self._left.leave.shape[1] < steps:
            # torch draws many normal numbers in another way than few: always as many, always in the same order.
            more = draw_chance(self._random, 1, _BLOCK, self._codes, self._noise_size)
            self._left = Chance(*(torch.cat(pair, dim=1) for pair in zip(self._left, more, strict=True)))
        now = Chance(*(part[:, :steps] for part in self._left))
        self._left = Chance(*(part[:, steps:] for part in self._left))
        return now

"""Finite scalar quantisation (Mentzer et al. 2023, arXiv:2309.15505): a coordinate takes one of a few values.

No codebook has to be learnt, and none can die. A point of `size` coordinates with `levels` values each carries at most
size * log2(levels) bits.
"""

import math

import torch
from torch import Tensor

from gen.models.config import LatentConfig
from gen.models.vae import ConvolutionalLatent


class QuantisedLatent(ConvolutionalLatent):
    """Points lie on a grid from -1 to 1; whatever lies beside it is decoded as the nearest point of the grid."""

    def __init__(self, config: LatentConfig, bands: int) -> None:
        super().__init__(config, bands, config.size)
        self.levels = config.levels

    def encode(self, frames: Tensor) -> Tensor:
        """Log-mel frames (B, bands, T) to points of the grid (B, T // stack, size).

        Gradients flow through the rounding as if it were not there.
        """
        found = self.read(frames)
        return self._snapped(torch.tanh(found.to(torch.promote_types(found.dtype, torch.float32))))

    def decode(self, points: Tensor) -> Tensor:
        """Points (B, T, size), T >= 1, to log-mel frames (B, bands, T * stack). Gradients flow as in `encode`."""
        return self.write(self._snapped(points))

    @torch.no_grad()
    def fit(self, frames: Tensor) -> None:
        """Begin as principal components of log-mel frames (N, bands, stack), N >= 1, each brought to the grid.

        The straight path back makes up for what the grid makes shorter: the least squares for each coordinate.
        """
        super().fit(frames)
        wanted, found = self.read(frames), self.encode(frames)
        gain = (wanted * found).sum(dim=(0, 1)) / found.square().sum(dim=(0, 1)).clamp_min(1e-6)
        self.decoder.straight.weight.mul_(gain.clamp_min(1e-3)[:, None, None])

    def codes(self, points: Tensor) -> Tensor:
        """The nearest points of the grid, as a number from 0 to levels - 1 for each coordinate: int64, same shape."""
        return ((points.clamp(-1, 1) + 1) * (self.levels - 1) / 2).round().long()

    def points(self, codes: Tensor, kind: torch.dtype = torch.float32) -> Tensor:
        """Inverse of `codes`: same shape, dtype `kind`."""
        return codes.to(kind) * (2 / (self.levels - 1)) - 1

    def interpolate(self, one: Tensor, other: Tensor, share: float | Tensor) -> Tensor:
        """The points of the grid nearest to the straight way between points of it (..., size); both ends are exact."""
        return self.points(self.codes(super().interpolate(one, other, share)), one.dtype)

    def use(self, codes: Tensor) -> Tensor:
        """How much of the grid codes (..., size) use: e to the entropy of each coordinate, divided by levels; the mean
        over coordinates, between 1 / levels (always the same) and 1 (all values alike).
        """
        counts = torch.nn.functional.one_hot(codes.flatten(0, -2), self.levels).float().mean(dim=0)
        entropy = -(counts * counts.clamp_min(1e-12).log()).sum(dim=-1)
        return (entropy - math.log(self.levels)).exp().mean()

    def _snapped(self, points: Tensor) -> Tensor:
        bounded = points.clamp(-1, 1)
        # Outside the grid too, a gradient shall lead back to it.
        return points + (self.points(self.codes(bounded), points.dtype) - points).detach()

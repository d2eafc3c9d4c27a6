"""The plainest latent space: principal components of stacks of mel frames."""

import torch
from torch import Tensor

from gen.models.config import LatentConfig
from gen.models.latent import Latent


class LinearLatent(Latent):
    """Points are coordinates along orthonormal axes, all divided by one scale; nothing in it is learnt by steps."""

    mean: Tensor
    basis: Tensor
    scale: Tensor

    def __init__(self, config: LatentConfig, bands: int) -> None:
        super().__init__(config, bands)
        dimensions = config.stack * bands
        self.register_buffer("mean", torch.zeros(dimensions))
        self.register_buffer("basis", torch.zeros(config.size, dimensions))
        self.register_buffer("scale", torch.ones(()))

    def encode(self, frames: Tensor) -> Tensor:
        """Log-mel frames (B, bands, T) to points (B, T // stack, size)."""
        steps = frames.shape[-1] // self.stack
        kept = frames[..., : steps * self.stack].transpose(1, 2)
        return (kept.reshape(len(frames), steps, len(self.mean)) - self.mean) @ self.basis.T / self.scale

    def decode(self, points: Tensor) -> Tensor:
        """Points (B, T, size) to log-mel frames (B, bands, T * stack): the nearest that the axes reach."""
        stacks = (points * self.scale) @ self.basis + self.mean
        return stacks.reshape(points.shape[0], -1, self.bands).transpose(1, 2)

    @torch.no_grad()
    def fit(self, frames: Tensor) -> None:
        """Take mean, axes and scale from log-mel frames (N, bands, stack), N >= 1.

        The coordinates of these have a standard deviation of 1, all taken together.
        """
        stacks = frames.transpose(1, 2).flatten(1)
        mean, basis = principal_components(stacks, self.size)
        self.mean.copy_(mean)
        self.basis.copy_(basis)
        self.scale.copy_(((stacks - self.mean) @ self.basis.T).std(correction=0).clamp_min(1e-3))


def principal_components(stacks: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Mean (dimensions,) and the first components (count, dimensions), orthonormal, of stacks (N, dimensions)."""
    mean = stacks.mean(dim=0)
    centred = (stacks - mean).double()
    _, vectors = torch.linalg.eigh(centred.T @ centred / len(stacks))
    return mean, vectors.flip(1)[:, :count].T.float().contiguous()

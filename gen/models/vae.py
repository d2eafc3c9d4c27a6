"""A variational autoencoder over mel frames, downsampled in time (Kingma and Welling 2014, arXiv:1312.6114).

A point is the mean of what the encoder believes, a Gaussian with a variance for each coordinate; while it learns,
points are drawn from there, and the decoder learns to bear it. So points close to each other sound alike, and a
generator that misses one by a little is not punished. The prior is a standard normal distribution.
"""

import torch
from torch import Tensor, nn

from gen.models.coder import Decoder, Encoder, begin_straight
from gen.models.config import LatentConfig
from gen.models.latent import Latent

_LOWEST, _HIGHEST = -12.0, 4.0
"""Of a log-variance; beyond it the exponential helps nobody."""
_FIRST = -3.0
"""The log-variance that learning begins with: points are known, but not exactly."""


class Normal(nn.Module):
    """Log-mel frames (..., bands, T) to about mean 0 and deviation 1, and back: a mean for each band, one deviation."""

    mean: Tensor
    spread: Tensor

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(bands, 1))
        self.register_buffer("spread", torch.ones(()))

    def forward(self, frames: Tensor) -> Tensor:
        """Normalise."""
        return (frames - self.mean) / self.spread

    def back(self, frames: Tensor) -> Tensor:
        """The way back."""
        return frames * self.spread + self.mean

    @torch.no_grad()
    def fit(self, frames: Tensor) -> None:
        """From frames (N, bands, T)."""
        self.mean.copy_(frames.mean(dim=(0, 2))[:, None])
        self.spread.copy_((frames - self.mean).std(correction=0).clamp_min(1e-3))


class ConvolutionalLatent(Latent):
    """What the spaces with a network have in common: the coder, and how it begins."""

    def __init__(self, config: LatentConfig, bands: int, values: int) -> None:
        """values: how many the encoder gives for each point, size of them along the straight path."""
        super().__init__(config, bands)
        shape = (bands, config.stack, config.channels, config.blocks, config.size)
        self.normal = Normal(bands)
        self.encoder, self.decoder = Encoder(*shape, values), Decoder(*shape)
        # The encoder looks no further: it has the same blocks, and nothing else that looks around a point.
        self.context = self.decoder.context

    def read(self, frames: Tensor) -> Tensor:
        """What the encoder says to frames (B, bands, T): values (B, T // stack, values)."""
        kept = frames[..., : frames.shape[-1] // self.stack * self.stack]
        if kept.shape[-1] == 0:
            return frames.new_zeros(len(frames), 0, self.encoder.last.out_channels)
        found: Tensor = self.encoder(self.normal(kept))
        return found.transpose(1, 2)

    def write(self, points: Tensor) -> Tensor:
        """What the decoder makes of points (B, T, size): frames (B, bands, T * stack)."""
        return self.normal.back(self.decoder(points.transpose(1, 2)))

    @torch.no_grad()
    def fit(self, frames: Tensor) -> None:
        """Begin as principal components of log-mel frames (N, bands, stack), N >= 1."""
        self.normal.fit(frames)
        begin_straight(self.encoder, self.decoder, self.normal(frames).transpose(1, 2).flatten(1))


class VariationalLatent(ConvolutionalLatent):
    """Points are means; `posterior`, `drawn` and `divergence` are for learning."""

    def __init__(self, config: LatentConfig, bands: int) -> None:
        super().__init__(config, bands, 2 * config.size)

    def posterior(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """What is believed of the points of frames (B, bands, T): means and log-variances, (B, T // stack, size)."""
        mean, spread = self.read(frames).chunk(2, dim=-1)
        return mean, (spread + _FIRST).clamp(_LOWEST, _HIGHEST)

    def encode(self, frames: Tensor) -> Tensor:
        """Log-mel frames (B, bands, T) to points (B, T // stack, size), the means."""
        return self.posterior(frames)[0]

    def decode(self, points: Tensor) -> Tensor:
        """Points (B, T, size), T >= 1, to log-mel frames (B, bands, T * stack)."""
        return self.write(points)

    def interpolate(self, one: Tensor, other: Tensor, share: float | Tensor) -> Tensor:
        """Along the arc between points (..., size), where the prior has its weight, not along the chord, where it has
        almost none (White 2016, arXiv:1609.04468). Both ends are exact.
        """
        cosine = nn.functional.cosine_similarity(one, other, dim=-1, eps=1e-8)[..., None].clamp(-1, 1)
        angle = torch.arccos(cosine)
        straight = (angle.sin() < 1e-3) | (cosine.abs() > 1 - 1e-6)
        size = torch.where(straight, torch.ones_like(angle), angle.sin())
        left, right = torch.sin((1 - share) * angle) / size, torch.sin(share * angle) / size
        return torch.where(straight, super().interpolate(one, other, share), left * one + right * other)


def drawn(mean: Tensor, variance: Tensor, noise: Tensor) -> Tensor:
    """Points from Gaussians with these means and log-variances, by normal noise of the same shape, (B, T, size).

    Gradients flow to means and log-variances (the reparameterisation of arXiv:1312.6114, section 2.4).
    """
    return mean + noise * (0.5 * variance).exp()


def divergence(mean: Tensor, variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence from the prior of Gaussians with these means and log-variances: nats, same shape."""
    return 0.5 * (mean.square() + variance.exp() - 1 - variance)

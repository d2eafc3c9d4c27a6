"""Judging samples as they are, and smoothed: HiFi-GAN's multi-scale discriminator, after MelGAN (arXiv:1910.06711)."""

import math

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

_SLOPE = 0.1
_LAYERS = (
    (15, 1, 1, 4),
    (41, 2, 4, 4),
    (41, 2, 16, 8),
    (41, 4, 16, 16),
    (41, 4, 16, 32),
    (41, 1, 16, 32),
    (5, 1, 1, 32),
)
"""Kernel, stride, groups, and width in units of a setting, of each layer."""


class ScaleTower(nn.Module):
    """Strided and grouped convolutions over the samples."""

    def __init__(self, channels: int, spectral: bool) -> None:
        """channels: a quarter of the first layer's, 32 in the paper. spectral: spectral norm, and not weight norm."""
        super().__init__()
        self.layers = nn.ModuleList()
        before = 1
        for kernel, stride, groups, width in _LAYERS:
            after = width * channels
            # Narrow ones cannot be parted into as many groups.
            shared = math.gcd(groups, before, after)
            layer = nn.Conv1d(before, after, kernel, stride, kernel // 2, groups=shared)
            self.layers.append(_normed(layer, spectral))
            before = after
        self.judge = _normed(nn.Conv1d(before, 1, 3, padding=1), spectral)

    def forward(self, samples: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Judge samples (B, N): scores, and each layer's activations, those scores among them."""
        heard, inner = samples[:, None], []
        for layer in self.layers:
            heard = nn.functional.leaky_relu(layer(heard), _SLOPE)
            inner.append(heard)
        scores = self.judge(heard)
        return scores, [*inner, scores]


def _normed(layer: nn.Conv1d, spectral: bool) -> nn.Module:
    if not spectral:
        made: nn.Module = weight_norm(layer)
        return made
    made = spectral_norm(layer)
    # The power iteration starts from here, and not from random numbers that nobody seeded.
    for buffer in made.buffers():
        buffer.fill_(1 / math.sqrt(buffer.numel()))
    return made


class ScaleDiscriminator(nn.Module):
    """Towers on the samples, on means of 2 and of 4 of them; the first with spectral norm, as in the paper."""

    def __init__(self, channels: int, scales: int = 3) -> None:
        """channels: a quarter of what the first layers have; scales: how often the rate is halved, and once more."""
        super().__init__()
        self.towers = nn.ModuleList(ScaleTower(channels, spectral=scale == 0) for scale in range(scales))

    def forward(self, samples: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Judge samples (B, N): one map of scores per tower, and all activations."""
        scores, inner = [], []
        for index, tower in enumerate(self.towers):
            if index > 0:
                samples = nn.functional.avg_pool1d(samples[:, None], 4, 2, padding=2)[:, 0]
            score, heard = tower(samples)
            scores.append(score)
            inner += heard
        return scores, inner

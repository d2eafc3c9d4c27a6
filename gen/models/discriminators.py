"""The networks that learn to tell made music from played music."""

import torch
from torch import Tensor, nn

from gen.features import spectrum

_SLOPE = 0.1


class SpectrumTower(nn.Module):
    """Two-dimensional convolutions on the log-magnitude spectrogram at one resolution."""

    def __init__(self, window: int, channels: int) -> None:
        """window: of the STFT, in samples; channels: of every layer."""
        super().__init__()
        self.window = window
        self.layers = nn.ModuleList(
            nn.utils.parametrizations.weight_norm(nn.Conv2d(before, channels, (5, 3), stride, padding=(2, 1)))
            for before, stride in ((1, (2, 1)), (channels, (2, 2)), (channels, (2, 1)))
        )
        self.judge = nn.Conv2d(channels, 1, 3, padding=1)

    def forward(self, samples: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Judge samples (B, N): a map of scores, and each layer's activations."""
        # + 1e-8 under the root: a magnitude has no gradient at zero.
        bins = spectrum(samples, self.window, self.window // 4)
        heard = torch.log((bins.real**2 + bins.imag**2 + 1e-8).sqrt() + 1e-3)[:, None]
        inner = []
        for layer in self.layers:
            heard = nn.functional.leaky_relu(layer(heard), _SLOPE)
            inner.append(heard)
        return self.judge(heard), inner


class SpectrumDiscriminator(nn.Module):
    """Spectrogram towers at several resolutions (UnivNet, arXiv:2106.07889)."""

    def __init__(self, channels: int, windows: tuple[int, ...] = (512, 1024, 2048)) -> None:
        """channels: of every layer; windows: of the STFTs, in samples."""
        super().__init__()
        self.towers = nn.ModuleList(SpectrumTower(window, channels) for window in windows)

    def forward(self, samples: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Judge samples (B, N): one map of scores per resolution, and all activations."""
        scores, inner = [], []
        for tower in self.towers:
            score, heard = tower(samples)
            scores.append(score)
            inner += heard
        return scores, inner

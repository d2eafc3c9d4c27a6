"""What the networks are told to make small."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gen.config import MelConfig
from gen.features import log_mel, spectrum


def discriminator_loss(real: Sequence[Tensor], made: Sequence[Tensor]) -> Tensor:
    """Least squares (LSGAN, arXiv:1611.04076): real scores to 1, made ones to 0; the mean over all maps of scores."""
    return torch.stack([((1 - r) ** 2).mean() + (m**2).mean() for r, m in zip(real, made, strict=True)]).mean()


def deception_loss(made: Sequence[Tensor]) -> Tensor:
    """The generator's side of `discriminator_loss`: made scores to 1."""
    return torch.stack([((1 - m) ** 2).mean() for m in made]).mean()


def matching_loss(
    real: Sequence[Tensor], made: Sequence[Tensor], mean: Callable[[Tensor], Tensor] = lambda size: size
) -> Tensor:
    """Feature matching for pairs (arXiv:1910.06711): mean distance of activations, relative to the real ones' size.

    mean: of a size over all processes, where each has some of the rows.
    """
    return torch.stack(
        [
            (m - r.detach()).abs().mean() / (mean(r.detach().abs().mean()) + 1e-6)
            for r, m in zip(real, made, strict=True)
        ]
    ).mean()


def summed_matching_loss(real: Sequence[Tensor], made: Sequence[Tensor]) -> Tensor:
    """Feature matching as in HiFi-GAN (arXiv:2010.05646, equation 7): mean distances, summed over all activations."""
    return torch.stack([(m - r.detach()).abs().mean() for r, m in zip(real, made, strict=True)]).sum()


def mel_loss(real: Tensor, made: Tensor, mel: MelConfig) -> Tensor:
    """Mean distance of the log-mel frames of samples (B, N) (HiFi-GAN, equation 6), in the natural logarithm."""
    return (log_mel(real, mel) - log_mel(made, mel)).abs().mean()


def statistics_loss(real: Sequence[Tensor], made: Sequence[Tensor]) -> Tensor:
    """Feature matching without pairs (Salimans et al. 2016, arXiv:1606.03498): means and deviations per channel."""
    found = []
    for r, m in zip(real, made, strict=True):
        of_real, of_made = r.detach().transpose(0, 1).flatten(1), m.transpose(0, 1).flatten(1)
        size = of_real.abs().mean() + 1e-6
        means = (of_real.mean(dim=1) - of_made.mean(dim=1)).abs().mean()
        spreads = (of_real.std(dim=1) - of_made.std(dim=1)).abs().mean()
        found.append((means + spreads) / size)
    return torch.stack(found).mean()


def magnitude_loss(real: Tensor, made: Tensor) -> Tensor:
    """Distance of two magnitude spectrograms (B, bins, T): of their logarithms, and relative to the real one's norm."""
    logarithms = (torch.log(real + 1e-3) - torch.log(made + 1e-3)).abs().mean()
    convergence = (real - made).norm(dim=(1, 2)) / (real.norm(dim=(1, 2)) + 1e-3)
    loss: Tensor = logarithms + convergence.mean()
    return loss


def stft_loss(real: Tensor, made: Tensor, windows: Sequence[int] = (512, 1024, 2048)) -> Tensor:
    """Multi-resolution STFT loss (arXiv:1910.11480) of samples (B, N): `magnitude_loss` averaged over the windows."""
    return torch.stack(
        [magnitude_loss(_magnitude(real, window), _magnitude(made, window)) for window in windows]
    ).mean()


def _magnitude(samples: Tensor, window: int) -> Tensor:
    bins = spectrum(samples, window, window // 4)
    # The square root has no gradient at zero.
    return (bins.real**2 + bins.imag**2 + 1e-8).sqrt()

"""Phases that fit each other better: what many overlapping frames say of the same samples.

Griffin and Lim (1984), with momentum (Perraudin, Balazs and Sondergaard 2013).
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gen.features import PROCESSOR, from_spectrum, hann, lowest_bins
from gen.models.framewise import Triangles
from gen.models.phase import scaled, size_of

_MOMENTUM = 0.99 / 1.99


def refine_phase(
    bins: Tensor, window: int, hop: int, iterations: int, frames: int, bands: tuple[Tensor, Tensor] | None = None
) -> Tensor:
    """Samples (B, frames) whose STFT comes close to the magnitude of bins (B, bins, T), from their phase.

    bins: all window / 2 + 1 of an STFT, or the lowest; there is nothing above them then. Griffin-Lim iterations with
    momentum 0.99 (Perraudin, Balazs and Sondergaard 2013); 0 iterations only invert.
    bands: mel magnitudes (B, bands, T) and their basis (bands, bins). Then half of each magnitude, in
    logarithm, is what the last STFT found, scaled to the bands: they say how much there is, and little of where.

    With iterations float32 alone, and without gradients; and ValueError is raised where T is not 1 + frames // hop.
    """
    if iterations == 0:
        return from_spectrum(bins, window, hop, frames)
    if bins.shape[2] != 1 + frames // hop:
        raise ValueError(f"bins: {frames} samples have {1 + frames // hop} frames, not {bins.shape[2]}")
    if bins.device == PROCESSOR:
        from gen.compiled_refinement import suits

        if suits(window, hop, frames, bins.shape[2]):
            return refined_alone(bins, window, hop, iterations, bands)
    return refined_together(bins, window, hop, iterations, frames, bands)


def refined_together(
    bins: Tensor, window: int, hop: int, iterations: int, frames: int, bands: tuple[Tensor, Tensor] | None
) -> Tensor:
    """All frames in turn by each operation: for a GPU, and for other windows than the compiled one's."""
    count, magnitude = bins.shape[1], size_of(bins)
    # With the bins above, frame by frame in memory: so an inverse STFT takes it as it lies.
    made = bins.new_zeros(bins.shape[0], bins.shape[2], window // 2 + 1).transpose(1, 2)
    made[:, :count] = bins
    before: Tensor | None = None
    for _ in range(iterations):
        samples = functional.pad(from_spectrum(made, window, hop, frames), (window // 2, window // 2))
        found = lowest_bins(samples, window, hop, count)
        _pull(found, before, magnitude, bands, made)
        before = found
    return from_spectrum(made, window, hop, frames)


def refined_alone(bins: Tensor, window: int, hop: int, iterations: int, bands: tuple[Tensor, Tensor] | None) -> Tensor:
    """Frames in groups, from the first to the last operation: for a processor. The same but for rounding."""
    from gen.compiled_refinement import Bands, refined

    batch, count, frames = bins.shape
    mel, basis = bands or (bins.real[:, :0], bins.real.new_zeros(0, count))
    if (mel.shape, basis.shape[1]) != ((batch, len(basis), frames), count):  # compiled code looks at no bounds
        raise ValueError(f"bands: {tuple(mel.shape)} by {tuple(basis.shape)} are none of bins {tuple(bins.shape)}")
    shape, triangles = hann(window).numpy(), Triangles.of(basis.numpy())
    flat = torch.view_as_real(bins.transpose(1, 2).contiguous()).flatten(2).numpy()
    rows = [
        refined(row, shape, hop, iterations, _MOMENTUM, Bands(triangles, heard))
        for row, heard in zip(flat, mel.numpy(), strict=True)
    ]
    return torch.from_numpy(np.stack(rows))


def _pull(
    found: Tensor, before: Tensor | None, magnitude: Tensor, bands: tuple[Tensor, Tensor] | None, made: Tensor
) -> None:
    """The lowest bins of made (B, all bins, T), from what an STFT found of them now and before: (B, bins, T).

    magnitude: what they have to be (B, bins, T).
    """
    pushed = found if before is None else torch.sub(found, before, alpha=_MOMENTUM)
    size = size_of(pushed) + 1e-9
    factor = magnitude / size
    if bands is not None:
        factor = (factor * _scale(size, *bands)).sqrt_()
    made[:, : magnitude.shape[1]] = scaled(pushed, factor)


def _scale(size: Tensor, mel: Tensor, basis: Tensor) -> Tensor:
    """What brings magnitudes (B, bins, T) nearer to mel magnitudes (B, bands, T): factors (B, bins, T)."""
    ratio = mel.transpose(1, 2) / (size.transpose(1, 2) @ basis.T + 1e-6)
    total = basis.sum(dim=0)
    # Where no band hears anything, what is there stays.
    made = torch.where(total > 0, ratio @ (basis / total.clamp_min(1e-9)), 1.0)
    return made.transpose(1, 2)

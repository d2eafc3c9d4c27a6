"""The one definition of STFT and mel spectrogram in the project.

Magnitudes of a centred, zero-padded STFT with a periodic Hann window, summed by the triangles of librosa.filters.mel
(Slaney's scale and area normalisation), then the natural logarithm, not below log(FLOOR).
"""

from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Tensor

from gen.config import RATE, MelConfig

FLOOR = 3e-4
"""The least magnitude of a mel band: about what white noise at -70 dB below full scale leaves in it."""


VERSION = 1
"""Goes up whenever the same sound and settings give other numbers here, so that nothing kept from before is taken."""
PROCESSOR = torch.device("cpu")
_BLOCK_FRAMES = 512
_CACHED_FRAMES = 128


@lru_cache(maxsize=16)
def mel_basis(config: MelConfig, device: torch.device = PROCESSOR) -> Tensor:
    """The filter bank, float32, shape (bands, window / 2 + 1). Shared: do not write into it."""
    if device != PROCESSOR:
        return mel_basis(config).to(device)
    import librosa

    basis = librosa.filters.mel(
        sr=RATE, n_fft=config.window, n_mels=config.bands, fmin=config.lowest, fmax=config.highest
    )
    return torch.from_numpy(basis)


def spectrum(samples: Tensor, window: int, hop: int) -> Tensor:
    """STFT: samples (..., N), float32 or float64, to complex (..., window / 2 + 1, 1 + N // hop)."""
    flat = samples.reshape(-1, samples.shape[-1])
    found = torch.stft(
        flat,
        window,
        hop,
        window=hann(window, samples.device).to(torch.promote_types(samples.dtype, torch.float32)),
        center=True,
        pad_mode="constant",
        onesided=True,
        return_complex=True,
    )
    return found.reshape(*samples.shape[:-1], *found.shape[-2:])


def lowest_bins(samples: Tensor, window: int, hop: int, count: int) -> Tensor:
    """The lowest bins of an STFT without padding: samples (B, N) to complex (B, count, 1 + (N - window) // hop).

    float32 alone, and no gradients. On a processor they lie frame by frame, and take half the time of `spectrum`: its
    caches hold what is transformed at once.
    """
    shape = hann(window, samples.device)
    if samples.device != PROCESSOR:
        return torch.stft(samples, window, hop, window=shape, center=False, return_complex=True)[:, :count]
    pieces = samples.unfold(-1, window, hop)
    found = torch.empty(*pieces.shape[:2], count, dtype=torch.complex64)
    for row, result in zip(pieces, found, strict=True):
        for first in range(0, len(row), _CACHED_FRAMES // 2):
            block = slice(first, first + _CACHED_FRAMES // 2)
            result[block] = torch.fft.rfft(row[block] * shape)[:, :count]
    return found.transpose(1, 2)


def from_spectrum(bins: Tensor, window: int, hop: int, frames: int) -> Tensor:
    """Inverse of `spectrum`: complex (B, window / 2 + 1, T) to samples (B, frames), by weighted overlap and add.

    Where only the lowest bins are given, there is nothing above them.
    """
    if window % hop == 0 and frames <= (bins.shape[-1] - 1) * hop and window <= bins.shape[-1] * hop:
        return _overlapped(bins, window, hop)[:, window // 2 : window // 2 + frames]
    bins = torch.nn.functional.pad(bins, (0, 0, 0, window // 2 + 1 - bins.shape[1]))
    return torch.istft(bins, window, hop, window=hann(window, bins.device), center=True, length=frames)


def _overlapped(bins: Tensor, window: int, hop: int) -> Tensor:
    """All samples (B, window + (T - 1) * hop) of the frames of bins; adds whole hops, faster than torch.istft."""
    shape, parts = hann(window, bins.device).reshape(-1, hop), window // hop
    batch, _, frames = bins.shape
    added, squares = shape.new_zeros(batch, frames + parts - 1, hop), shape.square()
    size = _CACHED_FRAMES if bins.device == PROCESSOR else frames
    for begin in range(0, frames, size):
        some = bins[..., begin : begin + size].transpose(1, 2).contiguous()
        pieces = torch.fft.irfft(some, window).reshape(batch, -1, parts, hop)
        for part, slope in enumerate(shape, begin):
            added[:, part : part + pieces.shape[1]].addcmul_(pieces[:, :, part - begin], slope)
    # Everywhere but at the ends, all parts of a window meet. The very first sample has no weight; nobody asks for it.
    first, last = squares.cumsum(0)[:-1], squares.flip(0).cumsum(0).flip(0)[1:]
    whole = squares.sum(0)
    added.div_(whole)
    added[:, : parts - 1].mul_(whole / first.clamp_min(1e-8))
    added[:, frames:].mul_(whole / last.clamp_min(1e-8))
    return added.flatten(1)


def log_mel(samples: Tensor, config: MelConfig) -> Tensor:
    """Log-mel frames: samples at 44.1 kHz (..., N) to (..., bands, 1 + N // hop), natural logarithm, >= log(FLOOR)."""
    return log_mel_of(spectrum(samples, config.window, config.hop).abs(), config)


def magnitudes(samples: Tensor, window: int, hop: int) -> Iterator[Tensor]:
    """The magnitudes of `spectrum` piece by piece: samples (N,) to one (window / 2 + 1, at most 512) after the other.

    The memory does not grow with N, and the processor's caches hold a piece: twice as fast as the whole at once.
    """
    frames = 1 + len(samples) // hop
    half = window // 2
    for first in range(0, frames, _BLOCK_FRAMES):
        last = min(first + _BLOCK_FRAMES, frames) - 1
        begin, end = first * hop - half, last * hop + half
        piece = samples[max(begin, 0) : end]
        if len(piece) < end - begin:
            piece = torch.nn.functional.pad(piece, (max(-begin, 0), end - max(begin, 0) - len(piece)))
        yield torch.stft(piece, window, hop, window=hann(window), center=False, return_complex=True).abs()


def log_mel_of(sizes: Tensor, config: MelConfig) -> Tensor:
    """Log-mel frames of magnitudes (..., window / 2 + 1, T): (..., bands, T)."""
    return compress(mel_basis(config, sizes.device).to(torch.promote_types(sizes.dtype, torch.float32)) @ sizes)


def compress(mel: Tensor) -> Tensor:
    """Mel magnitudes to their logarithm."""
    return mel.clamp_min(FLOOR).log()


@lru_cache(maxsize=32)
def hann(window: int, device: torch.device = PROCESSOR) -> Tensor:
    """Periodic Hann window, float32. Shared: do not write into it."""
    return torch.hann_window(window).to(device)

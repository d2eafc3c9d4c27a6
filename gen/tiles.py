"""Squares of a spectrogram: 128 frequencies by 128 frames, as networks for pictures take them.

A tile of sound holds magnitude and phase, of an STFT with a window of 255 samples: an odd window has exactly 128
frequencies, none of them at half the rate, so that nothing is left out and the way back is exact. A tile of mel frames
holds 128 frames of the project's one mel, and has no way back but a vocoder.
"""

import torch
from torch import Tensor

from gen.config import MelConfig, TileConfig
from gen.features import hann, log_mel

SIZE = 128
"""Frequencies and frames of a tile."""
WINDOW = 2 * SIZE - 1
"""Samples of one spectrum."""


def tiles(samples: Tensor, config: TileConfig) -> Tensor:
    """Tiles of mono samples (N,), N >= 1: float32 (n, 2, SIZE, SIZE), magnitude and phase (radians, -pi to pi).

    Frame t of tile i is centred on sample (i * SIZE + t) * hop; n is the least number of tiles that reach the end, and
    what they show behind it is silence. The spectrum is librosa.stft's, zero-padded and centred, with a Hann window.
    """
    hop = config.hop
    frames = -(-(1 + len(samples) // hop) // SIZE) * SIZE
    missing = (frames - 1) * hop + SIZE - len(samples)
    padded = torch.nn.functional.pad(samples, (SIZE - 1, max(0, missing)))
    bins = torch.stft(padded, WINDOW, hop, window=hann(WINDOW), center=False, return_complex=True)[:, :frames]
    cut = bins.reshape(SIZE, -1, SIZE).transpose(0, 1)
    return torch.stack([cut.abs(), cut.angle()], dim=1)


def samples_of(found: Tensor, config: TileConfig, frames: int | None = None) -> Tensor:
    """Inverse of `tiles`: (n, 2, SIZE, SIZE), one after the other, to samples (frames,), by weighted overlap and add.

    frames: how many samples; by default up to the middle of the last frame, which is all that two frames overlap in:
    (n * SIZE - 1) * hop + 1. There the signal-to-noise ratio is that of float32, over 100 dB. Of a tile cut out of the
    middle, the first and last hop lack a neighbour, and stay exact down to a window's edge.
    """
    hop = config.hop
    bins = torch.polar(found[:, 0], found[:, 1]).transpose(0, 1).reshape(SIZE, -1)
    count = bins.shape[1]
    pieces = torch.fft.irfft(bins, WINDOW, dim=0) * hann(WINDOW)[:, None]
    length = (count - 1) * hop + WINDOW
    fold = torch.nn.functional.fold(pieces[None], (1, length), (1, WINDOW), stride=(1, hop))
    weight = hann(WINDOW).square()[:, None].expand(WINDOW, count)
    total = torch.nn.functional.fold(weight[None], (1, length), (1, WINDOW), stride=(1, hop))
    sound = (fold / total.clamp_min(1e-8)).reshape(-1)[SIZE - 1 :]
    wanted = (count - 1) * hop + 1 if frames is None else frames
    return torch.nn.functional.pad(sound, (0, max(0, wanted - len(sound))))[:wanted]


def mel_tiles(samples: Tensor, config: MelConfig) -> Tensor:
    """Log-mel tiles of mono samples (N,): float32 (n, bands, SIZE); what they show behind the end is silence."""
    frames = -(-(1 + len(samples) // config.hop) // SIZE) * SIZE
    mel = log_mel(torch.nn.functional.pad(samples, (0, (frames - 1) * config.hop + 1 - len(samples))), config)
    return mel[:, :frames].reshape(mel.shape[0], -1, SIZE).transpose(0, 1)

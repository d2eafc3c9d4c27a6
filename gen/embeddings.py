"""Sound as vectors, a window of about a second each, for distances between sets of sounds (`gen.frechet`).

Two kinds need nothing but this file, and two use networks that somebody has at hand already; nothing is downloaded.

An embedding is called with samples (N,) float32 at 44.1 kHz, and gives (n, d) float64, one row for each whole window of
`SECONDS` (CLAP: `_CLAP_SECONDS`); what is left at the end is not heard. It raises MetricError for less than a window.
"""

from collections.abc import Callable, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gen.config import RATE, MelConfig
from gen.errors import MetricError
from gen.features import FLOOR, log_mel
from gen.frechet import Vectors

Embedding = Callable[[Tensor], Vectors]

SECONDS = 1.0
COEFFICIENTS = 20
_WIDTHS = (1, 16, 32, 64)
_SEED = 20261125
_MEL = MelConfig(bands=64)
_CLAP_RATE, _CLAP_SECONDS = 48000, 10.0
_VGGISH_RATE, _VGGISH_SECONDS = 16000, 0.96
_BLOCK = 64
"""Windows that go through a network at a time."""


def timbre(samples: Tensor) -> Vectors:
    """Mean and deviation of 20 cepstral coefficients over the frames of a window: d = 40.

    Coefficients are the orthonormal DCT-II of log-mel frames (64 bands, hop 512; Davis and Mermelstein 1980), the
    first among them, so loudness counts: bring sounds to one level before. What they hear is colour and level, not
    harmony or rhythm.
    """
    basis = _cosines(_MEL.bands, COEFFICIENTS)
    found = basis @ _pictures(samples)
    vectors: Vectors = torch.cat([found.mean(dim=2), found.std(dim=2)], dim=1).double().numpy()
    return vectors


def random_network(samples: Tensor) -> Vectors:
    """What a fixed network of random convolutions makes of the log-mel frames of a window: d = 64.

    Random weights keep distances well enough to tell sets apart, and owe nothing to anybody's training data. Three 3x3
    convolutions with stride 2 and 16, 32, 64 channels, no bias, each followed by a rectifier, then the mean over time
    and bands. Pictures are scaled to 0 at the floor and 1 at magnitude 1. Weights are uniform, of variance 2 / fan-in
    (He et al. 2015), out of the bit stream of PCG64 with seed 20261125, layer after layer in the order of PyTorch's
    tensors: the 53 upper bits of each draw, divided by 2**53. numpy promises that this stream never changes (NEP 19).
    """
    network = _network()
    pictures = 1 - _pictures(samples)[:, None] / float(np.log(FLOOR))
    with torch.no_grad():
        parts = [network(part).mean(dim=(2, 3)) for part in torch.split(pictures, _BLOCK)]
    vectors: Vectors = torch.cat(parts).double().numpy()
    return vectors


EMBEDDINGS: Mapping[str, Embedding] = {"timbre": timbre, "random network": random_network}
"""Those that are always there."""


def vggish(weights: Path) -> Embedding:
    """The network that FAD was first measured with (Hershey et al. 2017, arXiv:1609.09430): d = 128, windows of 0.96 s.

    Needs the package `torchvggish` (0.2), and weights: the state dictionary of its network, a file on this machine. The
    vectors are those before PCA and quantisation. Raises MetricError where either is missing or does not fit.
    """
    try:
        from torchvggish import VGG, make_layers, waveform_to_examples
    except ImportError as error:
        raise MetricError("VGGish: needs pip install torchvggish resampy") from error
    model = VGG(make_layers(), postprocess=False)
    try:
        model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, ValueError) as error:
        raise MetricError(f"VGGish: {weights}: {error}; give the state dictionary of its network") from error
    model.eval()

    def embed(samples: Tensor) -> Vectors:
        sound = _resampled(samples, _VGGISH_RATE)
        _windows(torch.from_numpy(sound), _VGGISH_RATE, _VGGISH_SECONDS)
        with torch.no_grad():
            examples = waveform_to_examples(sound.astype(np.float64), _VGGISH_RATE, return_tensor=True)
            parts = [model(part.float()) for part in torch.split(examples, _BLOCK)]
        vectors: Vectors = torch.cat([part.reshape(-1, 128) for part in parts]).double().numpy()
        return vectors

    return embed


def clap(folder: Path) -> Embedding:
    """Sound as CLAP hears it (Wu et al. 2023, arXiv:2211.06687), windows of 10 s: d = 512 for the usual models.

    Needs the package `transformers`, and a folder on this machine with a ClapModel and its feature extractor, as
    `save_pretrained` writes them (a model trained on music is the one to take). Raises MetricError where either is
    missing.
    """
    try:
        from transformers import ClapFeatureExtractor, ClapModel
    except ImportError as error:
        raise MetricError("CLAP: needs pip install transformers") from error
    try:
        model: Any = ClapModel.from_pretrained(folder, local_files_only=True).eval()
        listen: Any = ClapFeatureExtractor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise MetricError(f"CLAP: {folder}: {error}") from error

    def embed(samples: Tensor) -> Vectors:
        windows = _windows(torch.from_numpy(_resampled(samples, _CLAP_RATE)), _CLAP_RATE, _CLAP_SECONDS)
        rows = []
        with torch.no_grad():
            for window in windows:
                heard = listen(window.numpy(), sampling_rate=_CLAP_RATE, return_tensors="pt")
                found = model.get_audio_features(**heard)
                rows.append(found if isinstance(found, Tensor) else found.pooler_output)
        vectors: Vectors = torch.cat(rows).double().numpy()
        return vectors

    return embed


def _pictures(samples: Tensor) -> Tensor:
    """Log-mel frames (n, bands, T) of the windows of samples (N,)."""
    return torch.cat([log_mel(part, _MEL) for part in torch.split(_windows(samples, RATE, SECONDS), _BLOCK)])


def _windows(samples: Tensor, rate: int, seconds: float) -> Tensor:
    """Whole windows (n, length) of samples (N,)."""
    length = int(rate * seconds)
    if samples.dim() != 1 or len(samples) < length:
        raise MetricError(f"embedding: needs sound (N,) of {seconds:g} s or more, not {tuple(samples.shape)}")
    return samples[: len(samples) // length * length].reshape(-1, length)


def _resampled(samples: Tensor, rate: int) -> Any:
    import soxr

    return soxr.resample(samples.numpy(), RATE, rate)


@cache
def _cosines(bands: int, coefficients: int) -> Tensor:
    """The first rows (coefficients, bands) of the orthonormal DCT-II."""
    place, order = np.arange(bands) + 0.5, np.arange(coefficients)[:, None]
    basis = np.sqrt(2 / bands) * np.cos(np.pi * order * place / bands)
    basis[0] /= np.sqrt(2)
    return torch.from_numpy(basis.astype(np.float32))


@cache
def _network() -> nn.Sequential:
    bits = np.random.PCG64(_SEED)
    layers: list[nn.Module] = []
    for before, after in pairwise(_WIDTHS):
        layer = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
        even = (bits.random_raw(layer.weight.numel()) >> np.uint64(11)) * 2.0**-53
        width = np.sqrt(3 * 2 / (9 * before))  # uniform over +-width has the variance width**2 / 3
        drawn = ((2 * even - 1) * width).astype(np.float32)
        layer.weight = nn.Parameter(torch.from_numpy(drawn).reshape(layer.weight.shape), requires_grad=False)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers).eval()

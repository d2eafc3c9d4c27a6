"""From log-mel frames to samples at the rate of the frames: a network in one resolution, and an inverse STFT.

After Vocos (Siuzdak 2023, arXiv:2306.00814): ConvNeXt blocks, then magnitude and phase of every bin at once. The
magnitude starts from the pseudo-inverse of the mel bands (FreeV, arXiv:2406.08196), so that the network learns only
what the bands do not say.
"""

import torch
from torch import Tensor, nn

from gen.config import MelConfig
from gen.features import from_spectrum, mel_basis
from gen.models.config import VocoderConfig
from gen.models.onnx_backbone import OnnxBackbone
from gen.models.precision import exact
from gen.models.vocoder import Vocoder, reach

_KERNEL = 7
_WIDER = 3


class Block(nn.Module):
    """A convolution over time in each channel, then a wide layer over all channels of a frame; added to what went in.

    (B, channels, T) to the same. ConvNeXt (arXiv:2201.03545), without the scales that the next layer can hold itself.
    """

    def __init__(self, channels: int, share: float) -> None:
        """share: the part of what it found that it adds at first."""
        super().__init__()
        self.share = share
        self.time = nn.Conv1d(channels, channels, _KERNEL, padding=_KERNEL // 2, groups=channels)
        self.norm = nn.LayerNorm(channels, elementwise_affine=False)
        self.widen, self.narrow = nn.Linear(channels, _WIDER * channels), nn.Linear(_WIDER * channels, channels)

    def forward(self, heard: Tensor) -> Tensor:
        """Apply it."""
        found = self.norm(self.time(heard).transpose(1, 2))
        found = self.narrow(nn.functional.gelu(self.widen(found)))
        added: Tensor = self.share * found.transpose(1, 2)
        return heard + added


class BackboneVocoder(Vocoder[None]):
    """config.blocks blocks of config.channels channels, and a head that speaks of magnitude and phase."""

    least = 1e-5
    """The smallest magnitude that the bands are taken to speak of."""
    furthest = 4.0
    """By how much the logarithm of a magnitude is moved at most."""

    def __init__(self, config: VocoderConfig, mel: MelConfig) -> None:
        """mel: what the frames were made with."""
        super().__init__(config, mel)
        self.enter = nn.Conv1d(mel.bands, config.channels, _KERNEL, padding=_KERNEL // 2)
        self.blocks = nn.ModuleList(Block(config.channels, 1 / config.blocks) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(config.channels, elementwise_affine=False)
        self.head = nn.Linear(config.channels, mel.window + 2)
        self.graph: OnnxBackbone | None = None
        self.register_buffer("inverse", torch.linalg.pinv(mel_basis(mel)), persistent=False)

    @property
    def ways(self) -> tuple[str, ...]:
        """By onnxruntime where it is installed, which fuses layers."""
        return ("onnx", "eager")

    def prepare(self) -> None:
        """Hand the network over to onnxruntime. Raises ConfigError where that is not installed."""
        if self.way == "onnx":
            self.graph = OnnxBackbone(self)

    @property
    def context(self) -> int:
        """What the convolutions and the inverse STFT reach."""
        return reach((_KERNEL // 2) * (1 + len(self.blocks)), self.mel.window, self.mel.hop)

    def start(self, random: torch.Generator) -> None:
        """Nothing to remember, and nothing drawn."""

    def spectrum(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Magnitude and phase (radians), each (B, window / 2 + 1, T), of log-mel frames (B, bands, T)."""
        if self.graph is not None:
            return self.graph(frames)
        heard = self.enter(frames)
        for block in self.blocks:
            heard = block(heard)
        # float: under autocast all before may be bfloat16, of which there are no complex numbers.
        louder, phase = self.head(self.norm(heard.transpose(1, 2))).float().transpose(1, 2).chunk(2, dim=1)
        with exact(frames):
            ground = (self.get_buffer("inverse") @ frames.exp()).clamp_min(self.least)
        return ground * (self.furthest * torch.tanh(louder / self.furthest)).exp(), phase

    def made(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Samples and magnitude."""
        magnitude, phase = self.spectrum(frames)
        hop, length = self.mel.hop, (frames.shape[-1] - 1) * self.mel.hop
        # Twice as fast as torch.polar.
        bins = torch.complex(magnitude * phase.cos(), magnitude * phase.sin())
        return from_spectrum(bins, self.mel.window, hop, length), magnitude

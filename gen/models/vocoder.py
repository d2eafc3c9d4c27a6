"""From log-mel frames to samples: a network of the HiFi-GAN family with an inverse STFT for a head.

HiFi-GAN (arXiv:2010.05646) gives the multi-receptive-field residual blocks and the transposed convolutions, iSTFTNet
(arXiv:2203.02395) the head. Here the head learns only what the classical inverse does not know: it moves the
logarithm of the magnitude, and the phase, away from those of `gen.models.phase`, and before any training moves nothing.
"""

import torch
from torch import Tensor, nn

from gen.config import MelConfig
from gen.features import from_spectrum
from gen.models.config import VocoderConfig
from gen.models.phase import breathe, magnitude_from_mel, propagate_phase, refine_phase

_SLOPE = 0.1


class ResidualBlock(nn.Module):
    """Dilated convolutions with one kernel size, each added to what went in: (B, channels, T) to the same."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        """kernel: odd, in frames."""
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, dilation=dilation, padding=dilation * (kernel // 2))
            for dilation in dilations
        )

    def forward(self, heard: Tensor) -> Tensor:
        """Apply it."""
        for layer in self.layers:
            heard = heard + layer(nn.functional.leaky_relu(heard, _SLOPE))
        return heard


class FieldFusion(nn.Module):
    """Residual blocks of several kernel sizes side by side, averaged (HiFi-GAN's MRF): (B, channels, T) to the same."""

    def __init__(self, channels: int, config: VocoderConfig) -> None:
        """One block for each of config.kernels."""
        super().__init__()
        self.blocks = nn.ModuleList(ResidualBlock(channels, kernel, config.dilations) for kernel in config.kernels)

    def forward(self, heard: Tensor) -> Tensor:
        """Apply it."""
        return torch.stack([block(heard) for block in self.blocks]).mean(dim=0)


class Vocoder(nn.Module):
    """Log-mel frames (B, bands, T) to samples (B, (T - 1) * mel.hop) at 44.1 kHz."""

    def __init__(self, config: VocoderConfig, mel: MelConfig) -> None:
        """mel: what the frames were made with."""
        super().__init__()
        self.config, self.mel = config, mel
        self.hop = config.head_hop(mel)
        channels = config.channels
        self.enter = nn.Conv1d(mel.bands, channels, 7, padding=3)
        self.rise = nn.ModuleList()
        self.fields = nn.ModuleList()
        for factor in config.upsample:
            after = max(channels // 2, 16)
            # 2 * factor wide: every output frame hears the same number of inputs, so no chequerboard.
            self.rise.append(
                nn.ConvTranspose1d(
                    channels, after, 2 * factor, factor, padding=(factor + 1) // 2, output_padding=factor % 2
                )
            )
            channels = after
            self.fields.append(FieldFusion(channels, config))
        if not config.upsample:
            self.fields.append(FieldFusion(channels, config))
        self.head = nn.Conv1d(channels, mel.window + 2, 1)

    def spectrum(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Magnitude and phase (radians), each (B, window / 2 + 1, 1 + (T - 1) * mel.hop / hop), of log-mel frames."""
        ground = magnitude_from_mel(frames.exp(), self.mel)
        heard = self.enter(frames)
        if not self.rise:
            heard = self.fields[0](heard)
        for rise, field in zip(self.rise, self.fields, strict=False):
            heard = field(rise(nn.functional.leaky_relu(heard, _SLOPE)))
        factor = self.mel.hop // self.hop
        if factor > 1:
            wanted = (frames.shape[-1] - 1) * factor + 1
            ground = nn.functional.interpolate(ground.log(), wanted, mode="linear", align_corners=True).exp()
            heard = heard[..., :wanted]
        louder, turned = self.head(nn.functional.leaky_relu(heard, _SLOPE)).chunk(2, dim=1)
        with torch.no_grad():
            steady = propagate_phase(ground, self.mel.window, self.hop)
        return ground * (4.0 * torch.tanh(louder / 4.0)).exp(), steady + turned

    def forward(self, frames: Tensor) -> Tensor:
        """Samples from the network alone, with gradients."""
        return self.refined(*self.spectrum(frames), 0)

    def render(self, frames: Tensor, random: torch.Generator) -> Tensor:
        """Samples to listen to: noise where there are no tones, then config.phase_refinement Griffin-Lim iterations."""
        with torch.no_grad():
            magnitude, phase = breathe(*self.spectrum(frames), self.mel.window, self.hop, random)
            return self.refined(magnitude, phase, self.config.phase_refinement)

    def refined(self, magnitude: Tensor, phase: Tensor, iterations: int) -> Tensor:
        """Samples of what `spectrum` gave, after so many iterations of Griffin-Lim."""
        frames = (magnitude.shape[-1] - 1) * self.hop
        if iterations == 0:
            return from_spectrum(torch.polar(magnitude, phase), self.mel.window, self.hop, frames)
        return refine_phase(magnitude, phase, self.mel.window, self.hop, iterations, frames)

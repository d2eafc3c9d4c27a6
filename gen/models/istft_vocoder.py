"""From log-mel frames to samples: a network of the HiFi-GAN family with an inverse STFT for a head.

HiFi-GAN (arXiv:2010.05646) gives the multi-receptive-field residual blocks and the transposed convolutions, iSTFTNet
(arXiv:2203.02395) the head. Here the head learns only what the classical inverse does not know: it moves the
logarithm of the magnitude, and the phase, away from those of `gen.models.phase`, and before any training moves nothing.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gen.config import MelConfig
from gen.features import mel_basis
from gen.models.config import VocoderConfig
from gen.models.magnitude import bins_heard, magnitude_from_mel
from gen.models.phase import NoiseTape, breathe, leaning, propagate_phase, with_phase
from gen.models.precision import exact
from gen.models.refinement import refine_phase
from gen.models.vocoder import Vocoder, reach

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


@dataclass
class Memory:
    """Where a stream is: the noise, and the phase (B, bins, T') that was followed so far, of frames from `first` on."""

    noise: NoiseTape
    phase: Tensor | None = None
    first: int = 0


class IstftVocoder(Vocoder[Memory]):
    """The classical inverse, moved by a network of the HiFi-GAN family."""

    def __init__(self, config: VocoderConfig, mel: MelConfig) -> None:
        """mel: what the frames were made with."""
        super().__init__(config, mel)
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

    @property
    def context(self) -> int:
        """What the convolutions reach, and each iteration of Griffin-Lim, and the inverse STFT."""
        within = max(
            sum(dilation * (kernel // 2) for dilation in self.config.dilations) for kernel in self.config.kernels
        )
        frames = 0.0 if self.rise else float(within)
        for factor in reversed(self.config.upsample):
            frames = (frames + within) / factor + 1
        step = (math.ceil(self.mel.window / self.hop) - 1) * self.hop / self.mel.hop
        return reach(frames + 3 + self.config.phase_refinement * step, self.mel.window, self.mel.hop)

    @property
    def coarse(self) -> tuple[str, ...]:
        """None: most of the time goes into the STFTs."""
        return ()

    @property
    def chunk(self) -> int:
        """Long, since the context is."""
        return 512

    def spectrum(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Magnitude and phase (radians), each (B, window / 2 + 1, 1 + (T - 1) * mel.hop / hop), of log-mel frames."""
        ground, louder, turned = self._heard(frames)
        with torch.no_grad():
            steady = propagate_phase(ground, self.mel.window, self.hop, lean=self._lean(ground))
        return self._louder(ground, louder), steady + turned

    def _heard(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The ground's magnitude, and what the network adds to its logarithm and to the phase."""
        with exact(frames):  # also for the phases that follow from it
            ground = magnitude_from_mel(frames.double().exp(), self.mel)
        heard = self.enter(frames)
        if not self.rise:
            heard = self.fields[0](heard)
        for rise, fusion in zip(self.rise, self.fields, strict=False):
            heard = fusion(rise(nn.functional.leaky_relu(heard, _SLOPE)))
        factor = self.mel.hop // self.hop
        if factor > 1:
            wanted = (frames.shape[-1] - 1) * factor + 1
            between = nn.functional.interpolate(ground.double().log(), wanted, mode="linear", align_corners=True)
            ground = between.exp().float()
            heard = heard[..., :wanted]
        # The head as a matrix from the right: its outcome lies frame by frame, as all that it is added to.
        heard = nn.functional.leaky_relu(heard, _SLOPE).transpose(1, 2)
        found = nn.functional.linear(heard, self.head.weight[..., 0], self.head.bias).float()
        louder, turned = found.transpose(1, 2).chunk(2, dim=1)
        return ground, louder, turned

    def _louder(self, ground: Tensor, louder: Tensor) -> Tensor:
        return ground * (4.0 * torch.tanh(louder / 4.0)).exp()

    def made(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Samples, and the magnitude at the head's own hop."""
        magnitude, phase = self.spectrum(frames)
        return self.refined(with_phase(magnitude, phase), 0), magnitude

    def start(self, random: torch.Generator) -> Memory:
        """Nothing followed yet."""
        return Memory(NoiseTape(random))

    def piece(self, frames: Tensor, first: int, memory: Memory) -> Tensor:
        """As the base says: noise where there are no tones, then config.phase_refinement Griffin-Lim iterations."""
        first *= self.mel.hop // self.hop
        # Above what the bands hear is nothing to listen to, and a quarter of the work.
        count = bins_heard(self.mel)
        ground, louder, turned = (part[:, :count] for part in self._heard(frames))
        steady = self._followed(ground, first, memory)
        begin, length = first * self.hop, (ground.shape[-1] - 1) * self.hop + self.mel.window
        noise = memory.noise.read(frames.shape[0], begin, begin + length).to(frames.device)
        magnitude = self._louder(ground, louder)
        bins = breathe(magnitude, steady + turned, self.mel.window, self.hop, noise)
        bands = None
        if self.config.phase == "gradient":
            basis = mel_basis(self.mel, frames.device)[:, :count]
            bands = (basis @ magnitude, basis)
        return self.refined(bins, self.config.phase_refinement, bands)

    def _lean(self, ground: Tensor) -> Tensor | None:
        return leaning(ground, self.mel.window, self.hop) if self.config.phase == "gradient" else None

    def _followed(self, ground: Tensor, first: int, memory: Memory) -> Tensor:
        """The phase of the ground, going on from where it was followed to before."""
        window, lean = self.mel.window, self._lean(ground)
        if memory.phase is None:
            phase = propagate_phase(ground, window, self.hop, lean=lean)
        else:
            known = memory.phase[..., first - memory.first :]
            length = known.shape[-1]
            rest = None if lean is None else lean[..., length:]
            after = propagate_phase(ground[..., length:], window, self.hop, memory.phase[..., -1], rest)
            # Joined as they lie in memory, frame by frame.
            phase = torch.cat([known.transpose(1, 2), after.transpose(1, 2)], dim=1).transpose(1, 2)
        # The last frame is not kept: how it leans, the frame after it will say.
        memory.phase, memory.first = phase[..., :-1], first
        return phase

    def refined(self, bins: Tensor, iterations: int, bands: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """Samples of complex bins, after so many iterations of Griffin-Lim."""
        return refine_phase(bins, self.mel.window, self.hop, iterations, (bins.shape[-1] - 1) * self.hop, bands)

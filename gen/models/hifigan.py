"""From log-mel frames to samples by transposed convolutions alone: HiFi-GAN (Kong, Kim and Bae 2020, arXiv:2010.05646).

The three generators of its table 5, with factors that reach hops of 256 (the paper's) and 512 samples.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from gen.config import MelConfig
from gen.models.channels_last import lay_channels_last
from gen.models.config import VocoderConfig
from gen.models.vocoder import Vocoder

_SLOPE = 0.1


@dataclass(frozen=True)
class Shape:
    """A row of the paper's table 5: width after the first layer; kernels, and dilations of each; paired: whether a
    convolution without dilation follows each with one.
    """

    width: int
    kernels: tuple[int, ...]
    dilations: tuple[tuple[int, ...], ...]
    paired: bool


SHAPES = {
    "v1": Shape(512, (3, 7, 11), ((1, 3, 5),) * 3, True),
    "v2": Shape(128, (3, 7, 11), ((1, 3, 5),) * 3, True),
    "v3": Shape(256, (3, 5, 7), ((1, 2), (2, 6), (3, 12)), False),
}


class PairedBlock(nn.Module):
    """Dilated convolutions of one kernel size, each added to what went in: (B, channels, T) to the same."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...], paired: bool) -> None:
        """kernel: odd. paired: whether a plain convolution follows each dilated one."""
        super().__init__()
        self.wide = nn.ModuleList(_convolution(channels, kernel, dilation) for dilation in dilations)
        self.plain = nn.ModuleList(_convolution(channels, kernel, 1) for _ in dilations if paired)

    def forward(self, heard: Tensor) -> Tensor:
        """Apply it."""
        for index, wide in enumerate(self.wide):
            found = wide(nn.functional.leaky_relu(heard, _SLOPE))
            if len(self.plain) > 0:
                found = self.plain[index](nn.functional.leaky_relu(found, _SLOPE))
            heard = heard + found
        return heard


def _convolution(channels: int, kernel: int, dilation: int) -> nn.Module:
    padding = dilation * (kernel // 2)
    made: nn.Module = weight_norm(nn.Conv1d(channels, channels, kernel, dilation=dilation, padding=padding))
    return made


class Fusion(nn.Module):
    """Blocks of several kernel sizes side by side, averaged: (B, channels, T) to the same."""

    def __init__(self, channels: int, shape: Shape) -> None:
        """One block for each of shape.kernels."""
        super().__init__()
        self.blocks = nn.ModuleList(
            PairedBlock(channels, kernel, dilations, shape.paired)
            for kernel, dilations in zip(shape.kernels, shape.dilations, strict=True)
        )

    def forward(self, heard: Tensor) -> Tensor:
        """Apply it."""
        found = self.blocks[0](heard)
        for block in self.blocks[1:]:
            found = found + block(heard)
        averaged: Tensor = found / len(self.blocks)
        return averaged


class HifiGan(Vocoder[None]):
    """The paper's generator, V1, V2 or V3 as config.variant says."""

    def __init__(self, config: VocoderConfig, mel: MelConfig) -> None:
        """Raises ConfigError if no factors lead to mel.hop."""
        super().__init__(config, mel)
        self.shape, self.factors = SHAPES[config.variant], config.factors(mel)
        width = self.shape.width
        self.enter = weight_norm(nn.Conv1d(mel.bands, width, 7, padding=3))
        self.rise, self.fields = nn.ModuleList(), nn.ModuleList()
        for factor in self.factors:
            after = max(width // 2, 1)
            padding, more = (factor + 1) // 2, factor % 2
            self.rise.append(
                weight_norm(nn.ConvTranspose1d(width, after, 2 * factor, factor, padding, output_padding=more))
            )
            width = after
            self.fields.append(Fusion(width, self.shape))
        self.leave = weight_norm(nn.Conv1d(width, 1, 7, padding=3))

    @property
    def ways(self) -> tuple[str, ...]:
        """Channels last, which suits the processor's convolutions."""
        return ("channels-last", "eager")

    def prepare(self) -> None:
        """Lay out the convolutions, also for bfloat16."""
        if self.way != "eager":
            lay_channels_last(self)

    @property
    def context(self) -> int:
        """What the convolutions reach, level by level from the samples up to the frames."""
        within = max(
            sum((dilation + self.shape.paired) * (kernel // 2) for dilation in dilations)
            for kernel, dilations in zip(self.shape.kernels, self.shape.dilations, strict=True)
        )
        found = 3.0
        for factor in reversed(self.factors):
            found = (found + within) / factor + 1
        return math.ceil(found + 3) + 1

    def start(self, random: torch.Generator) -> None:
        """Nothing to remember, and nothing drawn."""

    def made(self, frames: Tensor) -> tuple[Tensor, None]:
        """Samples, within -1 to 1."""
        heard = self.enter(frames)
        for rise, fusion in zip(self.rise, self.fields, strict=True):
            heard = fusion(rise(nn.functional.leaky_relu(heard, _SLOPE)))
        # The last slope is that of the paper's own code, torch's default.
        samples = torch.tanh(self.leave(nn.functional.leaky_relu(heard)))[:, 0].float()
        # Each frame gives hop samples around its own centre.
        begin, hop = self.mel.hop // 2, self.mel.hop
        return samples[:, begin : begin + (frames.shape[-1] - 1) * hop], None

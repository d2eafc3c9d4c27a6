"""Convolutions over time from mel frames to points and back, which every latent space with a network is made of.

Each half has a straight path, one matrix from a stack of frames to a point, that begins as principal components, and
beside it a network that begins as nothing and learns what they miss. Stacks do not overlap; residual blocks look around
them. All looks at a bounded stretch of time: nothing is normalised over it.
"""

import torch
from torch import Tensor, nn

from gen.models.linear import principal_components

_KERNEL = 3


class Block(nn.Module):
    """A residual block: each frame normalised over its channels, then convolutions over time and over channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.over_time = nn.Conv1d(channels, channels, _KERNEL, padding=_KERNEL // 2)
        self.over_channels = nn.Conv1d(channels, channels, 1)

    def forward(self, heard: Tensor) -> Tensor:
        """(B, channels, T) to the same shape."""
        level = nn.functional.layer_norm(heard.transpose(1, 2), heard.shape[1:2]).transpose(1, 2)
        found: Tensor = self.over_channels(nn.functional.gelu(self.over_time(level)))
        return heard + found


class Encoder(nn.Module):
    """From normalised frames (B, bands, T * stack) to values (B, values, T)."""

    def __init__(self, bands: int, stack: int, channels: int, blocks: int, size: int, values: int) -> None:
        """channels and blocks: of every stage. size: values that the straight path leads to; the others have none."""
        super().__init__()
        self.straight = nn.Conv1d(bands, size, stack, stride=stack)
        self.rest = values - size
        stages: list[nn.Module] = [nn.Conv1d(bands, channels, _KERNEL, padding=_KERNEL // 2)]
        for factor in factors(stack):
            stages += [*(Block(channels) for _ in range(blocks)), nn.Conv1d(channels, channels, factor, stride=factor)]
        stages += [Block(channels) for _ in range(blocks)]
        self.stages = nn.Sequential(*stages)
        self.last = nn.Conv1d(channels, values, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """(B, bands, T * stack) to (B, values, T)."""
        found: Tensor = self.last(self.stages(frames))
        return found + nn.functional.pad(self.straight(frames), (0, 0, 0, self.rest))


class Decoder(nn.Module):
    """From points (B, size, T) to normalised frames (B, bands, T * stack).

    context: how many points on either side of a point have a say in its frames.
    """

    def __init__(self, bands: int, stack: int, channels: int, blocks: int, size: int) -> None:
        """channels and blocks: of every stage."""
        super().__init__()
        self.straight = nn.ConvTranspose1d(size, bands, stack, stride=stack)
        stages: list[nn.Module] = [nn.Conv1d(size, channels, _KERNEL, padding=_KERNEL // 2)]
        stages += [Block(channels) for _ in range(blocks)]
        radius = _KERNEL // 2
        for factor in factors(stack):
            stages += [
                nn.ConvTranspose1d(channels, channels, factor, stride=factor),
                *(Block(channels) for _ in range(blocks)),
            ]
        self.stages = nn.Sequential(*stages)
        self.last = nn.Conv1d(channels, bands, _KERNEL, padding=_KERNEL // 2)
        for factor in factors(stack):
            radius = -(-(radius + blocks * (_KERNEL // 2)) // factor)
        self.context = radius + blocks * (_KERNEL // 2) + _KERNEL // 2

    def forward(self, points: Tensor) -> Tensor:
        """(B, size, T) to (B, bands, T * stack)."""
        found: Tensor = self.last(self.stages(points)) + self.straight(points)
        return found


@torch.no_grad()
def begin_straight(encoder: Encoder, decoder: Decoder, stacks: Tensor) -> None:
    """Make both straight paths the principal components of normalised stacks (N, stack * bands), each scaled to a
    deviation of 1, and let what is beside them begin as nothing.

    stacks: frame after frame, N >= 1.
    """
    size, bands, stack = encoder.straight.weight.shape
    mean, basis = principal_components(stacks, size)
    spread = ((stacks - mean) @ basis.T).std(dim=0, correction=0).clamp_min(1e-3)
    shape = (size, stack, bands)
    encoder.straight.weight.copy_((basis / spread[:, None]).reshape(shape).transpose(1, 2))
    encoder.straight.bias.copy_(-(basis @ mean) / spread)  # type: ignore[union-attr]
    decoder.straight.weight.copy_((basis * spread[:, None]).reshape(shape).transpose(1, 2))
    # One bias for all frames of a stack: their means differ by no more than where a window begins.
    decoder.straight.bias.copy_(mean.reshape(stack, bands).mean(dim=0))  # type: ignore[union-attr]
    for half in (encoder, decoder):
        half.last.weight.mul_(0.01)


def factors(stack: int) -> list[int]:
    """The prime factors of stack, from the smallest; their product is stack."""
    found, left, factor = [], stack, 2
    while left > 1:
        if left % factor == 0:
            found.append(factor)
            left //= factor
        else:
            factor = factor + 1 if factor * factor <= left else left
    return found

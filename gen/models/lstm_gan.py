"""The generator: an LSTM that writes log-mel frames, a stack of them at each step.

A stack is a point in a linear space (principal components). Music stays near one place of that space while a note or
chord sounds, then goes to another. So dense heads say at each step how likely it is to leave the place now, where to go
then (a categorical distribution over learned places), and the way from the place to the exact point. Drawing places,
instead of writing the mean of everything that might come, keeps a free-running network from fading into a drone; the
way from place to point lets notes begin, swell and end. (Mixture density networks, Bishop 1994, with components shared
by all steps; the explicit stay is that of a hidden semi-Markov model.)
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gen.config import MelConfig
from gen.models.config import GeneratorConfig
from gen.models.style import StyleAttention

_LONG = 64
_STRANGE = 1e-4


class Past(NamedTuple):
    """What came before each step: points (B, T, latent), places (B, T), and how many steps they were held (B, T)."""

    points: Tensor
    codes: Tensor
    held: Tensor


class State(NamedTuple):
    """What the LSTM carries from step to step: hidden and cell, each (layers, B, hidden)."""

    hidden: Tensor
    cell: Tensor


class Forecast(NamedTuple):
    """What is expected of each step.

    leave: logit of leaving the place (B, T); logits: where to, (B, T, codes); context: what the way from place to point
    is read from (B, T, width); attention: over styles (B, T, styles).
    """

    leave: Tensor
    logits: Tensor
    context: Tensor
    attention: Tensor


class LstmGenerator(nn.Module):
    """LSTM with style attention and dense heads. Frames are log-mel, shape (B, bands, T)."""

    mean: Tensor
    basis: Tensor
    scale: Tensor
    longest: Tensor
    belongs: Tensor

    def __init__(self, config: GeneratorConfig, mel: MelConfig, styles: int, codes: int) -> None:
        """styles: how many datasets. codes: how many places there are (at most config.codes; fewer for little data)."""
        super().__init__()
        self.config = config
        self.bands = mel.bands
        dimensions = config.stack * mel.bands
        self.register_buffer("mean", torch.zeros(dimensions))
        self.register_buffer("basis", torch.zeros(config.latent, dimensions))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("belongs", torch.full((codes, styles), 1 / styles))
        self.register_buffer("longest", torch.full((codes,), float(_LONG)))
        self.places = nn.Parameter(torch.zeros(codes, config.latent))
        self.embedding = nn.Parameter(torch.empty(codes + 1, config.latent))  # the last stands for "nothing yet"
        self.style = StyleAttention(styles, config.style_tokens, config.style_size, config.hidden)
        self.enter = nn.Linear(2 * config.latent + config.style_size + 2, config.hidden)
        self.lstm = nn.LSTM(config.hidden, config.hidden, config.layers, batch_first=True)
        self.start = nn.Linear(config.style_size, 2 * config.layers * config.hidden)
        width = config.hidden + config.style_size
        self.leave = nn.Linear(width, 1)
        self.choose = nn.Sequential(nn.Linear(width, config.hidden), nn.GELU(), nn.Linear(config.hidden, codes))
        self.move = nn.Sequential(
            nn.Linear(width + config.latent + config.noise_size + 2, config.hidden),
            nn.GELU(),
            nn.Linear(config.hidden, config.latent),
        )

    def encode(self, frames: Tensor) -> Tensor:
        """Log-mel frames (B, bands, T) to points (B, T // stack, latent)."""
        steps = frames.shape[-1] // self.config.stack
        kept = frames[..., : steps * self.config.stack].transpose(1, 2)
        return (kept.reshape(frames.shape[0], steps, -1) - self.mean) @ self.basis.T / self.scale

    def decode(self, points: Tensor) -> Tensor:
        """Points (B, T, latent) to log-mel frames (B, bands, T * stack)."""
        stacks = (points * self.scale) @ self.basis + self.mean
        return stacks.reshape(points.shape[0], -1, self.bands).transpose(1, 2)

    def begin(self, weights: Tensor) -> State:
        """The learned first state for style weights (B, styles)."""
        start = torch.tanh(self.start(self.style.base(weights)))
        shape = (weights.shape[0], 2, self.config.layers, self.config.hidden)
        hidden, cell = start.reshape(shape).permute(1, 2, 0, 3).contiguous()
        return State(hidden, cell)

    def before(self, batch: int) -> Past:
        """What stands before the first step: the mean of all points, at no place, held for no time."""
        nowhere = torch.full((batch, 1), len(self.places))
        return Past(self.places.new_zeros(batch, 1, self.config.latent), nowhere, torch.zeros_like(nowhere))

    def forward(self, past: Past, weights: Tensor, state: State, keep: Tensor | None = None) -> tuple[Forecast, State]:
        """Look one step ahead of each step of the past.

        weights: styles (B, styles). keep: a dropout mask for the LSTM's output, (B, T, hidden), already divided by the
        share it keeps.
        """
        base = self.style.base(weights)[:, None].expand(-1, past.points.shape[1], -1)
        heard = torch.cat([past.points, self.embedding[past.codes], base, _clock(past.held)], dim=-1)
        found, (hidden, cell) = self.lstm(torch.tanh(self.enter(heard)), (state.hidden, state.cell))
        if keep is not None:
            found = found * keep
        context, attention = self.style(found, weights)
        context = torch.cat([found, context], dim=-1)
        # A place that only other datasets know is as good as forbidden.
        known = (weights @ self.belongs.T).clamp_min(_STRANGE).log()[:, None]
        forecast = Forecast(self.leave(context).squeeze(-1), self.choose(context) + known, context, attention)
        return forecast, State(hidden, cell)

    def arrive(self, context: Tensor, codes: Tensor, held: Tensor, noise: Tensor) -> Tensor:
        """From place to point, (B, T, latent).

        context (B, T, width) from a forecast; codes and held (B, T); noise (B, T, noise_size), normal.
        """
        away: Tensor = self.move(torch.cat([context, self.embedding[codes], _clock(held), noise], dim=-1))
        return self.places[codes] + away


def _clock(held: Tensor) -> Tensor:
    """How long a place was held, in steps (B, T), as two numbers between 0 and 1 (B, T, 2)."""
    steps = held.float().clamp(max=_LONG)
    return torch.stack([1 / (1 + steps), torch.log1p(steps) / math.log1p(_LONG)], dim=-1)

"""The generator: an LSTM that writes points of a latent space, each of which stands for some log-mel frames.

Music stays near one place of that space while a note or
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

from gen.models.config import GeneratorConfig
from gen.models.latent import Latent
from gen.models.style import StyleAttention

_LONG = 64
_STRANGE = 1e-4


class Past(NamedTuple):
    """What came before each step: points (B, T, size), places (B, T), and how many steps they were held (B, T)."""

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
    """LSTM with style attention and dense heads, in a latent space that was learnt before."""

    longest: Tensor
    belongs: Tensor

    def __init__(self, config: GeneratorConfig, latent: Latent, styles: int, codes: int) -> None:
        """styles: how many datasets. codes: how many places there are (at most config.codes; fewer for little data)."""
        super().__init__()
        self.config = config
        self.latent = latent
        self.register_buffer("belongs", torch.full((codes, styles), 1 / styles))
        self.register_buffer("longest", torch.full((codes,), float(_LONG)))
        self.places = nn.Parameter(torch.zeros(codes, latent.size))
        self.embedding = nn.Parameter(torch.empty(codes + 1, latent.size))  # the last stands for "nothing yet"
        self.style = StyleAttention(styles, config.style_tokens, config.style_size, config.hidden)
        self.enter = nn.Linear(2 * latent.size + config.style_size + 2, config.hidden)
        self.lstm = nn.LSTM(config.hidden, config.hidden, config.layers, batch_first=True)
        self.start = nn.Linear(config.style_size, 2 * config.layers * config.hidden)
        width = config.hidden + config.style_size
        self.leave = nn.Linear(width, 1)
        self.choose = nn.Sequential(nn.Linear(width, config.hidden), nn.GELU(), nn.Linear(config.hidden, codes))
        self.move = nn.Sequential(
            nn.Linear(width + latent.size + config.noise_size + 2, config.hidden),
            nn.GELU(),
            nn.Linear(config.hidden, latent.size),
        )

    def begin(self, weights: Tensor) -> State:
        """The learned first state for style weights (B, styles)."""
        start = torch.tanh(self.start(self.style.base(weights)))
        shape = (weights.shape[0], 2, self.config.layers, self.config.hidden)
        hidden, cell = start.reshape(shape).permute(1, 2, 0, 3).contiguous()
        return State(hidden, cell)

    def before(self, batch: int) -> Past:
        """What stands before the first step: the mean of all points, at no place, held for no time."""
        nowhere = torch.full((batch, 1), len(self.places))
        return Past(self.places.new_zeros(batch, 1, self.latent.size), nowhere, torch.zeros_like(nowhere))

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
        """From place to point, (B, T, size).

        context (B, T, width) from a forecast; codes and held (B, T); noise (B, T, noise_size), normal.
        """
        away: Tensor = self.move(torch.cat([context, self.embedding[codes], _clock(held), noise], dim=-1))
        return self.places[codes] + away


def _clock(held: Tensor) -> Tensor:
    """How long a place was held, in steps (B, T), as two numbers between 0 and 1 (B, T, 2)."""
    steps = held.float().clamp(max=_LONG)
    return torch.stack([1 / (1 + steps), torch.log1p(steps) / math.log1p(_LONG)], dim=-1)

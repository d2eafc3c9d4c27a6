"""What every generator has in common: it walks from point to point of a latent space, near learned places.

Music stays near one place of that space while a note or chord sounds, then goes to another. So dense heads say at each
step how likely it is to leave the place now, where to go then (a categorical distribution over learned places), and the
way from the place to the exact point. Drawing places, instead of writing the mean of everything that might come, keeps
a free-running network from fading into a drone; the way from place to point lets notes begin, swell and end. (Mixture
density networks, Bishop 1994, with components shared by all steps; the explicit stay is that of a hidden semi-Markov
model.) What looks back at all steps before, the backbone, is an LSTM or a Music Transformer.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gen.models.config import GeneratorConfig
from gen.models.latent import Latent
from gen.models.style import Style, StyleAttention

LONG = 64
"""Steps beyond which a place was held for long."""
STRANGE = 1e-4
"""The prior of a place that only other datasets know."""

State = tuple[Tensor, ...]
"""What a backbone carries from step to step; every tensor has the batch first. Its meaning is the backbone's own."""


class Past(NamedTuple):
    """What came before each step: points (B, T, size), places (B, T), and how many steps they were held (B, T)."""

    points: Tensor
    codes: Tensor
    held: Tensor


class Forecast(NamedTuple):
    """What is expected of each step.

    leave: logit of leaving the place (B, T); logits: where to, (B, T, codes); context: what the way from place to point
    is read from (B, T, width); attention: over styles (B, T, styles).
    """

    leave: Tensor
    logits: Tensor
    context: Tensor
    attention: Tensor


class Backbone(nn.Module, ABC):
    """Style attention and dense heads around a network over time, in a latent space that was learnt before."""

    longest: Tensor
    belongs: Tensor

    def __init__(
        self, config: GeneratorConfig, latent: Latent, styles: int, codes: int, label_sizes: Sequence[int] = ()
    ) -> None:
        """styles: how many datasets. codes: how many places there are (at most config.codes; fewer for little data).

        label_sizes: how many indices each field of labels has, 0 for "unknown" included.
        """
        super().__init__()
        self.config, self.latent, self.label_sizes = config, latent, tuple(label_sizes)
        self.register_buffer("belongs", torch.full((codes, styles), 1 / styles))
        self.register_buffer("longest", torch.full((codes,), float(LONG)))
        self.places = nn.Parameter(torch.zeros(codes, latent.size))
        self.embedding = nn.Parameter(torch.empty(codes + 1, latent.size))  # the last stands for "nothing yet"
        labels = sum(size - 1 for size in self.label_sizes)
        self.style = StyleAttention(styles, config.style_tokens, config.style_size, config.hidden, labels)
        self.enter = nn.Linear(2 * latent.size + config.style_size + 2, config.hidden)
        width = config.hidden + config.style_size
        self.leave = nn.Linear(width, 1)
        self.choose = nn.Sequential(nn.Linear(width, config.hidden), nn.GELU(), nn.Linear(config.hidden, codes))
        self.move = nn.Sequential(
            nn.Linear(width + latent.size + config.noise_size + 2, config.hidden),
            nn.GELU(),
            nn.Linear(config.hidden, latent.size),
        )

    @abstractmethod
    def begin(self, style: Style) -> State:
        """The first state for a style."""

    @abstractmethod
    def listen(self, heard: Tensor, state: State) -> tuple[Tensor, State]:
        """Hear what came before each of T steps, (B, T, hidden); returns what is made of it (B, T, hidden), and the
        state after it. Nothing of a later step has a say in an earlier one.
        """

    def before(self, batch: int) -> Past:
        """What stands before the first step: the mean of all points, at no place, held for no time."""
        nowhere = torch.full((batch, 1), len(self.places), device=self.places.device)
        return Past(self.places.new_zeros(batch, 1, self.latent.size), nowhere, torch.zeros_like(nowhere))

    def forward(self, past: Past, style: Style, state: State, keep: Tensor | None = None) -> tuple[Forecast, State]:
        """Look one step ahead of each step of the past.

        keep: a dropout mask for what was listened to, (B, T, hidden), already divided by the share it keeps.
        """
        base = self.style.base(style)[:, None].expand(-1, past.points.shape[1], -1)
        heard = torch.cat([past.points, self.embedding[past.codes], base, clock(past.held)], dim=-1)
        found, state = self.listen(torch.tanh(self.enter(heard)), state)
        if keep is not None:
            found = found * keep
        context, attention = self.style(found, style.weights)
        context = torch.cat([found, context], dim=-1)
        logits = self.choose(context) + self.known(style.weights)[:, None]
        return Forecast(self.leave(context).squeeze(-1), logits, context, attention), state

    def known(self, weights: Tensor) -> Tensor:
        """What is added to the logits of places, (B, codes): one that only other datasets know is as good as
        forbidden.
        """
        return (weights @ self.belongs.T).clamp_min(STRANGE).log()

    def arrive(self, context: Tensor, codes: Tensor, held: Tensor, noise: Tensor) -> Tensor:
        """From place to point, (B, T, size).

        context (B, T, width) from a forecast; codes and held (B, T); noise (B, T, noise_size), normal.
        """
        away: Tensor = self.move(torch.cat([context, self.embedding[codes], clock(held), noise], dim=-1))
        return self.places[codes] + away


def clock(held: Tensor) -> Tensor:
    """How long a place was held, in steps (B, T), as two numbers between 0 and 1 (B, T, 2), float32."""
    steps = held.double().clamp(max=LONG)  # rounded once, so as on every machine
    return torch.stack([1 / (1 + steps), torch.log1p(steps) / math.log1p(LONG)], dim=-1).float()


def backbone_of(
    config: GeneratorConfig, latent: Latent, styles: int, codes: int, label_sizes: Sequence[int] = ()
) -> Backbone:
    """An untrained generator with the backbone that the settings name."""
    from gen.models.lstm_gan import LstmGenerator
    from gen.models.transformer import TransformerGenerator

    kinds: dict[str, type[Backbone]] = {"lstm": LstmGenerator, "transformer": TransformerGenerator}
    return kinds[config.backbone](config, latent, styles, codes, label_sizes)

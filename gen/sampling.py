"""How a free-running generator draws its next step."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from gen.chance import Chance
from gen.errors import ConfigError
from gen.models.backbone import Backbone, Past, State
from gen.models.style import Style


@dataclass(frozen=True)
class Daring:
    """How a place is drawn.

    temperature: 0.05 to 5; 1 is as daring as the music was, less repeats what is likeliest. nucleus: above 0 to 1: only
    the likeliest places that together reach this probability stay in play (Holtzman et al. 2020,
    arXiv:1904.09751); 1 keeps all.
    """

    temperature: float = 1.0
    nucleus: float = 1.0

    def __post_init__(self) -> None:
        if not 0.05 <= self.temperature <= 5:
            raise ConfigError(f"temperature: must be between 0.05 and 5, not {self.temperature}")
        if not 0 < self.nucleus <= 1:
            raise ConfigError(f"nucleus: must be above 0 and at most 1, not {self.nucleus}")


class Start(NamedTuple):
    """Where a run goes on from: the last step that was heard (T = 1), and the state after all before it."""

    past: Past
    state: State


class Run(NamedTuple):
    """What was walked: points (B, T, size), places (B, T), attention over styles (B, T, styles); where it goes on."""

    points: Tensor
    codes: Tensor
    attention: Tensor
    end: Start


def beginning(model: Backbone, style: Style) -> Start:
    """The start of a run before which nothing was heard."""
    return Start(model.before(len(style.weights)), model.begin(style))


def draw_place(logits: Tensor, here: Tensor, daring: Daring, where: Tensor) -> Tensor:
    """Another place than `here` (B,) from logits (B, codes) and luck (B, codes), as Chance has it: indices (B,).

    The largest sum of a logit and its luck wins (Gumbel 1954), which follows the distribution and hardly ever turns on
    how a sum was rounded: another machine draws the same places.
    """
    places = torch.arange(logits.shape[-1], device=logits.device)
    elsewhere = logits / daring.temperature
    if logits.shape[-1] > 1:
        elsewhere = elsewhere.masked_fill(places == here[:, None], -torch.inf)
    if daring.nucleus < 1:
        ordered, order = torch.softmax(elsewhere, dim=-1).sort(dim=-1, descending=True, stable=True)
        unlikely = ordered.cumsum(dim=-1) - ordered >= daring.nucleus
        elsewhere = elsewhere.masked_fill(torch.zeros_like(unlikely).scatter(-1, order, unlikely), -torch.inf)
    return (elsewhere + where).argmax(dim=-1)


def free_run(model: Backbone, style: Style, daring: Daring, chance: Chance, start: Start | None = None) -> Run:
    """Let the generator hear only itself, for as many steps as there is luck.

    start: by default the beginning. A place is never held longer than the recordings hold it. Gradients flow through
    the points, not through the choice of places.
    """
    past, state = start if start is not None else beginning(model, style)
    longest = torch.cat([model.longest, model.longest.new_zeros(1)])
    leave, where, noise = (part.to(longest.device) for part in chance)
    points, walked, attention = [], [], []
    for t in range(leave.shape[1]):
        forecast, state = model(past, style, state)
        here, held = past.codes[:, 0], past.held[:, 0]
        with torch.no_grad():
            leaves = (leave[:, t] < torch.sigmoid(forecast.leave[:, 0])) | (held >= longest[here])
            there = draw_place(forecast.logits[:, 0], here, daring, where[:, t])
            codes = torch.where(leaves, there, here)[:, None]
            held = torch.where(leaves, torch.ones_like(held), held + 1)[:, None]
        point = model.arrive(forecast.context, codes, held, noise[:, t : t + 1])
        past = Past(point, codes, held)
        points.append(point)
        walked.append(codes)
        attention.append(forecast.attention)
    return Run(torch.cat(points, dim=1), torch.cat(walked, dim=1), torch.cat(attention, dim=1), Start(past, state))

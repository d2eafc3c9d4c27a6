"""Beam search: the likeliest way on, as far as a number of ways kept in mind can tell."""

from typing import NamedTuple

import torch
from torch import Tensor

from gen.likelihood import next_places
from gen.models.backbone import Backbone, Past
from gen.models.style import Style
from gen.sampling import Run, Start, beginning


class Found(NamedTuple):
    """A run, and the log-probability of its places in nats, given what was heard before."""

    run: Run
    log_probability: float


@torch.no_grad()
def beam_search(
    model: Backbone, style: Style, steps: int, width: int, noise: Tensor | None = None, start: Start | None = None
) -> Found:
    """The likeliest places of the next steps, found by keeping the `width` likeliest paths at each step.

    Nothing in it is drawn: the same start gives the same path, and of paths that are equally likely the one whose
    places have the lower numbers wins. width 1 takes the likeliest place each time; width codes ** (steps - 1) finds
    the likeliest path of all. style and start: of one row. noise: (1, steps, noise_size), how points are reached; by
    default none. Goes on from its own end, so that long music is searched in pieces. Raises ValueError if steps or
    width is below 1.
    """
    if steps < 1 or width < 1:
        raise ValueError("steps and width: must be at least 1")
    past, state = start if start is not None else beginning(model, style)
    noise = torch.zeros(1, steps, model.config.noise_size) if noise is None else noise
    total = model.places.new_zeros(1, 1)
    # Every path kept in mind, step after step: which one it comes from, its place, point and attention.
    kept: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    for t in range(steps):
        count = len(total)
        asked = Style(*(part.expand(count, -1) for part in style))
        forecast, state = model(past, asked, state)
        reached = (total + next_places(model, forecast, past)[:, 0]).flatten()
        total, order = reached.sort(descending=True, stable=True)
        likely = int((total[:width] > -torch.inf).sum())
        total, order = total[:likely, None], order[:likely]
        origin, codes = order // len(model.places), order % len(model.places)
        stays = codes == past.codes[origin, 0]
        held = torch.where(stays, past.held[origin, 0] + 1, 1)
        luck = noise[:, t : t + 1].to(total.device).expand(likely, -1, -1)
        point = model.arrive(forecast.context[origin], codes[:, None], held[:, None], luck)
        past = Past(point, codes[:, None], held[:, None])
        state = tuple(part[origin] for part in state)
        kept.append((origin, codes, point[:, 0], forecast.attention[origin, 0]))
    row, path = 0, []
    for origin, *found in reversed(kept):
        path.append([part[row] for part in found])
        row = int(origin[row])
    codes, points, attention = (torch.stack(part)[None] for part in zip(*reversed(path), strict=True))
    end = Start(Past(*(part[:1] for part in past)), tuple(part[:1] for part in state))
    return Found(Run(points, codes, attention, end), float(total[0]))

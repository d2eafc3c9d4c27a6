"""Music that a generator hears before it goes on by itself: a recording, or points that somebody moved."""

import torch
from torch import Tensor

from gen.models.backbone import Backbone, Past
from gen.models.style import Style
from gen.sampling import Start
from gen.training.places import held_since, steady_path


def places_along(model: Backbone, points: Tensor) -> Tensor:
    """The places (B, T) that a path of points (B, T, size) keeps to; leaving one costs config.steadiness."""
    with torch.no_grad():
        cost = torch.cdist(points, model.places.expand(len(points), -1, -1)) ** 2
        usual = cost.amin(dim=2).mean(dim=1).clamp_min(1e-6)
        return steady_path(cost / usual[:, None, None], model.config.steadiness)


def heard_before(model: Backbone, points: Tensor, codes: Tensor) -> tuple[Past, Tensor, Past]:
    """What came before each step of a path: points (B, T, size), places (B, T), T >= 1.

    Beside it, how long the place of each step has been held by then, (B, T), and the last step itself (T = 1).
    """
    whole = Past(points, codes, held_since(codes))
    before = model.before(len(points))
    shifted = (torch.cat([first, rest[:, :-1]], dim=1) for first, rest in zip(before, whole, strict=True))
    return Past(*shifted), whole.held, Past(*(part[:, -1:] for part in whole))


def hear(model: Backbone, style: Style, points: Tensor, codes: Tensor | None = None) -> Start:
    """Hear points (B, T, size), T >= 1, and stand where a run can go on from them.

    codes: the places (B, T) that they belong to; by default those that `places_along` finds.
    """
    before, _, last = heard_before(model, points, places_along(model, points) if codes is None else codes)
    _, state = model(before, style, model.begin(style))
    return Start(last, state)

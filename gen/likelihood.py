"""How likely a generator holds a path of places to be."""

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, logsigmoid

from gen.models.backbone import Backbone, Forecast, Past
from gen.models.style import Style
from gen.primer import heard_before


def next_places(model: Backbone, forecast: Forecast, past: Past) -> Tensor:
    """Log-probability of every place at each step, (B, T, codes), that of staying among them; they sum to 1.

    It is what `gen.sampling.free_run` draws from at temperature 1 with the whole nucleus: a place that was held as long
    as any recording holds it has to be left.
    """
    count = forecast.logits.shape[-1]
    if count == 1:
        return torch.zeros_like(forecast.logits)
    longest = torch.cat([model.longest, model.longest.new_zeros(1)])
    leave = forecast.leave.masked_fill(past.held >= longest[past.codes], torch.inf)[..., None]
    here = torch.arange(count, device=leave.device) == past.codes[..., None]
    elsewhere = log_softmax(forecast.logits.masked_fill(here, -torch.inf), dim=-1) + logsigmoid(leave)
    return torch.where(here, logsigmoid(-leave), elsewhere)


def log_likelihood(model: Backbone, style: Style, points: Tensor, codes: Tensor) -> Tensor:
    """Log-probability (B, T), in nats, of each place of a path, given all of the path before it.

    points (B, T, size), codes (B, T). The sum over T is that of the whole path; a place that is held longer than the
    recordings held it has -inf. The points themselves are no part of it: they are drawn around their places.
    """
    before, _, _ = heard_before(model, points, codes)
    forecast, _ = model(before, style, model.begin(style))
    return next_places(model, forecast, before).gather(-1, codes[..., None]).squeeze(-1)

"""How a free-running generator draws its next step."""

import torch
from torch import Tensor

from gen.models.lstm_gan import LstmGenerator, Past, State


def draw_place(logits: Tensor, here: Tensor, temperature: float, nucleus: float, random: torch.Generator) -> Tensor:
    """Draw another place than `here` (B,) from logits (B, codes): indices (B,).

    temperature: above 0; below 1 plays safe, above 1 takes risks. nucleus: only the likeliest places that together
    reach this probability stay in play (Holtzman et al. 2020, arXiv:1904.09751); 1 keeps all.
    """
    places = torch.arange(logits.shape[-1])
    elsewhere = logits / temperature
    if logits.shape[-1] > 1:
        elsewhere = elsewhere.masked_fill(places == here[:, None], -torch.inf)
    ordered, order = torch.softmax(elsewhere, dim=-1).sort(dim=-1, descending=True, stable=True)
    ordered = ordered.masked_fill(ordered.cumsum(dim=-1) - ordered >= nucleus, 0.0)
    return order.gather(-1, torch.multinomial(ordered, 1, generator=random)).squeeze(-1)


def free_run(
    model: LstmGenerator,
    weights: Tensor,
    steps: int,
    temperature: float,
    random: torch.Generator,
    start: tuple[Past, State] | None = None,
) -> tuple[Tensor, Tensor]:
    """Let the generator hear only itself.

    weights: styles (B, styles). start: the last step that was heard, and the state after all before it; by default
    the learned start. A place is never held longer than the recordings hold it. Returns points
    (B, steps, size) and attention over styles (B, steps, styles). Gradients flow through the points, not through the
    choice of places.
    """
    batch = weights.shape[0]
    past, state = start if start is not None else (model.before(batch), model.begin(weights))
    longest = torch.cat([model.longest, torch.zeros(1)])
    points, attention = [], []
    for _ in range(steps):
        forecast, state = model(past, weights, state)
        here, held = past.codes[:, 0], past.held[:, 0]
        with torch.no_grad():
            leaves = torch.rand(batch, generator=random) < torch.sigmoid(forecast.leave[:, 0])
            leaves |= held >= longest[here]
            there = draw_place(forecast.logits[:, 0], here, temperature, model.config.nucleus, random)
            codes = torch.where(leaves, there, here)[:, None]
            held = torch.where(leaves, torch.ones_like(held), held + 1)[:, None]
            noise = torch.randn(batch, 1, model.config.noise_size, generator=random)
        point = model.arrive(forecast.context, codes, held, noise)
        past = Past(point, codes, held)
        points.append(point)
        attention.append(forecast.attention)
    return torch.cat(points, dim=1), torch.cat(attention, dim=1)

"""The places that music returns to."""

import torch
from torch import Tensor

FEWEST = 6
"""A place is the mean of at least so many moments."""


def cluster_centres(points: Tensor, count: int, random: torch.Generator, rounds: int = 15) -> Tensor:
    """At most `count` k-means centres of points (N, latent), at least one.

    Centres with fewer than FEWEST points are left out: no centre is a single moment of a recording.
    """
    count = max(1, min(count, len(points) // FEWEST))
    centres = points[torch.randperm(len(points), generator=random)[:count]]
    for _ in range(rounds):
        owner = torch.cdist(points, centres).argmin(dim=1)
        sizes, sums = _gathered(points, owner, len(centres))
        centres = torch.where(sizes[:, None] > 0, sums / sizes[:, None].clamp_min(1), centres)
    owner = torch.cdist(points, centres).argmin(dim=1)
    sizes, _ = _gathered(points, owner, len(centres))
    kept = sizes >= FEWEST
    kept[sizes.argmax()] = True
    return centres[kept]


def means_of(points: Tensor, owner: Tensor, count: int) -> Tensor:
    """The mean (count, latent) of the points (N, latent) that each place owns; the mean of all where it owns none."""
    sizes, sums = _gathered(points, owner, count)
    return torch.where(sizes[:, None] > 0, sums / sizes[:, None].clamp_min(1), points.mean(dim=0))


def steady_path(cost: Tensor, change: float) -> Tensor:
    """The cheapest way through places: cost of each place at each step (B, T, places) to indices (B, T).

    Every change of place costs `change` more, so a note stays at one place (Viterbi's algorithm).
    """
    batch, steps, places = cost.shape
    stay = torch.arange(places, device=cost.device).expand(batch, places)
    total, came = cost[:, 0], []
    for t in range(1, steps):
        least, best = total.min(dim=1, keepdim=True)
        leaves = total > least + change
        came.append(torch.where(leaves, best, stay))
        total = torch.where(leaves, least + change, total) + cost[:, t]
    path = [total.argmin(dim=1)]
    for back in reversed(came):
        path.append(back.gather(1, path[-1][:, None]).squeeze(1))
    return torch.stack(path[::-1], dim=1)


def held_since(path: Tensor) -> Tensor:
    """How many steps each step's place has been held, itself included: indices (..., T) to counts (..., T) from 1."""
    steps = torch.arange(path.shape[-1], device=path.device)
    begins = torch.ones_like(path, dtype=torch.bool)
    begins[..., 1:] = path[..., 1:] != path[..., :-1]
    first = torch.where(begins, steps, 0).cummax(dim=-1).values
    return steps - first + 1


def _gathered(points: Tensor, owner: Tensor, count: int) -> tuple[Tensor, Tensor]:
    sizes = torch.bincount(owner, minlength=count)
    return sizes, points.new_zeros(count, points.shape[1]).index_add_(0, owner, points)

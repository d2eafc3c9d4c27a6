import itertools

import pytest
import torch

from gen.training.places import (
    FEWEST,
    cluster_centres,
    held_since,
    means_of,
    steady_path,
)


def random(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("seed", range(8))
def test_the_steady_path_is_the_cheapest_of_all(seed):
    cost = torch.rand(1, 5, 3, generator=random(seed))
    change = 0.3

    def price(path):
        changes = sum(a != b for a, b in itertools.pairwise(path))
        return sum(float(cost[0, t, place]) for t, place in enumerate(path)) + change * changes

    best = min(itertools.product(range(3), repeat=5), key=price)
    assert steady_path(cost, change)[0].tolist() == list(best)


def test_paths_in_a_batch_do_not_touch():
    cost = torch.rand(4, 30, 6, generator=random())
    together = steady_path(cost, 0.5)
    assert all(torch.equal(together[row], steady_path(cost[row : row + 1], 0.5)[0]) for row in range(4))


def test_held_counts_from_one_at_every_change():
    assert held_since(torch.tensor([[4, 4, 2, 2, 2, 4], [1, 1, 1, 1, 1, 1]])).tolist() == [
        [1, 2, 1, 2, 3, 1],
        [1, 2, 3, 4, 5, 6],
    ]


def test_no_place_is_a_single_moment():
    crowd = torch.randn(40, 3, generator=random())
    lonely = torch.full((1, 3), 100.0)
    centres = cluster_centres(torch.cat([crowd, lonely]), 8, random(3))
    assert (torch.cdist(centres, lonely) > 1).all()
    assert len(cluster_centres(crowd[: FEWEST - 1], 8, random())) == 1


def test_means_of_places_without_points_are_the_mean_of_all():
    points = torch.tensor([[0.0], [2.0], [10.0]])
    assert means_of(points, torch.tensor([0, 0, 2]), 3).flatten().tolist() == [1.0, 4.0, 10.0]

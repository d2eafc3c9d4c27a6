import pytest
import torch
from studio import MICRO

from gen.chance import draw_chance
from gen.errors import ConfigError
from gen.models.backbone import Past
from gen.models.latent import latent_of
from gen.models.lstm_gan import LstmGenerator
from gen.models.style import Style
from gen.sampling import Daring, draw_place, free_run
from gen.training.initial import initialise


def random(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def model():
    made = LstmGenerator(MICRO.generator, latent_of(MICRO.latent, MICRO.rows), 2, 10)
    initialise(made, random(5))
    with torch.no_grad():
        made.places.normal_(generator=random(6))
    return made


def drawn(logits, here, daring=Daring(), seed=0):  # noqa: B008
    return draw_place(logits, here, daring, draw_chance(random(seed), len(logits), 1, logits.shape[1], 1).where[:, 0])


def walk(model, weights, steps, seed=0):
    chance = draw_chance(random(seed), len(weights), steps, len(model.places), model.config.noise_size)
    return free_run(model, Style.of(weights), Daring(), chance)


def test_the_nucleus_leaves_out_what_is_unlikely():
    logits = torch.tensor([[5.0, 4.0, -3.0, -3.0]]).repeat(400, 1)
    nowhere = torch.full((400,), 4)
    assert set(drawn(logits, nowhere, Daring(nucleus=0.9)).tolist()) == {0, 1}
    assert set(drawn(logits, nowhere, Daring(nucleus=0.5)).tolist()) == {0}
    assert set(drawn(logits, nowhere, Daring(temperature=5.0)).tolist()) == {0, 1, 2, 3}


def test_the_greatest_luck_does_not_reach_what_is_out_of_play():
    luck = torch.tensor([[0.0, 0.0, 99.0, 99.0]])
    logits = torch.tensor([[3.0, 2.0, 1.0, -9.0]])
    assert draw_place(logits, torch.tensor([2]), Daring(nucleus=0.9), luck).tolist() == [0]
    assert draw_place(logits, torch.tensor([2]), Daring(), luck).tolist() == [3]


def test_frequencies_follow_the_logits():
    logits = torch.tensor([[0.7, 0.2, 0.1]]).log().repeat(20000, 1)
    counts = torch.bincount(drawn(logits, torch.full((20000,), 3))) / 20000
    assert torch.allclose(counts, torch.tensor([0.7, 0.2, 0.1]), atol=0.02)


def test_rounding_hardly_ever_decides_where_to_go():
    """Another machine rounds otherwise: its logits differ in the last bits, and its music must not."""
    logits = torch.randn(20000, 200, generator=random(1))
    rounded = logits + 1e-6 * torch.randn(20000, 200, generator=random(2))
    nowhere = torch.full((20000,), 200)
    for daring in (Daring(), Daring(0.7, 0.9)):
        first, second = drawn(logits, nowhere, daring), drawn(rounded, nowhere, daring)
        assert int((first != second).sum()) <= 2


def test_leaving_means_going_elsewhere():
    logits = torch.tensor([[9.0, 0.0, 0.0]]).repeat(50, 1)
    assert 0 not in drawn(logits, torch.zeros(50, dtype=torch.long)).tolist()


def test_a_lone_place_is_kept():
    assert drawn(torch.zeros(2, 1), torch.zeros(2, dtype=torch.long)).tolist() == [0, 0]


@pytest.mark.parametrize("wrong", [{"temperature": 0.0}, {"temperature": 6.0}, {"nucleus": 0.0}, {"nucleus": 1.1}])
def test_daring_has_bounds(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Daring(**wrong)


def test_no_place_is_held_longer_than_allowed(model):
    with torch.no_grad():
        model.longest.fill_(3)
        model.leave.bias.fill_(-50)  # never leaves by itself
        model.move[-1].weight.zero_()
        points = walk(model, torch.tensor([[1.0, 0.0]]), 30).points
    changes = (points[0, 1:] != points[0, :-1]).any(dim=1)
    assert changes.nonzero().flatten().tolist() == list(range(2, 29, 3))


def test_the_same_seed_gives_the_same_run_and_another_another(model):
    weights = torch.tensor([[0.5, 0.5]])
    with torch.no_grad():
        first, again, other = (walk(model, weights, 20, seed).points for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_places_of_other_datasets_are_not_visited(model):
    with torch.no_grad():
        model.belongs.copy_(torch.nn.functional.one_hot(torch.arange(10) % 2, 2))
        model.move[-1].weight.zero_()
        points = walk(model, torch.tensor([[0.0, 1.0]]), 60).points
    visited = set(torch.cdist(points[0], model.places).argmin(dim=1).tolist())
    assert len(visited) > 1
    assert all(place % 2 == 1 for place in visited)


def test_one_step_after_another_is_the_whole_at_once(model):
    """A free run's steps and a look at a known past must agree, or training teaches what is never used."""
    points = torch.randn(1, 6, MICRO.latent.size, generator=random())
    codes = torch.tensor([[1, 1, 3, 3, 3, 2]])
    held = torch.tensor([[1, 2, 1, 2, 3, 1]])
    style = Style.of(torch.tensor([[0.3, 0.7]]))
    whole, _ = model(Past(points, codes, held), style, model.begin(style))
    state, logits = model.begin(style), []
    for t in range(6):
        step = Past(points[:, t : t + 1], codes[:, t : t + 1], held[:, t : t + 1])
        forecast, state = model(step, style, state)
        logits.append(forecast.logits)
    assert torch.allclose(torch.cat(logits, dim=1), whole.logits, atol=1e-5)

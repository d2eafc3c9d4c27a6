"""Likelihood against what is drawn, and beam search against looking at everything."""

import itertools

import pytest
import torch
from walkers import BACKBONES, asked, random, walker

from gen.beams import beam_search
from gen.chance import draw_chance
from gen.likelihood import log_likelihood, next_places
from gen.models.backbone import Past
from gen.primer import hear, places_along
from gen.sampling import Daring, beginning, free_run
from gen.training.places import held_since

CODES, STEPS = 3, 4


def every_path(model, style):
    """All paths of STEPS places, (paths, STEPS), with their points and log-probabilities, each walked in a row."""
    paths = torch.tensor(list(itertools.product(range(CODES), repeat=STEPS)))
    asked_all = style_rows(style, len(paths))
    (past, state), points, total = beginning(model, asked_all), [], torch.zeros(len(paths))
    for step, held in enumerate(held_since(paths).unbind(dim=1)):
        forecast, state = model(past, asked_all, state)
        place = paths[:, step : step + 1]
        total += next_places(model, forecast, past)[:, 0].gather(1, place)[:, 0]
        point = model.arrive(forecast.context, place, held[:, None], torch.zeros(len(paths), 1, 3))
        past = Past(point, place, held[:, None])
        points.append(point)
    return paths, torch.cat(points, dim=1), total


def style_rows(style, count):
    return type(style)(*(part.expand(count, -1) for part in style))


@pytest.fixture(params=BACKBONES)
def model(request):
    made = walker(request.param, codes=CODES)
    made.longest.fill_(2)
    return made.requires_grad_(False)


def test_all_paths_together_are_certain(model):
    assert float(every_path(model, asked(0.4))[2].exp().sum()) == pytest.approx(1)


def test_the_likelihood_of_a_path_is_that_of_its_steps(model):
    paths, points, total = every_path(model, asked(0.4))
    likely = log_likelihood(model, style_rows(asked(0.4), len(paths)), points, paths)
    assert torch.allclose(likely.sum(dim=1), total, atol=1e-5)
    too_long = (held_since(paths) > 2).any(dim=1)
    assert torch.equal(torch.isinf(total), too_long) and too_long.any()


@pytest.mark.parametrize("backbone", BACKBONES)
def test_wide_beams_find_the_likeliest_path_of_all(backbone):
    greedy_is_worse = 0
    for seed in range(8):
        model = walker(backbone, codes=CODES, seed=seed).requires_grad_(False)
        for layer, factor in ((model.choose[-1], 2), (model.leave, 4), (model.enter, 4)):
            layer.weight.mul_(factor)
        paths, points, total = every_path(model, asked(0.4))
        best = int(total.argmax())
        run, found = beam_search(model, asked(0.4), STEPS, CODES ** (STEPS - 1))
        assert run.codes[0].tolist() == paths[best].tolist()
        assert found == pytest.approx(float(total[best]), abs=1e-5)
        assert torch.allclose(run.points[0], points[best], atol=1e-5)
        assert run.attention.shape == (1, STEPS, 2)
        greedy_is_worse += beam_search(model, asked(0.4), STEPS, 1).log_probability < found - 1e-4
    assert greedy_is_worse > 0


def test_one_beam_is_greedy(model):
    past, state = beginning(model, asked(0.4))
    codes, held = [], 0
    for _ in range(12):
        forecast, state = model(past, asked(0.4), state)
        code = next_places(model, forecast, past)[0].argmax(dim=-1, keepdim=True)
        held = held + 1 if codes and codes[-1] == int(code) else 1
        codes.append(int(code))
        point = model.arrive(forecast.context, code, torch.tensor([[held]]), torch.zeros(1, 1, 3))
        past = Past(point, code, torch.tensor([[held]]))
    run, _ = beam_search(model, asked(0.4), 12, 1)
    assert run.codes[0].tolist() == codes
    assert torch.allclose(run.points[:, -1:], past.points, atol=1e-5)


def test_a_search_goes_on_from_its_end(model):
    whole = beam_search(model, asked(0.4), 9, 1)
    first = beam_search(model, asked(0.4), 4, 1)
    second = beam_search(model, asked(0.4), 5, 1, start=first.run.end)
    assert torch.allclose(torch.cat([first.run.points, second.run.points], dim=1), whole.run.points, atol=1e-5)
    assert first.log_probability + second.log_probability == pytest.approx(whole.log_probability, abs=1e-4)


def test_what_is_drawn_is_as_frequent_as_its_likelihood(model):
    rows = 4000
    style = asked(*[0.4] * rows)
    run = free_run(model, style, Daring(), draw_chance(random(2), rows, 2, CODES, 3))
    likely = log_likelihood(model, style, run.points, run.codes).sum(dim=1).exp()
    assert (likely > 0).all()
    # 1 / p of what was drawn, on average, is the number of paths that can be drawn at all (2 steps: 3 * 3).
    assert float((1 / likely).mean()) == pytest.approx(CODES**2, rel=0.1)


def test_what_was_heard_before_decides_how_it_goes_on(model):
    paths = torch.tensor([[0, 0, 0, 1, 1, 2, 2, 2], [2, 2, 1, 1, 1, 2, 2, 0]])
    points = model.places[paths] + 0.01 * torch.randn(2, 8, 3, generator=random(3))
    assert torch.equal(places_along(model, points), paths)
    ways = [hear(model, asked(0.4), points[row : row + 1]) for row in (0, 1)]
    assert [(int(way.past.codes), int(way.past.held)) for way in ways] == [(2, 3), (0, 1)]
    first, other = (beam_search(model, asked(0.4), 6, 2, start=way).run.points for way in ways)
    assert not torch.equal(first, other)


def test_a_search_needs_a_step_and_a_beam(model):
    for steps, width in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match="at least 1"):
            beam_search(model, asked(0.4), steps, width)

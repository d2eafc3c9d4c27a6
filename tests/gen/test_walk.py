"""The fused loop against eager's, and what a walk promises: the same music, however it is asked for."""

import pytest
import torch
from walkers import BACKBONES, asked, random, walker

from gen.chance import Dice, draw_chance
from gen.lstm_loop import LstmLoop
from gen.models.style import Style, labelled
from gen.primer import hear
from gen.sampling import Daring, free_run
from gen.walk import Walk


@pytest.mark.parametrize("share", [0.3, pytest.param(1.0, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "daring",
    [Daring(0.6, 0.8), *(pytest.param(other, marks=pytest.mark.slow) for other in (Daring(), Daring(3.0, 0.3)))],
)
def test_the_fused_loop_makes_eagers_music(share, daring):
    model = walker("lstm", layers=3)
    model.longest.fill_(5)
    chance = draw_chance(random(1), 1, 300, 10, 3)
    with torch.no_grad():
        eager = free_run(model, asked(share), daring, chance)
    fused = LstmLoop(model, asked(share), daring).go(chance)
    assert torch.equal(fused.codes, eager.codes)
    assert len(fused.codes.unique()) > 3
    for one, other in ((fused.points, eager.points), (fused.attention, eager.attention)):
        assert one.dtype == other.dtype and one.shape == other.shape
        assert torch.allclose(one, other, atol=1e-3)
    for one, other in zip((*fused.end.past, *fused.end.state), (*eager.end.past, *eager.end.state), strict=True):
        assert one.dtype == other.dtype and one.shape == other.shape
        assert torch.allclose(one, other, atol=1e-3)


def test_the_fused_loop_knows_labels_and_goes_on_from_a_primer():
    model = walker("lstm", labels=(3, 5))
    style = Style(torch.tensor([[0.5, 0.5]]), labelled(torch.tensor([[2, 3]]), (3, 5)))
    chance = draw_chance(random(1), 1, 50, 10, 3)
    with torch.no_grad():
        start = hear(model, style, torch.randn(1, 20, 3, generator=random(2)))
        eager = free_run(model, style, Daring(), chance, start)
        unlabelled = free_run(model, style._replace(labels=torch.zeros(1, 6)), Daring(), chance, start)
    fused = LstmLoop(model, style, Daring(), start).go(chance)
    assert torch.allclose(fused.points, eager.points, atol=1e-3)
    assert not torch.allclose(unlabelled.points, eager.points, atol=1e-2)


def test_a_lone_place_is_walked_too():
    model = walker("lstm", codes=1)
    assert LstmLoop(model, asked(0.5), Daring()).go(draw_chance(random(), 1, 5, 1, 3)).codes.tolist() == [[0] * 5]


@pytest.mark.parametrize(("bias", "places"), [(-200.0, 1), (200.0, 20)])
def test_the_fused_loop_bears_a_model_that_is_sure(bias, places):
    model = walker("lstm")
    with torch.no_grad():
        model.leave.bias.fill_(bias)
    codes = LstmLoop(model, asked(0.5), Daring()).go(draw_chance(random(), 1, 20, 10, 3)).codes
    assert 1 + int((codes.diff() != 0).sum()) == places


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.slow
def test_a_walk_is_the_same_bits_in_any_pieces_and_beside_any_other(backbone):
    model, style = walker(backbone), asked(0.5)
    whole = Walk(model, style, Daring(), random(8)).go(300)
    walk, other = Walk(model, style, Daring(), random(8)), Walk(model, style, Daring(), random(9))
    parts, strange = [], []
    for steps in (1, 99, 127, 73):
        parts.append(walk.go(steps))
        strange.append(other.go(steps))
    assert torch.equal(torch.cat([part.points for part in parts], dim=1), whole.points)
    assert torch.equal(torch.cat([part.attention for part in parts], dim=1), whole.attention)
    assert all(torch.equal(a, b) for a, b in zip(parts[-1].end.past, whole.end.past, strict=True))
    assert not torch.equal(torch.cat([part.points for part in strange], dim=1), whole.points)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_a_walk_can_be_asked_for_another_style_on_its_way(backbone):
    model, changed = walker(backbone, labels=(3,)), Walk(walker(backbone, labels=(3,)), *ASKED, random(8))
    chance = Dice(random(8), 10, 3)
    with torch.no_grad():
        first = free_run(model, ASKED[0], Daring(), chance.roll(30))
        second = free_run(model, OTHER, Daring(), chance.roll(30), first.end)
    assert torch.allclose(changed.go(30).points, first.points, atol=1e-3)
    changed.ask(OTHER)
    run = changed.go(30)
    assert torch.allclose(run.points, second.points, atol=1e-3)
    assert torch.allclose(run.attention, second.attention, atol=1e-3)


ASKED = (Style(torch.tensor([[0.9, 0.1]]), torch.tensor([[1.0, 0.0]])), Daring())
OTHER = Style(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, 1.0]]))


def test_dice_roll_the_same_in_any_pieces():
    whole, dice = Dice(random(3), 7, 5).roll(400), Dice(random(3), 7, 5)
    pieces = [dice.roll(steps) for steps in (0, 1, 127, 128, 144)]
    for name in whole._fields:
        assert torch.equal(torch.cat([getattr(piece, name) for piece in pieces], dim=1), getattr(whole, name))
    assert whole.leave.min() >= 0 and whole.leave.max() < 1
    # Gumbel's distribution has the mean 0.5772 and the deviation pi / sqrt(6).
    assert float(whole.where.mean()) == pytest.approx(0.5772, abs=0.1)
    assert float(whole.where.std()) == pytest.approx(1.2825, abs=0.1)

"""What holds for every backbone, and what the transformer's attention must agree with."""

import pytest
import torch
from walkers import BACKBONES, asked, random, walker

from gen.errors import ConfigError
from gen.models.backbone import Past
from gen.models.config import GeneratorConfig
from gen.models.style import Style, labelled
from gen.models.transformer import RelativeAttention, skew
from gen.training.initial import initialise
from gen.training.places import held_since

STEPS = 15  # more than twice the window


def path(rows=2, steps=STEPS, seed=1):
    codes = torch.randint(10, (rows, steps), generator=random(seed)).repeat_interleave(2, dim=1)[:, :steps]
    return Past(torch.randn(rows, steps, 3, generator=random(seed + 1)), codes, held_since(codes))


@pytest.mark.parametrize("backbone", BACKBONES)
def test_one_step_after_another_is_the_whole_at_once(backbone):
    """A free run's steps and a look at a known past must agree, or training teaches what is never used."""
    model, style, past = walker(backbone), asked(0.3, 1.0), path()
    whole, end = model(past, style, model.begin(style))
    state, steps = model.begin(style), []
    for t in range(STEPS):
        forecast, state = model(Past(*(part[:, t : t + 1] for part in past)), style, state)
        steps.append(forecast)
    for name in whole._fields:
        stepped = torch.cat([getattr(step, name) for step in steps], dim=1)
        assert torch.allclose(stepped, getattr(whole, name), atol=1e-5), name
    assert all(torch.allclose(one, other, atol=1e-5) for one, other in zip(state, end, strict=True))


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("when", [0, 7, STEPS - 1])
def test_what_comes_later_changes_nothing_before(backbone, when):
    model, style, past = walker(backbone), asked(0.5), path(rows=1)
    other = past.points.clone()
    other[:, when] += 1
    before, after = (model(p, style, model.begin(style))[0] for p in (past, past._replace(points=other)))
    assert torch.equal(before.logits[:, :when], after.logits[:, :when])
    assert not torch.allclose(before.logits[:, when], after.logits[:, when], atol=1e-4)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_gradients_reach_everything(backbone):
    model = walker(backbone, labels=(3, 4))
    style = Style(torch.tensor([[0.5, 0.5]] * 2), labelled(torch.tensor([[1, 2], [2, 3]]), (3, 4)))
    past = path()
    forecast, _ = model(past, style, model.begin(style))
    points = model.arrive(forecast.context, past.codes, past.held, torch.randn(2, STEPS, 3, generator=random()))
    (forecast.leave.sum() + forecast.logits[..., 0].sum() + (forecast.attention**2).sum() + points.sum()).backward()
    # Label 1 of the second field is nobody's, so it alone may have no gradient.
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, name
    assert model.style.labels.grad[2].abs().max() == 0


@pytest.mark.parametrize("backbone", BACKBONES)
def test_rows_know_nothing_of_each_other(backbone):
    model, past = walker(backbone), path()
    both, _ = model(past, asked(0.3, 1.0), model.begin(asked(0.3, 1.0)))
    for row, share in enumerate((0.3, 1.0)):
        alone, _ = model(Past(*(part[row : row + 1] for part in past)), asked(share), model.begin(asked(share)))
        assert torch.allclose(alone.logits[0], both.logits[row], atol=1e-5)


def test_the_transformer_forgets_what_is_beyond_its_windows():
    model, style, past = walker("transformer", layers=1), asked(0.5), path(rows=1)
    other = past.points.clone()
    other[:, 0] += 1
    before, after = (model(p, style, model.begin(style))[0].logits for p in (past, past._replace(points=other)))
    assert not torch.allclose(before[:, 5], after[:, 5], atol=1e-5)
    assert torch.equal(before[:, 6:], after[:, 6:])
    state = model(past, style, model.begin(style))[1]
    assert [part.shape for part in state] == [(1, 2, 5, 8)] * 2


@pytest.mark.parametrize(("steps", "length"), [(1, 1), (5, 5), (1, 6), (3, 7)])
def test_skewing_puts_scores_by_distance_where_they_belong(steps, length):
    scores = torch.randn(2, steps, length, generator=random())
    skewed = skew(scores)
    for step in range(steps):
        for other in range(length - steps + step + 1):
            distance = length - steps + step - other
            assert torch.equal(skewed[:, step, other], scores[:, step, length - 1 - distance])


def test_relative_attention_is_its_definition():
    """Huang et al. 2018, equation 3: softmax((Q K^T + S) / sqrt(d)) V, where S holds q_i . e(i - j)."""
    attention = RelativeAttention(8, 2, 4)
    initialise(attention, random(3))
    heard = torch.randn(1, 9, 8, generator=random(4))
    nothing = torch.zeros(1, 2, 0, 4)
    found, _, _ = attention(heard, nothing, nothing)
    queries, keys, values = attention.ask(heard)[0].reshape(9, 3, 2, 4).unbind(dim=1)
    expected = torch.zeros(9, 2, 4)
    for head in range(2):
        for i in range(9):
            near = range(max(0, i - 3), i + 1)
            scores = [queries[i, head] @ (keys[j, head] + attention.ago[head, i - j]) / 4**0.5 for j in near]
            shares = torch.softmax(torch.stack(scores), dim=0)
            expected[i, head] = sum(share * values[j, head] for share, j in zip(shares, near, strict=True))
    assert torch.allclose(found[0], attention.answer(expected.reshape(9, 8)), atol=1e-6)


def test_settings_of_a_backbone_must_make_sense():
    with pytest.raises(ConfigError, match=r"generator\.backbone"):
        GeneratorConfig(backbone="gru")
    with pytest.raises(ConfigError, match=r"generator\.heads"):
        GeneratorConfig(backbone="transformer", hidden=10, heads=4)

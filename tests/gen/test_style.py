import pytest
import torch

from gen.models.style import Style, StyleAttention, labelled, mixed


@pytest.fixture
def attention():
    module = StyleAttention(3, 4, 8, 16)
    with torch.no_grad():
        for parameter in (module.tokens, module.query.weight):
            parameter.normal_(generator=torch.Generator().manual_seed(1))
    return module


def states():
    return torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(2))


def test_attention_sums_to_one_and_ignores_datasets_of_no_weight(attention):
    _, shares = attention(states(), torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]]))
    assert torch.allclose(shares.sum(dim=-1), torch.ones(2, 5))
    assert (shares[0, :, 1:] == 0).all()
    assert (shares[1, :, 2] == 0).all()
    assert (shares[1, :, :2] > 0).all()


def test_datasets_of_no_weight_cannot_change_the_style(attention):
    weights = torch.tensor([[0.3, 0.7, 0.0], [0.3, 0.7, 0.0]])
    before = attention(states(), weights)[0], attention.base(Style.of(weights))
    with torch.no_grad():
        attention.tokens[2] = 99.0
    assert torch.equal(attention(states(), weights)[0], before[0])
    assert torch.equal(attention.base(Style.of(weights)), before[1])


def test_more_weight_gets_more_attention(attention):
    less, more = (attention(states()[:1], torch.tensor([[share, 1 - share, 0.0]]))[1][..., 0] for share in (0.2, 0.8))
    assert (more > less).all()


def test_labels_are_shares_and_the_first_of_a_field_is_unknown():
    indices = torch.tensor([[0, 0], [2, 1], [1, 0]])
    assert labelled(indices, (3, 2)).tolist() == [[0, 0, 0], [0, 1, 1], [1, 0, 0]]
    assert labelled(torch.zeros(2, 0, dtype=torch.long), ()).shape == (2, 0)


def test_a_known_label_moves_the_style_and_an_unknown_one_does_not():
    module = StyleAttention(2, 4, 8, 16, labels=3)
    with torch.no_grad():
        for parameter in (module.tokens, module.labels):
            parameter.normal_(generator=torch.Generator().manual_seed(1))
    weights = torch.tensor([[0.5, 0.5]])
    unknown = module.base(Style(weights, labelled(torch.tensor([[0, 0]]), (3, 2))))
    known = module.base(Style(weights, labelled(torch.tensor([[2, 0]]), (3, 2))))
    assert torch.allclose(unknown, weights @ module.tokens.mean(dim=1))
    assert torch.allclose(known - unknown, module.labels[1], atol=1e-6)


def test_styles_are_mixed_by_shares():
    one = Style(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0, 0.0]]))
    other = Style(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, 0.0, 1.0]]))
    between = mixed([one, other], [3, 1])
    assert between.weights.tolist() == [[0.75, 0.25]]
    assert between.labels.tolist() == [[0.75, 0.0, 0.25]]
    assert mixed([one, other], [1, 0]).weights.tolist() == one.weights.tolist()


@pytest.mark.parametrize("shares", [[1.0], [1.0, -0.5], [0.0, 0.0]])
def test_shares_of_a_mix_must_make_sense(shares):
    style = Style.of(torch.tensor([[1.0]]))
    with pytest.raises(ValueError, match="shares"):
        mixed([style, style], shares)

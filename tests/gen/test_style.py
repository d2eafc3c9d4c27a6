import pytest
import torch

from gen.models.style import Style, StyleAttention


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

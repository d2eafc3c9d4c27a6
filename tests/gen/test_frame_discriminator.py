import dataclasses
import math

import pytest
import torch

from gen.errors import ConfigError
from gen.models.config import GeneratorConfig
from gen.models.frame_discriminator import FrameDiscriminator
from gen.training.initial import initialise


def random(seed=0):
    return torch.Generator().manual_seed(seed)


def discriminator(**settings):
    made = FrameDiscriminator(20, GeneratorConfig(discriminator_channels=8, style_size=6, **settings))
    initialise(made, random(1))
    return made


FRAMES = torch.randn(3, 20, 32, generator=random(2))
STYLES = torch.randn(3, 6, generator=random(3))


@pytest.mark.parametrize("norm", ["weight", "batch"])
@pytest.mark.parametrize("kernels", [(5, 5, 5), (3, 5), (3, 3, 5, 3)])
def test_it_listens_to_style_and_frames(norm, kernels):
    judge = discriminator(discriminator_norm=norm, discriminator_kernels=kernels)
    scores, inner = judge(FRAMES, STYLES)
    assert scores.shape == (3, 32 // 2 ** (len(kernels) - 1))
    assert len(inner) == len(kernels)
    assert not torch.allclose(judge(FRAMES, STYLES.flip(0))[0], scores)
    assert not torch.allclose(judge(FRAMES.flip(0), STYLES)[0], scores)
    scores.square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in judge.parameters())


def test_batch_norm_makes_loudness_matter_less():
    for norm, alike in (("batch", True), ("weight", False)):
        judge = discriminator(discriminator_norm=norm)
        first, louder = (judge(FRAMES * factor, STYLES)[1][0] for factor in (1, 10))
        assert torch.allclose(first, louder, atol=1e-3) == alike


def test_dropout_thins_out_when_there_is_luck_to_draw_from():
    judge = discriminator(discriminator_dropout=0.25)
    plain = judge(FRAMES, STYLES)[0]
    assert torch.equal(judge(FRAMES, STYLES)[0], plain)
    passed = []
    judge.layers[1].register_forward_hook(lambda layer, given, _: passed.append(given[0]))

    def thinned(seed):
        luck = random(seed)
        return judge(FRAMES, STYLES, lambda *shape: torch.rand(shape, generator=luck))

    first, again, other = thinned(4), thinned(4), thinned(5)
    assert torch.equal(first[0], again[0])
    assert not torch.equal(first[0], other[0])
    kept = passed[0] != 0
    assert float(kept.float().mean()) == pytest.approx(0.75, abs=0.05)
    assert torch.allclose(passed[0][kept], first[1][0][kept] / 0.75)


def test_weight_norm_starts_at_the_length_of_its_direction():
    layer = discriminator().layers[0]
    direction = layer.parametrizations.weight.original1
    assert torch.allclose(layer.weight, direction, atol=1e-6)
    assert float(direction.detach().abs().max()) < 1 / math.sqrt(20 * 5) + 1e-6


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("discriminator_norm", "layer"),
        ("discriminator_kernels", (7, 5)),
        ("discriminator_kernels", (5,)),
        ("discriminator_dropout", 1.0),
        ("perturbation", -0.1),
    ],
)
def test_settings_must_make_sense(name, value):
    with pytest.raises(ConfigError, match=f"generator.{name}"):
        dataclasses.replace(GeneratorConfig(), **{name: value})

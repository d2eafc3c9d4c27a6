import pytest
import torch
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from gen.config import MelConfig
from gen.models.jury import Jury
from gen.models.period_discriminator import PeriodDiscriminator
from gen.models.scale_discriminator import ScaleDiscriminator
from gen.training.initial import initialise
from gen.training.losses import deception_loss, discriminator_loss, mel_loss, summed_matching_loss


def seed(number=1):
    return torch.Generator().manual_seed(number)


def noise(length=4000):
    return 0.3 * torch.randn(2, length, generator=seed())


def weights(model):
    """Parameters, with weight norm and spectral norm multiplied in."""
    for module in list(model.modules()):
        if parametrize.is_parametrized(module):
            parametrize.remove_parametrizations(module, "weight")
    return sum(p.numel() for p in model.parameters())


def convolution(before, after, kernel, groups=1):
    return after * (before // groups * kernel + 1)


def test_a_period_discriminator_is_as_large_as_the_papers():
    # Five towers of section 2.3: kernels (5, 1) and widths 32, 128, 512, 1024, 1024, in the authors' published code.
    steps = [(1, 32), (32, 128), (128, 512), (512, 1024), (1024, 1024)]
    assert weights(PeriodDiscriminator(32)) == 5 * (
        sum(convolution(*step, 5) for step in steps) + convolution(1024, 1, 3)
    )


def test_a_scale_discriminator_is_as_large_as_the_papers():
    steps = [(1, 128, 15, 1), (128, 128, 41, 4), (128, 256, 41, 16), (256, 512, 41, 16), (512, 1024, 41, 16)]
    steps += [(1024, 1024, 41, 16), (1024, 1024, 5, 1), (1024, 1, 3, 1)]
    assert weights(ScaleDiscriminator(32)) == 3 * sum(convolution(*step) for step in steps)


@pytest.mark.slow
def test_only_the_first_scale_has_spectral_norm():
    towers = ScaleDiscriminator(4).towers
    kinds = [type(tower.layers[2].parametrizations.weight[0]) for tower in towers]
    one, other = (norm(torch.nn.Linear(2, 2)) for norm in (spectral_norm, weight_norm))
    assert kinds[0] is type(one.parametrizations.weight[0])
    assert kinds[1] is kinds[2] is type(other.parametrizations.weight[0])
    for _ in range(30):
        towers[0](noise())
    largest = torch.linalg.matrix_norm(towers[0].layers[2].weight.flatten(1), 2)
    assert float(largest.detach()) == pytest.approx(1, abs=0.05)


def test_all_judge_side_by_side():
    jury = Jury(("spectrum", "period", "scale"), 4)
    initialise(jury, seed())
    samples = noise().requires_grad_()
    scores, inner = jury(samples)
    assert len(scores) == 3 + 5 + 3
    assert len(inner) == 9 + 5 * 6 + 3 * 8
    sum(score.sum() for score in scores).backward()
    assert torch.isfinite(samples.grad).all() and samples.grad.abs().sum() > 0


def test_the_first_weights_come_from_the_seed_alone():
    found = []
    for luck in (1, 2):
        torch.manual_seed(luck)
        jury = Jury(("period", "scale"), 4)
        initialise(jury, seed())
        found.append(jury.state_dict())
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_a_period_tower_hears_only_its_own_period():
    tower = PeriodDiscriminator(4, (5,)).towers[0]
    initialise(tower, seed())
    samples = torch.zeros(1, 3000)
    other = samples.clone()
    other[0, 1502] = 1.0
    with torch.no_grad():
        moved = (tower(other)[1][0] - tower(samples)[1][0]).abs().sum(dim=(0, 1, 2))
    assert moved[2] > 0 and float(moved.sum() - moved[2]) == 0


def test_the_papers_losses_are_sums():
    real, made = [torch.ones(2, 3), torch.zeros(2, 5)], [torch.zeros(2, 3), torch.full((2, 5), 0.5)]
    assert float(summed_matching_loss(real, made)) == pytest.approx(1.5)
    # Equations 1 and 2, each a mean over the two maps here.
    assert float(discriminator_loss(real, made)) == pytest.approx((0 + 0 + 1 + 0.25) / 2)
    assert float(deception_loss(made)) == pytest.approx((1 + 0.25) / 2)


def test_the_distance_of_frames_is_in_natural_logarithms():
    samples = noise(44100)
    assert float(mel_loss(samples, samples / torch.e, MelConfig())) == pytest.approx(1, abs=0.02)

import pytest
import torch
from torch.nn.utils import parametrize

from gen.config import MelConfig
from gen.errors import ConfigError
from gen.models.config import VocoderConfig
from gen.models.hifigan import HifiGan
from gen.training.initial import initialise

PAPER = MelConfig(window=1024, hop=256, bands=80, lowest=0.0, highest=8000.0)


# Table 1 of the paper: millions of parameters, weight norm multiplied in, the last digit cut.
@pytest.mark.parametrize(("variant", "millions"), [("v1", 13.92), ("v2", 0.92), ("v3", 1.46)])
def test_it_has_as_many_parameters_as_the_papers(variant, millions):
    made = HifiGan(VocoderConfig(kind="hifigan", variant=variant), PAPER).folded()
    assert int(sum(p.numel() for p in made.parameters()) / 1e4) / 100 == millions


@pytest.mark.parametrize("variant", ["v2", "v3"])
def test_folded_it_sounds_the_same(variant):
    made = HifiGan(VocoderConfig(kind="hifigan", variant=variant), MelConfig())
    initialise(made, torch.Generator().manual_seed(1))
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if name.endswith("original0"):
                parameter.mul_(1.5)
    frames = torch.randn(1, 128, 12, generator=torch.Generator().manual_seed(2))
    folded = made.folded()
    assert not any(parametrize.is_parametrized(module) for module in folded.modules())
    with torch.no_grad():
        whole = made(frames)
        assert float(whole.abs().max()) > 1e-3
        assert torch.allclose(folded(frames), whole, atol=1e-4)
    assert parametrize.is_parametrized(made.enter)


@pytest.mark.parametrize(("hop", "upsample"), [(256, ()), (512, ()), (300, (5, 5, 4, 3))])
def test_a_frame_is_as_long_as_the_hop(hop, upsample):
    mel = MelConfig(window=1024, hop=hop, bands=40)
    made = HifiGan(VocoderConfig(kind="hifigan", upsample=upsample), mel)
    assert made(torch.zeros(2, 40, 5)).shape == (2, 4 * hop)


@pytest.mark.parametrize(("hop", "upsample"), [(300, ()), (512, (8, 8, 4))])
def test_factors_that_miss_the_hop_are_refused(hop, upsample):
    with pytest.raises(ConfigError, match=r"vocoder\.upsample"):
        HifiGan(VocoderConfig(kind="hifigan", upsample=upsample), MelConfig(hop=hop))


def test_what_a_frame_says_is_heard_around_its_centre():
    made = HifiGan(VocoderConfig(kind="hifigan"), MelConfig())
    initialise(made, torch.Generator().manual_seed(1))
    frames = torch.zeros(1, 128, 41)
    other = frames.clone()
    other[..., 20] = 1.0
    with torch.no_grad():
        moved = (made(other) - made(frames)).square()[0]
    centre = float((moved * torch.arange(len(moved))).sum() / moved.sum())
    assert centre == pytest.approx(20 * 512, abs=128)

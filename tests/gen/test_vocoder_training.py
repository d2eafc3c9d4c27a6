import dataclasses

import pytest
import torch
from studio import MICRO, melody

from gen.errors import ConfigError
from gen.features import log_mel
from gen.models.config import VocoderConfig
from gen.training.material import Excerpt
from gen.training.vocoder import VocoderTraining

SMALL = {
    "istft": {"kind": "istft", "channels": 16},
    "backbone": {"kind": "backbone", "channels": 48, "blocks": 2},
    "hifigan": {"kind": "hifigan", "variant": "v3", "upsample": (8, 8, 8), "learning_rate": 5e-4},
}


def training(kind, steps, **settings):
    config = VocoderConfig(steps=steps, batch=1, segment=8192, phase_refinement=2, **{**SMALL[kind], **settings})
    preset = dataclasses.replace(MICRO, vocoder=config)
    samples = torch.from_numpy(melody(8192 / 44100).samples[0].copy())
    excerpt = Excerpt(samples, log_mel(samples, MICRO.mel), 0, torch.zeros(0, dtype=torch.long))
    return VocoderTraining([excerpt], preset, torch.Generator().manual_seed(5), {"validation": [excerpt]})


# The classical inverse is nearer to it at the start than the others are.
@pytest.mark.parametrize(("kind", "steps", "part"), [("istft", 24, 0.95), ("backbone", 40, 0.75), ("hifigan", 24, 0.8)])
@pytest.mark.slow
def test_it_learns_one_sound_by_heart(kind, steps, part):
    phase = training(kind, steps)
    losses = [phase.advance(index) for index in range(steps)]
    assert sum(losses[-4:]) < part * sum(losses[:4])


@pytest.mark.parametrize("kind", SMALL)
def test_the_papers_objective_teaches_both_sides(kind):
    phase = training(
        kind,
        3,
        objective="hifigan",
        discriminators=("period", "scale"),
        discriminator_channels=4,
        adversarial=1.0,
        adversarial_from=1,
    )
    before = {name: tensor.clone() for name, tensor in phase.networks["judge"].state_dict().items()}
    phase.advance(0)
    assert all(torch.equal(before[name], now) for name, now in phase.networks["judge"].state_dict().items())
    phase.advance(1)
    assert not all(torch.equal(before[name], now) for name, now in phase.networks["judge"].state_dict().items())
    found = phase.metrics
    assert {f"vocoder_{name}" for name in ("mel", "discriminator", "adversarial", "matching")} <= set(found)
    # Eight towers, of which none is fooled or sure at first.
    assert 2 < found["vocoder_adversarial"] < 16


def test_a_discriminator_can_be_left_out_and_chosen():
    assert "judge" not in training("backbone", 1).networks
    jury = training("backbone", 1, adversarial=0.1, discriminators=("spectrum", "period")).networks["judge"]
    assert list(jury.judges) == ["spectrum", "period"]
    with pytest.raises(ConfigError, match=r"vocoder\.discriminators"):
        VocoderConfig(discriminators=("ears",))
    with pytest.raises(ConfigError, match=r"vocoder\.objective"):
        VocoderConfig(objective="beauty")


def test_what_is_placed_is_judged_in_mono():
    phase = training("backbone", 1, stereo=True)
    phase.advance(0)
    assert phase.validate() > 0
    assert phase.examples().sounds["made"].dim() == 1

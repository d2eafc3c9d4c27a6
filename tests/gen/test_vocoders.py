import dataclasses

import pytest
import torch
from studio import MICRO

from gen.errors import ConfigError
from gen.generate import GenerationRequest, Generator
from gen.models.config import VOCODERS, VocoderConfig
from gen.models.latent import latent_of
from gen.models.lstm_gan import LstmGenerator
from gen.models.vocoders import make_vocoder
from gen.training.checkpoint import Checkpoint, save_checkpoint
from gen.training.initial import initialise

SMALL = {
    "mono istft": VocoderConfig(channels=16, phase_refinement=1),
    "stereo backbone": VocoderConfig(kind="backbone", channels=32, blocks=2, stereo=True),
    "stereo hifigan": VocoderConfig(kind="hifigan", variant="v3", stereo=True),
}


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.slow
def test_every_kind_plays_from_a_weights_file(name, tmp_path):
    preset = dataclasses.replace(MICRO, vocoder=SMALL[name])
    latent = latent_of(preset.latent, preset.rows)
    model, vocoder = LstmGenerator(preset.generator, latent, 2, 12), make_vocoder(preset.vocoder, preset.mel)
    random = torch.Generator().manual_seed(1)
    for part in (model, vocoder):
        initialise(part, random)
    with torch.no_grad():
        latent.mean.fill_(-1)
        latent.basis.normal_(0, 0.1, generator=random)
    save_checkpoint(Checkpoint(preset, ("a", "b"), model, vocoder), tmp_path / "weights")
    sounds = []
    for _ in range(2):
        player = Generator.load(tmp_path / "weights")
        sounds.append(player.render(GenerationRequest(20000, 1)).waveform)
    assert sounds[0] == sounds[1]
    assert (sounds[0].channels, sounds[0].frames) == (1 + preset.vocoder.stereo, 20000)
    assert abs(sounds[0].samples).max() > 0.01


def test_every_kind_is_made_by_its_name():
    for kind in VOCODERS:
        config = VocoderConfig(kind=kind, variant="v3", channels=16, blocks=1)
        frames = torch.full((2, MICRO.mel.bands, 4), -5.0)
        made = make_vocoder(config, MICRO.mel)(frames)
        assert made.shape == (2, 3 * MICRO.mel.hop)


@pytest.mark.parametrize(
    "settings",
    [{"kind": "theremin"}, {"variant": "v4"}, {"blocks": 0}, {"mel": -1.0}, {"adversarial_from": -1}],
)
def test_settings_that_make_no_sense_are_named(settings):
    with pytest.raises(ConfigError, match=f"vocoder.{next(iter(settings))}"):
        VocoderConfig(**settings)


def test_a_preset_whose_factors_miss_the_hop_is_refused():
    with pytest.raises(ConfigError, match=r"vocoder\.upsample"):
        dataclasses.replace(MICRO, vocoder=VocoderConfig(kind="hifigan", upsample=(8, 8)))

import dataclasses

import pytest
import torch
from studio import MICRO, melody

from gen.config import MelConfig
from gen.features import log_mel, spectrum
from gen.models.config import VocoderConfig
from gen.models.discriminators import SpectrumDiscriminator
from gen.models.istft_vocoder import IstftVocoder
from gen.training.initial import initialise
from gen.training.losses import stft_loss


def vocoder(**settings):
    made = IstftVocoder(dataclasses.replace(MICRO.vocoder, **settings), MICRO.mel)
    initialise(made, torch.Generator().manual_seed(3))
    return made


def music():
    return torch.from_numpy(melody(2.0).samples.copy())


@pytest.mark.parametrize("upsample", [(), (2,), (2, 4)])
def test_frames_become_as_many_samples_as_they_came_from(upsample):
    frames = log_mel(music(), MICRO.mel)
    samples = vocoder(upsample=upsample)(frames)
    assert samples.shape == (1, (frames.shape[-1] - 1) * MICRO.mel.hop)


@pytest.mark.parametrize("upsample", [(), (2,)])
def test_untrained_it_is_the_classical_inverse(upsample):
    made = vocoder(upsample=upsample)
    with torch.no_grad():
        made.head.weight.zero_()
    frames = log_mel(music(), MICRO.mel)
    heard = made.render(frames, torch.Generator().manual_seed(1))
    assert float((log_mel(heard, MICRO.mel)[..., 2:-2] - frames[..., 2:-2]).abs().mean()) < 0.35


def test_every_band_is_heard_up_to_the_highest():
    made = vocoder()
    with torch.no_grad():
        made.head.weight.zero_()
    hiss = 0.1 * torch.randn(1, 44100, generator=torch.Generator().manual_seed(2))
    frames = log_mel(hiss, MICRO.mel)
    heard = log_mel(made.render(frames, torch.Generator().manual_seed(1)), MICRO.mel)
    assert float((heard - frames)[..., 4:-4].mean(dim=2).abs().max()) < 0.5


def test_gradients_reach_every_weight():
    made = vocoder(upsample=(2,))
    samples = music()
    heard = made(log_mel(samples, MICRO.mel))
    stft_loss(samples[:, : heard.shape[1]], heard).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in made.parameters())


def test_odd_factors_fit_too():
    mel = MelConfig(window=1024, hop=300, bands=40)
    made = IstftVocoder(VocoderConfig(channels=16, upsample=(3,), segment=8192), mel)
    assert made(torch.full((1, 40, 9), -5.0)).shape == (1, 8 * 300)


def test_stft_loss_knows_louder_and_other():
    real = music()
    assert float(stft_loss(real, real)) == pytest.approx(0, abs=1e-6)
    assert float(stft_loss(real, 0.5 * real)) < float(stft_loss(real, real.flip(1)))


def test_the_spectrum_discriminator_takes_silence():
    judge = SpectrumDiscriminator(4)
    initialise(judge, torch.Generator().manual_seed(1))
    samples = torch.zeros(1, 8192, requires_grad=True)
    scores, inner = judge(samples)
    sum(score.sum() for score in scores).backward()
    assert len(scores) == 3 and len(inner) == 9
    assert torch.isfinite(samples.grad).all()


def test_magnitudes_stay_positive_and_finite_at_extremes():
    made = vocoder()
    for level in (-8.0, 8.0):
        magnitude, phase = made.spectrum(torch.full((1, MICRO.mel.bands, 6), level))
        assert (magnitude > 0).all() and torch.isfinite(magnitude).all() and torch.isfinite(phase).all()
    assert spectrum(torch.zeros(1, 100), 2048, 512).shape == (1, 1025, 1)

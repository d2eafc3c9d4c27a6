import numpy as np
import pytest
import torch
from studio import MICRO

from gen.errors import ConfigError
from gen.generate import GenerationRequest, Generator
from gen.models.latent import latent_of
from gen.models.lstm_gan import LstmGenerator
from gen.models.vocoder import Vocoder
from gen.training.initial import initialise


@pytest.fixture(scope="module")
def generator():
    latent = latent_of(MICRO.latent, MICRO.mel)
    model, vocoder = LstmGenerator(MICRO.generator, latent, 2, 12), Vocoder(MICRO.vocoder, MICRO.mel)
    random = torch.Generator().manual_seed(1)
    for part in (model, vocoder):
        initialise(part, random)
    with torch.no_grad():
        latent.mean.fill_(-3)
        latent.basis.normal_(0, 0.1, generator=random)
        model.places.normal_(generator=random)
    return Generator(MICRO, ("a", "b"), model.eval(), vocoder.eval())


@pytest.mark.parametrize("frames", [1, 100, 1024, 44100, 44101])
def test_exactly_as_many_samples_as_asked(generator, frames):
    made = generator.render(GenerationRequest(frames, 1)).waveform
    assert (made.frames, made.channels, made.rate) == (frames, 1, 44100)


def test_the_same_request_gives_the_same_samples(generator):
    torch.manual_seed(1)
    first = generator.render(GenerationRequest(30000, 5))
    torch.manual_seed(2)
    assert generator.render(GenerationRequest(30000, 5)) == first
    assert generator.render(GenerationRequest(30000, 6)) != first
    assert generator.render(GenerationRequest(30000, 5, (1.0, 0.0))) != first
    assert generator.render(GenerationRequest(30000, 5, (0.5, 0.5))) == first  # all alike, as None is
    assert generator.render(GenerationRequest(30000, 5, (3.0, 3.0))) == first


def test_level_and_ends_are_clean(generator):
    samples = generator.render(GenerationRequest(88200, 2)).waveform.samples[0]
    assert np.abs(samples).max() <= 0.9
    assert 10 ** (-30 / 20) < np.sqrt(np.mean(samples**2)) <= 10 ** (-17 / 20)
    assert samples[0] == samples[-1] == 0


def test_long_pieces_are_joined_without_a_jump(generator, monkeypatch):
    import gen.generate

    monkeypatch.setattr(gen.generate, "_CHUNK", 0.5)
    samples = generator.render(GenerationRequest(3 * 44100, 4)).waveform.samples[0]
    level = np.sqrt(np.convolve(samples**2, np.ones(2048) / 2048, "valid"))[2048:-2048]
    assert level.min() > 0.2 * np.median(level)
    seam = np.zeros(len(samples) - 1, dtype=bool)
    for start in range(22016, len(samples), 22016):
        seam[start - 4 : start + 4] = seam[start + 11264 - 4 : start + 11264 + 4] = True
    jumps = np.abs(np.diff(samples))
    assert jumps[seam].max() < jumps[~seam].max()


def test_attention_is_a_share_for_each_dataset(generator):
    shares = generator.render(GenerationRequest(30000, 5, (0.2, 0.8))).attention
    assert sum(shares) == pytest.approx(1)
    assert 0 < shares[0] < shares[1]
    assert generator.render(GenerationRequest(30000, 5, (0.0, 2.0))).attention == (0.0, 1.0)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"frames": 0}, "frames"),
        ({"frames": 10**9}, "frames"),
        ({"seed": -1}, "seed"),
        ({"temperature": 0.0}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"style": ()}, "style"),
        ({"style": (0.0, 0.0)}, "style"),
        ({"style": (-1.0, 2.0)}, "style"),
        ({"style": (float("inf"), 2.0)}, "style"),
    ],
)
def test_requests_that_make_no_sense_are_refused(values, said):
    with pytest.raises(ConfigError, match=said):
        GenerationRequest(**{"frames": 100, "seed": 1, **values})


def test_a_weight_for_each_dataset_is_asked_for(generator):
    with pytest.raises(ConfigError, match="2 datasets, not 3"):
        generator.render(GenerationRequest(100, 1, (1.0, 1.0, 1.0)))

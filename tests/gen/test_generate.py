import dataclasses

import numpy as np
import pytest
import torch
from studio import MICRO, melody

from gen.course import Course
from gen.errors import ConfigError
from gen.features import log_mel
from gen.generate import GenerationRequest, Generator
from gen.levelling import CEILING, LOUDNESS
from gen.loudness import loudness
from gen.models.backbone import backbone_of
from gen.models.latent import latent_of
from gen.models.vocoders import make_vocoder
from gen.request import Morph
from gen.source import Source
from gen.training.initial import initialise
from gen.training.sounds import Sounds
from gen.waveform import Waveform


def untaught(preset, backbone="lstm"):
    latent = latent_of(preset.latent, preset.rows)
    model = backbone_of(dataclasses.replace(preset.generator, backbone=backbone), latent, 2, 12)
    vocoder = make_vocoder(preset.vocoder, preset.mel)
    random = torch.Generator().manual_seed(1)
    for part in (model, vocoder):
        initialise(part, random)
    with torch.no_grad():
        if preset.latent.kind == "linear":
            latent.mean.fill_(-3)
            latent.basis.normal_(0, 0.1, generator=random)
        model.places.normal_(generator=random)
    return Generator(preset, ("a", "b"), model.eval(), vocoder.eval())


@pytest.fixture(scope="module")
def generator():
    return untaught(MICRO)


@pytest.mark.parametrize("stereo", [False, True])
@pytest.mark.parametrize("kind", ["linear", "vae", "quantised"])
@pytest.mark.parametrize("backbone", ["lstm", "transformer"])
def test_every_latent_space_is_played_in_every_way(backbone, kind, stereo):
    preset = dataclasses.replace(
        MICRO,
        latent=dataclasses.replace(MICRO.latent, kind=kind),
        generator=dataclasses.replace(MICRO.generator, heads=2, window=5),
        vocoder=dataclasses.replace(MICRO.vocoder, stereo=stereo),
    )
    player, primer = untaught(preset, backbone), melody(1.0)
    request = GenerationRequest(20000, 1)
    for asked in (
        request,
        dataclasses.replace(request, primer=primer, beams=2),
        dataclasses.replace(request, morph=Morph(seed=5)),
        dataclasses.replace(request, primer=primer, morph=Morph(seed=5, style=(0.0, 1.0))),
    ):
        made = player.render(asked).waveform
        assert (made.frames, made.channels) == (20000, 1 + stereo)
        assert np.isfinite(made.samples).all() and np.abs(made.samples).max() > 1e-3


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
    waveform = generator.render(GenerationRequest(5 * 44100, 2)).waveform
    found = loudness(waveform)
    assert found.true_peak <= CEILING + 0.05
    # As two loudspeakers play it; or held back by its peaks.
    assert found.integrated + 3.01 == pytest.approx(LOUDNESS, abs=0.1) or found.true_peak >= CEILING - 0.5
    assert waveform.samples[0, 0] == waveform.samples[0, -1] == 0
    assert abs(waveform.samples.mean()) < 1e-4


def test_a_piece_is_the_beginning_of_a_longer_one(generator):
    """No seams: what is made does not depend on how much is made at a time, or of all."""
    short, long = (list(generator.stream(GenerationRequest(seconds * 44100, 4))) for seconds in (2, 13))
    short, long = np.concatenate(short, axis=1)[0], np.concatenate(long, axis=1)[0]
    assert len(short) >= 2 * 44100
    same = 44100
    assert np.array_equal(short[:same], long[:same])
    level = np.sqrt(np.convolve(long.astype(np.float64) ** 2, np.ones(2048) / 2048, "valid"))[2048:-2048]
    assert level.min() > 0.1 * np.median(level)


def test_listening_in_between_changes_nothing(generator):
    """Torch is as it was between two pieces, and two performances do not disturb each other."""
    alone = list(generator.stream(GenerationRequest(44100, 4)))
    one, other = (generator.stream(GenerationRequest(44100, seed)) for seed in (4, 5))
    torch.manual_seed(3)
    threads = torch.get_num_threads()
    mingled = []
    for piece, _ in zip(one, other, strict=True):
        assert torch.get_num_threads() == threads
        assert not torch.are_deterministic_algorithms_enabled()
        mingled.append(piece)
    assert np.array_equal(np.concatenate(mingled, axis=1), np.concatenate(alone, axis=1))


def test_a_morph_moves_from_one_walk_to_another(generator):
    def points(request):
        return torch.cat(list(Course(generator._generator, request, 300)), dim=1)

    with torch.no_grad():
        one, other = points(GenerationRequest(1, 4)), points(GenerationRequest(1, 5))
        between = points(GenerationRequest(1, 4, morph=Morph(seed=5)))
    assert torch.allclose(between[:, 0], one[:, 0])
    assert torch.allclose(between[:, -1], other[:, -1])
    assert torch.allclose(between[:, 150], (one[:, 150] + other[:, 150]) / 2, atol=0.02)


def test_a_morph_of_styles_moves_the_attention(generator):
    request = GenerationRequest(1, 4, (1.0, 0.0), morph=Morph(style=(0.0, 1.0)))
    course = Course(generator._generator, request, 1000)
    shares = [course.attention[0] for _ in course]
    assert shares[0] > 0.95  # in the first of many small steps
    assert shares == sorted(shares, reverse=True)
    assert 0.4 < course.attention[0] < 0.6
    still = generator.render(GenerationRequest(44100, 4, (1.0, 0.0), morph=Morph(style=(2.0, 0.0))))
    assert still.waveform == generator.render(GenerationRequest(44100, 4, (1.0, 0.0))).waveform


@pytest.mark.parametrize("beams", [1, 3])
def test_a_primer_is_gone_on_from(generator, beams):
    one, other = (GenerationRequest(44100, 4, beams=beams, primer=melody(2.0, pitch=pitch)) for pitch in (220, 330))
    made = generator.render(one)
    assert made == generator.render(one)
    assert made.waveform.frames == 44100
    assert made.waveform != generator.render(other).waveform
    assert made.waveform != generator.render(GenerationRequest(44100, 4, beams=beams)).waveform


def test_a_primer_is_heard_as_loud_as_the_recordings_were(generator):
    sound = melody(3.0, rate=48000, channels=2)
    learnt = Sounds([Source(b"0" * 32, 0, lambda: sound)], None, MICRO).prepared(0).load()
    expected = generator._generator.latent.encode(
        log_mel(torch.from_numpy(learnt.samples.astype(np.float64)), MICRO.mel)
    )
    assert torch.equal(generator._encoded(sound), expected)


def test_a_primer_of_any_rate_and_channels_is_heard(generator):
    for rate, channels in ((22050, 1), (48000, 2)):
        primer = melody(1.0, rate=rate, channels=channels)
        assert generator.render(GenerationRequest(2000, 4, primer=primer)).waveform.frames == 2000


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
        ({"nucleus": 0.0}, "nucleus"),
        ({"beams": 0}, "beams"),
        ({"labels": (-1,)}, "labels"),
        ({"primer": Waveform(np.zeros((1, 100), np.float32), 44100)}, "primer"),
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


def test_labels_that_the_model_does_not_know_are_refused(generator):
    with pytest.raises(ConfigError, match="0 fields, not 1"):
        generator.render(GenerationRequest(100, 1, labels=(1,)))


@pytest.mark.parametrize("values", [{}, {"seed": -1}, {"style": ()}, {"labels": (-2,)}])
def test_a_morph_to_nowhere_is_refused(values):
    with pytest.raises(ConfigError, match="morph"):
        Morph(**values)

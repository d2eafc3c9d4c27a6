import importlib.util
import math
import sys

import pytest
import torch
from studio import MICRO, melody

from gen.config import MelConfig
from gen.errors import MetricError
from gen.metrics import Copies, copy_synthesis, mel_distance, pesq
from gen.models.config import VocoderConfig
from gen.models.vocoders import make_vocoder
from gen.training.initial import initialise

MEL = MelConfig()
needs_pesq = pytest.mark.skipif(importlib.util.find_spec("pesq") is None, reason="the package pesq is not installed")


def music(seconds=2.0):
    return torch.from_numpy(melody(seconds).samples[0].copy())


def noise(length, seed=1):
    return torch.randn(length, generator=torch.Generator().manual_seed(seed))


def test_mel_distance_is_the_natural_logarithm_of_a_gain():
    # Loud enough that no band comes near the floor.
    sound = noise(44100)
    assert mel_distance(sound, sound, MEL) == 0
    assert mel_distance(sound, 2 * sound, MEL) == pytest.approx(math.log(2), abs=1e-4)


@needs_pesq
def test_pesq_of_the_same_is_the_scales_end():
    # P.862.2's mapping, y = 0.999 + 4 / (1 + exp(-1.3669 x + 3.8224)), at the raw score's end of 4.5.
    assert pesq(music(), music()) == pytest.approx(0.999 + 4 / (1 + math.exp(-1.3669 * 4.5 + 3.8224)), abs=1e-3)


@needs_pesq
def test_pesq_falls_with_noise_and_hears_nothing_above_8_khz():
    sound = music()
    scores = [pesq(sound, sound + size * noise(len(sound))) for size in (0.0, 0.003, 0.03)]
    assert scores[0] > scores[1] > scores[2] >= 1
    whistle = 0.02 * torch.sin(2 * math.pi * 12000 * torch.arange(len(sound)) / 44100)
    assert pesq(sound, sound + whistle) == pytest.approx(scores[0], abs=0.05)


@needs_pesq
def test_long_sounds_are_measured_in_pieces():
    sound = music(41.0)
    assert pesq(sound, sound) > 4.6


@needs_pesq
@pytest.mark.parametrize("sound", [torch.zeros(44100), torch.ones(100)])
def test_silence_and_snippets_have_no_pesq(sound):
    with pytest.raises(MetricError, match="something to hear"):
        pesq(sound, sound)


@needs_pesq
def test_pesq_wants_sounds_of_one_length():
    with pytest.raises(MetricError, match="alike"):
        pesq(music(1.0), music(2.0))


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pesq", None)
    with pytest.raises(MetricError, match=r"stemmata\[pesq\]"):
        pesq(music(), music())


def vocoder():
    made = make_vocoder(VocoderConfig(channels=16, phase_refinement=8), MICRO.mel)
    initialise(made, torch.Generator().manual_seed(1))
    with torch.no_grad():
        made.head.weight.zero_()
    return made.eval()


@pytest.mark.slow
def test_a_vocoder_is_judged_by_its_copies():
    windows = [music(2.0), music(1.0), torch.zeros(100)]
    found = copy_synthesis(vocoder(), windows, torch.Generator().manual_seed(1))
    assert found.windows == 2
    assert found.seconds == pytest.approx(3.0, abs=0.05)
    assert 0.01 < found.mel < 0.6
    if importlib.util.find_spec("pesq"):
        assert 1 < found.pesq < 4.6


def test_copies_are_weighted_by_their_length(monkeypatch):
    monkeypatch.setattr("gen.metrics._has_pesq", lambda: False)
    sounds = [music(3.0), noise(22050)]
    alone = [copy_synthesis(vocoder(), [sound], torch.Generator().manual_seed(1)) for sound in sounds]
    both = copy_synthesis(vocoder(), sounds, torch.Generator().manual_seed(1))
    assert abs(alone[0].mel - alone[1].mel) > 0.03
    wanted = sum(part.seconds / both.seconds * part.mel for part in alone)
    # The noise that is drawn differs.
    assert both == Copies(pytest.approx(wanted, abs=0.006), None, 2, pytest.approx(3.5, abs=0.05))


def test_nothing_to_copy_is_an_error():
    with pytest.raises(MetricError, match="no windows"):
        copy_synthesis(vocoder(), [torch.zeros(10)], torch.Generator())

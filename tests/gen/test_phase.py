import math

import pytest
import torch

from gen.config import MelConfig
from gen.features import mel_basis, spectrum
from gen.models.phase import NoiseTape, breathe, magnitude_from_mel, propagate_phase, refine_phase, tonality

MEL = MelConfig()


def tone(pitch=440.0, seconds=1.0):
    time = torch.arange(int(seconds * 44100)) / 44100
    return 0.3 * torch.sin(2 * math.pi * pitch * time)[None]


def noise(seconds=1.0):
    return 0.1 * torch.randn(1, int(seconds * 44100), generator=torch.Generator().manual_seed(1))


def hiss(frames):
    return NoiseTape(torch.Generator().manual_seed(1)).read(1, 0, (frames - 1) * MEL.hop + MEL.window)


def misfit(samples, magnitude):
    found = spectrum(samples, MEL.window, MEL.hop).abs()
    return float((found - magnitude).norm() / magnitude.norm())


def test_the_magnitude_explains_the_mel():
    mel = mel_basis(MEL) @ spectrum(tone() + noise(), MEL.window, MEL.hop).abs()
    found = magnitude_from_mel(mel, MEL)
    assert (found > 0).all()
    assert float((mel_basis(MEL) @ found - mel).norm() / mel.norm()) < 0.02


@pytest.mark.parametrize("pitch", [220.0, 441.7, 3000.0])
def test_a_steady_tone_is_followed_through_time(pitch):
    magnitude = spectrum(tone(pitch), MEL.window, MEL.hop).abs()
    samples = refine_phase(magnitude, propagate_phase(magnitude, MEL.window, MEL.hop), MEL.window, MEL.hop, 0, 44032)
    assert misfit(samples, spectrum(tone(pitch), MEL.window, MEL.hop).abs()) < 0.1
    flat = refine_phase(magnitude, torch.zeros_like(magnitude), MEL.window, MEL.hop, 0, 44032)
    assert misfit(flat, magnitude) > 0.5


def test_refinement_comes_closer():
    magnitude = spectrum(tone() + noise(), MEL.window, MEL.hop).abs()
    phase = propagate_phase(magnitude, MEL.window, MEL.hop)
    errors = [misfit(refine_phase(magnitude, phase, MEL.window, MEL.hop, n, 44032), magnitude) for n in (0, 4, 16)]
    assert errors[0] > errors[1] > errors[2]


def test_silence_and_single_frames_are_taken():
    for frames in (1, 3):
        quiet = torch.full((1, 1025, frames), 1e-5)
        assert torch.isfinite(propagate_phase(quiet, MEL.window, MEL.hop)).all()


def test_tones_are_told_from_noise():
    both = tonality(spectrum(tone(), MEL.window, MEL.hop).abs() + 1e-5)[0, :, 10:-10]
    assert both[20].min() > 0.99  # 440 Hz
    smooth = torch.full((1, 1025, 40), 0.5)
    assert tonality(smooth).max() < 0.01


def test_noise_fluctuates_again_and_tones_are_left_alone():
    smooth = torch.full((1, 1025, 80), 0.5)
    made, _ = breathe(smooth, torch.zeros_like(smooth), MEL.window, MEL.hop, hiss(80))
    # The logarithm of a Rayleigh variable has a deviation of pi / sqrt(24) = 0.64.
    assert float(made[:, 150:].log().std()) == pytest.approx(math.pi / math.sqrt(24), abs=0.05)
    steady = spectrum(tone(), MEL.window, MEL.hop).abs() + 1e-5
    phase = propagate_phase(steady, MEL.window, MEL.hop)
    made, kept = breathe(steady, phase, MEL.window, MEL.hop, hiss(steady.shape[-1]))
    assert torch.allclose(made[0, 20, 10:-10], steady[0, 20, 10:-10], rtol=0.05)
    assert torch.equal(kept[0, 20, 10:-10], phase[0, 20, 10:-10])

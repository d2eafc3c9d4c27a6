import itertools
import math

import pytest
import torch

from gen.config import MelConfig
from gen.features import mel_basis, spectrum
from gen.models.magnitude import bins_heard, magnitude_from_mel
from gen.models.phase import (
    NoiseTape,
    breathe,
    breathed_alone,
    breathed_together,
    followed_alone,
    followed_together,
    leaning,
    nearest,
    propagate_phase,
    tonality,
    with_phase,
)
from gen.models.refinement import refine_phase

MEL = MelConfig()


def tone(pitch=440.0, seconds=1.0):
    time = torch.arange(int(seconds * 44100)) / 44100
    return 0.3 * torch.sin(2 * math.pi * pitch * time)[None]


def noise(seconds=1.0):
    return 0.1 * torch.randn(1, int(seconds * 44100), generator=torch.Generator().manual_seed(1))


def hiss(frames):
    return NoiseTape(torch.Generator().manual_seed(1)).read(1, 0, (frames - 1) * MEL.hop + MEL.window)


def made(magnitude, phase, iterations):
    return refine_phase(with_phase(magnitude, phase), MEL.window, MEL.hop, iterations, 44032)


def misfit(samples, magnitude):
    found = spectrum(samples, MEL.window, MEL.hop).abs()
    return float((found - magnitude).norm() / magnitude.norm())


def test_the_magnitude_explains_the_mel():
    mel = mel_basis(MEL) @ spectrum(tone() + noise(), MEL.window, MEL.hop).abs()
    found = magnitude_from_mel(mel, MEL)
    assert (found > 0).all()
    assert float((mel_basis(MEL) @ found - mel).norm() / mel.norm()) < 0.02


def test_each_bin_turns_with_the_peak_nearest_to_it():
    """As Beauregard, Harish and Wyse describe it, bin by bin: two in a batch, places in the middle, and silence."""
    random = torch.Generator().manual_seed(2)
    magnitude = (torch.rand(2, 65, 9, generator=random) * 4).round() / 4
    magnitude[1, :, 4] = 0
    window, hop, before = 128, 32, 6 * torch.rand(2, 65, generator=random)
    found, wanted = propagate_phase(magnitude, window, hop, before), before.double()
    for row, frame in itertools.product(range(2), range(9)):
        level, last = magnitude[row, :, frame].tolist(), wanted[row].tolist()
        peaks = [k for k in range(1, 64) if level[k - 1] < level[k] >= level[k + 1]] or list(range(65))
        for k in range(65):
            peak = min(peaks, key=lambda other: (abs(k - other), other))
            left, here, right = level[max(peak - 1, 0)], level[peak], level[min(peak + 1, 64)]
            offset = min(max(0.5 * (right - left) / max(2 * here - left - right, 1e-3 * here, 1e-8), -0.5), 0.5)
            place = peak + offset
            wanted[row, k] = last[peak] + 2 * math.pi * hop / window * place + math.pi * (k - peak)
        turned = (found[row, :, frame] - wanted[row]) / (2 * math.pi)
        assert float((turned - turned.round()).abs().max()) < 1e-5


@pytest.mark.parametrize("bins", [65, 1025])
def test_peaks_are_followed_as_on_a_gpu(bins):
    """Two in a batch, one with a frame of silence, leaning or not, going on or not; with places in the middle."""
    random = torch.Generator().manual_seed(2)
    magnitude = (torch.rand(2, bins, 40, generator=random) * 4).round() / 4 + 1e-5
    magnitude[1, :, 4] = 1e-5
    before, advance = 6 * torch.rand(2, bins, generator=random), 0.7
    for last, lean in itertools.product((None, before), (None, leaning(magnitude, 128, 32))):
        found, wanted = (
            followed_alone(magnitude, advance, last, lean),
            followed_together(magnitude, advance, last, lean),
        )
        turned = (found - wanted) / (2 * math.pi)
        assert float((turned - turned.round()).abs().max()) < 1e-4  # what leans, leans far


@pytest.mark.parametrize("follow", [followed_alone, followed_together])
def test_rounding_does_not_move_the_pitch_of_a_flat_peak(follow):
    """The last bit of one of three bins would say up to half a bin, and lead two machines apart frame by frame."""
    flat = torch.full((1, 65, 200), 0.1)
    flat[:, 20:23] = 1.0
    flat[:, 21] += 2**-23
    moved = flat.clone()
    moved[:, 22] += 2**-23
    one, two = (follow(each, 1.5, None, None)[0, :, -1] for each in (flat, moved))
    turned = (one - two) / (2 * math.pi)
    assert float((turned - turned.round()).abs().max()) < 0.01


def test_breath_is_that_of_a_gpu():
    random = torch.Generator().manual_seed(5)
    bins, frames = 300, 140
    heard = torch.randn(2, frames, bins, dtype=torch.complex64, generator=random).transpose(1, 2)
    magnitude = (0.4 * torch.randn(2, bins, frames, generator=random)).exp()
    phase, low = 6 * torch.rand(2, bins, frames, generator=random), torch.linspace(1, 0, bins)[:, None]
    found, wanted = (each(heard, magnitude, phase, low, 0.9) for each in (breathed_alone, breathed_together))
    assert torch.allclose(found, wanted, rtol=1e-4, atol=1e-5)
    tone = torch.maximum(tonality(magnitude), low)
    assert 0.2 < float((tone > 0.5).float().mean()) < 0.9  # both kinds are there


def test_each_bin_belongs_to_the_nearest_peak():
    peak = torch.zeros(3, 9, dtype=torch.bool)
    peak[0, [2, 6]] = peak[1, 0] = True
    peak[2] = True
    assert nearest(peak).tolist() == [[2, 2, 2, 2, 2, 6, 6, 6, 6], [0] * 9, list(range(9))]


@pytest.mark.parametrize("pitch", [220.0, 441.7, 3000.0])
def test_a_steady_tone_is_followed_through_time(pitch):
    magnitude = spectrum(tone(pitch), MEL.window, MEL.hop).abs()
    samples = made(magnitude, propagate_phase(magnitude, MEL.window, MEL.hop), 0)
    assert misfit(samples, spectrum(tone(pitch), MEL.window, MEL.hop).abs()) < 0.1
    assert misfit(made(magnitude, torch.zeros_like(magnitude), 0), magnitude) > 0.5


def test_refinement_comes_closer():
    magnitude = spectrum(tone() + noise(), MEL.window, MEL.hop).abs()
    phase = propagate_phase(magnitude, MEL.window, MEL.hop)
    errors = [misfit(made(magnitude, phase, n), magnitude) for n in (0, 4, 16)]
    assert errors[0] > errors[1] > errors[2]


def test_a_click_within_the_window_is_found_again():
    """Steady tones smear a click over the window; leaning phases bring it together, as far as bins can tell."""
    samples = torch.zeros(1, 44032)
    samples[0, 20100] = 1.0
    magnitude = (spectrum(samples, MEL.window, MEL.hop).abs() + 1e-5).contiguous()
    near = []
    for lean in (None, leaning(magnitude, MEL.window, MEL.hop)):
        found = made(magnitude, propagate_phase(magnitude, MEL.window, MEL.hop, lean=lean), 0)[0].square()
        near.append(float(found[20100 - 200 : 20100 + 200].sum() / found.sum()))
    assert near[0] < 0.45
    assert near[1] > 0.6


def test_a_tone_that_is_steady_does_not_lean():
    magnitude = spectrum(tone(), MEL.window, MEL.hop).abs() + 1e-5
    assert float(leaning(magnitude, MEL.window, MEL.hop)[0, 15:26, 10:-10].diff(dim=0).abs().max()) < 0.1


def test_what_is_refined_by_its_bands_has_them():
    basis = mel_basis(MEL)
    bands = basis @ spectrum(tone() + noise(), MEL.window, MEL.hop).abs()
    magnitude = magnitude_from_mel(bands, MEL)
    bins = with_phase(magnitude, propagate_phase(magnitude, MEL.window, MEL.hop))
    plain, by_bands = (
        basis @ spectrum(refine_phase(bins, MEL.window, MEL.hop, 4, 44032, given), MEL.window, MEL.hop).abs()
        for given in (None, (bands, basis))
    )
    far, near = (float((found.log() - bands.log()).abs().mean()) for found in (plain, by_bands))
    assert near < 0.95 * far


def test_nothing_is_heard_above_the_bands_and_refining_goes_without_it():
    basis, count = mel_basis(MEL), bins_heard(MEL)
    assert basis[:, count - 1].any()
    assert not basis[:, count:].any()
    bands = basis @ spectrum(tone() + noise(), MEL.window, MEL.hop).abs()
    magnitude = magnitude_from_mel(bands, MEL)[:, :count]
    low = with_phase(magnitude, propagate_phase(magnitude, MEL.window, MEL.hop))
    silent = torch.cat([low, low.new_zeros(1, basis.shape[1] - count, low.shape[2])], dim=1)
    for hop, length in ((MEL.hop, 44032), (600, 51600)):
        given = (bands, basis) if hop == MEL.hop else None
        cut = (bands, basis[:, :count]) if hop == MEL.hop else None
        whole = refine_phase(silent, MEL.window, hop, 2, length, given)
        assert torch.allclose(refine_phase(low, MEL.window, hop, 2, length, cut), whole, atol=1e-5)


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
    breathing = breathe(smooth, torch.zeros_like(smooth), MEL.window, MEL.hop, hiss(80)).abs()
    # The logarithm of a Rayleigh variable has a deviation of pi / sqrt(24) = 0.64.
    assert float(breathing[:, 150:].log().std()) == pytest.approx(math.pi / math.sqrt(24), abs=0.05)
    steady = spectrum(tone(), MEL.window, MEL.hop).abs() + 1e-5
    phase = propagate_phase(steady, MEL.window, MEL.hop)
    kept, wanted = (
        bins[0, 20, 10:-10]
        for bins in (
            breathe(steady, phase, MEL.window, MEL.hop, hiss(steady.shape[-1])),
            with_phase(steady, phase),
        )
    )
    assert torch.allclose(kept, wanted, rtol=0.05)

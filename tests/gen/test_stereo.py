import math

import pytest
import torch
from studio import MICRO

from gen.config import MelConfig
from gen.features import log_mel
from gen.models.config import CUES, VocoderConfig
from gen.models.stereo import Stage, stereo_frames
from gen.models.vocoders import make_vocoder
from gen.training.initial import initialise

MEL = MelConfig()
INNER = slice(8192, -8192)


def noise(number, seconds=2.0):
    length = int(seconds * 44100) // MEL.hop * MEL.hop
    return 0.1 * torch.randn(1, length, generator=torch.Generator().manual_seed(number))


def again(left, right):
    """A stereo sound told in cues, and made again around its own mid."""
    sound = torch.stack([left, right], dim=1)
    frames = stereo_frames(sound, MEL)
    return Stage(MEL).spread(sound.mean(dim=1), frames[:, MEL.bands :])


def level(samples):
    return 10 * math.log10(float(samples[..., INNER].square().mean()))


def likeness(one, other):
    one, other = one[0, INNER], other[0, INNER]
    return float((one * other).sum() / (one.norm() * other.norm()))


def test_frames_are_those_of_the_mid_and_cues():
    sound = torch.stack([noise(1), noise(2)], dim=1)
    frames = stereo_frames(sound, MEL)
    assert frames.shape == (1, MEL.bands + 2 * CUES, 1 + sound.shape[-1] // MEL.hop)
    assert torch.equal(frames[:, : MEL.bands], log_mel(sound.mean(dim=1), MEL))


@pytest.mark.parametrize("balance", [0.0, 0.3, -0.7, 1.0, -1.0])
def test_a_source_stays_where_it_was_panned(balance):
    """Amplitude panning: left 1 + balance, right 1 - balance."""
    source = noise(1)
    made = again((1 + balance) * source, (1 - balance) * source)
    for side, gain in ((0, 1 + balance), (1, 1 - balance)):
        # -35 dB of what is not there are allowed: the least rest that a cue can tell is -40 dB.
        error = made[:, side] - gain * source
        assert level(error) < level(source) - 35


def test_two_sources_in_different_registers_keep_their_places():
    time = torch.arange(88064)[None] / 44100
    low, high = 0.2 * torch.sin(2 * math.pi * 220 * time), 0.1 * torch.sin(2 * math.pi * 3520 * time)
    made = again(1.8 * low + 0.2 * high, 0.2 * low + 1.8 * high)
    assert level(made[:, 0] - 1.8 * low - 0.2 * high) < level(low) - 25
    assert level(made[:, 1] - 0.2 * low - 1.8 * high) < level(high) - 15


def test_width_is_kept():
    """Channels that share a part of what they play are as alike, and as loud, as they were."""
    for shared in (0.0, 0.5, 0.9):
        both, one, other = noise(1), noise(2), noise(3)
        own = math.sqrt(1 - shared)
        left, right = (math.sqrt(shared) * both + own * part for part in (one, other))
        made = again(left, right)
        assert likeness(made[:, 0], made[:, 1]) == pytest.approx(likeness(left, right), abs=0.1)
        assert level(made[:, 0]) == pytest.approx(level(left), abs=0.6)


def test_the_filter_makes_unlike_and_is_no_equaliser():
    from gen.models.stereo import _filter

    gains = torch.fft.rfft(_filter()).abs()
    assert torch.allclose(gains, torch.ones_like(gains), atol=1e-4)
    assert float(_filter().abs().max()) < 0.2


def test_silence_and_cues_out_of_range_are_taken():
    mid = torch.zeros(1, 4 * MEL.hop)
    assert torch.equal(Stage(MEL).spread(mid, torch.full((1, 2 * CUES, 5), 50.0)), torch.zeros(1, 2, mid.shape[1]))
    assert torch.isfinite(stereo_frames(torch.zeros(1, 2, 4096), MEL)).all()
    loud = Stage(MEL).spread(noise(1)[:, : 4 * MEL.hop], torch.full((1, 2 * CUES, 5), 50.0))
    assert torch.isfinite(loud).all()


@pytest.mark.parametrize("kind", [pytest.param("istft", marks=pytest.mark.slow), "backbone"])
def test_a_mono_listener_hears_the_mid(kind):
    config = VocoderConfig(kind=kind, channels=16, blocks=1, stereo=True, phase_refinement=1)
    made = make_vocoder(config, MICRO.mel)
    initialise(made, torch.Generator().manual_seed(1))
    frames = stereo_frames(torch.stack([noise(1, 1.0), 0.5 * noise(2, 1.0)], dim=1), MEL)
    both = made.render(frames, torch.Generator().manual_seed(2))
    mid = made.mid(frames[:, : MEL.bands], torch.Generator().manual_seed(2))
    assert both.shape == (1, 2, mid.shape[1])
    assert float((both.mean(dim=1) - mid).abs().max()) < 1e-5
    assert float((both[:, 0] - both[:, 1]).abs().max()) > 1e-3

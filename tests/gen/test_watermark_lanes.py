"""What the writer does to frames, in numpy and compiled, held to double precision, a channel and a frame at a time."""

import sys

import numpy as np
import pytest
from chords import chords

from gen.compiled_fourier import PLACES, SIDE, SIZE, TURNS, aligned, backward, forward
from gen.compiled_lane import CompiledLane
from gen.errors import ConfigError
from gen.watermark.lanes import Lane
from gen.watermark.mark import Watermark
from gen.watermark.patterns import BANDS
from gen.watermark.payload import PUBLIC_KEY
from gen.watermark.tiles import Analysis
from gen.waveform import Waveform

IDENTITY = bytes.fromhex("0123456789abcdef")
# Four times SIDE, and a rest.
COUNT = 69

LANES = {
    "mono": (44100, 1, Lane),
    "stereo": (44100, 2, Lane),
    "compiled": (44100, 2, lambda analysis, channels, most: CompiledLane(analysis, most)),
    "mono at 48 kHz": (48000, 1, Lane),
    "stereo at 48 kHz": (48000, 2, Lane),
    # Its bands reach half of the rate.
    "stereo at 11 kHz": (11025, 2, Lane),
}


@pytest.fixture(params=LANES)
def laid(request):
    """Analysis, lane, and noise under 2 * COUNT frames, float32 (channels, n)."""
    rate, channels, kind = LANES[request.param]
    analysis = Analysis(rate)
    shape = (channels, int(analysis.begins(2 * COUNT, 2 * COUNT + 1, 1)[0]) + analysis.frame)
    noise = np.random.default_rng(5).standard_normal(shape).astype(np.float32)
    return analysis, kind(analysis, channels, COUNT), noise


def spectra(analysis, channel, begins):
    frames = np.stack([channel[begin : begin + analysis.frame] for begin in begins[:-1]])
    return np.fft.rfft(frames.astype(np.float64) * analysis.window, axis=1)


def added(analysis, channel, begins, factors):
    """The samples when all frames were added to them, as far as they go."""
    grown = np.zeros((len(factors), analysis.frame // 2 + 1))
    for band, (first, last) in enumerate(zip(analysis.edges[:-1], analysis.edges[1:], strict=True)):
        grown[:, first:last] = factors[:, band : band + 1]
    result = channel.astype(np.float64)
    changes = np.fft.irfft(spectra(analysis, channel, begins) * grown, n=analysis.frame, axis=1)
    for begin, change in zip(begins[:-1], changes, strict=True):
        result[begin : begin + analysis.frame] += change * analysis.window
    return result[: begins[-1]]


def test_energies_are_those_of_the_channels(laid):
    analysis, lane, samples = laid
    begins = analysis.begins(0, COUNT + 1, 1)
    found = lane.energies(lane.spectra(samples.T.reshape(-1), begins))
    power = sum(np.abs(spectra(analysis, channel, begins)) ** 2 for channel in samples)
    expected = np.add.reduceat(power[:, : analysis.edges[-1]], analysis.edges[:-1], axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_bands_grow_in_each_channel(laid):
    analysis, lane, samples = laid
    begins = analysis.begins(0, 2 * COUNT + 1, 1)
    factors = np.random.default_rng(6).uniform(-0.1, 0.1, (2 * COUNT, BANDS)).astype(np.float32)
    # In two batches: the second one begins under the first one's last frame.
    batches = []
    for first in (0, COUNT):
        places = begins[first : first + COUNT + 1]
        known = samples[:, places[0] :].T.reshape(-1)
        batches.append(lane.changed(lane.spectra(known, places - places[0]), factors[first : first + COUNT]))
    found = np.concatenate(batches).reshape(-1, len(samples)).T
    for channel, result in zip(samples, found, strict=True):
        np.testing.assert_allclose(result, added(analysis, channel, begins, factors), rtol=0, atol=2e-6)


def test_transforms_of_frames_side_by_side_are_numpys():
    pick = np.random.default_rng(7)
    frames = pick.standard_normal((SIDE, SIZE)) + 1j * pick.standard_normal((SIDE, SIZE))
    rows = aligned(SIZE, 2, SIDE)
    rows[:, 0], rows[:, 1] = frames.real.T, frames.imag.T
    forward(rows.reshape(-1), TURNS)
    bins = (rows[PLACES, 0] + 1j * rows[PLACES, 1]).T
    np.testing.assert_allclose(bins, np.fft.fft(frames, axis=1), rtol=0, atol=1e-4)
    backward(rows.reshape(-1), TURNS)
    np.testing.assert_allclose((rows[:, 0] + 1j * rows[:, 1]).T / SIZE, frames, rtol=0, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_compiled_mark_is_the_mark(channels):
    stereo = chords(6.0, seed=4).samples
    music = Waveform(np.concatenate([stereo, stereo])[:channels], 44100)
    plain = Watermark(PUBLIC_KEY).embed(music, IDENTITY)
    compiled_mark = Watermark(PUBLIC_KEY, compiled=True)
    found = compiled_mark.embed(music, IDENTITY)
    # 80 dB below the mark.
    change = np.abs(plain.samples - music.samples).max()
    assert np.abs(found.samples - plain.samples).max() < 1e-4 * change
    embedder = compiled_mark.embedder(44100, channels, IDENTITY)
    pieces = [embedder.push(music.samples[:, at : at + 9999]) for at in range(0, music.frames, 9999)]
    assert np.array_equal(np.concatenate([*pieces, embedder.finish()], axis=1), found.samples)


def test_without_numba_nothing_is_compiled(monkeypatch):
    monkeypatch.setitem(sys.modules, "gen.compiled_lane", None)
    Watermark(PUBLIC_KEY, compiled=True).embedder(48000, 2, IDENTITY)
    with pytest.raises(ConfigError, match="numba"):
        Watermark(PUBLIC_KEY, compiled=True).embedder(44100, 2, IDENTITY)

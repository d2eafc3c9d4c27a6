"""Rendered scores are music: notes where they are written, overtones, a room, and the same samples each time."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from gen import instruments, score
from gen.errors import ScoreError
from gen.waveform import Waveform

RATE = 44100


def opening(name: str, bars: int = 4) -> score.Score:
    """The first bars of a piece."""
    piece = score.load(name)
    end = bars * piece.beats_per_bar
    return replace(piece, bars=bars, notes=tuple(note for note in piece.notes if note.start + note.length <= end))


@pytest.fixture(scope="module")
def harpsichord() -> Waveform:
    return instruments.render(opening("bach/prelude-bwv846"))


@pytest.fixture(scope="module")
def piano() -> Waveform:
    return instruments.render(opening("satie/gymnopedie-1", 8))


def power(waveform: Waveform, size: int = 4096, hop: int = 1024) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies, and the power spectrogram of the mono mix, shape (frequencies, times)."""
    mono = waveform.samples.mean(axis=0)
    frames = np.lib.stride_tricks.sliding_window_view(mono, size)[::hop] * np.hanning(size)
    return np.fft.rfftfreq(size, 1 / waveform.rate), np.abs(np.fft.rfft(frames)).T ** 2


def chroma(waveform: Waveform) -> np.ndarray:
    frequency, spectrum = power(waveform, 16384, 8192)
    heard = (frequency > 60) & (frequency < 2000)
    classes = np.round(12 * np.log2(frequency[heard] / 440) + 69).astype(int) % 12
    return np.bincount(classes, weights=spectrum[heard].mean(axis=1), minlength=12)


def share(waveform: Waveform, low: float, high: float) -> float:
    """The part of the energy between two frequencies, in dB of the whole."""
    frequency, spectrum = power(waveform)
    return float(10 * np.log10(spectrum[(frequency >= low) & (frequency < high)].sum() / spectrum.sum()))


@pytest.mark.parametrize("sound", ["harpsichord", "piano"])
def test_level_and_shape(sound, request):
    waveform = request.getfixturevalue(sound)
    assert waveform.samples.dtype == np.float32
    assert (waveform.channels, waveform.rate) == (2, RATE)
    assert 20 * np.log10(np.abs(waveform.samples).max()) == pytest.approx(instruments.PEAK_DB, abs=0.02)
    assert abs(waveform.samples.mean()) < 1e-3
    left, right = waveform.samples
    assert 0.1 < np.corrcoef(left, right)[0, 1] < 0.98  # stereo, and not two unrelated sounds


def test_the_noise_floor_is_not_digital_silence(piano):
    silence = piano.samples[:, : int(0.25 * RATE)]
    assert 20 * np.log10(silence.std()) == pytest.approx(instruments.NOISE_DB, abs=1)


def test_sixteen_bits_hold_it(piano):
    scaled = piano.samples * 32768
    assert np.array_equal(scaled, np.round(scaled))


@pytest.mark.parametrize("name", ["bach/prelude-bwv846", "satie/gymnopedie-1"])
def test_the_same_score_gives_the_same_samples(name):
    piece = opening(name, 2)
    assert np.array_equal(instruments.render(piece).samples, instruments.render(piece).samples)


@pytest.mark.parametrize("name", ["harpsichord", "piano"])
@pytest.mark.parametrize("pitch", [33, 48, 60, 69, 81])
def test_a_note_sounds_at_its_pitch(name, pitch):
    piece = score.Score("A note", "", 60.0, (score.Note(0, 4, pitch, 81, "1"),), "C", name, 1, 4.0)
    waveform = instruments.render(piece)
    sound = waveform.samples.mean(axis=0)[int(0.35 * RATE) : int(2.35 * RATE)]
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    base = 440 * 2 ** ((pitch - 69) / 12)
    frequency = np.fft.rfftfreq(len(sound), 1 / RATE)
    near = (frequency > base * 0.97) & (frequency < base * 1.03)
    found = frequency[near][spectrum[near].argmax()]
    assert abs(1200 * np.log2(found / base)) < (12 if pitch > 40 else 25)  # cents; a bin is 15 cents at the lowest
    assert spectrum[near].max() > 20 * np.median(spectrum[frequency < 5000])


def test_every_sixteenth_of_the_prelude_is_an_onset(harpsichord):
    from scipy.signal import find_peaks

    _, spectrum = power(harpsichord, 1024, 256)
    rise = np.maximum(0, np.diff(np.log(spectrum + 1e-9), axis=1)).mean(axis=0)
    gap = int(0.12 * RATE / 256)
    peaks, _ = find_peaks(rise, height=2.5 * np.median(rise), distance=gap)
    assert 58 <= len(peaks) <= 70  # 4 bars of 16


def test_the_harpsichord_is_bright_and_the_piano_warm(harpsichord, piano):
    assert share(harpsichord, 10_000, 16_000) > -32
    assert share(harpsichord, 2000, 16_000) > share(piano, 2000, 16_000) + 3
    for waveform in (harpsichord, piano):
        assert share(waveform, 100, 2000) > -3


def test_it_is_neither_a_tone_nor_noise(harpsichord, piano):
    for waveform in (harpsichord, piano):
        _, spectrum = power(waveform)
        mean = spectrum[5:1500].mean(axis=1)
        flatness = np.exp(np.log(mean).mean()) / mean.mean()
        assert 1e-4 < flatness < 0.3  # white noise is near 1, a tone near 0
        assert (chroma(waveform) > 0.02 * chroma(waveform).max()).sum() >= 4


def test_a_louder_piano_is_a_brighter_one():
    def played(velocity: int) -> Waveform:
        note = score.Note(0, 2, 60, velocity, "1")
        return instruments.render(score.Score("A note", "", 60.0, (note,), "C", "piano", 1, 4.0))

    assert share(played(105), 2000, 8000) > share(played(33), 2000, 8000) + 3


def test_it_rings_in_a_room_and_dies_away(harpsichord):
    end = harpsichord.frames - int(2.5 * RATE)  # of the last bar; the dampers need half a second more
    ringing = harpsichord.samples[:, end + int(0.6 * RATE) : end + int(0.7 * RATE)].std()
    late = harpsichord.samples[:, -RATE // 4 :].std()
    floor = 10 ** (instruments.NOISE_DB / 20)
    assert ringing > 4 * floor
    assert late < 1.5 * floor


def test_rate_and_instrument_are_the_callers_choice():
    piece = opening("bach/prelude-bwv846", 1)
    slow = instruments.render(piece, rate=22050, instrument="piano")
    assert slow.rate == 22050
    assert slow.frames == pytest.approx(instruments.render(piece).frames / 2, abs=2)


def test_what_cannot_be_played():
    piece = opening("bach/prelude-bwv846", 1)
    with pytest.raises(ScoreError, match=r"kazoo.*harpsichord, piano"):
        instruments.render(piece, instrument="kazoo")
    with pytest.raises(ScoreError, match="no notes"):
        instruments.render(replace(piece, notes=()))


@pytest.mark.slow
def test_the_number_of_threads_changes_no_sample():
    script = """
from gen import instruments, score
print(instruments.render(score.load("satie/gymnopedie-3")).pcm_sha256().hex())
"""
    digests = set()
    for threads in ("1", "2"):
        environment = os.environ | {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True)
        digests.add(done.stdout)
    assert len(digests) == 1


@pytest.mark.slow
def test_every_piece_lasts_two_minutes_and_composers_differ_more_than_their_pieces():
    spectra = {}
    for name in score.names():
        waveform = instruments.render(score.load(name))
        assert waveform.duration >= 120
        frequency, spectrum = power(waveform)
        edges = np.searchsorted(frequency, np.geomspace(60, 16000, 25))
        bands = np.log(np.add.reduceat(spectrum.mean(axis=1), edges[:-1]))
        spectra[name] = bands - bands.mean()
    composers = [[value for name, value in spectra.items() if name.startswith(who)] for who in ("bach", "satie")]
    within = max(np.linalg.norm(one - other) for one, other in composers)
    between = min(np.linalg.norm(one - other) for one in composers[0] for other in composers[1])
    assert between > 2 * within

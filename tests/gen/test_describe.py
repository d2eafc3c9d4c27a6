"""The figures of a recording against librosa's own, and tempo and key against scores that say them."""

import dataclasses
import json

import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from studio import melody

from gen import instruments, score
from gen.config import RATE, MelConfig
from gen.describe import Description, describe, tempo_of
from gen.features import FLOOR, log_mel
from gen.key import NAMES, key_of
from gen.score import Score
from gen.voice import Note
from gen.waveform import Waveform

MEL = MelConfig()
SHORT_MEL = MelConfig(window=1200, hop=300, bands=64)


def librosas(samples, config):
    """Means over the frames in which anything sounds of what librosa says of each frame."""
    sizes = np.abs(librosa.stft(samples, n_fft=config.window, hop_length=config.hop, pad_mode="constant"))
    mel = librosa.feature.melspectrogram(
        S=sizes, sr=RATE, n_fft=config.window, n_mels=config.bands, fmin=config.lowest, fmax=config.highest
    )
    sounding = (mel > FLOOR).any(axis=0)
    known = {"S": sizes, "sr": RATE, "n_fft": config.window}
    found = {
        "centroid": librosa.feature.spectral_centroid(**known),
        "bandwidth": librosa.feature.spectral_bandwidth(**known),
        "rolloff": librosa.feature.spectral_rolloff(**known),
        "flatness": librosa.feature.spectral_flatness(S=sizes),
    }
    return {name: float(value[0][sounding].mean()) for name, value in found.items()}


def noise(seconds):
    return Waveform(np.random.default_rng(1).normal(0, 0.1, (1, round(seconds * RATE))).astype(np.float32), RATE)


def tone(hertz, seconds=2.0):
    time = np.arange(round(seconds * RATE)) / RATE
    return Waveform((0.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)[None], RATE)


@pytest.mark.parametrize("config", [MEL, SHORT_MEL], ids=["default", "short"])
@pytest.mark.parametrize(
    "waveform",
    [
        pytest.param(melody(20), id="music"),
        pytest.param(noise(14), id="noise"),
        pytest.param(tone(15000.0), id="high tone"),
        pytest.param(Waveform(np.pad(melody(4).samples, ((0, 0), (99999, 99999))), RATE), id="silence around"),
        pytest.param(melody(0.1), id="short"),
    ],
)
def test_spectral_figures_are_librosas(waveform, config):
    found, wanted = describe(waveform, config).description, librosas(waveform.samples[0], config)
    assert found.centroid == pytest.approx(wanted["centroid"], rel=1e-4, abs=0.06)
    # Of a pure tone it is mostly the rounding of the transform, which is another one's there.
    assert found.bandwidth == pytest.approx(wanted["bandwidth"], rel=1e-3 if wanted["bandwidth"] > 200 else 1e-2)
    # A bin up or down in some frames, where the sum stands on the border.
    assert found.rolloff == pytest.approx(wanted["rolloff"], rel=1e-3, abs=0.06)
    assert found.flatness == pytest.approx(wanted["flatness"], rel=1e-3, abs=6e-5)


@pytest.mark.parametrize("waveform", [melody(9), noise(3)], ids=["music", "noise"])
def test_zero_crossings_are_librosas(waveform):
    wanted = librosa.zero_crossings(waveform.samples[0], pad=False).mean()
    assert describe(waveform, MEL).description.zero_crossings == pytest.approx(wanted, abs=6e-5)


def test_the_frames_are_the_mel_of_the_project():
    waveform = melody(15, channels=2, rate=48000)
    found = describe(waveform, MEL).frames
    expected = log_mel(torch.tensor(waveform.mono().resampled(RATE).samples[0]), MEL)
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("hop", [512, 300])
def test_tempo_is_librosas(hop):
    pace = RATE / hop
    for seed, beats in enumerate((60, 92, 120, 150)):
        onsets = np.random.default_rng(seed).uniform(0, 0.2, 3000).astype(np.float32)
        onsets[np.arange(0, 3000, pace * 60 / beats).astype(int)] += 1
        wanted = float(librosa.feature.tempo(onset_envelope=onsets, sr=RATE, hop_length=hop)[0])
        assert tempo_of(onsets, pace) == pytest.approx(wanted, abs=0.06)
        assert min(abs(tempo_of(onsets, pace) / beats / octave - 1) for octave in (0.5, 1, 2)) < 0.04


@pytest.fixture(scope="module")
def performed():
    pieces = {name: score.load(name) for name in score.names()}
    return {name: (piece, describe(instruments.render(piece), MEL).description) for name, piece in pieces.items()}


@pytest.mark.slow
def test_tempo_of_scores_up_to_an_octave(performed):
    # The preludes move in sixteenths throughout, so that twice the beat is the pulse that one hears.
    for name, (piece, found) in performed.items():
        assert min(abs(found.tempo / piece.tempo / octave - 1) for octave in (1, 2)) < 0.02, name


@pytest.mark.slow
def test_key_of_scores(performed):
    assert {name: found.key.name for name, (_, found) in performed.items()} == {
        # No method hears every piece: the cello's prelude in G dwells on other chords of its scale.
        "bach/prelude-bwv1007": "Em",
        "bach/prelude-bwv846": "C",
        "satie/gymnopedie-1": "D",
        "satie/gymnopedie-3": "Am",
    }


def cadence(tonic: int, minor: bool) -> Score:
    """I IV V I, twice, a chord a beat."""
    third = 3 if minor else 4
    chords = ((0, third, 7), (5, 5 + third, 12), (7, 11, 14), (0, third, 7)) * 2
    notes = tuple(
        Note(float(beat), 1.0, 48 + tonic + step, 80, "1") for beat, chord in enumerate(chords) for step in chord
    )
    return Score("cadence", "nobody", 100.0, notes, "C", "piano", 2, 4.0)


@pytest.fixture(scope="module", params=[False, True], ids=["major", "minor"])
def closing(request):
    return instruments.render(cadence(0, request.param)), "m" if request.param else ""


def test_key_of_a_cadence_in_every_key(closing):
    # The other eleven by reading the same sound at other rates: a semitone is a factor of 2 ** (1 / 12).
    waveform, mode = closing
    for tonic, name in enumerate(NAMES):
        faster = Waveform(waveform.samples, round(RATE * 2 ** (tonic / 12)))
        assert describe(faster, MEL).description.key.name == name + mode


def test_key_of_an_orchestra_that_tunes_low(closing):
    waveform, mode = closing
    lower = Waveform(waveform.samples, round(RATE * 2 ** (-0.4 / 12)))
    assert describe(lower, MEL).description.key.name == "C" + mode


def test_what_has_no_key_or_tempo_is_given_none():
    silence = describe(Waveform(np.zeros((1, 3 * RATE), np.float32), RATE), MEL).description
    assert silence == Description(3.0, None, None, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert key_of(np.ones(12)) is None
    assert tempo_of(np.zeros(900, np.float32), 86.0) is None


def test_the_same_sound_gives_the_same_figures():
    waveform = melody(12, channels=2)
    first = describe(waveform, MEL).description
    torch.set_num_threads(2)
    try:
        assert describe(waveform, MEL).description == first
    finally:
        torch.set_num_threads(1)


def test_a_description_round_trips_as_json():
    for waveform in (melody(8), noise(0.5), Waveform(np.zeros((1, 99), np.float32), RATE)):
        found = describe(waveform, MEL).description
        assert Description.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 9000), st.sampled_from([44100, 48000, 96000, 8000]), st.integers(1, 2))
def test_any_length_and_rate_is_described(frames, rate, channels):
    samples = np.random.default_rng(frames).normal(0, 0.3, (channels, frames)).astype(np.float32)
    found = describe(Waveform(samples, rate), MEL).description
    assert found.duration == frames / rate
    assert all(np.isfinite(value) for value in dataclasses.astuple(found) if isinstance(value, float))

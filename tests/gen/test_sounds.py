"""What is known of recordings is kept; what windows are cut from is clean, in one channel, and at one level."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from studio import MICRO, melody

from gen.cache import Cache
from gen.cleaning import clean
from gen.config import RATE, CleaningConfig
from gen.fingerprint import fingerprint
from gen.preset import Preset
from gen.source import Source
from gen.training.sounds import Sounds, levelled
from gen.waveform import Waveform

WAVES = [melody(7, channels=2), melody(9, rate=48000, seed=1), melody(6, channels=2, rate=22050, seed=2)]


class Sources:
    """Three recordings, and how often each was decoded."""

    def __init__(self) -> None:
        self.decoded = [0] * len(WAVES)

    def sounds(self, folder: Path, preset: Preset = MICRO, most: int = 1 << 30) -> Sounds:
        sources = [Source(bytes([index]) * 32, 0, self.load(index)) for index in range(len(WAVES))]
        return Sounds(sources, Cache(folder / "cache", most, free=0), preset)

    def load(self, index: int):
        def loaded() -> Waveform:
            self.decoded[index] += 1
            return WAVES[index]

        return loaded


def test_prepared_is_cleaned_in_one_channel_and_levelled(tmp_path):
    sounds = Sources().sounds(tmp_path)
    for index, wave in enumerate(WAVES):
        found = sounds.prepared(index).load()
        expected = clean(wave, MICRO.cleaning).waveform.mono().resampled(RATE)
        assert (found.channels, found.rate) == (1, RATE) and found.frames == sounds.facts(index).samples
        assert np.corrcoef(found.samples[0], expected.samples[0])[0, 1] > 0.999999
        assert np.sqrt(np.mean(found.samples**2)) == pytest.approx(0.1, rel=0.01)


def test_fingerprint_and_length_are_those_of_what_was_decoded_and_are_kept(tmp_path):
    source = Sources()
    for _ in range(2):
        found = [source.sounds(tmp_path).facts(index) for index in range(3)]
        assert [facts.fingerprint for facts in found] == [fingerprint(wave) for wave in WAVES]
        assert [facts.seconds for facts in found] == [wave.duration for wave in WAVES]
    assert source.decoded == [1, 1, 1]


def test_whatever_changes_the_sound_changes_its_settings(tmp_path):
    sounds = [
        Sources().sounds(tmp_path, preset).prepared(0).settings
        for preset in (
            MICRO,
            replace(MICRO, cleaning=CleaningConfig(lowest=200.0)),
            replace(MICRO, corpus=replace(MICRO.corpus, clean=False)),
            replace(MICRO, corpus=replace(MICRO.corpus, loudness=-23.0)),
        )
    ]
    assert all(one != other for place, one in enumerate(sounds) for other in sounds[:place])
    assert sounds[0] == Sources().sounds(tmp_path, replace(MICRO, name="other")).prepared(0).settings


def test_a_full_cache_costs_time_alone(tmp_path):
    source = Sources()
    full = source.sounds(tmp_path, most=10)
    assert full.facts(0) == full.facts(0)
    assert source.decoded == [2, 0, 0]


def test_damaged_facts_are_made_again(tmp_path):
    source = Sources()
    expected = source.sounds(tmp_path).facts(0)
    for path in tmp_path.glob("cache/??/*"):
        data = bytearray(path.read_bytes())
        data[10] ^= 1  # within the first row
        path.write_bytes(data)
    for _ in range(2):
        assert source.sounds(tmp_path).facts(0) == expected
    assert source.decoded == [2, 0, 0]


def test_rests_do_not_count_for_the_level_and_an_offset_is_taken_away():
    music = melody(3).samples
    rest = np.concatenate([music, np.zeros((1, 30 * RATE), np.float32)], axis=1)
    one, other = (levelled(Waveform(samples, RATE), -20.0) for samples in (music, rest))
    assert np.allclose(one.samples, other.samples[:, : one.frames], atol=1e-3)
    shifted = levelled(Waveform(music + np.float32(0.3), RATE), -20.0)
    assert np.allclose(one.samples, shifted.samples, atol=1e-4)
    quiet = levelled(Waveform(music * np.float32(1e-3), RATE), -20.0)
    assert np.abs(quiet.samples).max() == pytest.approx(300e-3 * np.abs(music - music.mean()).max(), rel=1e-3)
    silent = Waveform(np.zeros((1, RATE), np.float32), RATE)
    assert levelled(silent, -20.0) == silent

"""Recordings out of the cache are, bit for bit, those that were decoded and cleaned."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from studio import MICRO, melody

from gen.cache import Cache
from gen.cleaning import clean
from gen.config import CleaningConfig
from gen.fingerprint import fingerprint
from gen.loader import Source
from gen.preset import Preset
from gen.training.excerpts import draw_excerpts
from gen.training.loop import StyleCorpus
from gen.training.sounds import Sounds
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


def test_they_are_cleaned_and_in_one_channel_the_first_time_and_the_second(tmp_path):
    expected = [clean(wave, MICRO.cleaning).waveform.mono() for wave in WAVES]
    source = Sources()
    for _ in range(2):
        assert list(source.sounds(tmp_path)) == expected
    assert source.decoded == [1, 1, 1]


def test_fingerprint_and_length_are_those_of_what_was_decoded_and_are_kept_too(tmp_path):
    source = Sources()
    for _ in range(2):
        found = [source.sounds(tmp_path).facts(index) for index in range(3)]
        assert [facts.fingerprint for facts in found] == [fingerprint(wave) for wave in WAVES]
        assert [facts.seconds for facts in found] == [wave.duration for wave in WAVES]
    assert source.decoded == [1, 1, 1]


def test_other_cleaning_is_another_sound_but_no_other_fingerprint(tmp_path):
    source, other = Sources(), replace(MICRO, cleaning=CleaningConfig(lowest=200.0))
    first, second = source.sounds(tmp_path)[0], source.sounds(tmp_path, other)[0]
    raw = source.sounds(tmp_path, replace(MICRO, corpus=replace(MICRO.corpus, clean=False)))[0]
    assert first != second and raw == WAVES[0].mono()
    assert source.decoded == [3, 0, 0]
    source.sounds(tmp_path, other).facts(0)
    assert source.decoded == [3, 0, 0]


def test_a_full_cache_costs_time_alone(tmp_path):
    source = Sources()
    full = source.sounds(tmp_path, most=1000)
    assert full[0] == full[0] == clean(WAVES[0], MICRO.cleaning).waveform.mono()
    assert source.decoded == [2, 0, 0]


def test_a_damaged_entry_is_made_again(tmp_path):
    source = Sources()
    expected = list(source.sounds(tmp_path))
    for path in tmp_path.glob("cache/??/*"):
        data = bytearray(path.read_bytes())
        data[10] ^= 1  # within the first row
        path.write_bytes(data)
    assert list(source.sounds(tmp_path)) == expected
    assert source.decoded == [2, 2, 2]
    assert list(source.sounds(tmp_path)) == expected
    assert source.decoded == [2, 2, 2]


@pytest.mark.parametrize("runs", [1, 2])
def test_a_run_draws_the_same_windows_with_a_cache_and_without(tmp_path, runs):
    plain = draw_excerpts([StyleCorpus("a", WAVES)], MICRO, 3)
    for _ in range(runs):
        cached = draw_excerpts([StyleCorpus("a", Sources().sounds(tmp_path), cleaned=True)], MICRO, 3)
    assert cached.split == plain.split
    pairs = zip(
        plain.train + plain.validation + plain.test, cached.train + cached.validation + cached.test, strict=True
    )
    assert all((one.samples == other.samples).all() for one, other in pairs)


def test_a_run_learns_from_cleaned_sound_unless_the_preset_says_not_to():
    rumble = 0.2 * np.hanning(WAVES[0].frames) * np.sin(2 * np.pi * 5 * np.arange(WAVES[0].frames) / 44100)
    shaken = Waveform(WAVES[0].samples + rumble.astype(np.float32), 44100)
    raw = replace(MICRO, corpus=replace(MICRO.corpus, clean=False))
    for preset, least, most in ((MICRO, 0.0, 0.01), (raw, 0.1, 1.0)):
        one, other = (draw_excerpts([StyleCorpus("a", [wave])], preset, 1).train[0] for wave in (shaken, WAVES[0]))
        assert least <= float((one.samples - other.samples).abs().max()) <= most
    assert MICRO.flat()["cleaning.lowest"] == "20.0" and raw.flat()["corpus.clean"] is False

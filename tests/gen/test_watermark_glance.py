"""The first look at half of the rows: it saves a search where there is no mark, and never where one would be read."""

import numpy as np
import pytest
from chords import chords

from gen.watermark import attacks, mark
from gen.watermark.detect import power
from gen.watermark.glance import SKIP, promising
from gen.watermark.mark import Watermark
from gen.watermark.patterns import BANDS, PERIOD, Pattern
from gen.watermark.payload import PUBLIC_KEY, encode
from gen.watermark.tiles import Analysis, level

IDENTITY = bytes.fromhex("0123456789abcdef")
PUBLIC = Watermark(PUBLIC_KEY)
PATTERN = Pattern.of(PUBLIC_KEY, 8)

# Each near the limit of what can be read.
HARD = {
    "noise": lambda music: attacks.noise(music, -6),
    "a piece in noise": lambda music: attacks.noise(music, 12).excerpt(3.1, 8.1),
    "a piece of opus": lambda music: attacks.encode(music.mono(), "opus", 16).excerpt(11.3, 19.3),
    "splices": lambda music: attacks.splice(music, 2.0),
    "drift in noise": lambda music: attacks.noise(attacks.faster(music, 1.003), 12),
}


def promises(waveform, pattern=PATTERN):
    analysis = Analysis(waveform.rate)
    powers = list(analysis.powers(waveform.samples, SKIP))
    return promising(analysis.decibels(np.concatenate(powers), level(waveform.samples, waveform.rate) ** 2), pattern)


@pytest.fixture(scope="module")
def marked():
    return PUBLIC.embed(chords(24.0, seed=31), IDENTITY)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if "drift" in name else pytest.mark.slow) for name in HARD]
)
def test_what_can_be_read_is_not_passed_over(marked, name, monkeypatch):
    music = HARD[name](marked)
    found = PUBLIC.detect(music)
    monkeypatch.setattr(mark, "promising", lambda decibels, pattern: True)
    assert [each.id for each in found] == [IDENTITY]
    assert found == PUBLIC.detect(music)


def test_music_without_a_mark_is_passed_over(marked):
    assert promises(marked)
    assert not promises(chords(24.0, seed=31))
    assert not promises(marked, Pattern.of(b"a key that nobody else has", 8))


def test_a_loop_is_no_mark():
    """Music that repeats with the pattern adds up, but not to a code word."""
    loop = np.random.default_rng(1).standard_normal((PERIOD, BANDS)).astype(np.float32)
    assert power(PATTERN, 9 * loop) == pytest.approx(power(PATTERN, loop))
    assert power(PATTERN, loop) == pytest.approx(1, abs=0.2)


def test_a_word_has_the_power_that_it_adds_to_the_noise():
    pick = np.random.default_rng(2)
    signs = PATTERN.write(encode(PUBLIC_KEY, IDENTITY))
    each = (PATTERN.places >= 0).sum() / PATTERN.bits
    chips = pick.standard_normal((PERIOD, BANDS)).astype(np.float32) + signs * np.float32(np.sqrt(0.5 / each))
    assert power(PATTERN, chips) == pytest.approx(1.5, abs=0.25)

"""The first look at half of the rows: it saves a search where there is no mark, and never where one would be read."""

import numpy as np
import pytest
from chords import chords

from gen.watermark import attacks, glance, mark
from gen.watermark.detect import Search, alike, power
from gen.watermark.glance import SKIP, promising
from gen.watermark.mark import Watermark
from gen.watermark.patterns import BANDS, PERIOD, Pattern
from gen.watermark.payload import PUBLIC_KEY, encode
from gen.watermark.section import sections
from gen.watermark.tiles import STEPS
from gen.waveform import Waveform

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


def half(waveform, key=PUBLIC_KEY):
    """A search of half of the rows."""
    [section] = sections(waveform)
    return Search(section.look(SKIP), key, 8, skip=SKIP)


def promises(waveform, key=PUBLIC_KEY):
    return promising(half(waveform, key))


@pytest.fixture(scope="module")
def marked():
    return PUBLIC.embed(chords(24.0, seed=31), IDENTITY)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if "drift" in name else pytest.mark.slow) for name in HARD]
)
def test_what_can_be_read_is_not_passed_over(marked, name, monkeypatch):
    music = HARD[name](marked)
    found = PUBLIC.detect(music)
    monkeypatch.setattr(mark, "promising", lambda *_, **__: True)
    # Of spliced music one piece after the other is read for itself.
    assert [each.id for each in found] == [IDENTITY] * (4 if name == "splices" else 1)
    assert found == PUBLIC.detect(music)


def test_music_without_a_mark_is_passed_over(marked):
    assert promises(marked)
    assert not promises(chords(24.0, seed=31))
    assert not promises(marked, b"a key that nobody else has")


def test_a_hope_has_to_be_borne_out_by_surprise(marked, monkeypatch):
    """Of music that carries no mark something always promises a little; here that is to be enough."""
    unmarked, noisy = half(chords(24.0, seed=31)), half(attacks.noise(marked, -6))
    assert not promising(unmarked, least=3.0)
    assert promising(noisy)
    surprising = glance._surprising
    monkeypatch.setattr(glance, "_surprising", lambda *_: 100.0)
    assert promising(unmarked, least=3.0)
    monkeypatch.setattr(glance, "_surprising", lambda *_: 0.0)
    monkeypatch.setattr(glance, "_NO_DOUBT", 100.0)
    assert not promising(noisy)
    monkeypatch.setattr(glance, "_surprising", surprising)
    assert promising(noisy)


@pytest.mark.parametrize("cut", [0, 64, pytest.param(300, marks=pytest.mark.slow)])
def test_a_plain_mark_is_read_from_half_of_the_rows_as_from_all(marked, cut, monkeypatch):
    part = Waveform(marked.samples[:, cut:], marked.rate)
    [half] = PUBLIC.detect(part)
    monkeypatch.setattr(mark, "plain", lambda marks: False)
    [whole] = PUBLIC.detect(part)
    assert half.score > 12
    assert half.score == pytest.approx(whole.score, rel=0.1)
    assert (half.id, half.start, half.tempo, half.pitch) == (IDENTITY, whole.start, 1, 1)
    assert half.end == pytest.approx(whole.end, abs=0.6)


def test_what_half_of_the_rows_alone_can_read_is_not_lost(marked, monkeypatch):
    """Near the limit either reads now and then what the other does not."""

    class Deaf(Search):
        def marks(self):
            return super().marks() if self.skip == SKIP else []

    monkeypatch.setattr(mark, "plain", lambda marks: False)
    monkeypatch.setattr(mark, "Search", Deaf)
    [found] = PUBLIC.detect(marked.excerpt(0, 8))
    assert found.id == IDENTITY
    assert found.end == pytest.approx(8, abs=0.6)


def test_delays_and_tempos_are_told_the_same_whatever_is_skipped(marked):
    for audio, tempo in ((marked, 1.0), (attacks.faster(marked, 1.003), 1.003)):
        [section] = sections(audio)
        whole, *others = (Search(section.look(skip), PUBLIC_KEY, 8, skip=skip).marks()[0] for skip in (1, 2, 4))
        for other in others:
            run = slice(max(whole.first, other.first), min(whole.last, other.last))
            assert np.median(np.abs(whole.delays[run] - other.delays[run])) <= STEPS
            assert alike(whole.delays[run], other.delays[run])
            assert other.tempo == pytest.approx(tempo, abs=4e-4)


@pytest.mark.slow
def test_a_plain_mark_does_not_hide_a_weaker_one(marked):
    """The weaker one begins where it lies between the rows that are looked at first."""
    other = PUBLIC.embed(chords(24.0, seed=32), IDENTITY[::-1])
    mixed = marked.samples[:, :-384] + np.float32(0.3) * other.samples[:, 384:]
    assert {each.id for each in PUBLIC.detect(Waveform(mixed, 44100))} == {IDENTITY, IDENTITY[::-1]}


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

"""Sections of audio, and the views of them that the reader may ask for."""

import numpy as np
import pytest
from chords import chords

from gen.watermark.mark import Watermark
from gen.watermark.payload import PUBLIC_KEY
from gen.watermark.section import SECTION_SECONDS, SHARED_SECONDS, sections
from gen.waveform import Waveform

IDENTITY = bytes.fromhex("0123456789abcdef")
PUBLIC = Watermark(PUBLIC_KEY)
RATE = 8000


def noise(seconds, channels=1, rate=RATE):
    samples = np.random.default_rng(7).standard_normal((channels, round(seconds * rate)), np.float32) / 10
    return Waveform(samples, rate)


@pytest.mark.parametrize(
    ("seconds", "starts"),
    [(3, [0]), (SECTION_SECONDS + SHARED_SECONDS, [0]), (106, [0, 75]), (180, [0, 75]), (181, [0, 75, 150])],
)
def test_sections_hold_all_and_share_their_ends(seconds, starts):
    audio = noise(seconds)
    found = list(sections(audio))
    assert [each.start for each in found] == starts
    for section in found:
        begin = round(section.start * RATE)
        np.testing.assert_array_equal(section.samples, audio.samples[:, begin : begin + section.samples.shape[1]])
    assert found[-1].start + found[-1].samples.shape[1] / RATE == seconds


def test_what_is_silent_or_very_short_is_left_out():
    assert list(sections(noise(0.02))) == []
    samples = noise(250).samples.copy()
    samples[:, : 100 * RATE] = 0
    assert [each.start for each in sections(Waveform(samples, RATE))] == [75, 150]
    assert list(sections(Waveform(np.zeros((2, RATE), np.float32), RATE))) == []


def test_rows_that_are_skipped_are_the_same_rows():
    [section] = sections(noise(4))
    rows = section.look()
    assert len(rows) == section.rows
    np.testing.assert_array_equal(section.look(2, 1), rows[1::2])
    np.testing.assert_array_equal(section.look(4), rows[::4])


def test_the_middle_is_the_middle():
    [section] = sections(noise(10))
    middle = section.middle(4)
    np.testing.assert_array_equal(middle.samples, section.samples[:, 3 * RATE : 7 * RATE])
    assert middle.start == 3
    assert section.middle(11).samples.shape == section.samples.shape
    assert section.middle(4.000125).samples.shape[1] == 4 * RATE + 1


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("pitch", [1.0, 1.1])
def test_noise_without_its_room_is_about_as_loud_as_it_was(channels, pitch):
    same = Waveform(np.repeat(noise(6, rate=44100).samples, channels, axis=0), 44100)
    [section] = sections(same, pitch=pitch)
    assert section.dry().shape == section.look().shape
    np.testing.assert_allclose(section.dry().mean(axis=0), section.look().mean(axis=0), atol=2)


def test_what_is_wide_has_parts():
    """Here nothing is in the middle, so that the sides are all there is, and each channel half of it."""
    left = noise(4).samples
    [wide] = sections(Waveform(np.concatenate([left, -left]), RATE))
    both = wide.look()
    first, second, middle, sides, faint = wide.parts()
    loud = both > both.max() - 60
    np.testing.assert_allclose(first[loud], both[loud] - 10 * np.log10(2), atol=0.01)
    np.testing.assert_allclose(second, first, atol=1e-3)
    np.testing.assert_allclose(sides, both, atol=1e-3)
    np.testing.assert_allclose(wide.sides().look(), sides)
    for nothing in (middle, faint):
        assert nothing.max() < -80


def test_what_is_the_same_in_both_channels_has_none():
    left = noise(4).samples
    for samples in (left, np.concatenate([left, left]), np.concatenate([left, -left, left])):
        [section] = sections(Waveform(samples, RATE))
        assert not section.wide
        assert section.parts() == []


@pytest.fixture(scope="module")
def wide():
    """A mark in the sides of what is louder in the middle, 110 s of it: two sections."""
    hidden = PUBLIC.embed(chords(24.0, seed=31).mono(), IDENTITY).samples
    loud = 20 * chords(24.0, seed=77).mono().samples
    length = 110 * 44100
    hidden, loud = (np.tile(samples, 5)[:, :length] for samples in (0.3 * hidden, loud))
    return Waveform((np.concatenate([loud + hidden, loud - hidden]) / 21), 44100)


def test_a_mark_that_only_the_sides_tell_is_read(wide, monkeypatch):
    piece = wide.excerpt(0, 24)
    assert [each.id for each in PUBLIC.detect(piece)] == [IDENTITY]
    monkeypatch.setattr(Watermark, "_read_sides", lambda self, section, last, search_all: ([], last))
    assert PUBLIC.detect(piece) == []


@pytest.mark.slow
def test_the_bound_counts_what_all_sections_and_their_sides_decoded(wide, decoded):
    found = PUBLIC.detect(wide)
    assert {each.id for each in found} == {IDENTITY}
    assert found[0].start < 1
    assert found[-1].end > 109
    assert {each.false_positive for each in found} == {sum(decoded) * 2.0**-40}
    assert sum(decoded) >= 4

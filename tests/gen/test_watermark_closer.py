"""A closer look: it reads what the usual search hears and cannot read, and is not taken where nothing is heard."""

import numpy as np
import pytest
from chords import chords

from gen.watermark import attacks, mark
from gen.watermark.closer import PLACES, look_closer
from gen.watermark.detect import MOST_DECODED, TRIES, Search, limit, power, promise
from gen.watermark.mark import Watermark
from gen.watermark.patterns import BANDS, CHIP_TILES, PERIOD, Pattern
from gen.watermark.payload import PUBLIC_KEY, encode
from gen.watermark.section import sections
from gen.watermark.surprise import EARS, soft_surprise, surprise
from gen.watermark.tiles import STEPS, height, prominence
from gen.watermark.worth import Evidence, worth

IDENTITY = bytes.fromhex("0123456789abcdef")
PUBLIC = Watermark(PUBLIC_KEY)
PATTERN = Pattern.of(PUBLIC_KEY, 8)


def decibels(waveform):
    [section] = sections(waveform)
    return section.look()


def music(seconds=20.0, seed=0):
    """Levels of something like music: each band wanders slowly, and all go up and down together."""
    pick = np.random.default_rng(seed)
    rows = round(seconds * 44100 / 512) * STEPS
    own = pick.standard_normal((rows + 64, BANDS))
    own = np.stack([np.convolve(band, np.hanning(66)[1:-1], "valid") for band in own.T], axis=1)[:rows]
    return (1.5 * own - 30).astype(np.float32)


def signs(rows):
    """Chips of the pattern for the id, as decibels of tiles that begin with the first row."""
    chips = PATTERN.write(encode(PUBLIC_KEY, IDENTITY))
    tiles = np.stack([chips, -chips], axis=1).reshape(CHIP_TILES * PERIOD, BANDS)
    return tiles[np.arange(rows) // STEPS % len(tiles)]


@pytest.fixture(scope="module")
def marked():
    return PUBLIC.embed(chords(24.0, seed=31), IDENTITY)


HARD = {
    "noise": lambda music: attacks.noise(music, -6.5),
    "a room and noise": lambda music: attacks.noise(attacks.over_the_air(music), 6),
}


@pytest.mark.parametrize("name", HARD)
def test_it_reads_what_the_usual_search_does_not(marked, name, monkeypatch):
    music = HARD[name](marked)
    assert IDENTITY in [found.id for found in PUBLIC.detect(music)]
    monkeypatch.setattr(mark, "look_closer", lambda *_: [])
    assert PUBLIC.detect(music) == []


def test_it_is_not_taken_once_half_of_what_may_be_decoded_was(marked):
    rows = decibels(HARD["noise"](marked))
    for before, read in {MOST_DECODED // 2: [IDENTITY], MOST_DECODED // 2 + 1: []}.items():
        search = Search(rows, PUBLIC_KEY, 8, decoded=before)
        assert [found.id for found in look_closer(search, [], list, lambda: rows)] == read


def test_what_is_decoded_counts_against_the_bound(marked, monkeypatch):
    counts = []

    def look(search, *others):
        before = search.decoded
        told = look_closer(search, *others)
        counts.append((before, search.decoded))
        return told

    monkeypatch.setattr(mark, "look_closer", look)
    [found] = PUBLIC.detect(HARD["noise"](marked))
    [(before, after)] = counts
    assert 2 < before < after < before + PLACES * len(EARS) * 2 * 2 * 2 * TRIES
    assert found.false_positive == after * 2.0**-40


def test_nothing_is_looked_at_where_nothing_is_promised():
    search = Search(decibels(chords(12.0, seed=31)), PUBLIC_KEY, 8)
    assert look_closer(search, [], never, never) == []


def test_a_mark_that_was_read_is_not_read_again(marked):
    rows = decibels(attacks.noise(marked, -4))
    search = Search(rows, PUBLIC_KEY, 8)
    known = search.marks()
    assert [each.id for each in known] == [IDENTITY]
    assert look_closer(search, known, list, lambda: rows) == []


@pytest.fixture(scope="module")
def hidden():
    """A search that hears the mark of which it can read nothing, and the rows before noise hid it."""
    levels = music() + np.float32(0.6) * signs(len(music()))
    noise = np.random.default_rng(8).standard_normal(levels.shape).astype(np.float32)
    search = Search(levels + 24 * noise, PUBLIC_KEY, 8)
    assert search.marks() == []
    return search, levels


def never():
    raise AssertionError


def test_what_a_part_says_is_read_without_asking_for_dry(hidden):
    search, levels = hidden
    noise = np.random.default_rng(9).standard_normal(levels.shape).astype(np.float32)
    [found] = look_closer(search, [], lambda: [levels, 30 * noise], never)
    assert found.id == IDENTITY


def test_where_the_parts_say_nothing_the_audio_without_its_room_is_asked(hidden):
    search, levels = hidden
    [found] = look_closer(search, [], list, lambda: levels)
    assert found.id == IDENTITY
    assert look_closer(search, [], list, lambda: search.decibels) == []


def test_a_surprise_tells_more_of_the_mark_than_the_chips():
    levels = music()
    mark = signs(len(levels)) * np.float32(0.5)
    chips = (levels + mark)[:-STEPS] - (levels + mark)[STEPS:]
    told = [
        float(np.corrcoef(found[:: CHIP_TILES * STEPS].ravel(), mark[: len(chips) : CHIP_TILES * STEPS].ravel())[0, 1])
        for found in (chips, surprise(levels + mark))
    ]
    assert 0 < told[0] < 0.6 * told[1]


@pytest.mark.parametrize("rows", [STEPS + 1, 50, 700])
def test_silence_and_short_audio_surprise_nobody(rows):
    quiet = np.full((rows, BANDS), -90, np.float32)
    assert surprise(quiet).shape == (rows - STEPS, BANDS)
    assert np.abs(surprise(quiet)).max() == 0
    assert np.abs(soft_surprise(quiet)).max() == 0
    for ear in EARS:
        trusted = ear(quiet, STEPS)
        assert trusted.shape == (rows - STEPS, BANDS)
        assert trusted.dtype == np.float32
        assert np.all((trusted >= 0) & (trusted <= 1))


@pytest.mark.parametrize("rows", [36, 37, 203])
def test_a_peak_is_trusted_and_what_lies_around_it_is_not(rows):
    levels = np.full((rows, BANDS), -60, np.float32)
    levels[16:20, 40] += 30
    heights = height(levels)
    assert heights.shape == levels.shape
    assert heights[17, 40] == pytest.approx(30 - 30 / 81, abs=1e-4)
    assert heights[4, 3] == pytest.approx(0, abs=1e-4)
    assert prominence(levels)[17, 40] == 1
    assert prominence(levels)[17, 41] < 0.4


def test_what_pilots_agree_on_is_worth_more():
    pick = np.random.default_rng(5)
    noise = pick.standard_normal((2, 30, BANDS)).astype(np.float32)
    clear = Evidence(5 + noise[0], np.full((30, BANDS), 30, np.float32))
    lost = Evidence(noise[1], np.full((30, BANDS), 30, np.float32))
    mixed = Evidence(np.where(np.arange(BANDS) < 40, clear.sums, lost.sums), clear.powers)
    one, other = worth([clear, lost])
    assert one.shape == other.shape == (30, BANDS)
    assert one.mean() > 2 * other.mean()
    [bands] = worth([mixed])
    assert bands[:, :25].mean() > 2 * bands[:, -20:].mean() >= 0


@pytest.mark.parametrize("sums", [0.0, -3.0])
def test_what_disagrees_is_worth_nothing(sums):
    evidence = Evidence(np.full((5, BANDS), sums, np.float32), np.full((5, BANDS), abs(sums), np.float32))
    assert np.all(worth([evidence])[0] == 0)


def test_more_windows_have_to_promise_more():
    assert limit(10, 6) == 6
    assert 6 < limit(41, 6) < limit(200, 6) < 8


def test_noise_promises_its_score_alone():
    pick = np.random.default_rng(3)
    values = [
        promise(PATTERN, 4, power(PATTERN, pick.standard_normal((PERIOD, BANDS)).astype(np.float32)))
        for _ in range(200)
    ]
    assert np.mean(values) == pytest.approx(4, abs=0.3)
    assert np.std(values) == pytest.approx(1, abs=0.2)

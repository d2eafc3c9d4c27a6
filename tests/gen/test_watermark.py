"""The mark in audio: found after what happens to music, not found where there is none."""

from functools import cache

import numpy as np
import pytest
from chords import chords

from gen.watermark import attacks
from gen.watermark.detect import MOST_DECODED, Detection, Search
from gen.watermark.embed import Embedder
from gen.watermark.mark import Watermark, unmarked
from gen.watermark.patterns import PERIOD, Pattern
from gen.watermark.payload import PUBLIC_KEY, beginning, encode
from gen.watermark.section import sections
from gen.waveform import Waveform

IDENTITY = bytes.fromhex("0123456789abcdef")
OTHER = bytes.fromhex("fedcba9876543210")
PUBLIC = Watermark(PUBLIC_KEY)
PRIVATE = Watermark(b"a key that nobody else has")


def hiss(seconds, seed=3, level=0.1):
    """Noise that swells and fades: no tone in it at all."""
    pick = np.random.default_rng(seed)
    time = np.arange(int(seconds * 44100)) / 44100
    samples = pick.standard_normal((1, len(time))) * (0.6 + 0.4 * np.sin(2 * np.pi * 2 * time))
    return Waveform((level * samples).astype(np.float32), 44100)


def bass(seconds, seed=4):
    """One low voice with vibrato and nothing above 3 kHz."""
    pick = np.random.default_rng(seed)
    notes = []
    for _ in range(int(np.ceil(seconds / 0.5))):
        time = np.arange(22050) / 44100
        hertz = 440 * 2 ** ((pick.integers(33, 50) - 69) / 12)
        phase = 2 * np.pi * np.cumsum(hertz * (1 + 0.003 * np.sin(2 * np.pi * 5 * time))) / 44100
        edges = np.minimum(1, np.minimum(time, 0.5 - time) * 30)
        notes.append(edges * sum(np.sin(k * phase) / k * 0.2 for k in range(1, 40) if k * hertz < 3000))
    return Waveform(np.concatenate(notes)[None, : int(seconds * 44100)].astype(np.float32), 44100)


def quiet(seconds):
    """Chords at 40 decibels below full scale, in the 16 bits of a file."""
    music = chords(seconds, seed=5)
    level = np.sqrt(np.mean(np.square(music.samples)))
    return attacks.round16(Waveform(music.samples * np.float32(0.01 / level), music.rate))


HOSTS = {
    "chords": lambda: chords(30.0),
    "hiss": lambda: hiss(30.0),
    "bass": lambda: bass(30.0),
    "quiet": lambda: quiet(30),
}


@cache
def host(name):
    return HOSTS[name]()


@cache
def marked(name):
    return PUBLIC.embed(host(name), IDENTITY)


@cache
def copy(name, codec, kilobits):
    return attacks.encode(marked(name), codec, kilobits)


def ids(waveform, watermark=PUBLIC):
    return [detection.id for detection in watermark.detect(waveform)]


def signal_to_mark(name):
    added = marked(name).samples - host(name).samples
    return 10 * np.log10(np.square(host(name).samples).sum() / np.square(added).sum())


@pytest.mark.parametrize("name", HOSTS)
def test_mark_is_found_and_is_small(name):
    [found] = PUBLIC.detect(marked(name))
    assert found.id == IDENTITY
    assert found.score > 8
    assert found.start < 1.5
    assert found.end > 28.5
    assert 0 < found.false_positive <= 1e-9
    assert signal_to_mark(name) > 21


@pytest.mark.parametrize("name", HOSTS)
def test_level_moves_by_less_than_the_documented_gain(name):
    for before, after in zip(host(name).samples, marked(name).samples, strict=True):
        pieces = [np.square(x[: len(x) // 2048 * 2048].reshape(-1, 2048)).mean(axis=1) for x in (before, after)]
        heard = pieces[0] > 1e-8
        assert np.abs(10 * np.log10(pieces[1][heard] / pieces[0][heard])).max() < 0.8


EVERYDAY = {
    "mp3 128": lambda name: copy(name, "mp3", 128),
    "5 s of mp3 128": lambda name: copy(name, "mp3", 128).excerpt(12.3, 17.3),
    "10 s of aac 64": lambda name: copy(name, "aac", 64).excerpt(17.77, 27.77),
    "opus 64": lambda name: copy(name, "opus", 64),
    "16 kHz": lambda name: attacks.resample(marked(name), 16000),
    "noise 20 dB": lambda name: attacks.noise(marked(name), 20),
    "8 s of noise 15 dB": lambda name: attacks.noise(marked(name), 15).excerpt(8, 16),
    "clipped": lambda name: attacks.clip(marked(name), 12),
    "mono, 16 bits": lambda name: attacks.round16(marked(name).mono()),
}
THOROUGH = EVERYDAY | {
    "nothing": marked,
    "mp3 64": lambda name: copy(name, "mp3", 64),
    "aac 128": lambda name: copy(name, "aac", 128),
    "aac 64": lambda name: copy(name, "aac", 64),
    "vorbis": lambda name: attacks.vorbis(marked(name), 0.2),
    "22 kHz": lambda name: attacks.resample(marked(name), 22050),
    "22 kHz and back": lambda name: attacks.resample(attacks.resample(marked(name), 22050), 44100),
    "48 kHz": lambda name: attacks.resample(marked(name), 48000),
    "noise 30 dB": lambda name: attacks.noise(marked(name), 30),
    "-20 dB": lambda name: attacks.gain(marked(name), -20),
    "+10 dB": lambda name: attacks.gain(marked(name), 10),
    "clipped": lambda name: attacks.clip(marked(name), 12),
    **{
        f"{length} s of {what} from {start} s": lambda name, make=make, start=start, length=length: make(name).excerpt(
            start, start + length
        )
        for what, make in {"the original": marked, "mp3 128": lambda name: copy(name, "mp3", 128)}.items()
        for length, starts in {15: (0.1, 8.03, 14.9), 10: (1.9, 9.55, 19.9), 5: (0.7, 8.3, 13.33, 21.9)}.items()
        for start in starts
    },
}


@pytest.mark.parametrize("attack", EVERYDAY)
def test_mark_survives(attack):
    assert ids(EVERYDAY[attack]("chords")) == [IDENTITY]


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTS)
@pytest.mark.parametrize("attack", THOROUGH)
def test_mark_survives_on_all_kinds_of_music(name, attack):
    assert ids(THOROUGH[attack](name)) == [IDENTITY]


def test_stereo_mark_is_in_both_channels():
    for channel in marked("chords").excerpt(5, 15).samples:
        assert ids(Waveform(channel[None], 44100)) == [IDENTITY]


def test_marking_twice_gives_the_same_samples():
    again = PUBLIC.embed(host("chords"), IDENTITY)
    assert again.pcm_sha256() == marked("chords").pcm_sha256()


def test_silence_stays_silent_and_says_nothing():
    silence = Waveform(np.zeros((2, 44100 * 20), np.float32), 44100)
    assert PUBLIC.embed(silence, IDENTITY) == silence
    assert PUBLIC.detect(silence) == []


def test_silence_around_music_is_not_touched():
    gap = np.zeros((2, 44100 * 4), np.float32)
    music = Waveform(np.concatenate([gap, host("chords").samples[:, : 44100 * 12], gap], axis=1), 44100)
    result = PUBLIC.embed(music, IDENTITY)
    assert not result.samples[:, : 44100 * 4 - 4096].any()
    [found] = PUBLIC.detect(result)
    assert found.id == IDENTITY
    assert 3 < found.start < 5
    assert 15 < found.end < 17.5


def test_music_at_full_scale_does_not_leave_it():
    loud = attacks.clip(host("chords"), 20)
    result = PUBLIC.embed(loud, IDENTITY)
    assert np.abs(result.samples).max() <= 1
    assert ids(result) == [IDENTITY]


def test_samples_beyond_full_scale_are_not_cut():
    loud = attacks.gain(host("chords"), 20)
    assert np.abs(PUBLIC.embed(loud, IDENTITY).samples).max() == pytest.approx(np.abs(loud.samples).max(), rel=0.1)


@pytest.mark.parametrize("frames", [1, 2047, 2048, 2049, 5000, 44100])
def test_very_short_audio_is_searched_without_complaint(frames):
    assert PUBLIC.detect(Waveform(chords(1.0).samples[:, :frames], 44100)) == []


@pytest.mark.parametrize(
    "name",
    [
        "chords",
        pytest.param("hiss", marks=pytest.mark.slow),
        pytest.param("bass", marks=pytest.mark.slow),
        pytest.param("quiet", marks=pytest.mark.slow),
    ],
)
def test_unmarked_music_and_another_key_give_nothing(name):
    assert ids(host(name).excerpt(0, 20)) == []
    assert ids(marked(name).excerpt(0, 20), PRIVATE) == []


def test_two_layers_live_in_one_file():
    both = PRIVATE.embed(marked("chords"), OTHER)
    assert ids(both) == [IDENTITY]
    assert ids(both, PRIVATE) == [OTHER]


def test_whoever_washes_out_the_public_layer_leaves_the_private_one():
    both = PRIVATE.embed(marked("chords"), OTHER)
    # All of the public layer is known: who writes its opposite takes away what it added.
    signs = -Pattern.of(PUBLIC_KEY, 8).write(encode(PUBLIC_KEY, IDENTITY))
    opposite = Embedder(44100, both.channels, signs, beginning(PUBLIC_KEY, IDENTITY, PERIOD), 1.0)
    washed = Waveform(np.concatenate([opposite.push(both.samples), opposite.finish()], axis=1), 44100)
    assert ids(washed) == []
    assert ids(washed, PRIVATE) == [OTHER]


def test_two_tracks_in_a_row_are_told_apart():
    first = PUBLIC.embed(chords(24.0, seed=11), IDENTITY)
    second = PUBLIC.embed(chords(20.0, seed=12), OTHER)
    joined = Waveform(np.concatenate([first.samples, second.samples], axis=1), 44100)
    found = PUBLIC.detect(joined)
    assert [detection.id for detection in found] == [IDENTITY, OTHER]
    assert found[0].end == pytest.approx(24, abs=1.5)
    assert found[1].start == pytest.approx(24, abs=1.5)


def test_marked_part_of_a_long_file_is_found_where_it_is():
    parts = [chords(21.0, seed=21), PUBLIC.embed(chords(12.0, seed=22), IDENTITY), chords(30.0, seed=23)]
    [found] = PUBLIC.detect(Waveform(np.concatenate([part.samples for part in parts], axis=1), 44100))
    assert found.id == IDENTITY
    assert found.start == pytest.approx(21, abs=1.5)
    assert found.end == pytest.approx(33, abs=1.5)


def test_each_copy_of_a_mark_is_reported_once():
    found = PUBLIC.detect(Waveform(np.tile(marked("chords").samples, 3), 44100))
    assert [detection.id for detection in found] == [IDENTITY] * 3
    assert [detection.start for detection in found] == pytest.approx([0, 30, 60], abs=1.5)


@pytest.mark.slow
def test_ten_minutes_of_unmarked_music_give_nothing_under_many_keys():
    music = [chords(150.0, seed=seed) for seed in range(3)] + [bass(75.0), hiss(75.0)]
    for waveform in music:
        for number in range(4):
            assert ids(waveform, Watermark(bytes([number]) * 16)) == []


@pytest.mark.parametrize("factor", [0.997, 1.003])
def test_a_slightly_wrong_speed_is_followed_without_search(factor):
    [found] = PUBLIC.detect(attacks.faster(marked("chords"), factor).excerpt(5, 20))
    assert found.id == IDENTITY
    assert found.tempo == pytest.approx(factor, abs=0.001)


@pytest.mark.parametrize("name", ["chords", pytest.param("hiss", marks=pytest.mark.slow)])
def test_splices_are_followed(name):
    found = PUBLIC.detect(attacks.splice(marked(name), 2.0))
    assert {detection.id for detection in found} == {IDENTITY}


def test_two_tracks_at_once_are_both_found():
    first = PUBLIC.embed(chords(20.0, seed=41), IDENTITY)
    second = PUBLIC.embed(chords(20.0, seed=42), OTHER)
    found = PUBLIC.detect(attacks.mix(first, second))
    assert {detection.id for detection in found} == {IDENTITY, OTHER}


@pytest.mark.slow
@pytest.mark.parametrize(("tempo", "pitch"), [(0.9, 1.0), (1.1, 1.0), (1.0, 2 ** (1 / 12)), (1.0, 2 ** (-1 / 12))])
def test_stretched_and_transposed_audio_is_found_when_asked_for(tempo, pitch):
    found = PUBLIC.detect(attacks.stretched(marked("chords"), tempo, pitch), search_speed=True)
    assert {detection.id for detection in found} == {IDENTITY}
    assert found[0].tempo == pytest.approx(tempo, abs=0.005)
    # A mark that can be read as it is needs no search, which would have said how high it is.
    assert found[0].pitch in (1.0, pytest.approx(pitch, abs=0.02))


@pytest.mark.slow
@pytest.mark.parametrize(
    "attack",
    [
        attacks.equalise,
        attacks.echo,
        attacks.reverberate,
        attacks.compress,
        attacks.jitter,
        attacks.denoise,
        attacks.over_the_air,
        attacks.round8,
    ],
)
def test_mark_survives_studios_and_rooms(attack):
    assert ids(attack(marked("chords"))) == [IDENTITY]


@pytest.mark.slow
@pytest.mark.parametrize("kilobits", [24, 16])
def test_mark_survives_the_lowest_rates_of_opus(kilobits):
    assert ids(attacks.encode(marked("chords").mono(), "opus", kilobits)) == [IDENTITY]


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.9, 0.98, 1.05, 1.1])
@pytest.mark.parametrize("name", ["chords", "hiss"])
def test_wrong_speed_is_found_when_asked_for(name, factor):
    found = PUBLIC.detect(attacks.faster(marked(name), factor), search_speed=True)
    assert {detection.id for detection in found} == {IDENTITY}
    assert found[0].start == pytest.approx(0, abs=2)
    for detection in found:
        assert detection.tempo == detection.pitch == pytest.approx(factor, abs=0.001)


@pytest.mark.parametrize(
    ("marks", "gaps"),
    [
        ([], [(0, 100)]),
        ([(20, 40)], [(0, 20), (40, 100)]),
        ([(15, 40), (55, 85)], []),
        ([(0, 80), (10, 20)], [(80, 100)]),
        ([(50, 70), (16, 40)], [(0, 16), (70, 100)]),
        ([(15.5, 101)], [(0, 15.5)]),
    ],
)
def test_stretches_without_a_mark_are_longer_than_a_window(marks, gaps):
    assert unmarked([Detection(IDENTITY, 9.0, start, end, 0.0) for start, end in marks], 0, 100) == gaps


@pytest.mark.slow
def test_what_lies_between_marks_is_searched_at_other_speeds_and_the_bound_counts_all(decoded):
    normal = PUBLIC.embed(chords(20.0, seed=51), IDENTITY)
    faster, slower = (
        attacks.faster(PUBLIC.embed(chords(20.0, seed=seed), OTHER), factor)
        for seed, factor in ((52, 1.06), (53, 0.95))
    )
    medley = Waveform(np.concatenate([each.samples for each in (faster, normal, slower)], axis=1), 44100)
    assert ids(medley) == [IDENTITY]
    decoded.clear()
    found = PUBLIC.detect(medley, search_speed=True)
    assert [each.id for each in found] == [OTHER, IDENTITY, OTHER]
    assert [each.tempo for each in found] == pytest.approx([1.06, 1, 0.95], abs=0.001)
    joints = faster.duration, faster.duration + normal.duration
    assert [each.start for each in found] == pytest.approx([0, *joints], abs=1.5)
    assert [each.end for each in found] == pytest.approx([*joints, medley.duration], abs=1.5)
    assert {each.false_positive for each in found} == {sum(decoded) * 2.0**-40}


def test_nothing_is_decoded_that_could_be_an_accident_in_a_thousand_million_files(decoded):
    [section] = sections(marked("chords"))
    rows = section.look()
    assert 2.0**-40 * MOST_DECODED <= 1e-9 < 2.0**-40 * (MOST_DECODED + 1)
    few = Search(rows, PUBLIC_KEY, 8, decoded=MOST_DECODED - 2)
    assert [each.id for each in few.marks()] == [IDENTITY]
    decoded.clear()
    assert Search(rows, PUBLIC_KEY, 8, decoded=MOST_DECODED - 1).marks() == []
    assert sum(decoded) == 0


@pytest.mark.slow
def test_speed_search_of_unmarked_music_gives_nothing():
    assert PUBLIC.detect(host("chords"), search_speed=True) == []


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["bach/prelude-bwv846", "satie/gymnopedie-1"])
def test_played_pieces_keep_their_mark(piece):
    from gen import instruments, score

    played = instruments.render(score.load(piece)).excerpt(20, 60)
    result = PUBLIC.embed(played, IDENTITY)
    assert ids(played) == []
    lossy = attacks.encode(result, "mp3", 128)
    for start in range(0, 35, 5):
        assert ids(lossy.excerpt(start, start + 5)) == [IDENTITY]
    assert ids(attacks.encode(result, "opus", 64)) == [IDENTITY]
    assert ids(attacks.encode(result, "aac", 64)) == [IDENTITY]

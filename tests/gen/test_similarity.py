"""One take under many names is found among others; other music, or the same played again, is not taken for it."""

import numpy as np
import pytest
import scipy.signal
import soxr
from chords import chords
from hypothesis import given, settings
from hypothesis import strategies as st

from gen import instruments, score
from gen.audio import encode, load
from gen.fingerprint import Fingerprint, fingerprint
from gen.similarity import alike, alike_to, families, same_take
from gen.waveform import Waveform

SECONDS = 40.0
PIECES = 8


@pytest.fixture(scope="module")
def music() -> list[Waveform]:
    return [chords(SECONDS + number, 200 + number, beat=(0.4, 0.5, 0.6)[number % 3]) for number in range(PIECES)]


@pytest.fixture(scope="module")
def prints(music) -> list[Fingerprint]:
    return [fingerprint(piece) for piece in music]


def changed(samples, rate=44100) -> Fingerprint:
    return fingerprint(Waveform(np.ascontiguousarray(samples, dtype=np.float32), rate))


@pytest.fixture(scope="module")
def copies(music, tmp_path_factory) -> dict[str, Fingerprint]:
    """Of the first piece."""
    sound, rate = music[0].samples, music[0].rate
    folder = tmp_path_factory.mktemp("copies")
    found = {}
    for suffix, kbps in ((".mp3", 64), (".opus", 48)):
        encode(folder / f"copy{suffix}", music[0], kbps)
        found[suffix] = fingerprint(load(folder / f"copy{suffix}"))
    low = scipy.signal.lfilter(*scipy.signal.butter(1, 300, fs=rate), sound)
    found["more bass"] = changed(0.5 * (sound + low))
    found["limited"] = changed(np.tanh(4 * sound))
    found["upside down, softer, mono"] = changed(-0.2 * sound[:1])
    found["48 kHz"] = fingerprint(music[0].resampled(48000))
    found["begins later"] = changed(sound[:, int(0.3 * sound.shape[1]) + 777 :])
    found["ends earlier"] = changed(sound[:, : int(0.6 * sound.shape[1])])
    cut = slice(int(15.3 * rate), int(21.7 * rate))
    found["a part cut out"] = changed(np.delete(sound, cut, axis=1))
    found["in an album"] = changed(np.concatenate([music[1].samples, sound, music[2].samples], axis=1))
    return found


@pytest.mark.slow
def test_every_copy_is_found_and_nothing_else(prints, copies):
    known = prints[:1] + prints[3:]
    pairs = alike_to(list(copies.values()), known)
    assert [(list(copies)[pair.one], pair.other) for pair in pairs] == [(name, 0) for name in copies]
    assert all(0.65 <= pair.similarity <= 1.0 for pair in pairs)


@pytest.mark.slow
def test_other_music_is_other_music(prints):
    assert alike(prints) == ()
    assert not any(same_take(one, other) for one in prints for other in prints if one is not other)


def test_the_same_score_on_another_instrument_is_another_take(tmp_path):
    sheet = "%abc-2.1\nX:1\nT:Study\nC:Nobody\nM:4/4\nL:1/8\nQ:1/4=120\nK:C\n[V:1] {} |]\n"
    bars = " | ".join(["CEGceGce", "DFAdfAdf", "G,B,DGBDGB", "CEGceGce", "A,CEAcEAc", "D,^FAd^fAd^f"])
    path = tmp_path / "study.abc"
    path.write_text(sheet.format(bars))
    played = [fingerprint(instruments.render(score.read(path), instrument=name)) for name in ("piano", "harpsichord")]
    assert same_take(*played) is None
    assert same_take(played[0], played[0]) == 1.0


@pytest.mark.slow
def test_a_copy_that_runs_faster_is_found_and_nothing_else(tmp_path):
    # In tune, so that a little more pitch leaves each note in its place among the twelve.
    sheet = "%abc-2.1\nX:1\nT:Tune\nC:Nobody\nM:4/4\nL:1/8\nQ:1/4=100\nK:C\n[V:1] {} |]\n"
    path, played = tmp_path / "tune.abc", []
    for seed in (0, 2, 4):
        random = np.random.default_rng(seed)
        bars = " | ".join("".join(random.choice(list("CDEFGABcdefgab"), 8)) for _ in range(12))
        path.write_text(sheet.format(bars))
        played.append(instruments.render(score.read(path), instrument="piano"))
    known = [fingerprint(sound) for sound in played]
    assert alike(known) == ()
    for place, percent in ((0, 4), (1, 1), (2, 2)):
        copy = changed(soxr.resample(played[place].samples.T, 44100, 44100 / (1 + percent / 100)).T)
        assert [pair.other for pair in alike_to([copy], known)] == [place]
        assert [pair.one for pair in alike_to(known, [copy])] == [place]


def test_half_of_the_shorter_one_decides(music):
    one, other = (piece.samples[:, : 40 * 44100] for piece in music[:2])

    def mixed(seconds: int) -> Fingerprint:
        return changed(np.concatenate([one[:, : seconds * 44100], other[:, seconds * 44100 :]], axis=1))

    first, second = changed(one), changed(other)
    assert same_take(mixed(30), first) and not same_take(mixed(30), second)
    assert same_take(mixed(8), second) and not same_take(mixed(8), first)


def test_something_put_in_twice_hides_nothing():
    piece, jingle = chords(51.0, 250).samples, chords(5.0, 251).samples
    first, second, third = np.split(piece, 3, axis=1)
    copy = changed(np.concatenate([first, jingle, second, jingle, third], axis=1))
    assert same_take(copy, changed(piece))


@pytest.mark.slow
def test_copies_among_each_other_are_one_family(prints, copies):
    everybody = [*prints[3:], copies[".mp3"], copies["begins later"], copies["more bass"]]
    pairs = alike(everybody)
    assert all(pair.one < pair.other for pair in pairs) and list(pairs) == sorted(pairs, key=lambda p: (p.one, p.other))
    count = len(prints) - 3
    found = families(len(everybody), [(pair.one, pair.other) for pair in pairs])
    assert found == (*range(count), count, count, count)


@pytest.mark.slow
def test_silence_and_snippets_are_like_nothing(prints):
    silence = changed(np.zeros((1, 44100 * 20)))
    snippet = Fingerprint(prints[0].codes[100:110])
    assert alike([silence, silence, snippet, prints[0]]) == ()
    assert same_take(silence, silence) is None and same_take(snippet, prints[0]) is None
    assert alike([]) == () and alike([silence]) == () and alike_to([], prints) == ()


@pytest.mark.slow
def test_a_few_copies_among_hundreds_are_found(prints):
    # Other music of the same kind: its bars in another order, each a little off.
    random = np.random.default_rng(4)
    many = []
    for _ in range(150):
        bars = [prints[random.integers(len(prints))].codes for _ in range(25)]
        starts = [random.integers(0, len(codes) - 16) for codes in bars]
        many.append(noisy(np.concatenate([c[s : s + 16] for c, s in zip(bars, starts, strict=True)]), 0.03, random))
    copied = [noisy(many[place].codes[40:], 0.05, random) for place in range(0, 150, 30)]
    found = alike([*many, *copied])
    assert [(pair.one, pair.other) for pair in found] == [(30 * number, 150 + number) for number in range(5)]


def noisy(codes, rate, random) -> Fingerprint:
    flips = (random.random((len(codes), 32)) < rate) @ (np.uint64(1) << np.arange(32, dtype=np.uint64))
    return Fingerprint(codes ^ flips.astype(np.uint32))


@settings(deadline=None)  # the first call loads scipy
@given(st.integers(1, 30).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.tuples(*[st.integers(0, n - 1)] * 2)))))
def test_families_are_what_pairs_connect(case):
    count, pairs = case
    found = families(count, pairs)
    family = {place: {place} for place in range(count)}
    for one, other in pairs:
        joined = family[one] | family[other]
        for place in joined:
            family[place] = joined
    assert found == tuple(min(family[place]) for place in range(count))

"""Batches: the same for a seed, whatever the workers, the restarts and the damage; varied only where one learns."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from studio import melody

from gen.cache import Cache
from gen.config import RATE, AugmentConfig, MelConfig, SegmentConfig
from gen.errors import CacheFull, ConfigError, NoRecordings
from gen.features import log_mel
from gen.loader import Feed, Order, Source, Windows, endless, once
from gen.repeatable import repeatable
from gen.source import count_windows
from gen.waveform import Waveform

MEL, CUT = MelConfig(), SegmentConfig(5.0, 0.0)
VARIED = AugmentConfig(share=0.5, shift=2.0, gain=6.0, invert=True, noise=-60.0)
LENGTHS = (11, 4, 16)


class Recording:
    """Gives one melody, and counts how often."""

    def __init__(self, number: int) -> None:
        self.number, self.asked = number, 0

    def __call__(self):
        self.asked += 1
        return melody(LENGTHS[self.number], seed=self.number, channels=2, rate=48000)


def sources(**settings):
    return [Source(bytes([number]), number % 2, Recording(number), settings) for number in range(3)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def cache(folder):
    return Cache(folder, 1 << 40, free=0)


def windows(cache, **options):
    return Windows(sources(), cache, CUT, MEL, **options)


def equal(one, other):
    return all(
        (a is None and b is None) or torch.equal(a, b)
        for a, b in (
            (one.samples, other.samples),
            (one.frames, other.frames),
            (one.styles, other.styles),
            (one.labels, other.labels),
        )
    )


def test_a_batch_holds_what_was_asked_for(cache):
    found = windows(cache, samples=True)
    assert len(found) == 3 + 1 + 4
    batch = found.__getitems__([(0, 7), (0, 3)])
    assert batch.samples.shape == (2, 5 * RATE) and batch.styles.tolist() == [0, 1]
    whole = melody(16, seed=2, channels=2, rate=48000).mono().resampled(RATE).samples[0]
    assert np.array_equal(batch.samples[0].numpy(), whole[-5 * RATE :])
    assert torch.allclose(batch.frames, log_mel(batch.samples, MEL), atol=1e-5)
    # A recording shorter than a window is repeated until it fills one.
    assert torch.equal(batch.samples[1, 4 * RATE :], batch.samples[1, :RATE]) and batch.samples[1, : 4 * RATE].any()
    assert windows(cache).__getitems__([(0, 0)]).samples is None
    assert windows(cache, samples=True, frames=False)[0, 0].frames is None


def test_nothing_is_decoded_twice(tmp_path):
    cache = Cache(tmp_path, 1 << 40, free=0)
    first, again = sources(), sources()
    one = Windows(first, cache, CUT, MEL, samples=True)
    assert [source.load.asked for source in first] == [1, 1, 1]
    other = Windows(again, cache, CUT, MEL, samples=True)
    assert [source.load.asked for source in again] == [0, 0, 0]
    assert all(equal(one[0, index], other[0, index]) for index in range(len(one)))
    changed = sources(highest=16000)
    Windows(changed, cache, CUT, MEL)
    Windows(changed, cache, SegmentConfig(6.0), MEL)
    Windows(changed, cache, CUT, MelConfig(hop=256))
    assert [source.load.asked for source in changed] == [3, 3, 3]


def test_a_damaged_row_is_made_again(tmp_path):
    cache = Cache(tmp_path, 1 << 40, free=0)
    found = windows(cache)
    before = found[0, 1]
    for path in tmp_path.glob("??/*"):
        data = bytearray(path.read_bytes())
        for place in range(1000, len(data) - 5000, 1000):
            data[place] ^= 1
        path.write_bytes(data)
    fresh = windows(cache)
    assert equal(fresh[0, 1], before)
    assert [source.load.asked for source in fresh.sources] == [1, 0, 0]


@pytest.mark.parametrize("augment", [None, VARIED], ids=["plain", "varied"])
def test_frames_are_made_of_samples_that_are_damaged_by_then(tmp_path, augment):
    cache = Cache(tmp_path, 1 << 40, free=0)
    expected = windows(cache, augment=augment)[0, 1]
    for path in tmp_path.glob("??/*"):
        path.unlink()
    windows(cache, samples=True, frames=False)
    for path in tmp_path.glob("??/*"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1  # in one of the windows, not the first
        path.write_bytes(data)
    assert equal(windows(cache, augment=augment)[0, 1], expected)


@pytest.mark.slow
@pytest.mark.parametrize("augment", [None, VARIED], ids=["plain", "varied"])
def test_the_same_seed_gives_the_same_batches_for_any_number_of_workers(cache, augment):
    def run(seed, workers, first=0, count=6):
        found = windows(cache, augment=augment, seed=seed, samples=True)
        # On one thread, as a run learns and as workers are: by two, some processors sum in another order.
        with repeatable():
            return list(itertools.islice(endless(found, 3, seed, first=first, workers=workers), count))

    reference = run(1, 0)
    assert all(equal(one, other) for one, other in zip(reference, run(1, 2), strict=True))
    # A restart at batch 2 goes on as if nothing had been.
    assert all(equal(one, other) for one, other in zip(reference[2:], run(1, 1, first=2, count=4), strict=True))
    assert not all(equal(one, other) for one, other in zip(reference, run(2, 0), strict=True))


def test_every_window_comes_once_an_epoch():
    order = [place for batch in itertools.islice(Order([range(10)], 4, 1), 10) for place in batch]
    epochs = [[index for epoch, index in order if epoch == number] for number in range(4)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] and epochs[0] != list(range(10))
    assert len(order) == 40


def test_a_style_of_few_windows_comes_as_often_as_one_of_many():
    groups = [range(3), range(3, 50), range(50, 60)]
    order = [place for batch in itertools.islice(Order(groups, 4, 1), 30) for place in batch]
    for group in groups:
        mine = [(epoch, index) for epoch, index in order if index in group]
        assert len(mine) == 40
        assert len(set(mine)) == len(mine)  # none twice in its epoch
    assert len({tuple(index // 10 for _, index in order[turn : turn + 3]) for turn in range(0, 60, 3)}) > 1


def test_a_feed_gives_a_batch_by_its_number_whatever_was_asked_for_before(cache):
    found = windows(cache, samples=True, augment=VARIED, seed=1)
    expected = list(itertools.islice(endless(found, 3, 1), 5))
    feed = Feed(found, 3, 1)
    for number in (0, 1, 2, 4, 1, 2, 0):
        assert equal(feed(number), expected[number])


@pytest.mark.slow
def test_only_music_to_learn_from_is_varied(cache):
    learning = windows(cache, augment=VARIED, seed=1, samples=True)
    judging = windows(cache, samples=True)
    for index in range(len(judging)):
        assert equal(judging[0, index], judging[5, index])
        assert not torch.equal(learning[0, index].samples, judging[0, index].samples)
        assert not torch.equal(learning[0, index].samples, learning[1, index].samples)
        assert equal(learning[1, index], learning[1, index])
    varied = learning[3, 2]
    assert torch.allclose(varied.frames, log_mel(varied.samples, MEL), atol=1e-5)


def test_copies_are_kept_and_are_what_would_have_been_made(tmp_path):
    cache = Cache(tmp_path, 1 << 40, free=0)
    anew = windows(cache, augment=VARIED, seed=1, samples=True)
    kept = windows(cache, augment=dataclasses.replace(VARIED, copies=2), seed=1, samples=True)
    assert equal(kept[0, 5], anew[0, 5]) and equal(kept[3, 5], anew[1, 5])
    again = Windows(sources()[::-1], cache, CUT, MEL, augment=kept.augment, seed=1, samples=True)
    assert equal(again[0, 1], kept[0, 5])  # the recordings stand in another order, and sound the same
    wanted = anew[0, 5]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gen.augment.augment", lambda *_: pytest.fail("varied again"))
        assert equal(windows(cache, augment=kept.augment, seed=1, samples=True)[2, 5], wanted)
        for other in (dataclasses.replace(kept.augment, gain=3.0), dataclasses.replace(kept.augment, share=0.4)):
            with pytest.raises(pytest.fail.Exception):
                windows(cache, augment=other, seed=1)[0, 5]
        with pytest.raises(pytest.fail.Exception):
            windows(cache, augment=kept.augment, seed=2)[0, 5]


def test_all_windows_once_to_judge_by(cache):
    found = windows(cache)
    batches = list(once(found, 3))
    assert [len(batch.styles) for batch in batches] == [3, 3, 2]
    frames = torch.cat([batch.frames for batch in batches])
    assert all(torch.equal(frames[index], found[0, index].frames[0]) for index in range(8))


def test_nonsense_is_refused(cache):
    with pytest.raises(NoRecordings, match="sources"):
        Windows([], cache, CUT, MEL)
    with pytest.raises(ConfigError, match="at least one"):
        windows(cache, frames=False)


def test_labels_come_with_their_windows_and_names_say_which_those_are(cache):
    labelled = [dataclasses.replace(source, labels=(0, number)) for number, source in enumerate(sources())]
    batch = Windows(labelled, cache, CUT, MEL).__getitems__([(0, 7), (0, 0), (0, 3)])
    assert batch.labels.tolist() == [[0, 2], [0, 0], [0, 1]] and batch.labels.dtype == torch.int64
    assert batch.names == ("02-3", "00-0", "01-0")
    assert windows(cache).__getitems__([(0, 7), (0, 3)]).labels.shape == (2, 0)


def test_parts_of_a_recording_share_no_sample(tmp_path):
    cache = Cache(tmp_path, 1 << 40, free=0)
    time = np.arange(60 * RATE, dtype=np.float32)[None]
    one = Source(bytes(32), 0, lambda: Waveform(time / time.size + 0.1, RATE), shares=(0.8, 0.1, 0.1))
    found = Windows([one], cache, CUT, MEL, samples=True, frames=False)
    assert count_windows(60 * RATE, one.shares, CUT) == (10, 2, 2) and len(found) == 14
    heard = [(found[0, index].samples[0].numpy().astype(np.float64) - 0.1) * 60 for index in range(14)]
    ends = [(round(float(sound[0]), 2), round(float(sound[-1]), 2)) for sound in heard]
    assert ends[:2] == [(0, 5), (5, 10)] and ends[9] == (43, 48)
    assert ends[10:] == [(48, 53), (49, 54), (54, 59), (55, 60)]
    some = Windows([dataclasses.replace(one, chosen=(3, 11, 99))], cache, CUT, MEL, samples=True, frames=False)
    assert [some[0, index].names for index in range(len(some))] == [("000000000000-3",), ("000000000000-11",)]
    assert equal(dataclasses.replace(some[0, 1], frames=None), found[0, 11])


def test_windows_in_which_nothing_sounds_are_left_out(tmp_path):
    cache = Cache(tmp_path, 1 << 40, free=0)
    pause = np.zeros((1, 10 * RATE), np.float32)
    sound = Waveform(np.concatenate([melody(10).samples, pause, melody(5, seed=1).samples], axis=1), RATE)
    silent = Source(b"s" * 32, 0, lambda: Waveform(pause, RATE))
    for cached in (cache, None):
        assert len(Windows([Source(b"p" * 32, 0, lambda: sound)], cached, CUT, MEL, samples=True)) == 3
        assert len(Windows([silent], cached, CUT, MEL)) == 1  # there has to be something


@pytest.mark.parametrize(
    "augment",
    [None, *(pytest.param(kind, marks=pytest.mark.slow) for kind in (VARIED, dataclasses.replace(VARIED, copies=2)))],
)
def test_without_room_in_the_cache_windows_are_the_same_and_in_memory(cache, tmp_path, augment):
    kept = windows(cache, augment=augment, seed=1, samples=True)
    for small in (None, Cache(tmp_path, 1000, free=0)):
        held = windows(small, augment=augment, seed=1, samples=True)
        assert all(equal(kept[epoch, index], held[epoch, index]) for epoch, index in ((0, 0), (1, 3), (2, 7)))
        assert [source.load.asked for source in held.sources] == [1 + (small is not None)] * 3


def test_what_fits_neither_cache_nor_memory_is_said(monkeypatch):
    monkeypatch.setattr("gen.windows.MOST_HELD", 5_000_000)
    with pytest.raises(CacheFull, match="memory"):
        windows(None, samples=True)


def test_other_kinds_of_batches_make_nothing_anew(cache):
    found = windows(cache, samples=True)
    sounds, pictures = found.giving(samples=True, frames=False), found.giving(samples=False, frames=True)
    assert sounds[0, 1].frames is None and pictures[0, 1].samples is None
    assert torch.equal(sounds[0, 1].samples, found[0, 1].samples)
    assert torch.equal(pictures[0, 1].frames, found[0, 1].frames)


def test_progress_is_told_recording_by_recording(tmp_path):
    told = []
    Windows(sources(), Cache(tmp_path, 1 << 40, free=0), CUT, MEL, report=lambda *done: told.append(done))
    assert told == [(1, 3), (2, 3), (3, 3)]

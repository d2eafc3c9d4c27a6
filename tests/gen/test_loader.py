"""Batches: the same for a seed, whatever the workers, the restarts and the damage; varied only where one learns."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from studio import melody

from gen.cache import Cache
from gen.config import RATE, AugmentConfig, MelConfig, SegmentConfig
from gen.errors import ConfigError, NoRecordings
from gen.features import log_mel
from gen.loader import Order, Source, Windows, endless, once

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
        for a, b in ((one.samples, other.samples), (one.frames, other.frames), (one.styles, other.styles))
    )


def test_a_batch_holds_what_was_asked_for(cache):
    found = windows(cache, samples=True)
    assert len(found) == 3 + 1 + 4
    batch = found.__getitems__([(0, 7), (0, 3)])
    assert batch.samples.shape == (2, 5 * RATE) and batch.styles.tolist() == [0, 1]
    whole = melody(16, seed=2, channels=2, rate=48000).mono().resampled(RATE).samples[0]
    assert np.array_equal(batch.samples[0].numpy(), whole[-5 * RATE :])
    assert torch.allclose(batch.frames, log_mel(batch.samples, MEL), atol=1e-5)
    assert not batch.samples[1, 4 * RATE :].any() and batch.samples[1, : 4 * RATE].any()
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
def test_the_same_seed_gives_the_same_batches_for_any_number_of_workers(cache, augment):
    def run(seed, workers, first=0, count=6):
        found = windows(cache, augment=augment, seed=seed, samples=True)
        return list(itertools.islice(endless(found, 3, seed, first=first, workers=workers), count))

    reference = run(1, 0)
    assert all(equal(one, other) for one, other in zip(reference, run(1, 2), strict=True))
    # A restart at batch 2 goes on as if nothing had been.
    assert all(equal(one, other) for one, other in zip(reference[2:], run(1, 1, first=2, count=4), strict=True))
    assert not all(equal(one, other) for one, other in zip(reference, run(2, 0), strict=True))


def test_every_window_comes_once_an_epoch():
    order = [place for batch in itertools.islice(Order(10, 4, 1), 10) for place in batch]
    epochs = [[index for epoch, index in order if epoch == number] for number in range(4)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] and epochs[0] != list(range(10))
    assert len(order) == 40


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

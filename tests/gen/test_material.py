"""What a run learns from: the same for a seed, split by work, bounded, with labels that no two datasets share."""

import dataclasses

import numpy as np
import pytest
import torch
from studio import MICRO, melody

from gen.cache import Cache
from gen.config import AugmentConfig, CorpusConfig
from gen.errors import ConfigError
from gen.labels import FIELDS
from gen.source import Source
from gen.training.checkpoint import MOST_LABELS
from gen.training.loop import train
from gen.training.material import Excerpts, Material, Split, StyleCorpus, feed_of, gather
from gen.waveform import Waveform
from gen.windows import Windows

WHOLE = dataclasses.replace(MICRO, corpus=CorpusConfig(most=0))
PARTS = ("train", "validation", "test")


def two_styles():
    return [
        StyleCorpus.of("low", [melody(10, pitch=110, channels=2)]),
        StyleCorpus.of("high", [melody(6, pitch=440, rate=96000, seed=1), melody(5, pitch=440, seed=2)]),
    ]


class Recordings:
    """Many melodies, and how often each was decoded."""

    def __init__(self, count: int, seconds: float = 9.0, labels=lambda number: ()) -> None:
        self.count, self.seconds, self.labels = count, seconds, labels
        self.asked = [0] * count

    def corpus(self, name: str = "many", cache: Cache | None = None) -> StyleCorpus:
        sources = (
            Source(bytes([number]) * 32, 0, self.load(number), labels=self.labels(number))
            for number in range(self.count)
        )
        return StyleCorpus(name, tuple(sources), cache)

    def load(self, number: int):
        def loaded() -> Waveform:
            self.asked[number] += 1
            return melody(self.seconds, pitch=100 + 20 * number, seed=number)

        return loaded


def used(windows: Windows | None) -> set[bytes]:
    """Digests of the recordings that windows are of."""
    return set() if windows is None else {source.digest for source in windows.sources}


def equal(one: Excerpts, other: Excerpts) -> bool:
    return len(one) == len(other) and all(
        torch.equal(a.samples, b.samples) and torch.equal(a.frames, b.frames) and a.style == b.style
        for a, b in zip(one, other, strict=True)
    )


def test_quiet_and_loud_recordings_are_brought_to_one_level():
    loud, quiet = melody(10), Waveform(melody(10).samples * 0.01, 44100)
    levels = [
        float(gather([StyleCorpus.of("a", [wave])], MICRO, 1).excerpts("train")[0].samples.square().mean().sqrt())
        for wave in (loud, quiet)
    ]
    assert levels[0] == pytest.approx(0.1, rel=0.05)
    assert levels[0] == pytest.approx(levels[1], rel=0.01)


@pytest.mark.slow
def test_work_is_bounded_and_every_recording_may_be_drawn(tmp_path):
    many, cache = Recordings(20, 5.5), Cache(tmp_path, 1 << 40, free=0)
    found = gather([many.corpus(cache=cache)], MICRO, 1)
    assert found.split == Split(2, 1, 1)
    assert sum(asked > 1 for asked in many.asked) <= 4  # heard once for what they are, and again for their windows
    drawn = [used(gather([many.corpus(cache=cache)], MICRO, seed).train) for seed in (2, 3, 4)]
    assert len(set().union(*drawn)) >= 4


@pytest.mark.slow
def test_everything_is_used_where_nothing_bounds_it():
    found = gather([Recordings(10).corpus()], WHOLE, 1)
    assert found.split == Split(16, 2, 2)
    assert not used(found.train) & (used(found.validation) | used(found.test))


@pytest.mark.slow
def test_recordings_of_one_work_are_on_one_side_as_far_as_labels_tell(tmp_path):
    def work(number: int) -> tuple[int, ...]:
        return (0, 0, 0, 0, 1 + number // 2, 0)

    cache = Cache(tmp_path, 1 << 40, free=0)
    for seed in range(3):
        found = gather([Recordings(20, 5, work).corpus(cache=cache)], WHOLE, seed)
        sides = [
            {digest[0] // 2 for digest in used(windows)} for windows in (found.train, found.validation, found.test)
        ]
        assert all(sides) and not sides[0] & sides[1] and not sides[0] & sides[2] and not sides[1] & sides[2]
        assert found.split.by_time == 0
    few = gather([Recordings(12, 5, work).corpus(cache=cache)], WHOLE, 1)
    assert few.split.by_time == 12  # six works


@pytest.mark.slow
def test_genres_with_enough_works_are_split_each_for_itself():
    def genre(number: int) -> tuple[int, ...]:
        return (1 + (number >= 20), 0, 0, 0, 0, 0)

    found = gather([Recordings(30, 3, genre).corpus()], WHOLE, 5)
    for windows, counts in ((found.train, (16, 8)), (found.validation, (2, 1)), (found.test, (2, 1))):
        assert windows is not None
        genres = [source.labels[0] for source in windows.sources]
        assert (genres.count(1), genres.count(2)) == counts


@pytest.mark.slow
def test_two_names_of_one_take_are_never_on_two_sides(tmp_path):
    waves = [melody(12, pitch=100 + 20 * number, seed=number) for number in range(10)]
    pairs = [each for wave in waves for each in (wave, Waveform(wave.samples * np.float32(0.5), wave.rate))]
    corpus = dataclasses.replace(StyleCorpus.of("pairs", pairs), cache=Cache(tmp_path, 1 << 40, free=0))
    place = {recording.digest: number // 2 for number, recording in enumerate(corpus.recordings)}
    for seed in range(3):
        found = gather([corpus], WHOLE, seed)
        assert found.split.left_out == 0
        train, aside = ({place[digest] for digest in each} for each in (used(found.train), used(found.validation)))
        assert train and aside and not train & aside


def test_few_recordings_of_one_take_count_once():
    waves = [melody(20, seed=1), melody(22, seed=1), melody(20, pitch=300, seed=2)]
    found = gather([StyleCorpus.of("few", waves)], MICRO, 1)
    assert (found.split.by_time, found.split.left_out) == (2, 1)


def test_a_few_files_are_split_by_time_without_overlap():
    # A tone of its own in every second tells where a window comes from.
    time = np.arange(100 * 44100) / 44100
    sound = np.sin(2 * np.pi * (200 + 20 * np.floor(time)) * time).astype(np.float32)
    found = gather([StyleCorpus.of("one", [Waveform(sound[None], 44100)])], WHOLE, 1)
    assert found.split == Split(16, 2, 2, by_time=1)

    def seconds(part: str) -> list[int]:
        halves = [half for excerpt in found.excerpts(part) for half in excerpt.samples.split(44100)]
        return [round((float(torch.fft.rfft(half).abs().argmax()) - 200) / 20) for half in halves]

    assert sorted(seconds("train")) == list(range(80))
    assert sorted(seconds("validation")) == list(range(80, 90))
    assert sorted(seconds("test")) == list(range(90, 100))


def test_only_music_to_learn_from_is_varied():
    varied = dataclasses.replace(MICRO, augment=AugmentConfig(share=1.0, shift=2.0, invert=True, copies=2))
    plain, found = (gather(two_styles(), preset, 3) for preset in (MICRO, varied))
    assert found.split == plain.split
    assert all(equal(plain.excerpts(part), found.excerpts(part)) for part in PARTS[1:])
    heard = [batch.samples for batch in (found.train[epoch, 0] for epoch in range(3))]
    assert torch.equal(heard[0], heard[2]) and not torch.equal(heard[0], heard[1])
    assert not any(torch.allclose(each.abs(), plain.train[0, 0].samples.abs(), atol=1e-3) for each in heard)


def test_with_a_cache_and_without_it_is_the_same_and_nothing_is_decoded_again(tmp_path):
    def labels(number: int) -> tuple[int, ...]:
        return (1, 0, number % 2 + 1, 0, 0, 0)

    first, again, plain = (Recordings(3, 12, labels) for _ in range(3))
    heard = [
        gather([each.corpus(cache=cache)], MICRO, 3)
        for each, cache in (
            (first, Cache(tmp_path, 1 << 40, free=0)),
            (again, Cache(tmp_path, 1 << 40, free=0)),
            (plain, None),
        )
    ]
    assert max(first.asked) == 2 and again.asked == [0, 0, 0]
    for other in heard[1:]:
        assert other.split == heard[0].split
        assert all(equal(heard[0].excerpts(part), other.excerpts(part)) for part in PARTS)
        one, two = (feed_of(each.excerpts("train"), 4, 2, samples=True)(7) for each in (heard[0], other))
        assert torch.equal(one.samples, two.samples) and torch.equal(one.labels, two.labels)


@pytest.mark.slow
def test_the_weights_are_the_same_with_a_cache_and_without(tmp_path):
    caches = (None, Cache(tmp_path / "cache", 1 << 40, free=0), Cache(tmp_path / "cache", 1 << 40, free=0))
    for number, cache in enumerate(caches):
        styles = [dataclasses.replace(style, cache=cache) for style in two_styles()]
        train(styles, MICRO, 7, tmp_path / str(number))
    assert len({(tmp_path / str(number)).read_bytes() for number in range(3)}) == 1


def test_a_run_that_was_stopped_while_it_prepared_goes_on_where_it_was(tmp_path):
    def stop(phase: str, done: int, total: int) -> None:
        if (phase, done) == ("windows", 2):
            raise KeyboardInterrupt

    many = Recordings(3, 12)
    with pytest.raises(KeyboardInterrupt):
        gather([many.corpus(cache=Cache(tmp_path, 1 << 40, free=0))], WHOLE, 1, stop)
    assert many.asked == [2, 2, 1]
    gather([many.corpus(cache=Cache(tmp_path, 1 << 40, free=0))], WHOLE, 1)
    assert many.asked == [2, 2, 2]


def test_other_cleaning_is_another_sound(tmp_path):
    rumble = 0.2 * np.hanning(441000) * np.sin(2 * np.pi * 5 * np.arange(441000) / 44100)
    shaken = Waveform(melody(10).samples + rumble.astype(np.float32), 44100)
    raw = dataclasses.replace(MICRO, corpus=dataclasses.replace(MICRO.corpus, clean=False))
    for preset, least, most in ((MICRO, 0.0, 0.02), (raw, 0.1, 2.0)):
        cache = Cache(tmp_path, 1 << 40, free=0)
        one, other = (
            gather([dataclasses.replace(StyleCorpus.of("a", [wave]), cache=cache)], preset, 1).excerpts("train")[0]
            for wave in (shaken, melody(10))
        )
        assert least <= float((one.samples - other.samples).abs().max()) <= most
    assert MICRO.flat()["cleaning.lowest"] == "20.0" and raw.flat()["corpus.clean"] is False


def labelled() -> Material:
    one = Recordings(2, 10, lambda number: (number, 0, 1, 0, 0, 0))
    two = Recordings(2, 10, lambda number: (1, 0, number + 1, 0, 0, 0))
    three = Recordings(1, 10)
    corpora = [each.corpus(name) for name, each in (("one", one), ("two", two), ("three", three))]
    return gather(corpora, dataclasses.replace(WHOLE, name="labelled"), 1)


def test_no_two_datasets_share_a_label_and_unknown_is_0_in_all(monkeypatch):
    monkeypatch.setattr("gen.training.material.alike", lambda fingerprints: ())  # they are the same melodies
    found = labelled()
    assert found.label_sizes == (3, 1, 4, 1, 1, 1) and len(found.label_sizes) == len(FIELDS)
    by_style: dict[int, set[tuple[int, ...]]] = {}
    for excerpt in found.excerpts("train"):
        by_style.setdefault(excerpt.style, set()).add(tuple(excerpt.labels.tolist()))
    assert by_style == {
        0: {(0, 0, 1, 0, 0, 0), (1, 0, 1, 0, 0, 0)},
        1: {(2, 0, 2, 0, 0, 0), (2, 0, 3, 0, 0, 0)},
        2: {(0, 0, 0, 0, 0, 0)},
    }
    assert found.labelled["artist"] == pytest.approx(0.8) and found.labelled["genre"] == pytest.approx(0.6)
    assert found.labelled["era"] == 0


def test_more_labels_than_a_model_holds_are_refused_before_anything_is_heard():
    many = Recordings(2, labels=lambda number: (0, 0, MOST_LABELS - 6, 0, number, 0))
    with pytest.raises(ConfigError, match=f"^labels: these datasets have {MOST_LABELS + 1} in all"):
        gather([many.corpus()], MICRO, 1)
    assert many.asked == [0, 0]
    fewer = Recordings(2, 5.5, labels=lambda number: (0, 0, MOST_LABELS - 6, 0, 0, 0))
    assert sum(gather([fewer.corpus()], MICRO, 1).label_sizes) == MOST_LABELS


@pytest.mark.slow
def test_excerpts_are_bounded_and_of_every_style():
    found = gather([Recordings(2, 40).corpus("a"), Recordings(1, 10).corpus("b")], WHOLE, 1)
    some = found.excerpts("train", 6)
    styles = [excerpt.style for excerpt in some]
    assert len(some) == 6 and styles.count(1) == 2
    assert len(found.excerpts("train", 1000)) == found.split.train
    assert [excerpt.style for excerpt in some[4:]] == styles[4:]


@pytest.mark.slow
def test_a_preset_for_stereo_learns_where_the_sound_is(tmp_path):
    left = Waveform(np.concatenate([melody(10).samples, 0.1 * melody(10).samples]), 44100)
    preset = dataclasses.replace(
        WHOLE, vocoder=dataclasses.replace(MICRO.vocoder, stereo=True), augment=AugmentConfig(share=1.0, shift=2.0)
    )
    varied = gather([StyleCorpus.of("a", [left])], preset, 1).train[0, 0]
    heard = gather([StyleCorpus.of("a", [left])], dataclasses.replace(preset, augment=AugmentConfig()), 1)
    (excerpt, *_) = heard.excerpts("train")
    assert excerpt.frames.shape[0] == preset.rows > preset.mel.bands and excerpt.samples.ndim == 1
    mono = gather([StyleCorpus.of("a", [left])], WHOLE, 1).excerpts("train")[0]
    assert torch.allclose(excerpt.samples, mono.samples, atol=1e-3)
    assert torch.allclose(excerpt.frames[: preset.mel.bands], mono.frames, atol=0.05)
    cues = preset.vocoder.rows(preset.mel) - preset.mel.bands
    for frames in (excerpt.frames, varied.frames[0]):
        angle = frames[preset.mel.bands : preset.mel.bands + cues // 2]
        assert float(angle.median()) > 0.4  # to the left; pi / 4 would be all
    train([StyleCorpus.of("a", [left])], preset, 1, tmp_path / "weights")

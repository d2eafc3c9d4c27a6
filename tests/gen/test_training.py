import dataclasses
import math

import numpy as np
import pytest
import torch
from studio import MICRO, melody

from gen.config import AugmentConfig
from gen.errors import ConfigError, NoRecordings, TrainingDiverged
from gen.generate import GenerationRequest, Generator
from gen.preset import load_preset
from gen.training.excerpts import draw_excerpts
from gen.training.loop import Progress, Split, StyleCorpus, train
from gen.waveform import Waveform


def two_styles():
    return [
        StyleCorpus("low", [melody(10, pitch=110, channels=2)]),
        StyleCorpus("high", [melody(6, pitch=440, rate=96000, seed=1), melody(5, pitch=440, seed=2)]),
    ]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    steps: list[Progress] = []
    out = tmp_path_factory.mktemp("run") / "weights.safetensors"
    return train(two_styles(), MICRO, 7, out, steps.append), steps


def test_a_run_reports_every_step_and_all_losses(trained):
    result, steps = trained
    assert [(p.phase, p.step, p.steps) for p in steps] == [("generator", n, 6) for n in range(1, 7)] + [
        ("vocoder", n, 2) for n in (1, 2)
    ]
    assert all(math.isfinite(p.loss) for p in steps)
    assert steps[-1].eta_seconds == 0
    wanted = {"generator_adversarial", "generator_discriminator", "generator_matching", "generator_foresight"}
    assert wanted | {"vocoder_stft", "validation_foresight", "test_foresight"} <= result.metrics.keys()
    assert all(math.isfinite(value) for value in result.metrics.values())
    assert result.split == Split(4, 2, 2, by_time=3)
    assert result.weights.is_file() and result.seconds > 0


def test_the_same_seed_gives_the_same_file_and_another_another(trained, tmp_path):
    data = trained[0].weights.read_bytes()
    threads = torch.get_num_threads()
    torch.manual_seed(99)  # what others do with torch's own random numbers must not matter
    assert train(two_styles(), MICRO, 7, tmp_path / "again").weights.read_bytes() == data
    assert train(two_styles(), MICRO, 8, tmp_path / "other").weights.read_bytes() != data
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_what_was_trained_can_be_played(trained):
    generator = Generator.load(trained[0].weights)
    assert generator.styles == ("low", "high")
    made = generator.render(GenerationRequest(44100, 3, (1.0, 0.0)))
    assert made.attention == (1.0, 0.0)
    assert made.waveform.frames == 44100


def test_an_interrupted_run_leaves_nothing(tmp_path):
    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(two_styles(), MICRO, 7, tmp_path / "weights", stop)
    assert list(tmp_path.iterdir()) == []
    assert not torch.are_deterministic_algorithms_enabled()


def test_divergence_names_the_step(tmp_path):
    wild = dataclasses.replace(MICRO, generator=dataclasses.replace(MICRO.generator, learning_rate=1e30))
    with pytest.raises(TrainingDiverged, match=r"generator: .* at step \d"):
        train(two_styles()[:1], wild, 7, tmp_path / "weights")
    assert list(tmp_path.iterdir()) == []


def test_styles_must_make_sense(tmp_path):
    with pytest.raises(NoRecordings, match="styles"):
        train([], MICRO, 1, tmp_path / "w")
    with pytest.raises(NoRecordings, match="empty"):
        train([StyleCorpus("empty", [])], MICRO, 1, tmp_path / "w")
    with pytest.raises(ConfigError, match="'a' is there twice"):
        train([StyleCorpus("a", [melody(1)])] * 2, MICRO, 1, tmp_path / "w")
    with pytest.raises(ConfigError, match="seed"):
        train([StyleCorpus("a", [melody(1)])], MICRO, -1, tmp_path / "w")


@pytest.mark.parametrize(
    "waveform",
    [
        pytest.param(melody(0.001), id="a millisecond"),
        pytest.param(Waveform(np.zeros((2, 441000), np.float32), 44100), id="silence"),
        pytest.param(Waveform(melody(10).samples * 3e-4, 44100), id="quiet"),
        pytest.param(Waveform(melody(10).samples + 0.5, 44100), id="offset"),
        pytest.param(
            Waveform(np.concatenate([melody(3).samples, np.zeros((1, 600000), np.float32)], axis=1), 44100),
            id="a long rest",
        ),
    ],
)
def test_odd_recordings_are_survived(waveform, tmp_path):
    result = train([StyleCorpus("odd", [waveform])], MICRO, 1, tmp_path / "w")
    assert all(math.isfinite(value) for value in result.metrics.values())
    made = Generator.load(result.weights).render(GenerationRequest(22050, 1))
    assert float(np.abs(made.waveform.samples).max()) <= 0.9


def test_quiet_and_loud_recordings_are_brought_to_one_level():
    loud, quiet = melody(10), Waveform(melody(10).samples * 0.01, 44100)
    levels = [
        float(draw_excerpts([StyleCorpus("a", [w])], MICRO, 1).train[0].samples.square().mean().sqrt())
        for w in (loud, quiet)
    ]
    assert levels[0] == pytest.approx(0.1, rel=0.05)
    assert levels[0] == pytest.approx(levels[1], rel=0.01)


class Counting:
    """A lazy corpus that remembers what was asked for."""

    def __init__(self, count: int) -> None:
        self.count, self.asked = count, []

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Waveform:
        self.asked.append(index)
        return melody(9, seed=index)


def test_work_is_bounded_and_nothing_is_read_twice():
    corpus = Counting(500)
    found = draw_excerpts([StyleCorpus("many", corpus)], MICRO, 1)
    assert len(corpus.asked) == len(set(corpus.asked)) <= 5
    assert found.split == Split(2, 1, 1)


def test_with_enough_files_whole_recordings_are_set_aside():
    corpus = Counting(10)
    big = dataclasses.replace(MICRO, corpus=dataclasses.replace(MICRO.corpus, most=1000.0))
    found = draw_excerpts([StyleCorpus("ten", corpus)], big, 1)
    assert found.split == Split(16, 2, 2)


def test_two_names_of_one_take_are_never_on_two_sides():
    # Twelve tones, each recorded twice: a window's tone tells which one it is of.
    tones = [melody(9, pitch=100 + 20 * number, seed=number) for number in range(12)]
    waves = [wave for tone in tones for wave in (tone, Waveform(tone.samples * np.float32(0.5), tone.rate))]
    big = dataclasses.replace(MICRO, corpus=dataclasses.replace(MICRO.corpus, most=1000.0))
    pairs = [(place, place + 1) for place in range(0, 24, 2)]

    def heard(excerpts):
        return {bytes((excerpt.samples / excerpt.samples.abs().max() * 1000).round().numpy()) for excerpt in excerpts}

    for seed in range(3):
        found = draw_excerpts([StyleCorpus("pairs", waves)], big, seed, pairs)
        assert found.by_time == found.left_out == 0
        assert not heard(found.train) & (heard(found.validation) | heard(found.test))
        assert found.validation and found.test and not heard(found.validation) & heard(found.test)
    alone = draw_excerpts([StyleCorpus("pairs", waves)], big, 0)
    assert heard(alone.train) & (heard(alone.validation) | heard(alone.test))  # what the pairs prevent


def test_few_recordings_of_one_take_count_once():
    waves = [melody(10, seed=1), melody(12, seed=1), melody(10, seed=2)]
    found = draw_excerpts([StyleCorpus("few", waves)], MICRO, 1, [(0, 1)])
    assert (found.by_time, found.left_out) == (2, 1)


def test_only_music_to_learn_from_is_varied():
    varied = dataclasses.replace(MICRO, augment=AugmentConfig(share=1.0, shift=2.0, invert=True, copies=2))
    plain, found = (draw_excerpts(two_styles(), preset, 3) for preset in (MICRO, varied))
    assert found.split == dataclasses.replace(plain.split, train=3 * plain.split.train)
    for one, other in zip(plain.validation + plain.test, found.validation + found.test, strict=True):
        assert torch.equal(one.samples, other.samples) and torch.equal(one.frames, other.frames)
    for number, one in enumerate(plain.train):
        kept, *copies = found.train[3 * number : 3 * number + 3]
        assert torch.equal(kept.samples, one.samples)
        assert all(copy.style == one.style and copy.frames.shape == one.frames.shape for copy in copies)
        assert not any(torch.allclose(copy.samples.abs(), one.samples.abs(), atol=1e-3) for copy in copies)
        assert not torch.equal(copies[0].samples, copies[1].samples)
    again = draw_excerpts(two_styles(), varied, 3)
    assert all(torch.equal(one.samples, other.samples) for one, other in zip(found.train, again.train, strict=True))


def test_a_few_files_are_split_by_time_without_overlap():
    # A tone of its own in every second tells where a window comes from.
    time = np.arange(100 * 44100) / 44100
    sound = np.sin(2 * np.pi * (200 + 20 * np.floor(time)) * time).astype(np.float32)
    corpus = dataclasses.replace(MICRO.corpus, most=1000.0, window=2.0)
    found = draw_excerpts(
        [StyleCorpus("one", [Waveform(sound[None], 44100)])], dataclasses.replace(MICRO, corpus=corpus), 1
    )
    assert found.split == Split(40, 5, 5, by_time=1)

    def seconds(excerpts):
        halves = [half for excerpt in excerpts for half in excerpt.samples.split(44100)]
        return [round((float(torch.fft.rfft(half).abs().argmax()) - 200) / 20) for half in halves]

    assert sorted(seconds(found.train)) == list(range(80))
    assert sorted(seconds(found.validation)) == list(range(80, 90))
    assert sorted(seconds(found.test)) == list(range(90, 100))


@pytest.mark.slow
def test_tiny_learns_two_composers_in_reasonable_time(tmp_path):
    """The whole preset, twice, on rendered Bach and Satie: the same bits, and music in the end."""
    from gen.instruments import render
    from gen.score import load

    styles = [
        StyleCorpus("bach", [render(load(name)) for name in ("bach/prelude-bwv846", "bach/prelude-bwv1007")]),
        StyleCorpus("satie", [render(load(name)) for name in ("satie/gymnopedie-1", "satie/gymnopedie-3")]),
    ]
    first = train(styles, load_preset("tiny"), 5, tmp_path / "a")
    again = train(styles, load_preset("tiny"), 5, tmp_path / "b")
    assert first.weights.read_bytes() == again.weights.read_bytes()
    assert first.metrics["validation_foresight"] < 1.2
    made = Generator.load(first.weights).render(GenerationRequest(10 * 44100, 1, (0.0, 1.0)))
    assert made == Generator.load(again.weights).render(GenerationRequest(10 * 44100, 1, (0.0, 1.0)))

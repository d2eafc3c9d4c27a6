import dataclasses
import math

import numpy as np
import pytest
import torch
from studio import MICRO, melody

from gen.errors import ConfigError, NoRecordings, TrainingDiverged
from gen.generate import GenerationRequest, Generator
from gen.preset import load_preset
from gen.training.loop import Progress, Split, StyleCorpus, train
from gen.waveform import Waveform


def two_styles():
    return [
        StyleCorpus.of("low", [melody(10, pitch=110, channels=2)]),
        StyleCorpus.of("high", [melody(6, pitch=440, rate=96000, seed=1), melody(5, pitch=440, seed=2)]),
    ]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    steps: list[Progress] = []
    out = tmp_path_factory.mktemp("run") / "weights.safetensors"
    return train(two_styles(), MICRO, 7, out, steps.append), steps


def test_a_run_reports_every_step_and_all_losses(trained):
    result, steps = trained
    assert [(p.phase, p.step, p.steps) for p in steps] == [
        *(("listening", n, 3) for n in range(1, 4)),
        *(("windows", n, 7) for n in range(1, 8)),
        *(("generator", n, 6) for n in range(1, 7)),
        *(("vocoder", n, 2) for n in (1, 2)),
    ]
    assert all(math.isfinite(p.loss) == (p.phase in ("generator", "vocoder")) for p in steps)
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
        if progress.phase == "generator":
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
        train([StyleCorpus("empty", ())], MICRO, 1, tmp_path / "w")
    with pytest.raises(ConfigError, match="'a' is there twice"):
        train([StyleCorpus.of("a", [melody(1)])] * 2, MICRO, 1, tmp_path / "w")
    with pytest.raises(ConfigError, match="seed"):
        train([StyleCorpus.of("a", [melody(1)])], MICRO, -1, tmp_path / "w")


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
    result = train([StyleCorpus.of("odd", [waveform])], MICRO, 1, tmp_path / "w")
    assert all(math.isfinite(value) for value in result.metrics.values())
    made = Generator.load(result.weights).render(GenerationRequest(22050, 1))
    assert float(np.abs(made.waveform.samples).max()) <= 0.9


@pytest.mark.slow
def test_tiny_learns_two_composers_in_reasonable_time(tmp_path):
    """The whole preset, twice, on rendered Bach and Satie: the same bits, and music in the end."""
    from gen.instruments import render
    from gen.score import load

    styles = [
        StyleCorpus.of("bach", [render(load(name)) for name in ("bach/prelude-bwv846", "bach/prelude-bwv1007")]),
        StyleCorpus.of("satie", [render(load(name)) for name in ("satie/gymnopedie-1", "satie/gymnopedie-3")]),
    ]
    first = train(styles, load_preset("tiny"), 5, tmp_path / "a")
    again = train(styles, load_preset("tiny"), 5, tmp_path / "b")
    assert first.weights.read_bytes() == again.weights.read_bytes()
    assert first.metrics["validation_foresight"] < 1.2
    made = Generator.load(first.weights).render(GenerationRequest(10 * 44100, 1, (0.0, 1.0)))
    assert made == Generator.load(again.weights).render(GenerationRequest(10 * 44100, 1, (0.0, 1.0)))

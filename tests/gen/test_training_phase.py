import dataclasses
import math
import sys

import pytest
import torch
from micro_run import RUN, music
from studio import MICRO
from torch import nn

from gen.errors import ConfigError, TrainingDiverged
from gen.models.config import TrainingConfig
from gen.preset import Preset
from gen.training import loop
from gen.training.initial import initialise
from gen.training.loop import train
from gen.training.material import gather
from gen.training.phase import MODEL, Phase, pace
from gen.training.team import Team


class Line(Phase):
    """Learns y = 2 x from drawn x; a second network stands for a discriminator. judged: what it is told of itself."""

    def __init__(self, training, steps=50, judged=()):
        super().__init__("line", steps, training, torch.Generator().manual_seed(1))
        self.judged, self.judge_steps = list(judged), []
        for name, betas in ((MODEL, (0.9, 0.99)), ("judge", (0.5, 0.9))):
            network = nn.Linear(1, 1)
            initialise(network, self.random)
            self.learner(name, network, 0.05, betas)

    def step(self, index):
        x = self.normal(16, 1)
        if self.judges_now(index):
            self.judge_steps.append(index)
        loss = ((self.networks[MODEL](x) - 2 * x) ** 2).mean()
        self.note(error=loss)
        self.update(MODEL, loss)
        return loss.detach()

    def validate(self):
        return self.judged.pop(0) if self.judged else None


def weights(phase):
    return [parameter.detach().clone() for parameter in phase.networks[MODEL].parameters()]


def run(phase):
    """As the loop does it, without a run around it."""
    watch = loop._Watch(MICRO, None)
    return loop._Run(phase.team, None, None, watch)._learn(phase, 0)


def test_a_phase_learns_and_smooths_what_it_notes():
    phase = Line(TrainingConfig(schedule="constant"), 200)
    losses = [phase.advance(index) for index in range(200)]
    assert losses[-1] < 0.05 * losses[0]
    smoothed = losses[0]
    for loss in losses[1:]:
        smoothed += 0.1 * (loss - smoothed)
    assert phase.metrics == {"line_error": pytest.approx(smoothed, rel=1e-4)}


def test_the_schedules_rise_and_fall():
    steps = 100
    for schedule, middle, end in (("constant", 1, 1), ("cosine", 0.525, 0.05), ("exponential", 0.05**0.5, 0.05)):
        training = TrainingConfig(schedule=schedule, warmup=10, floor=0.05)
        rates = [pace(step, steps, training) for step in range(steps)]
        assert rates[0] == pytest.approx(0.1, rel=0.02) and max(rates) <= 1
        assert rates[:10] == sorted(rates[:10]) and rates[50] == pytest.approx(middle, rel=0.02)
        assert pace(steps, steps, training) == pytest.approx(end)
    phase = Line(TrainingConfig(warmup=10))
    phase.advance(4)
    assert {group["lr"] for each in phase.optimisers.values() for group in each.param_groups} == {
        0.05 * pace(4, 50, phase.training)
    }


def test_the_optimiser_is_the_one_that_is_set():
    for name, kind in (("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)):
        phase = Line(TrainingConfig(optimiser=name, weight_decay=0.02))
        assert type(phase.optimisers[MODEL]) is kind
        group = phase.optimisers["judge"].param_groups[0]
        assert group["betas"] == (0.5, 0.9)
        assert group["weight_decay"] == (0.02 if name == "adamw" else 0)


def test_gradients_are_clipped():
    steps = {}
    for clip in (0.0, 1e-3):
        phase = Line(TrainingConfig(clip=clip))
        seen = []
        phase.optimisers[MODEL].register_step_pre_hook(
            lambda optimiser, *_, seen=seen: seen.append(
                math.sqrt(sum(float((p.grad**2).sum()) for g in optimiser.param_groups for p in g["params"]))
            )
        )
        phase.advance(0)
        steps[clip] = seen[0]
    assert steps[0.0] > 0.1 and steps[1e-3] == pytest.approx(1e-3, rel=1e-3)


def test_the_average_follows_and_is_what_is_kept():
    phase = Line(TrainingConfig(average=0.9), 40)
    kept = [parameter.detach().clone() for parameter in weights(phase)]
    for index in range(40):
        phase.advance(index)
        decay = min(0.9, (1 + index) / (10 + index))
        kept = [decay * mean + (1 - decay) * now for mean, now in zip(kept, weights(phase), strict=True)]
    own = weights(phase)
    with phase.kept():
        assert all(torch.allclose(one, two) for one, two in zip(weights(phase), kept, strict=True))
    assert all(torch.equal(one, two) for one, two in zip(weights(phase), own, strict=True))
    assert phase.networks[MODEL].training
    phase.finish()
    assert all(torch.allclose(one, two) for one, two in zip(weights(phase), kept, strict=True))
    assert not any(parameter.requires_grad for parameter in phase.networks[MODEL].parameters())


def test_a_phase_ends_when_it_gets_no_better_and_keeps_the_best():
    phase = Line(TrainingConfig(evaluate_every=5, patience=2), 50, judged=[3.0, 1.0, 2.0, 2.0, 0.5])
    found = []
    phase.evaluate, judge = lambda: (found.append(weights(phase)), judge())[1], phase.evaluate
    assert run(phase) == 20  # best after 10; two more judgements were no better
    assert (phase.best_step, phase.best_value) == (10, 1.0)
    phase.finish()
    assert all(torch.equal(one, two) for one, two in zip(weights(phase), found[1], strict=True))


def test_without_music_to_judge_by_nothing_ends_early():
    assert run(Line(TrainingConfig(evaluate_every=5, patience=1), 30)) == 30


def test_judging_draws_nothing_that_learning_would():
    plain = Line(TrainingConfig())
    judging = Line(TrainingConfig(), judged=[1.0] * 50)
    judging.validate = lambda: float(judging.normal(3, 1).sum())
    for index in range(6):
        plain.advance(index)
        judging.advance(index)
        judging.evaluate()
    assert all(torch.equal(one, two) for one, two in zip(weights(plain), weights(judging), strict=True))


def test_the_discriminator_learns_in_every_so_manieth_step():
    phase = Line(TrainingConfig(discriminator_every=3), 8)
    run(phase)
    assert phase.judge_steps == [0, 3, 6]


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_before_the_weights_change(broken):
    phase = Line(TrainingConfig())
    phase.advance(0)
    before = weights(phase)
    phase.normal = lambda *shape: torch.full(shape, broken)
    with pytest.raises(TrainingDiverged, match=r"line: the gradient of the line's model is .* at step 2"):
        phase.advance(1)
    assert all(torch.equal(one, two) for one, two in zip(weights(phase), before, strict=True))


@pytest.mark.slow
def test_divergence_names_datasets_and_numbers_and_leaves_the_last_good_state(tmp_path, monkeypatch):
    from gen.training.generator import GeneratorTraining

    honest = GeneratorTraining.step

    def poisoned(self, index):
        if index == 4:
            next(self.networks[MODEL].parameters()).data.fill_(math.nan)
        return honest(self, index)

    monkeypatch.setattr(GeneratorTraining, "step", poisoned)
    saving = loop.Saving(tmp_path / "state", steps=1)
    with pytest.raises(TrainingDiverged) as caught:
        train(music(), RUN, 5, tmp_path / "w", saving=saving)
    text = str(caught.value)
    assert text.startswith("generator: ") and "at step 5" in text
    assert "low recording 1 window " in text and "high recording 1 window " in text
    assert len(caught.value.windows) == RUN.generator.batch
    assert not (tmp_path / "w").exists()
    monkeypatch.setattr(GeneratorTraining, "step", honest)
    steps = []
    train(music(), RUN, 5, tmp_path / "w", lambda at: steps.append((at.phase, at.step)), saving=saving)
    assert next(step for step in steps if step[0] == "generator") == ("generator", 5)
    assert (tmp_path / "w").is_file()


def test_settings_must_make_sense():
    for wrong, said in (
        ({"optimiser": "sgd"}, "training.optimiser: must be one of adam, adamw"),
        ({"schedule": "steps"}, "training.schedule"),
        ({"average": 1.0}, "training.average"),
        ({"floor": 0.0}, "training.floor"),
        ({"discriminator_every": 0}, "training.discriminator_every"),
        ({"patience": 3}, "training.patience"),
    ):
        with pytest.raises(ConfigError, match=said):
            TrainingConfig(**wrong)
    with pytest.raises(ConfigError, match=r"generator.betas: must be two numbers"):
        dataclasses.replace(MICRO.generator, betas=(0.9,))
    set_ = dataclasses.replace(MICRO, training=TrainingConfig(optimiser="adam", average=0.999, mixed=True))
    assert Preset.from_dict(set_.to_dict()) == set_
    assert set_.flat()["training.average"] == "0.999"


@pytest.mark.slow
def test_a_board_shows_curves_pictures_and_sounds(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(music(), RUN, 5, tmp_path / "w", board=tmp_path / "board")
    events = EventAccumulator(str(tmp_path / "board"))
    events.Reload()
    tags = events.Tags()
    wanted = {"generator/loss", "generator/validation", "generator/foresight", "generator/rate_judge", "vocoder/loss"}
    assert wanted <= set(tags["scalars"])
    assert {"vocoder/real", "vocoder/made"} <= set(tags["images"]) & set(tags["audio"])
    judged = [point.value for point in events.Scalars("generator/validation")]
    assert len(judged) == 3 and all(math.isfinite(value) for value in judged)


@pytest.mark.slow
def test_tensorboard_is_loaded_only_for_a_board():
    assert "gen.training.board" in sys.modules
    source = sys.modules["gen.training.board"].__file__
    assert source is not None
    import subprocess

    code = "import sys, gen.training.loop; sys.exit('tensorboard' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_in_bfloat16_the_losses_are_nearly_the_same():
    """On the CPU, which has the same autocast as a GPU, though nothing to gain by it."""
    material = gather(music(), RUN, 5)
    losses = [
        [
            phase.advance(index)
            for phase in loop._phases(material, RUN, 5, Team(mixed=mixed))
            for index in range(min(3, phase.steps))
        ]
        for mixed in (False, True)
    ]
    assert losses[0] != losses[1] == pytest.approx(losses[0], rel=0.03)

"""The phase in which a generator learns, with each of its settings."""

import dataclasses
import math

import pytest
import torch
from studio import MICRO, melody

from gen.features import log_mel
from gen.models.latent import latent_of
from gen.models.style import Style
from gen.training import paths
from gen.training.generator import GeneratorTraining
from gen.training.material import Excerpt
from gen.training.paths import pooled_stacks
from gen.training.phase import MODEL
from gen.training.state import RunState, Saving

LABELS = torch.tensor([[1, 0], [2, 1]])


@pytest.fixture(scope="module")
def excerpts():
    made = [torch.from_numpy(melody(4, pitch=110.0 * (style + 1), seed=style).samples[0].copy()) for style in (0, 1)]
    return [Excerpt(one, log_mel(one, MICRO.mel), style, LABELS[style]) for style, one in enumerate(made)]


@pytest.fixture(scope="module")
def latent(excerpts):
    made = latent_of(MICRO.latent, MICRO.rows)
    stacks = pooled_stacks(excerpts, 2, made.stack, torch.Generator().manual_seed(1))
    made.fit(stacks.reshape(len(stacks), made.stack, -1).transpose(1, 2))
    return made


def training(excerpts, latent, sizes=(), **settings):
    preset = dataclasses.replace(MICRO, generator=dataclasses.replace(MICRO.generator, free_every=1, **settings))
    random = torch.Generator().manual_seed(2)
    return GeneratorTraining(excerpts, 2, preset, latent, random, {"validation": excerpts}, label_sizes=sizes)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"backbone": "transformer", "heads": 4, "window": 5, "layers": 2},
        {"discriminator_norm": "batch", "discriminator_kernels": (3, 5)},
        {"perturbation": 0.1},
    ],
    ids=str,
)
@pytest.mark.slow
def test_every_kind_learns(excerpts, latent, settings):
    run = training(excerpts, latent, (3, 2), steps=30, free_from=20, learning_rate=3e-3, **settings)
    before = run.validate()
    losses = [run.step(index).item() for index in range(30)]
    assert all(math.isfinite(loss) for loss in losses)
    assert run.validate() < before
    assert ("generator_perturbed" in run.metrics) == ("perturbation" in settings)
    assert {"generator_adversarial", "generator_matching", "generator_discriminator"} <= run.metrics.keys()


def test_labels_are_heard_and_hidden_as_often_as_is_set(excerpts, latent):
    for hidden, moves in ((0.0, True), (1.0, False)):
        run = training(excerpts, latent, (3, 2), label_dropout=hidden)
        labels = run.networks[MODEL].style.labels
        assert labels.shape == (3, 32)
        run.step(0)
        assert bool(labels.grad.abs().max() > 0) == moves


def test_perturbation_hurts_more_than_noise_of_its_size(excerpts, latent):
    run = training(excerpts, latent)
    points, codes, _, _ = run.deck.draw(2, 24)
    even = Style.of(torch.full((2, 2), 0.5))

    def loss(nudge):
        run.random.manual_seed(3)
        surprise, distance, _ = run.foresee(points, codes, even, nudge=nudge)
        return surprise + 2 * distance

    nothing = torch.zeros_like(points, requires_grad=True)
    (worse,) = torch.autograd.grad(loss(nothing), nothing)
    signs = torch.randn(points.shape, generator=torch.Generator().manual_seed(4)).sign()
    usual, hurt, noisy = (loss(nudge).item() for nudge in (nothing, 0.05 * worse.sign(), 0.05 * signs))
    assert hurt > usual
    assert hurt - usual > 3 * abs(noisy - usual)


def test_what_is_drawn_ahead_changes_no_bit(excerpts, latent):
    """Four steps with stretches drawn in a thread meanwhile, and four with each drawn when it is asked for."""
    found = []
    for at_once in (False, True):
        run = training(excerpts, latent, steps=4, free_from=2)
        if at_once:
            run.drawn = lambda index, run=run: run.deck.draw(index, run.config.length + run.config.free)
        losses = [run.advance(index) for index in range(4)]
        run.finish()
        found.append((losses, run.model.state_dict()))
    assert found[0][0] == found[1][0]
    assert all(torch.equal(tensor, found[1][1][name]) for name, tensor in found[0][1].items())
    again = training(excerpts, latent, steps=4).deck
    assert all(torch.equal(*pair) for pair in zip(again.draw(3, 8), again.draw(3, 8), strict=True))
    assert not torch.equal(again.draw(2, 8)[0], again.draw(3, 8)[0])


def test_a_run_goes_on_where_rounding_finds_other_places(excerpts, latent, tmp_path, monkeypatch):
    """As on another kind of machine: the places are those that the run began with, and the losses go on."""
    state = RunState(Saving(tmp_path), {})
    run = training(excerpts, latent)
    for index in range(3):
        run.advance(index)
    state.write(run, 3)
    went = [run.advance(index) for index in range(3, 6)]
    found = paths.cluster_centres
    monkeypatch.setattr(paths, "cluster_centres", lambda *given: found(*given).flip(0))
    other = training(excerpts, latent)
    assert not torch.equal(other.ground["centres"], run.ground["centres"])
    assert state.restore(other)[0] == 3
    assert [other.advance(index) for index in range(3, 6)] == went
    assert other.validate() == run.validate()

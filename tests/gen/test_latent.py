import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from studio import MICRO, melody

from gen.errors import ConfigError
from gen.generate import Generator
from gen.models.coder import factors
from gen.models.config import LATENTS, LatentConfig
from gen.models.latent import latent_of
from gen.models.linear import principal_components
from gen.models.quantised import QuantisedLatent
from gen.models.vae import divergence, drawn
from gen.request import GenerationRequest
from gen.training.checkpoint import load_checkpoint
from gen.training.initial import initialise
from gen.training.latent import LatentTraining, distance, reconstructed
from gen.training.loop import train
from gen.training.material import Excerpt, StyleCorpus
from gen.training.paths import Atlas

BANDS = 24
ALL = LatentConfig(size=12, stack=6, channels=16, batch=2, length=8)
KINDS = {kind: dataclasses.replace(ALL, kind=kind) for kind in LATENTS}


def random(seed=0):
    return torch.Generator().manual_seed(seed)


def music(count, steps, seed=0):
    """Log-mel frames (count, BANDS, steps) with a few chords that fade, and some noise."""
    chords = torch.rand(5, BANDS, generator=random(7)) * 4 - 6
    chosen = torch.randint(5, (count, -(-steps // 8)), generator=random(seed)).repeat_interleave(8, dim=1)[:, :steps]
    fading = torch.arange(steps) % 8 * 0.2
    frames = chords[chosen].transpose(1, 2) - fading
    return frames + 0.1 * torch.randn(frames.shape, generator=random(seed + 1))


@pytest.fixture(params=LATENTS)
def latent(request):
    made = latent_of(KINDS[request.param], BANDS)
    initialise(made, random(3))
    made.fit(music(300, ALL.stack))
    with torch.no_grad():
        for half in (getattr(made, name, None) for name in ("encoder", "decoder")):
            if half is not None:
                half.last.weight.mul_(100)  # as if it had learnt: not the straight path alone
    return made.eval()


def test_principal_components_span_the_data():
    plane = torch.randn(200, 2, generator=random()) @ torch.randn(2, 7, generator=random(1)) + 3
    mean, basis = principal_components(plane, 2)
    assert torch.allclose(basis @ basis.T, torch.eye(2), atol=1e-5)
    assert torch.allclose((plane - mean) @ basis.T @ basis + mean, plane, atol=1e-4)


def test_linear_frames_and_points_are_two_views_of_one_thing():
    latent = latent_of(MICRO.latent, MICRO.rows)
    latent.fit(torch.randn(600, MICRO.rows, MICRO.latent.stack, generator=random()) * 3 - 2)
    points = torch.randn(2, 5, MICRO.latent.size, generator=random())
    frames = latent.decode(points)
    assert frames.shape == (2, MICRO.rows, 5 * MICRO.latent.stack)
    assert torch.allclose(latent.encode(frames), points, atol=1e-4)


@pytest.mark.parametrize("steps", [0, 1, 5, 6, 7, 12, 41])
def test_what_fills_no_stack_is_left_out(latent, steps):
    frames = music(2, max(steps, 1))[..., :steps]
    points = latent.encode(frames)
    assert points.shape == (2, steps // 6, 12)
    if steps >= 6:
        assert latent.decode(points).shape == (2, BANDS, steps // 6 * 6)
    kept = latent.encode(frames[..., : steps // 6 * 6])
    assert torch.equal(points, kept)


def test_the_same_frames_give_the_same_points(latent):
    frames = music(2, 60)
    torch.manual_seed(1)
    first = latent.encode(frames)
    torch.manual_seed(2)
    assert torch.equal(latent.encode(frames), first)
    assert torch.equal(latent.decode(first), latent.decode(first))


@pytest.mark.parametrize("cuts", [[40], [1] * 40, [7, 1, 1, 20, 11], [39, 1]])
def test_decoding_in_parts_is_decoding_the_whole(latent, cuts):
    points = torch.randn(2, 40, 12, generator=random())
    parts = list(latent.stream(points.split(cuts, dim=1)))
    assert torch.allclose(torch.cat(parts, dim=-1), latent.decode(points), atol=1e-5)


def test_parts_come_as_soon_as_they_are_certain(latent):
    asked = []

    def told():
        for number, part in enumerate(torch.randn(1, 40, 12, generator=random()).split(1, dim=1)):
            asked.append(number)
            yield part

    next(latent.stream(told()))
    assert len(asked) == latent.context + 1


def test_the_context_is_what_frames_depend_on_and_no_less(latent):
    points = torch.randn(1, 41, 12, generator=random())
    changed = points.clone()
    changed[:, 20] += 1
    differs = (latent.decode(points) - latent.decode(changed)).abs().amax(dim=(0, 1)) > 1e-7
    moved = differs.reshape(41, 6).any(dim=1).nonzero().flatten()
    assert moved.tolist() == list(range(20 - latent.context, 21 + latent.context))


@pytest.mark.parametrize(("stack", "blocks"), [(1, 1), (2, 3), (5, 1), (6, 2), (8, 1), (12, 1)])
def test_points_depend_on_no_frames_beyond_the_context(stack, blocks):
    latent = latent_of(dataclasses.replace(KINDS["vae"], stack=stack, blocks=blocks), BANDS)
    initialise(latent, random())
    frames = music(1, 41 * stack)
    changed = frames.clone()
    changed[..., 20 * stack : 21 * stack] += 1
    moved = (latent.encode(frames) - latent.encode(changed)).abs().amax(dim=(0, 2)).gt(1e-7).nonzero().flatten()
    assert moved.min() >= 20 - latent.context and moved.max() <= 20 + latent.context


def test_nothing_is_made_of_no_parts(latent):
    assert list(latent.stream([])) == []


def test_the_ends_of_an_interpolation_are_exact(latent):
    one, other = (latent.encode(music(2, 60, seed)) for seed in (1, 5))
    assert torch.equal(latent.interpolate(one, other, 0.0), one)
    assert torch.equal(latent.interpolate(one, other, 1.0), other)
    assert torch.allclose(latent.interpolate(one, one, 0.3), one, atol=1e-6)
    shares = torch.linspace(0, 1, 10)[:, None]
    fade = latent.interpolate(one, other, shares)
    assert torch.equal(fade[:, 0], one[:, 0]) and torch.equal(fade[:, -1], other[:, -1])
    assert torch.isfinite(fade).all()


def test_between_points_of_the_prior_lie_points_as_likely():
    latent = latent_of(dataclasses.replace(KINDS["vae"], size=64, stack=8), BANDS)
    one, other = (torch.randn(50, 64, generator=random(seed)) for seed in (1, 2))
    middle = latent.interpolate(one, other, 0.5)
    assert (middle.norm(dim=1) / one.norm(dim=1)).mean() == pytest.approx(1, abs=0.05)
    assert ((one + other) / 2 / one.norm(dim=1, keepdim=True)).norm(dim=1).mean() < 0.8
    # Opposite points have no arc of their own between them.
    assert torch.isfinite(latent.interpolate(one, -one, 0.5)).all()


def test_the_divergence_is_that_of_a_monte_carlo_estimate():
    mean, variance = torch.tensor([[[0.7, -1.2, 0.0]]]), torch.tensor([[[-1.0, 0.5, 0.0]]])
    noise = torch.randn(400_000, 1, 3, generator=random())
    points = drawn(mean, variance, noise)
    posterior = torch.distributions.Normal(mean, (variance / 2).exp())
    prior = torch.distributions.Normal(0.0, 1.0)
    estimate = (posterior.log_prob(points) - prior.log_prob(points)).mean(dim=0)
    assert torch.allclose(divergence(mean, variance)[0], estimate, atol=5e-3)
    assert divergence(mean, variance)[0, 0, 2] == 0


def test_the_draw_can_be_differentiated():
    mean, variance, noise = (torch.randn(2, 3, 4, generator=random(seed), dtype=torch.float64) for seed in range(3))
    mean.requires_grad_(), variance.requires_grad_()
    assert torch.autograd.gradcheck(lambda m, v: drawn(m, v, noise), (mean, variance))


@given(st.integers(2, 9), st.integers(0, 2**32))
def test_codes_and_points_of_the_grid_round_trip(levels, seed):
    latent = QuantisedLatent(dataclasses.replace(KINDS["quantised"], levels=levels, channels=2), BANDS)
    codes = torch.randint(levels, (3, 5, 12), generator=random(seed))
    points = latent.points(codes)
    assert torch.equal(latent.codes(points), codes)
    assert points.abs().max() <= 1
    assert torch.equal(latent.codes(points + 0.9 / (levels - 1) * (1 - points.abs())), codes)


def test_encoded_points_lie_on_the_grid_and_others_are_decoded_as_if():
    latent = latent_of(KINDS["quantised"], BANDS)
    initialise(latent, random())
    latent.fit(music(300, 6))
    points = latent.encode(music(2, 60))
    assert torch.allclose(latent.points(latent.codes(points)), points, atol=1e-6)
    beside = points + 0.1 * torch.rand(points.shape, generator=random())
    assert torch.allclose(latent.decode(beside), latent.decode(points), atol=1e-5)
    assert torch.allclose(latent.decode(points * 0 + 7), latent.decode(points * 0 + 1), atol=1e-5)


def test_gradients_pass_the_grid():
    latent = latent_of(KINDS["quantised"], BANDS)
    initialise(latent, random())
    latent.fit(music(300, 6))
    points = torch.randn(1, 4, 12, generator=random()).requires_grad_()
    latent.decode(points).square().sum().backward()
    assert (points.grad.abs() > 0).all()
    latent.decode(latent.encode(music(1, 24))).sum().backward()
    assert latent.encoder.straight.weight.grad.abs().sum() > 0


def test_the_use_of_the_grid_is_between_one_value_and_all():
    latent = latent_of(KINDS["quantised"], BANDS)
    assert latent.use(torch.full((2, 9, 12), 4)).item() == pytest.approx(1 / 9)
    assert latent.use(torch.arange(9)[None, :, None].expand(1, 9, 12)).item() == pytest.approx(1)


@pytest.mark.parametrize("stack", [1, 2, 6, 7, 8, 12, 30])
def test_factors_multiply_to_the_stack(stack):
    assert math.prod(factors(stack)) == stack
    assert all(factors(factor) == [factor] for factor in factors(stack))


@pytest.mark.parametrize(("kind", "cost"), [("vae", 1.1), ("quantised", 1.4)])
def test_networks_begin_as_principal_components(kind, cost):
    frames = music(4, 400).unfold(2, 6, 1).transpose(1, 2).flatten(0, 1)
    linear, begun = latent_of(KINDS["linear"], BANDS), latent_of(KINDS[kind], BANDS)
    initialise(begun, random())
    for latent in (linear, begun):
        latent.fit(frames)
    plain, found = ((reconstructed(latent, frames) - frames).abs().mean().item() for latent in (linear, begun))
    assert found < cost * plain


def test_what_is_saved_is_what_is_read(latent, tmp_path):
    from safetensors.torch import load_file, save_file

    save_file(latent.state_dict(), tmp_path / "latent")
    other = latent_of(
        next(config for config in KINDS.values() if type(latent_of(config, BANDS)) is type(latent)), BANDS
    )
    other.load_state_dict(load_file(tmp_path / "latent"))
    points = latent.encode(music(1, 60))
    assert torch.equal(other.encode(music(1, 60)), points)
    assert torch.equal(other.decode(points), latent.decode(points))


def preset_of(config):
    return dataclasses.replace(MICRO, mel=dataclasses.replace(MICRO.mel, bands=BANDS), latent=config)


def training(kind, steps, seed=1, heard=200, **settings):
    config = dataclasses.replace(KINDS[kind], steps=steps, learning_rate=1e-2, **settings)
    excerpts = [Excerpt(torch.zeros(1), frames, 0, torch.zeros(0)) for frames in music(2, heard)]
    return LatentTraining(excerpts, 1, preset_of(config), random(seed), {"validation": excerpts})


@pytest.mark.parametrize("kind", ["vae", "quantised"])
@pytest.mark.slow
def test_a_few_seconds_of_learning_bring_frames_nearer(kind):
    # Two coordinates: principal components, with which it begins, cannot tell the chords apart, networks can.
    run = training(kind, 40, heard=48, size=2, channels=32, levels=16, divergence=0.003)
    before = run.validate()
    for index in range(40):
        run.advance(index)
    run.finish()
    assert run.results()["validation_reconstruction"] < 0.6 * before
    assert set(run.metrics) == {"latent_distance", {"vae": "latent_divergence", "quantised": "latent_use"}[kind]}
    assert not any(parameter.requires_grad for parameter in run.model.parameters())


def test_what_learns_no_more_stays_as_it_is():
    run = training("vae", 1)
    run.finish()
    before = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
    initialise(torch.nn.Sequential(run.model, torch.nn.Linear(3, 3)), random(9))
    assert all(torch.equal(tensor, before[name]) for name, tensor in run.model.state_dict().items())


@pytest.mark.parametrize("kind", LATENTS)
def test_places_are_found_in_any_space(kind):
    run = training(kind, 1, heard=100)
    run.finish()
    excerpts = run.aside["validation"]
    atlas = Atlas(excerpts, 1, preset_of(KINDS[kind]), run.model, random())
    assert [len(path.points) for path in atlas.paths] == [100 // 6 - 1] * 12
    shifted = run.model.encode(excerpts[1].frames[None, :, 2:92])
    assert torch.allclose(atlas.paths[8].points, shifted[0], atol=1e-5)
    assert 2 <= len(atlas.places) <= MICRO.generator.codes
    # At each of its places, music sounds about as it does there on average.
    spread = torch.cat([path.points for path in atlas.paths]).std(dim=0).norm()
    away = torch.cat([path.points - atlas.places[path.codes] for path in atlas.paths]).norm(dim=1).mean()
    assert away < 0.8 * spread
    model = atlas.model(1, (), random())
    assert torch.equal(model.latent.encode(excerpts[1].frames[None, :, 2:92]), shifted)


@pytest.mark.parametrize("kind", ["vae", pytest.param("quantised", marks=pytest.mark.slow)])
def test_recordings_become_music_by_way_of_any_space(kind, tmp_path):
    latent = dataclasses.replace(KINDS[kind], stack=4, steps=2)
    preset = dataclasses.replace(MICRO, latent=latent)
    phases = []
    result = train(
        [StyleCorpus.of("a", [melody(12)])], preset, 1, tmp_path / "w", lambda told: phases.append(told.phase)
    )
    assert phases.count("latent") == 2
    assert {"latent_distance", "validation_reconstruction"} <= result.metrics.keys()
    found = load_checkpoint(result.weights)
    assert found.generator.latent.stack == 4
    made = Generator.load(result.weights).render(GenerationRequest(30000, 3)).waveform
    assert made.frames == 30000 and np.isfinite(made.samples).all() and np.abs(made.samples).max() > 0


@pytest.mark.parametrize("kind", LATENTS)
def test_the_same_seed_learns_the_same(kind):
    runs = [training(kind, 3, seed) for seed in (1, 1, 2)]
    for run in runs:
        torch.manual_seed(id(run) % 1000)
        for index in range(run.steps):
            run.advance(index)
    first, again, other = (torch.cat([t.flatten() for t in run.model.state_dict().values()]) for run in runs)
    assert torch.equal(first, again)
    assert kind == "linear" or not torch.equal(first, other)
    assert (runs[0].steps == 0) == (kind == "linear")


def test_nats_below_the_free_ones_cost_nothing():
    run = training("vae", 1, free_nats=50.0)
    _, cost = run._through(music(2, 48))
    assert cost.item() == pytest.approx(0.1 * 50 * 12 / (6 * BANDS))


def test_distance_hears_what_lasts():
    real = torch.zeros(1, 4, 32)
    flicker = torch.where(torch.arange(32) % 2 == 0, 1.0, -1.0).expand(1, 4, 32)
    assert distance(real, flicker) == pytest.approx(1 / 3)
    assert distance(real, real + 1) == pytest.approx(1)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"kind": "cubic"}, "latent.kind: must be one of linear, vae, quantised"),
        ({"stack": 0}, "latent.stack"),
        ({"levels": 1}, "latent.levels"),
        ({"divergence": -1.0}, "latent.divergence"),
        ({"learning_rate": 0.0}, "latent.learning_rate"),
        ({"betas": (0.9,)}, "latent.betas"),
    ],
)
def test_settings_that_make_no_sense_are_refused(values, said):
    with pytest.raises(ConfigError, match=said):
        LatentConfig(**values)

"""Learning on another device than the processor, without having one.

Tensors on torch's "meta" device have a shape and a device and no numbers; torch refuses to let them meet tensors of
the processor, as it does with a GPU's.
"""

import dataclasses
import os

import pytest
import torch
from studio import MICRO, melody
from torch import nn

from gen.config import RATE
from gen.features import log_mel
from gen.generate import GenerationRequest, Generator
from gen.likelihood import log_likelihood
from gen.models.backbone import backbone_of
from gen.models.config import LatentConfig
from gen.models.latent import latent_of
from gen.models.stereo import Stage, stereo_frames
from gen.models.style import Style
from gen.models.vocoders import make_vocoder
from gen.repeatable import repeatable
from gen.sampling import beginning
from gen.training.generator import GeneratorTraining
from gen.training.initial import initialise
from gen.training.latent import LatentTraining
from gen.training.material import Excerpt
from gen.training.team import Team
from gen.training.vocoder import VocoderTraining

AWAY = Team(device="meta")
BACKBONES = ("lstm", "transformer")


def random():
    return torch.Generator().manual_seed(1)


@pytest.fixture(scope="module")
def excerpts():
    made = [torch.from_numpy(melody(4, pitch=110.0 * (style + 1)).samples[0].copy()) for style in (0, 1)]
    return [Excerpt(one, log_mel(one, MICRO.mel), style, torch.tensor([style])) for style, one in enumerate(made)]


def preset(kind="linear", **settings):
    latent = LatentConfig(kind=kind, stack=2, size=16, channels=8, steps=1, batch=2, length=8)
    generator = dataclasses.replace(MICRO.generator, heads=4, window=5, **settings)
    return dataclasses.replace(MICRO, latent=latent, generator=generator)


@pytest.mark.parametrize("kind", ["vae", "quantised"])
def test_a_latent_space_learns_there(excerpts, kind):
    run = LatentTraining(excerpts, 2, preset(kind), random(), team=AWAY)
    made, cost = run._through(AWAY.mine(run._stretches(0)))
    (made.mean() + cost).backward()
    assert {p.grad.device.type for p in run.model.parameters()} == {"meta"}


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("kind", ["linear", "vae", "quantised"])
@pytest.mark.slow
def test_a_generator_learns_there(excerpts, kind, backbone):
    settled = preset(kind, backbone=backbone)
    latent = LatentTraining(excerpts, 2, settled, random()).model.requires_grad_(False)
    run = GeneratorTraining(excerpts, 2, settled, latent, random(), label_sizes=(2,))
    points, codes, styles, labels = run.deck.draw(0, 12)
    wanted = run._blend(nn.functional.one_hot(styles, 2).float()), run._labelled(labels)
    run.team = AWAY
    run.model.to("meta")
    run.judge.to("meta")
    points, codes, style = AWAY.mine(points), AWAY.mine(codes), Style(*map(AWAY.mine, wanted))
    surprise, distance, start = run.foresee(points[:, :8], codes[:, :8], style, points.std(dim=(0, 1), keepdim=True))
    loss = surprise + distance + run._play(points[:, 8:], style, start, judge_learns=False)
    loss.backward()
    assert loss.device.type == run.model.places.grad.device.type == "meta"
    assert beginning(run.model, style).past.held.device.type == "meta"
    assert log_likelihood(run.model, style, points, codes).device.type == "meta"


@pytest.mark.parametrize(
    "settings",
    [{"kind": "istft"}, {"kind": "istft", "upsample": (2,)}, {"kind": "backbone", "objective": "hifigan"}],
    ids=str,
)
def test_a_vocoder_learns_and_is_judged_there(excerpts, settings):
    names = {"adversarial": 1.0, "discriminators": ("period", "spectrum", "scale"), "discriminator_channels": 4}
    vocoder = dataclasses.replace(MICRO.vocoder, **names, **settings)
    run = VocoderTraining(excerpts, dataclasses.replace(MICRO, vocoder=vocoder), random())
    run.team = AWAY
    run.model.to("meta")
    run.judge.to("meta")
    real = AWAY.mine(run._segments(0))
    made, magnitude = run.model.made(log_mel(real, MICRO.mel))
    real = real[:, : made.shape[-1]]
    loss = run._distance(real, made, magnitude) + run._judged(run.judge, real, made, judge_learns=False)
    loss.backward()
    assert {p.grad.device.type for p in run.model.parameters()} == {"meta"}
    assert run.model.mid(log_mel(real, MICRO.mel), random()).device.type == "meta"


def test_stereo_is_placed_there():
    samples = torch.zeros(1, 2, 8192, device="meta")
    cues = stereo_frames(samples, MICRO.mel)[:, MICRO.mel.bands :]
    assert Stage(MICRO.mel).spread(samples[:, 0], cues).shape == samples.shape


def test_the_lstm_is_exact_where_others_multiply_in_bfloat16():
    made = backbone_of(MICRO.generator, latent_of(MICRO.latent, MICRO.rows), 2, 8)
    initialise(made, random())
    style = Style.of(torch.tensor([[0.5, 0.5]]))
    heard = torch.randn(1, 4, MICRO.generator.hidden, generator=random()).bfloat16()
    plain, _ = made.listen(heard.float(), made.begin(style))
    with Team(mixed=True).precision():
        mixed, state = made.listen(heard, tuple(part.detach() for part in made.begin(style)))
    assert mixed.dtype == torch.float32
    assert {part.dtype for part in state} == {torch.float32}
    # What differs is the first state alone, which a layer in bfloat16 gave.
    torch.testing.assert_close(mixed, plain, atol=2e-3, rtol=0)


@pytest.mark.parametrize("kind", ["istft", "backbone"])
def test_what_a_vocoder_does_not_learn_is_exact_there_too(kind):
    vocoder = make_vocoder(dataclasses.replace(MICRO.vocoder, kind=kind), MICRO.mel)
    nn.init.zeros_(vocoder.head.weight)
    nn.init.zeros_(vocoder.head.bias)
    frames = torch.randn(1, MICRO.mel.bands, 20, generator=random()) - 4
    plain = vocoder.spectrum(frames)
    with Team(mixed=True).precision():
        mixed = vocoder.spectrum(frames)
    for one, other in zip(plain, mixed, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(("before", "during"), [(None, ":4096:8"), (":16:8", ":16:8")])
def test_cublas_is_told_to_work_in_one_workspace(monkeypatch, before, during):
    """Nothing here can see what it does on a GPU; that it is told so is what can be seen."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", before or "")
    if before is None:
        monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    with repeatable():
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == during


@pytest.mark.parametrize("kind", ["istft", "backbone"])
@pytest.mark.parametrize("latent", ["linear", "vae"])
def test_music_is_rendered_there_from_points_made_here(latent, kind):
    settled = preset(latent)
    space = latent_of(settled.latent, settled.rows)
    model = backbone_of(settled.generator, space, 2, 8).eval()
    initialise(model, random())
    vocoder = make_vocoder(dataclasses.replace(settled.vocoder, kind=kind), MICRO.mel)
    made = Generator(settled, ("a", "b"), model, vocoder, "meta")
    performance = made.stream(GenerationRequest(3 * RATE, 1))
    # Numbers never come back from there.
    given = [piece for piece in performance._pieces if piece.shape[-1] > 0]
    assert {piece.device.type for piece in given} == {"meta"}
    assert sum(piece.shape[-1] for piece in given) >= 3 * RATE
    assert sum(performance.attention) == pytest.approx(1)
    assert {part.device.type for part in made._generator.state_dict().values()} == {"cpu"}
    assert {part.device.type for part in made._decoder.state_dict().values()} == {"meta"}

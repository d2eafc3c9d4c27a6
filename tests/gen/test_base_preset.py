"""The preset `base`: what it promises, and that it learns at all."""

import dataclasses
import math

import pytest
from studio import melody

from gen.generate import GenerationRequest, Generator
from gen.models.latent import latent_of
from gen.preset import load_preset
from gen.training.loop import StyleCorpus, train

BASE = load_preset("base")


def test_base_is_the_machine_as_it_was_designed():
    generator = BASE.generator
    assert (generator.backbone, generator.layers, generator.hidden, generator.style_size) == ("lstm", 3, 256, 128)
    assert (generator.batch, generator.learning_rate, generator.betas[0]) == (32, 2e-4, 0.5)
    assert set(generator.discriminator_kernels) <= {3, 4, 5} and generator.discriminator_dropout == 0.2
    assert BASE.latent.stack == 8 and BASE.latent.kind == "vae"


def test_no_stretch_goes_over_the_end_of_a_window_to_its_beginning():
    generator, latent = BASE.generator, latent_of(BASE.latent, BASE.rows)
    frames = 1 + int(BASE.segment.seconds * 44100) // BASE.mel.hop
    points = generator.length + generator.free + 2 * latent.context
    # And a stretch may begin at any frame of a point.
    assert frames >= (points + 1) * latent.stack - 1
    assert frames >= BASE.latent.length * latent.stack


def few(backbone):
    return dataclasses.replace(
        BASE,
        latent=dataclasses.replace(BASE.latent, steps=2, batch=4),
        generator=dataclasses.replace(BASE.generator, backbone=backbone, steps=3, free_from=2, free_every=1),
        vocoder=dataclasses.replace(BASE.vocoder, steps=2, batch=1),
    )


def learns_and_plays(preset, path):
    styles = [StyleCorpus.of("low", [melody(40, pitch=110)]), StyleCorpus.of("high", [melody(40, pitch=440, seed=1)])]
    result = train(styles, preset, 7, path)
    assert all(math.isfinite(value) for value in result.metrics.values())
    assert {"generator_perturbed", "generator_adversarial", "validation_foresight"} <= result.metrics.keys()
    made = Generator.load(path).render(GenerationRequest(44100, 3, (1.0, 0.0)))
    assert made.waveform.frames == 44100
    assert made.attention == (1.0, 0.0)
    return result


@pytest.mark.slow
def test_base_takes_some_steps_and_plays(tmp_path):
    assert "vocoder_adversarial" in learns_and_plays(few("lstm"), tmp_path / "w").metrics


@pytest.mark.slow
def test_base_walks_with_a_transformer_too(tmp_path):
    preset = few("transformer")
    unjudged = dataclasses.replace(preset.vocoder, adversarial=0.0)  # which the backbone changes nothing about
    learns_and_plays(dataclasses.replace(preset, vocoder=unjudged), tmp_path / "w")

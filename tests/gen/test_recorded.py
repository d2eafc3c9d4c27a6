"""Steps that are recorded on a GPU. Nothing here runs without one."""

import dataclasses
import gc

import pytest
import torch
from studio import MICRO, melody

from gen.errors import TrainingDiverged
from gen.features import log_mel
from gen.repeatable import repeatable
from gen.training.material import Excerpt
from gen.training.recorded import Recorded
from gen.training.team import Team
from gen.training.vocoder import VocoderTraining

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
GPU = Team(device="cuda")
KINDS = {
    "istft": {},
    "backbone": {"kind": "backbone", "blocks": 2, "objective": "hifigan"},
    "hifigan": {"kind": "hifigan", "variant": "v3", "objective": "hifigan", "segment": 8192},
}


def training(kind, team=GPU, **settings):
    chosen = {
        "steps": 100,
        "adversarial": 1.0,
        "adversarial_from": 6,
        "discriminators": ("period", "scale", "spectrum"),
        "discriminator_channels": 4,
    }
    preset = dataclasses.replace(
        MICRO,
        vocoder=dataclasses.replace(MICRO.vocoder, **chosen | KINDS[kind]),
        training=dataclasses.replace(MICRO.training, discriminator_every=2, average=0.9, **settings),
    )
    sound = torch.from_numpy(melody(4).samples[0].copy())
    excerpt = Excerpt(sound, log_mel(sound, MICRO.mel), 0, torch.zeros(0, dtype=torch.long))
    return VocoderTraining([excerpt], preset, torch.Generator().manual_seed(1), team=team)


def weights(run):
    return [tensor.cpu() for tensor in (*run.average.values(), *run.judge.state_dict().values())]


@pytest.mark.parametrize("kind", KINDS)
def test_a_recorded_step_learns_what_it_learns_unrecorded(kind):
    """With the discriminator and without, when it learns and when not: each is recorded by itself, in 24 steps."""
    found = []
    with repeatable(strict=False), torch.backends.cudnn.flags(allow_tf32=False):
        for plain in (True, False):
            run = training(kind)
            assert isinstance(run.learn, Recorded)
            if plain:
                run.learn = run._learn
            losses = [run.advance(index) for index in range(24)]
            if not plain:
                assert set(run.learn._recordings) == {(False, False), (True, True), (True, False)}
            found.append((losses, run.metrics, weights(run)))
    (losses, metrics, kept), (recorded, figures, own) = found
    assert recorded == pytest.approx(losses, rel=2e-3)
    assert figures == pytest.approx(metrics, rel=5e-3)
    assert all(torch.allclose(one, two, atol=2e-3, rtol=1e-2) for one, two in zip(kept, own, strict=True))


def test_it_learns_as_on_the_processor():
    """But for rounding; later on, what two networks make of each other goes its own way."""
    with repeatable(strict=False), torch.backends.cudnn.flags(allow_tf32=False):
        losses = [[run.advance(i) for i in range(8)] for run in (training("hifigan", Team()), training("hifigan"))]
    assert losses[1] == pytest.approx(losses[0], rel=1e-2)


def test_a_gradient_that_is_no_number_is_noticed_in_a_replay():
    run = training("hifigan")
    for index in range(30):
        run.advance(index)
    assert run.learn._recordings
    segments = run._segments
    run._segments = lambda index: segments(index).mul_(float("nan"))
    with pytest.raises(TrainingDiverged, match=r"vocoder: the gradient of the vocoder's .* at step 31"):
        run.advance(30)


def test_rates_fall_in_replays_too():
    """With a rate of nothing, weights stay."""
    run = training("hifigan", schedule="constant", warmup=0)
    for index in range(30):
        run.advance(index)
    before = [parameter.detach().clone() for parameter in run.model.parameters()]
    run._rates = dict.fromkeys(run._rates, 0.0)
    run.advance(30)
    assert all(torch.equal(one, two) for one, two in zip(run.model.parameters(), before, strict=True))
    run._rates = dict.fromkeys(run._rates, 1e-3)
    run.advance(31)
    assert not all(torch.equal(one, two) for one, two in zip(run.model.parameters(), before, strict=True))


def test_a_recording_that_nobody_holds_any_more_does_not_end_another():
    """As one in a cycle, which is collected at whatever moment, may while another is being made."""

    def collected(batch):
        gc.collect()
        return 2 * batch

    batch = torch.arange(3.0, device="cuda")
    before, now = Recorded(torch.neg), Recorded(collected)
    for _ in range(5):
        before(batch)
    for _ in range(3):
        now(batch)
    before.itself = before
    del before
    assert torch.equal(now(batch), 2 * batch)
    assert now._recordings

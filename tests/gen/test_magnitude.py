import pytest
import torch

from gen.config import MelConfig
from gen.models import magnitude
from gen.models.magnitude import bins_heard, magnitude_from_mel

CONFIGS = [MelConfig(), MelConfig(window=1024, hop=256, bands=80, lowest=0, highest=8000)]


def bands(config, frames, batch=1):
    random = torch.Generator().manual_seed(frames)
    return (2 * torch.randn(batch, config.bands, frames, generator=random) - 3).exp()


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("frames", [1, 95, 96, 200])
def test_a_processor_and_a_gpu_find_the_same_numbers(config, frames):
    """In whichever order they sum: what follows peaks adds up what their heights say."""
    mel = bands(config, frames)
    found = magnitude_from_mel(mel, config)
    wanted = torch.empty(frames, bins_heard(config))
    magnitude._explained_together(mel[0].double(), config, 4, wanted)
    assert float((wanted != found[0, : bins_heard(config)].T).float().mean()) < 1e-5
    assert found.dtype == torch.float32 and float(found.min()) == pytest.approx(1e-5)
    assert torch.equal(found[:, bins_heard(config) :].unique(), torch.tensor([1e-5]))


def test_rows_of_a_batch_are_alone():
    mel = bands(CONFIGS[0], 30, batch=3)
    found = magnitude_from_mel(mel, CONFIGS[0])
    assert torch.equal(torch.cat([magnitude_from_mel(row[None], CONFIGS[0]) for row in mel]), found)
    assert magnitude_from_mel(mel[..., :0], CONFIGS[0]).shape == (3, 1025, 0)


def test_more_updates_come_nearer():
    from gen.features import mel_basis

    mel = bands(CONFIGS[0], 40)
    misfits = []
    for iterations in (0, 1, 4, 16):
        said = mel_basis(CONFIGS[0]) @ magnitude_from_mel(mel, CONFIGS[0], iterations)
        misfits.append(float((said - mel).norm() / mel.norm()))
    assert misfits == sorted(misfits, reverse=True)

import pytest
import torch

from gen.config import MelConfig
from gen.features import mel_basis
from gen.models.framewise import Triangles
from gen.models.magnitude import bins_heard
from gen.models.refinement import pulled_alone, pulled_together, refine_phase

MEL = MelConfig()


def drawn(*shape, seed):
    return torch.randn(*shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("banded", [True, False])
def test_frames_are_pulled_as_on_a_gpu(banded):
    """Two in a batch, the first iteration and a later one; what lies above the bins asked for stays nothing."""
    count, frames = bins_heard(MEL), 9
    basis = mel_basis(MEL)[:, :count]
    found, before = (drawn(2, frames, count, seed=seed).transpose(1, 2) for seed in (1, 2))
    magnitude = drawn(2, count, frames, seed=3).abs()
    bands = (basis @ drawn(2, count, frames, seed=4).abs(), basis) if banded else None
    for last in (None, before):
        shape = (2, frames, MEL.window // 2 + 1)
        made = [torch.zeros(shape, dtype=torch.complex64).transpose(1, 2) for _ in range(2)]
        for pull, each in zip((pulled_alone, pulled_together), made, strict=True):
            pull(found, last, magnitude, bands, each)
        assert torch.allclose(*made, rtol=1e-4, atol=1e-5)
        assert made[0][:, :count].abs().min() > 0
        assert made[0][:, count:].abs().max() == 0


@pytest.mark.parametrize("bands", [20, 128])
def test_triangles_are_the_bands(bands):
    basis = mel_basis(MelConfig(bands=bands)).numpy()
    lower, weights = Triangles.of(basis)
    found = torch.zeros(bands + 2, basis.shape[1])
    place = torch.arange(basis.shape[1])
    for part, row in enumerate(weights):
        found[torch.from_numpy(lower) + part, place] += torch.from_numpy(row)
    assert torch.equal(found[1:-1], torch.from_numpy(basis))
    assert not found[[0, -1]].any()


def test_other_frames_than_the_samples_have_are_refused():
    bins = drawn(1, 9, 65, seed=1).transpose(1, 2)
    assert torch.isfinite(refine_phase(bins, 128, 32, 2, 8 * 32)).all()
    with pytest.raises(ValueError, match="bins: 160 samples have 6 frames, not 9"):
        refine_phase(bins, 128, 32, 2, 160)

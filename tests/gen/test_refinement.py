import pytest
import torch

from gen.compiled_refinement import suits
from gen.config import MelConfig
from gen.features import mel_basis
from gen.models.framewise import Triangles
from gen.models.magnitude import bins_heard
from gen.models.refinement import refine_phase, refined_together

MEL = MelConfig()


def drawn(*shape, seed):
    return torch.randn(*shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("banded", [True, False])
@pytest.mark.parametrize("iterations", [1, 3])
@pytest.mark.parametrize(("frames", "hop"), [(4, 512), (15, 512), (16, 512), (33, 256), (6, 1024)])
@pytest.mark.parametrize("count", [bins_heard(MEL), 1025])
def test_phases_are_refined_as_on_a_gpu(count, frames, hop, iterations, banded):
    """Two in a batch, of which frames fill a group and do not: each sample, at the ends too."""
    basis = mel_basis(MEL)[:, :count]
    bins = drawn(2, frames, count, seed=1).transpose(1, 2)
    bands = (basis @ drawn(2, count, frames, seed=4).abs(), basis) if banded else None
    assert suits(MEL.window, hop, (frames - 1) * hop, frames)
    found = refine_phase(bins, MEL.window, hop, iterations, (frames - 1) * hop, bands)
    wanted = refined_together(bins, MEL.window, hop, iterations, (frames - 1) * hop, bands)
    assert torch.allclose(found, wanted, rtol=0, atol=1e-5 * float(wanted.abs().max()))
    alone = refine_phase(bins[1:], MEL.window, hop, iterations, (frames - 1) * hop, bands and (bands[0][1:], basis))
    assert torch.equal(found[1:], alone)


def test_bands_of_other_bins_are_refused():
    bins, basis = drawn(1, 4, 744, seed=1).transpose(1, 2), mel_basis(MEL)[:, :744]
    mel = basis @ drawn(1, 744, 4, seed=4).abs()
    for bands in ((mel, mel_basis(MEL)), (mel[:, :64], basis), (mel[..., :3], basis)):
        with pytest.raises(ValueError, match=r"bands: .* are none of bins \(1, 744, 4\)"):
            refine_phase(bins, MEL.window, MEL.hop, 2, 3 * MEL.hop, bands)


def test_what_is_compiled_asks_for_its_window():
    assert suits(2048, 512, 3 * 512, 4)
    for other in ((1024, 256, 3 * 256, 4), (2048, 500, 1500, 4), (2048, 64, 31 * 64, 32), (2048, 512, 1600, 4)):
        assert not suits(*other)
    assert not suits(2048, 512, 2 * 512, 3)  # else a hop is near both ends


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

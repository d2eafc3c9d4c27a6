import torch
from studio import MICRO

from gen.models.latent import latent_of
from gen.models.linear import principal_components


def random(seed=0):
    return torch.Generator().manual_seed(seed)


def test_principal_components_span_the_data():
    plane = torch.randn(200, 2, generator=random()) @ torch.randn(2, 7, generator=random(1)) + 3
    mean, basis = principal_components(plane, 2)
    assert torch.allclose(basis @ basis.T, torch.eye(2), atol=1e-5)
    assert torch.allclose((plane - mean) @ basis.T @ basis + mean, plane, atol=1e-4)


def test_frames_and_points_are_two_views_of_one_thing():
    latent = latent_of(MICRO.latent, MICRO.mel)
    latent.fit(torch.randn(600, MICRO.latent.stack * MICRO.mel.bands, generator=random()) * 3 - 2)
    points = torch.randn(2, 5, MICRO.latent.size, generator=random())
    frames = latent.decode(points)
    assert frames.shape == (2, MICRO.mel.bands, 5 * MICRO.latent.stack)
    assert torch.allclose(latent.encode(frames), points, atol=1e-4)

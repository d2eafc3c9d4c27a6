"""Small untrained generators with every backbone, for the tests of how they walk."""

import torch

from gen.models.backbone import Backbone, backbone_of
from gen.models.config import GeneratorConfig, LatentConfig
from gen.models.latent import latent_of
from gen.models.style import Style
from gen.training.initial import initialise

BACKBONES = ("lstm", "transformer")


def random(seed: int = 0) -> torch.Generator:
    """A generator of random numbers of one's own."""
    return torch.Generator().manual_seed(seed)


def walker(backbone: str, *, codes: int = 10, seed: int = 5, labels: tuple[int, ...] = (), **settings: int) -> Backbone:
    """Two styles, three coordinates; places are apart, and are left about every other step."""
    config = GeneratorConfig(
        **{
            "backbone": backbone, "codes": codes, "hidden": 16, "layers": 2, "heads": 2, "window": 6,
            "style_size": 8, "noise_size": 3, **settings,
        }
    )  # fmt: skip
    latent = latent_of(LatentConfig(stack=2, size=3), 4)
    made = backbone_of(config, latent, 2, codes, labels)
    initialise(made, random(seed))
    with torch.no_grad():
        made.places.normal_(generator=random(6))
        made.embedding.normal_(generator=random(7))
        for layer in (made.choose[-1], made.move[-1], made.enter):
            layer.weight.mul_(3)
    return made.eval()


def asked(*shares: float) -> Style:
    """A row that asks for the first dataset to each share."""
    return Style.of(torch.tensor([[share, 1 - share] for share in shares]))

"""How the latent space learns, before the generator moves through it."""

from collections.abc import Sequence

import torch

from gen.models.latent import latent_of
from gen.models.linear import LinearLatent
from gen.preset import Preset
from gen.training.excerpts import Excerpt
from gen.training.paths import pooled_stacks


class LatentTraining:
    """One run: the latent space, and the figures it reached. A linear one is there at once, without a step."""

    def __init__(self, excerpts: Sequence[Excerpt], styles: int, preset: Preset, random: torch.Generator) -> None:
        """excerpts: what to learn from, at least one of each style."""
        self.model = latent_of(preset.latent, preset.mel)
        self.metrics: dict[str, float] = {}
        if isinstance(self.model, LinearLatent):
            self.model.fit(pooled_stacks(excerpts, styles, self.model.stack, random))

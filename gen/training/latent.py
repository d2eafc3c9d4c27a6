"""How the latent space learns, before the generator moves through it: to say much about frames in few numbers."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor

from gen.loader import Feed
from gen.models.latent import Latent, latent_of
from gen.models.quantised import QuantisedLatent
from gen.models.vae import VariationalLatent, divergence, drawn
from gen.preset import Preset
from gen.training.initial import initialise
from gen.training.material import Excerpt, feed_of
from gen.training.paths import pooled_stacks
from gen.training.phase import MODEL, Examples, Phase
from gen.training.team import ALONE, Team

_SCALES = (1, 4, 16)
"""Frames that are averaged before they are compared: what lasts counts more than how it flickers."""
_SHOWN = 512


class LatentTraining(Phase):
    """The phase in which the latent space learns. A linear one is there at once, without a step."""

    feed: Feed

    def __init__(
        self,
        excerpts: Sequence[Excerpt],
        styles: int,
        preset: Preset,
        random: torch.Generator,
        aside: Mapping[str, Sequence[Excerpt]] = MappingProxyType({}),
        team: Team = ALONE,
    ) -> None:
        """excerpts: what to learn from, at least one of each style. aside: what is judged by, under the names
        "validation" and "test"."""
        config = preset.latent
        super().__init__("latent", 0 if config.kind == "linear" else config.steps, preset.training, random, team)
        self.config, self.aside = config, aside
        self.feed = feed_of(excerpts, config.batch, 0, frames=True)
        self.batch = self.ahead(self.feed)
        self.model = latent_of(config, preset.rows)
        initialise(self.model, random)
        self.model.fit(pooled_stacks(excerpts, styles, config.stack, random))
        if self.steps:
            team.check_batch("latent.batch", config.batch)
            self.learner(MODEL, self.model, config.learning_rate, config.betas)
        else:
            self.networks[MODEL] = self.model.to(team.device)

    def step(self, index: int) -> Tensor:
        """Encode and decode a batch of stretches."""
        frames = self.team.mine(self._stretches(index))
        with self.team.precision():
            made, cost = self._through(frames)
        loss = distance(frames, made.float()) + cost
        self.note(distance=(frames - made).abs().mean())
        self.update(MODEL, loss)
        return loss.detach()

    def _through(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """What becomes of frames (B, bands, T), and what it costs beside the distance."""
        if isinstance(self.model, VariationalLatent):
            mean, variance = (part.float() for part in self.model.posterior(frames))
            noise = self.normal(*mean.shape)
            nats = divergence(mean, variance)
            self.note(divergence=nats.sum(dim=-1).mean())
            # Free bits (Kingma et al. 2016, arXiv:1606.04934, section 4.2), for each coordinate.
            charged = nats.mean(dim=(0, 1)).clamp_min(self.config.free_nats).sum()
            charged = self.config.divergence * charged / (self.model.stack * self.model.bands)
            return self.model.decode(drawn(mean, variance, noise)), charged
        points = self.model.encode(frames)
        if isinstance(self.model, QuantisedLatent):
            self.note(use=self.model.use(self.model.codes(points.detach())))
        return self.model.decode(points), points.new_zeros(())

    def _stretches(self, index: int) -> Tensor:
        """Frames (batch, rows, length * stack); short windows are repeated."""
        frames, length = self.batch(index).frames, self.config.length * self.config.stack
        assert frames is not None  # noqa: S101  (they were asked for)
        frames = frames.repeat(1, 1, -(-length // frames.shape[2]))
        firsts = torch.randint(frames.shape[2] - length + 1, (len(frames),), generator=self.random).tolist()
        return torch.stack([row[:, first : first + length] for row, first in zip(frames, firsts, strict=True)])

    def validate(self) -> float | None:
        """Mean distance of log-mel frames from what was decoded, on music set aside."""
        found = self._distance(self.aside.get("validation", ()))
        return None if math.isnan(found) else found

    def results(self) -> dict[str, float]:
        """The same, at the end, on all music set aside."""
        return {f"{name}_reconstruction": self._distance(excerpts) for name, excerpts in self.aside.items()}

    def examples(self) -> Examples:
        """A stretch of music set aside, and what is left of it."""
        for excerpt in self.aside.get("validation", ()):
            frames = excerpt.frames[None, :, :_SHOWN].to(self.team.device)
            return Examples({"latent/real": frames[0], "latent/decoded": reconstructed(self.model, frames)[0]})
        return Examples()

    def _distance(self, excerpts: Sequence[Excerpt]) -> float:
        total, count = 0.0, 0
        for excerpt in excerpts:
            frames = excerpt.frames[None].to(self.team.device)
            made = reconstructed(self.model, frames)
            total += (frames[..., : made.shape[-1]] - made).abs().sum().item()
            count += made.numel()
        return total / count if count else math.nan


@torch.no_grad()
def reconstructed(latent: Latent, frames: Tensor) -> Tensor:
    """Frames (B, bands, T), T >= stack, to points and back: (B, bands, T // stack * stack)."""
    return latent.decode(latent.encode(frames))


def distance(real: Tensor, made: Tensor) -> Tensor:
    """Mean absolute difference of log-mel frames (B, bands, T), over several scales of time."""
    away = real - made
    scales = [scale for scale in _SCALES if scale <= away.shape[-1]]
    return torch.stack([torch.nn.functional.avg_pool1d(away, scale).abs().mean() for scale in scales]).mean()

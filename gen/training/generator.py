"""How the generator learns: to foresee the next stack of frames, and to fool a discriminator when it runs free."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn

from gen.chance import Chance, draw_chance
from gen.loader import Feed
from gen.models.frame_discriminator import FrameDiscriminator
from gen.models.latent import Latent
from gen.models.style import Style, labelled
from gen.preset import Preset
from gen.primer import heard_before
from gen.sampling import Daring, Start, free_run
from gen.training.initial import initialise
from gen.training.losses import deception_loss, discriminator_loss, statistics_loss
from gen.training.material import Excerpt, feed_of
from gen.training.paths import Atlas, Ground, Path
from gen.training.phase import MODEL, Phase
from gen.training.team import ALONE, Team

_SMOOTHING = 0.05
_STAYS = -1
"""Stands for the next place where none is chosen."""


class Deck:
    """Draws stretches of music as the generator hears it, from the batches that a run learns from.

    What is drawn depends on the batch's number and the seed alone, so that it can be drawn ahead.
    """

    def __init__(self, feed: Feed, atlas: Atlas, seed: int) -> None:
        self.feed, self.atlas, self.seed = feed, atlas, seed

    def draw(self, index: int, steps: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of the batch with this number: points (batch, steps, size), places (batch, steps), styles (batch,), labels
        (batch, fields). A stretch begins at any frame; short windows are repeated.
        """
        batch, latent = self.feed(index), self.atlas.latent
        frames, length = batch.frames, (steps + 2 * latent.context) * latent.stack
        assert frames is not None  # noqa: S101  (they were asked for)
        frames = frames.repeat(1, 1, -(-length // frames.shape[2]))
        random = np.random.default_rng([self.seed, 3, index])
        firsts = random.integers(frames.shape[2] - length + 1, size=len(frames)).tolist()
        heard = torch.stack([row[:, first : first + length] for row, first in zip(frames, firsts, strict=True)])
        # What stands at an edge is encoded with less around it than it had.
        inner = slice(latent.context, latent.context + steps)
        points, codes = (found[:, inner] for found in self.atlas.path_through(heard))
        return points, codes, batch.styles, batch.labels


class GeneratorTraining(Phase):
    """The phase in which the generator learns, and its discriminator with it."""

    def __init__(
        self,
        excerpts: Sequence[Excerpt],
        styles: int,
        preset: Preset,
        latent: Latent,
        random: torch.Generator,
        aside: Mapping[str, Sequence[Excerpt]] = MappingProxyType({}),
        team: Team = ALONE,
        label_sizes: Sequence[int] = (),
    ) -> None:
        """excerpts: what to learn from, at least one of each style. latent: has learnt already. aside: what is judged
        by, under the names "validation" and "test". label_sizes: as Material has them; without, labels are not heard.
        """
        super().__init__("generator", preset.generator.steps, preset.training, random, team)
        self.config, self.styles = preset.generator, styles
        team.check_batch("generator.batch", self.config.batch)
        self.atlas = Atlas(excerpts, styles, preset, latent, random)
        self.deck = Deck(feed_of(excerpts, self.config.batch, 1, frames=True), self.atlas, random.initial_seed())
        self.feed = self.deck.feed
        self.drawn = self.ahead(lambda index: self.deck.draw(index, self.config.length + self.config.free))
        self.model = self.atlas.model(styles, label_sizes, random)
        self.judge = FrameDiscriminator(latent.bands, self.config)
        initialise(self.judge, random)
        self._aside_excerpts = aside
        self.aside = {name: self.atlas.paths_of(excerpts) for name, excerpts in aside.items()}
        self.learner(MODEL, self.model, self.config.learning_rate, self.config.betas)
        self.learner("judge", self.judge, self.config.discriminator_learning_rate, self.config.discriminator_betas)

    @property
    def ground(self) -> dict[str, Tensor]:
        """By what the places are told apart."""
        return self.atlas.ground._asdict()

    @ground.setter
    def ground(self, found: Mapping[str, Tensor]) -> None:
        ground = Ground(**found)
        if all(torch.equal(one, two) for one, two in zip(ground, self.atlas.ground, strict=True)):
            return
        self.atlas.ground = ground
        self.aside = {name: self.atlas.paths_of(excerpts) for name, excerpts in self._aside_excerpts.items()}

    def step(self, index: int) -> Tensor:
        """Foresee a batch of stretches; every so often also run free from where they end."""
        config = self.config
        points, codes, styles, labels = self.drawn(index)
        heard, wanted = points[:, : config.length], points[:, config.length :]
        spread = heard.std(dim=(0, 1), keepdim=True).to(self.team.device)
        asked = self._blend(nn.functional.one_hot(styles, self.styles).float())
        hidden = torch.rand(labels.shape, generator=self.random) < config.label_dropout
        known = self._labelled(labels.masked_fill(hidden, 0))
        heard, wanted, codes, asked, known = (self.team.mine(each) for each in (heard, wanted, codes, asked, known))
        codes, style = codes[:, : config.length], Style(asked, known)
        nudge = torch.zeros_like(heard, requires_grad=config.perturbation > 0)
        foresight, distance, start = self.foresee(heard, codes, style, spread, nudge)
        loss = foresight + 2 * distance
        self.note(foresight=foresight, distance=distance)
        if config.perturbation > 0:
            (worse,) = torch.autograd.grad(loss, nudge, retain_graph=True)
            nudge = config.perturbation * spread * worse.sign()
            foresight, distance, _ = self.foresee(heard, codes, style, spread, nudge)
            loss = (loss + foresight + 2 * distance) / 2
            self.note(perturbed=foresight + 2 * distance)
        if index >= config.free_from and index % config.free_every == 0:
            loss = loss + self._play(wanted, style, start, self.judges_now(index // config.free_every))
        self.update(MODEL, loss)
        return loss.detach()

    def foresee(
        self, points: Tensor, codes: Tensor, style: Style, spread: Tensor | None = None, nudge: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Start]:
        """Surprise at the places (nats per step), distance of the points; and where a free run can go on from.

        points (B, T, size), codes (B, T). spread: of the coordinates (1, 1, size), to learn: with noise on the past and
        dropout. nudge: is added to the points of the past, (B, T, size).
        """
        model, config = self.model, self.config
        batch, steps, _ = points.shape
        past, held, last = heard_before(model, points, codes)
        if nudge is not None:
            past = past._replace(points=past.points + nudge)
        keep = None
        if spread is not None:
            past = past._replace(points=past.points + config.noise * spread * self.normal(*past.points.shape))
            share = 1 - config.dropout
            keep = (self.uniform(batch, steps, config.hidden) < share).float() / share
        noise = self.normal(batch, steps, config.noise_size)
        with self.team.precision():
            forecast, state = model(past, style, model.begin(style), keep)
            arrived = model.arrive(forecast.context, codes, held, noise)
        leaves = codes != past.codes
        surprise = nn.functional.binary_cross_entropy_with_logits(
            forecast.leave[:, 1:].float(), leaves[:, 1:].float(), reduction="sum"
        )
        surprise = surprise + nn.functional.cross_entropy(
            forecast.logits.float().flatten(0, 1),
            codes.masked_fill(~leaves, _STAYS).flatten(),
            ignore_index=_STAYS,
            reduction="sum",
            label_smoothing=0.0 if spread is None else _SMOOTHING,
        )
        distance = (arrived.float() - points).abs().mean()
        return surprise / (batch * steps), distance, Start(last, tuple(part.detach() for part in state))

    def _play(self, wanted: Tensor, style: Style, start: Start, judge_learns: bool) -> Tensor:
        """Let the generator run on from where the real music stops, and the discriminator judge both ways to go on."""
        config, model = self.config, self.model
        luck = draw_chance(self.random, config.batch, wanted.shape[1], len(model.places), config.noise_size)
        chance = Chance(*(self.team.mine(part) for part in luck))
        with self.team.precision():
            run = free_run(model, style, Daring(nucleus=config.nucleus), chance, start)
            # The judge hears the style, but has no say in it.
            made, real = model.latent.decode(run.points), model.latent.decode(wanted)
            heard_as = model.style.base(style).detach()
            told = [self.judge(frames, heard_as, self.uniform)[0].float() for frames in (real, made.detach())]
        judged = discriminator_loss(told[:1], told[1:])
        if judge_learns:
            self.update("judge", judged)
        self.judge.requires_grad_(False)
        with self.team.precision():
            (scores, heard), (_, known) = self.judge(made, heard_as), self.judge(real, heard_as)
        deception, whole = deception_loss([scores.float()]), self.team.whole
        matching = statistics_loss([whole(inner.float()) for inner in known], [whole(inner.float()) for inner in heard])
        self.judge.requires_grad_(True)
        self.note(discriminator=judged, adversarial=deception, matching=matching)
        return config.adversarial * deception + config.matching * matching

    def _blend(self, weights: Tensor) -> Tensor:
        """Tell some examples less than the truth about their style, so that attention learns to hear it."""
        share = torch.rand(len(weights), 1, generator=self.random)
        share = torch.where(torch.rand(len(weights), 1, generator=self.random) < 0.3, share, torch.zeros(()))
        other = torch.rand(weights.shape, generator=self.random) + 1e-3
        return (1 - share) * weights + share * other / other.sum(dim=1, keepdim=True)

    def _labelled(self, labels: Tensor) -> Tensor:
        """Shares of labels (B, labels) from indices (B, fields)."""
        return labelled(labels, self.model.label_sizes)

    def validate(self) -> float | None:
        """Surprise (nats per step) and distance on music set aside, weighed as they are in learning."""
        surprise, distance = self._judged(self.aside.get("validation", ()))
        return None if math.isnan(surprise) else surprise + 2 * distance

    def results(self) -> dict[str, float]:
        """Surprise and distance on all music set aside."""
        found = {}
        for name, paths in self.aside.items():
            found[f"{name}_foresight"], found[f"{name}_distance"] = self._judged(paths)
        return found

    def _judged(self, paths: Sequence[Path]) -> tuple[float, float]:
        """Surprise and distance; NaN if there are no paths."""
        found = []
        for path in paths:
            points, codes = path.points[None, : 2 * self.config.length], path.codes[None, : 2 * self.config.length]
            weights = nn.functional.one_hot(torch.tensor([path.style]), self.styles).float()
            known = self._labelled(path.labels[None])
            points, codes, weights, known = (part.to(self.team.device) for part in (points, codes, weights, known))
            surprise, distance, _ = self.foresee(points, codes, Style(weights, known))
            found.append((surprise.item(), distance.item()))
        if not found:
            return math.nan, math.nan
        return sum(s for s, _ in found) / len(found), sum(d for _, d in found) / len(found)

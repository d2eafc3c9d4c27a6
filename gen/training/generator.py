"""How the generator learns: to foresee the next stack of frames, and to fool a discriminator when it runs free."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from gen.chance import draw_chance
from gen.models.backbone import Past
from gen.models.discriminators import FrameDiscriminator
from gen.models.latent import Latent
from gen.models.style import Style
from gen.preset import Preset
from gen.sampling import Daring, Start, free_run
from gen.training.excerpts import Excerpt
from gen.training.initial import initialise
from gen.training.losses import deception_loss, discriminator_loss, statistics_loss
from gen.training.paths import Atlas, Path
from gen.training.places import held_since

Report = Callable[[int, float], None]
"""Told after each step: how many are done, and the loss."""

_SMOOTHING = 0.05


class Deck:
    """Draws batches of stretches from paths, every style as often as any other, long paths more often."""

    def __init__(self, paths: Sequence[Path], styles: int, random: torch.Generator) -> None:
        self.by_style = [[path for path in paths if path.style == style] for style in range(styles)]
        self.lengths = [torch.tensor([float(len(path.codes)) for path in own]) for own in self.by_style]
        self.random = random

    def draw(self, batch: int, steps: int) -> tuple[Tensor, Tensor, Tensor]:
        """Points (batch, steps, latent), places (batch, steps), styles (batch,). Short paths are repeated."""
        styles = torch.randint(len(self.by_style), (batch,), generator=self.random)
        points, codes = zip(*(self._stretch(int(style), steps) for style in styles), strict=True)
        return torch.stack(points), torch.stack(codes), styles

    def _stretch(self, style: int, steps: int) -> tuple[Tensor, Tensor]:
        path = self.by_style[style][int(torch.multinomial(self.lengths[style], 1, generator=self.random))]
        times = -(-steps // len(path.codes))
        points, codes = path.points.repeat(times, 1), path.codes.repeat(times)
        first = int(torch.randint(len(codes) - steps + 1, (1,), generator=self.random))
        return points[first : first + steps], codes[first : first + steps]


class GeneratorTraining:
    """One run: the generator, its discriminator, their optimisers, and the figures they reached."""

    def __init__(
        self, excerpts: Sequence[Excerpt], styles: int, preset: Preset, latent: Latent, random: torch.Generator
    ) -> None:
        """excerpts: what to learn from, at least one of each style. latent: has learnt already."""
        self.config, self.styles, self.random = preset.generator, styles, random
        self.atlas = Atlas(excerpts, styles, preset, latent, random)
        self.deck = Deck(self.atlas.paths, styles, random)
        self.model = self.atlas.model(preset, styles, random)
        self.judge = FrameDiscriminator(preset.mel.bands, self.config.discriminator_channels, styles)
        initialise(self.judge, random)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), self.config.learning_rate, weight_decay=0.01)
        self.judge_optimiser = torch.optim.AdamW(
            self.judge.parameters(), self.config.discriminator_learning_rate, (0.5, 0.9)
        )
        self.metrics: dict[str, float] = {}

    def run(self, report: Report) -> None:
        """All steps. `report` may raise to stop."""
        for step in range(self.config.steps):
            for group in self.optimiser.param_groups:
                group["lr"] = self.config.learning_rate * pace(step, self.config.steps)
            report(step + 1, self.step(step))

    def step(self, step: int) -> float:
        """One step; returns the generator's loss."""
        config = self.config
        points, codes, style = self.deck.draw(config.batch, config.length + config.free)
        heard, wanted = points[:, : config.length], points[:, config.length :]
        asked = Style.of(self._blend(nn.functional.one_hot(style, self.styles).float()))
        foresight, distance, start = self.foresee(heard, codes[:, : config.length], asked, learn=True)
        loss = foresight + 2 * distance
        self._note(foresight=foresight, distance=distance)
        if step >= config.free_from and step % config.free_every == 0:
            loss = loss + self._play(wanted, asked, start)
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        return loss.item()

    def foresee(self, points: Tensor, codes: Tensor, style: Style, learn: bool) -> tuple[Tensor, Tensor, Start]:
        """Surprise at the places (nats per step), distance of the points; and where a free run can go on from.

        points (B, T, size), codes (B, T). learn: with noise on the past and dropout.
        """
        model, config, random = self.model, self.config, self.random
        batch, steps, _ = points.shape
        held = held_since(codes)
        before = model.before(batch)
        past = Past(
            *(
                torch.cat([first, rest[:, :-1]], dim=1)
                for first, rest in zip(before, (points, codes, held), strict=True)
            )
        )
        keep = None
        if learn:
            spread = points.std(dim=(0, 1), keepdim=True)
            noisy = past.points + config.noise * spread * torch.randn(past.points.shape, generator=random)
            past = past._replace(points=noisy)
            share = 1 - config.dropout
            keep = (torch.rand(batch, steps, config.hidden, generator=random) < share).float() / share
        forecast, state = model(past, style, model.begin(style), keep)
        leaves = codes != past.codes
        surprise = nn.functional.binary_cross_entropy_with_logits(
            forecast.leave[:, 1:], leaves[:, 1:].float(), reduction="sum"
        )
        surprise = surprise + nn.functional.cross_entropy(
            forecast.logits[leaves], codes[leaves], reduction="sum", label_smoothing=_SMOOTHING if learn else 0.0
        )
        noise = torch.randn(batch, steps, config.noise_size, generator=random)
        distance = (model.arrive(forecast.context, codes, held, noise) - points).abs().mean()
        last = Past(points[:, -1:], codes[:, -1:], held[:, -1:])
        return surprise / (batch * steps), distance, Start(last, tuple(part.detach() for part in state))

    def _play(self, wanted: Tensor, style: Style, start: Start) -> Tensor:
        """Let the generator run on from where the real music stops, and the discriminator judge both ways to go on."""
        config, model = self.config, self.model
        chance = draw_chance(self.random, len(wanted), wanted.shape[1], config.noise_size)
        run = free_run(model, style, Daring(nucleus=config.nucleus), chance, start)
        weights, made = style.weights, model.latent.decode(run.points)
        real = model.latent.decode(wanted)
        judged = discriminator_loss([self.judge(real, weights)[0]], [self.judge(made.detach(), weights)[0]])
        self.judge_optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(judged)
        self.judge_optimiser.step()
        self.judge.requires_grad_(False)
        scores, heard = self.judge(made, weights)
        deception, matching = deception_loss([scores]), statistics_loss(self.judge(real, weights)[1], heard)
        self.judge.requires_grad_(True)
        self._note(discriminator=judged, adversarial=deception, matching=matching)
        return config.adversarial * deception + config.matching * matching

    def _blend(self, weights: Tensor) -> Tensor:
        """Tell some examples less than the truth about their style, so that attention learns to hear it."""
        share = torch.rand(len(weights), 1, generator=self.random)
        share = torch.where(torch.rand(len(weights), 1, generator=self.random) < 0.3, share, torch.zeros(()))
        other = torch.rand(weights.shape, generator=self.random) + 1e-3
        return (1 - share) * weights + share * other / other.sum(dim=1, keepdim=True)

    def _note(self, **losses: Tensor) -> None:
        for name, loss in losses.items():
            key = f"generator_{name}"
            self.metrics[key] = loss.item() + 0.9 * (self.metrics.get(key, loss.item()) - loss.item())

    @torch.no_grad()
    def judged_on(self, excerpts: Sequence[Excerpt]) -> tuple[float, float]:
        """Surprise (nats per step) and distance on music that was set aside; NaN if there is none."""
        found = []
        for path in self.atlas.paths_of(excerpts):
            points, codes = path.points[None, : 2 * self.config.length], path.codes[None, : 2 * self.config.length]
            style = Style.of(nn.functional.one_hot(torch.tensor([path.style]), self.styles).float())
            surprise, distance, _ = self.foresee(points, codes, style, learn=False)
            found.append((surprise.item(), distance.item()))
        if not found:
            return math.nan, math.nan
        return sum(s for s, _ in found) / len(found), sum(d for _, d in found) / len(found)


def pace(step: int, steps: int) -> float:
    """A short rise, then half a cosine down to a twentieth."""
    return min(1.0, (step + 1) / 20) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / steps)))

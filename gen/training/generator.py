"""How the generator learns: to foresee the next stack of frames, and to fool a discriminator when it runs free."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor, nn

from gen.chance import Chance, draw_chance
from gen.models.backbone import Past
from gen.models.discriminators import FrameDiscriminator
from gen.models.latent import Latent
from gen.models.style import Style
from gen.preset import Preset
from gen.sampling import Daring, Start, free_run
from gen.training.initial import initialise
from gen.training.losses import deception_loss, discriminator_loss, statistics_loss
from gen.training.material import Excerpt
from gen.training.paths import Atlas, Path
from gen.training.phase import MODEL, Phase
from gen.training.places import held_since
from gen.training.team import ALONE, Team

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
    ) -> None:
        """excerpts: what to learn from, at least one of each style. latent: has learnt already. aside: what is judged
        by, under the names "validation" and "test"."""
        super().__init__("generator", preset.generator.steps, preset.training, random, team)
        self.config, self.styles = preset.generator, styles
        team.check_batch("generator.batch", self.config.batch)
        self.atlas = Atlas(excerpts, styles, preset, latent, random)
        self.deck = Deck(self.atlas.paths, styles, random)
        self.model = self.atlas.model(preset, styles, random)
        self.judge = FrameDiscriminator(preset.mel.bands, self.config.discriminator_channels, styles)
        initialise(self.judge, random)
        self.aside = {name: self.atlas.paths_of(excerpts) for name, excerpts in aside.items()}
        self.learner(MODEL, self.model, self.config.learning_rate, self.config.betas)
        self.learner("judge", self.judge, self.config.discriminator_learning_rate, self.config.discriminator_betas)

    def step(self, index: int) -> Tensor:
        """Foresee a batch of stretches; every so often also run free from where they end."""
        config = self.config
        points, codes, style = self.deck.draw(config.batch, config.length + config.free)
        heard, wanted = points[:, : config.length], points[:, config.length :]
        asked = self._blend(nn.functional.one_hot(style, self.styles).float())
        spread = heard.std(dim=(0, 1), keepdim=True).to(self.team.device)
        heard, wanted, codes, asked = (self.team.mine(each) for each in (heard, wanted, codes, asked))
        foresight, distance, start = self.foresee(heard, codes[:, : config.length], Style.of(asked), spread)
        loss = foresight + 2 * distance
        self.note(foresight=foresight, distance=distance)
        if index >= config.free_from and index % config.free_every == 0:
            loss = loss + self._play(wanted, Style.of(asked), start, self.judges_now(index // config.free_every))
        self.update(MODEL, loss)
        return loss.detach()

    def foresee(
        self, points: Tensor, codes: Tensor, style: Style, spread: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Start]:
        """Surprise at the places (nats per step), distance of the points; and where a free run can go on from.

        points (B, T, size), codes (B, T). spread: of the coordinates (1, 1, size), to learn: with noise on the past and
        dropout.
        """
        model, config = self.model, self.config
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
        if spread is not None:
            past = past._replace(points=past.points + config.noise * spread * self.normal(*past.points.shape))
            share = 1 - config.dropout
            keep = (self.uniform(batch, steps, config.hidden) < share).float() / share
        forecast, state = model(past, style, model.begin(style), keep)
        leaves = codes != past.codes
        surprise = nn.functional.binary_cross_entropy_with_logits(
            forecast.leave[:, 1:], leaves[:, 1:].float(), reduction="sum"
        )
        surprise = surprise + nn.functional.cross_entropy(
            forecast.logits[leaves],
            codes[leaves],
            reduction="sum",
            label_smoothing=0.0 if spread is None else _SMOOTHING,
        )
        noise = self.normal(batch, steps, config.noise_size)
        distance = (model.arrive(forecast.context, codes, held, noise) - points).abs().mean()
        last = Past(points[:, -1:], codes[:, -1:], held[:, -1:])
        return surprise / (batch * steps), distance, Start(last, tuple(part.detach() for part in state))

    def _play(self, wanted: Tensor, style: Style, start: Start, judge_learns: bool) -> Tensor:
        """Let the generator run on from where the real music stops, and the discriminator judge both ways to go on."""
        config, model = self.config, self.model
        luck = draw_chance(self.random, config.batch, wanted.shape[1], config.noise_size)
        chance = Chance(*(self.team.mine(part) for part in luck))
        run = free_run(model, style, Daring(nucleus=config.nucleus), chance, start)
        weights, made = style.weights, model.latent.decode(run.points)
        real = model.latent.decode(wanted)
        judged = discriminator_loss([self.judge(real, weights)[0]], [self.judge(made.detach(), weights)[0]])
        if judge_learns:
            self.update("judge", judged)
        self.judge.requires_grad_(False)
        scores, heard = self.judge(made, weights)
        known, whole = self.judge(real, weights)[1], self.team.whole
        deception = deception_loss([scores])
        matching = statistics_loss([whole(inner) for inner in known], [whole(inner) for inner in heard])
        self.judge.requires_grad_(True)
        self.note(discriminator=judged, adversarial=deception, matching=matching)
        return config.adversarial * deception + config.matching * matching

    def _blend(self, weights: Tensor) -> Tensor:
        """Tell some examples less than the truth about their style, so that attention learns to hear it."""
        share = torch.rand(len(weights), 1, generator=self.random)
        share = torch.where(torch.rand(len(weights), 1, generator=self.random) < 0.3, share, torch.zeros(()))
        other = torch.rand(weights.shape, generator=self.random) + 1e-3
        return (1 - share) * weights + share * other / other.sum(dim=1, keepdim=True)

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
            heard = (part.to(self.team.device) for part in (points, codes))
            surprise, distance, _ = self.foresee(*heard, Style.of(weights.to(self.team.device)))
            found.append((surprise.item(), distance.item()))
        if not found:
            return math.nan, math.nan
        return sum(s for s, _ in found) / len(found), sum(d for _, d in found) / len(found)

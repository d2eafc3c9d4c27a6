"""How the vocoder learns: from mel frames back to the very samples they came from."""

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor

from gen.features import log_mel, spectrum
from gen.models.istft_vocoder import IstftVocoder
from gen.models.jury import Jury
from gen.models.vocoders import make_vocoder
from gen.preset import Preset
from gen.training.initial import initialise
from gen.training.losses import (
    deception_loss,
    discriminator_loss,
    magnitude_loss,
    matching_loss,
    mel_loss,
    stft_loss,
    summed_matching_loss,
)
from gen.training.material import Excerpt, feed_of
from gen.training.phase import MODEL, Examples, Phase
from gen.training.recorded import Recorded
from gen.training.team import ALONE, Team


class VocoderTraining(Phase):
    """The phase in which the vocoder learns, and its discriminator if the preset has one."""

    def __init__(
        self,
        excerpts: Sequence[Excerpt],
        preset: Preset,
        random: torch.Generator,
        aside: Mapping[str, Sequence[Excerpt]] = MappingProxyType({}),
        team: Team = ALONE,
    ) -> None:
        """excerpts: what to learn from, at least one. aside: what is judged by, under "validation"."""
        super().__init__("vocoder", preset.vocoder.steps, preset.training, random, team)
        team.check_batch("vocoder.batch", preset.vocoder.batch)
        self.config, self.mel = preset.vocoder, preset.mel
        self.feed = feed_of(excerpts, self.config.batch, 2, samples=True)
        self.batch = self.ahead(self.feed)
        self.aside = aside.get("validation", ())
        self.model = make_vocoder(self.config, self.mel)
        initialise(self.model, random)
        if isinstance(self.model, IstftVocoder):
            with torch.no_grad():
                self.model.head.weight.mul_(0.01)
        self.learner(MODEL, self.model, self.config.learning_rate, self.config.betas)
        self.judge: Jury | None = None
        if self.config.adversarial > 0:
            self.judge = Jury(self.config.discriminators, self.config.discriminator_channels)
            initialise(self.judge, random)
            rate, betas = self.config.discriminator_learning_rate, self.config.discriminator_betas
            self.learner("judge", self.judge, rate, betas)
        alone = team.on_gpu and team.size == 1
        self.learn: Callable[[Tensor, bool, bool], Tensor] = Recorded(self._learn) if alone else self._learn

    def step(self, index: int) -> Tensor:
        """Make segments from their own frames."""
        real = self.team.mine(self._segments(index))
        judged = self.judge is not None and index >= self.config.adversarial_from
        return self.learn(real, judged, judged and self.judges_now(index))

    def _learn(self, real: Tensor, judged: bool, judge_learns: bool) -> Tensor:
        frames = log_mel(real, self.mel)
        with self.team.precision():
            made, magnitude = self.model.made(frames)
        real = real[:, : made.shape[-1]]
        loss = self._distance(real, made, magnitude)
        if self.judge is not None and judged:
            loss = loss + self._judged(self.judge, real, made, judge_learns)
        self.update(MODEL, loss)
        return loss.detach()

    def _distance(self, real: Tensor, made: Tensor, magnitude: Tensor | None) -> Tensor:
        """What needs no discriminator. magnitude: what the model's head spoke of."""
        if self.config.objective == "hifigan":
            loss = mel_loss(real, made, self.mel)
            self.note(mel=loss)
            return self.config.mel * loss
        loss = stft_loss(real, made)
        self.note(stft=loss)
        if magnitude is not None:
            hop = made.shape[-1] // (magnitude.shape[-1] - 1)
            direct = magnitude_loss(spectrum(real, self.mel.window, hop).abs(), magnitude)
            self.note(magnitude=direct)
            loss = loss + direct
        return loss

    def _judged(self, judge: Jury, real: Tensor, made: Tensor, judge_learns: bool) -> Tensor:
        with self.team.precision():
            told = judge(torch.cat([real, made.detach()]))[0]
        of_real, of_made = zip(*(scores.chunk(2) for scores in _float(told)), strict=True)
        judged = discriminator_loss(of_real, of_made)
        if judge_learns:
            self.update("judge", judged)
        judge.requires_grad_(False)
        with self.team.precision():
            (scores, inner), (_, wanted) = judge(made), judge(real)
        judge.requires_grad_(True)
        scores, inner, wanted = _float(scores), _float(inner), _float(wanted)
        if self.config.objective == "hifigan":
            deception, matching = len(scores) * deception_loss(scores), summed_matching_loss(wanted, inner)
        else:
            deception, matching = deception_loss(scores), matching_loss(wanted, inner, self.team.mean)
        self.note(discriminator=judged, adversarial=deception, matching=matching)
        return self.config.adversarial * deception + self.config.matching * matching

    def _segments(self, index: int) -> Tensor:
        """Samples (batch, segment) with a little noise, so that no band is ever empty."""
        samples, length = self.batch(index).samples, self.config.segment
        assert samples is not None  # noqa: S101  (they were asked for)
        samples = samples.repeat(1, -(-length // samples.shape[1]))
        firsts = torch.randint(samples.shape[1] - length + 1, (len(samples),), generator=self.random).tolist()
        found = torch.stack([row[first : first + length] for row, first in zip(samples, firsts, strict=True)])
        return found + self.config.dither * torch.randn(found.shape, generator=self.random)

    def validate(self) -> float | None:
        """Multi-resolution STFT loss of what is rendered from music that was set aside."""
        found = self._rendered()
        return None if math.isnan(found) else found

    def results(self) -> dict[str, float]:
        """The same, of the model at its end."""
        return {"validation_stft": self._rendered()}

    def examples(self) -> Examples:
        """The first seconds of what is judged by, as played and as made."""
        if not self.aside:
            return Examples()
        samples = self.aside[0].samples[None, : 4 * self.config.segment].to(self.team.device)
        made = self.model.mid(log_mel(samples, self.mel), self.random)[0]
        sounds = {"real": samples[0], "made": made}
        return Examples({name: log_mel(sound, self.mel) for name, sound in sounds.items()}, sounds)

    def _rendered(self) -> float:
        """The mean over what is judged by; NaN if there is none."""
        found = []
        for excerpt in self.aside:
            samples = excerpt.samples[None, : 4 * self.config.segment].to(self.team.device)
            made = self.model.mid(log_mel(samples, self.mel), self.random)
            if made.shape[-1] > 0:
                found.append(stft_loss(samples[:, : made.shape[-1]], made).item())
        return sum(found) / len(found) if found else math.nan


def _float(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Out of bfloat16, in which networks may compute, and losses may not."""
    return [tensor.float() for tensor in tensors]

"""How the vocoder learns: from mel frames back to the very samples they came from."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gen.features import log_mel, spectrum
from gen.models.discriminators import SpectrumDiscriminator
from gen.models.vocoder import Vocoder
from gen.preset import Preset
from gen.training.excerpts import Excerpt
from gen.training.generator import Report, pace
from gen.training.initial import initialise
from gen.training.losses import deception_loss, discriminator_loss, magnitude_loss, matching_loss, stft_loss


class VocoderTraining:
    """One run: the vocoder, its discriminator if the preset has one, their optimisers, and the figures they reached."""

    def __init__(self, excerpts: Sequence[Excerpt], preset: Preset, random: torch.Generator) -> None:
        """excerpts: what to learn from, at least one."""
        self.config, self.mel, self.random, self.excerpts = preset.vocoder, preset.mel, random, excerpts
        self.model = Vocoder(self.config, self.mel)
        initialise(self.model, random)
        with torch.no_grad():
            self.model.head.weight.mul_(0.01)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), self.config.learning_rate, (0.8, 0.99))
        self.judge: SpectrumDiscriminator | None = None
        if self.config.adversarial > 0:
            self.judge = SpectrumDiscriminator(self.config.discriminator_channels)
            initialise(self.judge, random)
            self.judge_optimiser = torch.optim.AdamW(
                self.judge.parameters(), self.config.discriminator_learning_rate, (0.8, 0.99)
            )
        self.metrics: dict[str, float] = {}

    def run(self, report: Report) -> None:
        """All steps. `report` may raise to stop."""
        for step in range(self.config.steps):
            for group in self.optimiser.param_groups:
                group["lr"] = self.config.learning_rate * pace(step, self.config.steps)
            report(step + 1, self.step())

    def step(self) -> float:
        """One step; returns the vocoder's loss."""
        real = self._segments()
        magnitude, phase = self.model.spectrum(log_mel(real, self.mel))
        frames = (magnitude.shape[-1] - 1) * self.model.hop
        real = real[:, :frames]
        made = self.model.refined(magnitude, phase, 0)
        size = spectrum(real, self.mel.window, self.model.hop).abs()
        direct, heard = magnitude_loss(size, magnitude), stft_loss(real, made)
        self._note(magnitude=direct, stft=heard)
        loss = direct + heard
        if self.judge is not None:
            loss = loss + self._judged(self.judge, real, made)
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        return loss.item()

    def _judged(self, judge: SpectrumDiscriminator, real: Tensor, made: Tensor) -> Tensor:
        judged = discriminator_loss(judge(real)[0], judge(made.detach())[0])
        self.judge_optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(judged)
        self.judge_optimiser.step()
        judge.requires_grad_(False)
        scores, inner = judge(made)
        deception, matching = deception_loss(scores), matching_loss(judge(real)[1], inner)
        judge.requires_grad_(True)
        self._note(discriminator=judged, adversarial=deception, matching=matching)
        return self.config.adversarial * deception + self.config.matching * matching

    def _segments(self) -> Tensor:
        """Samples (batch, segment) with a little noise, so that no band is ever empty."""
        found = []
        for index in torch.randint(len(self.excerpts), (self.config.batch,), generator=self.random):
            samples = self.excerpts[int(index)].samples
            if len(samples) < self.config.segment:
                samples = samples.repeat(-(-self.config.segment // len(samples)))
            first = int(torch.randint(len(samples) - self.config.segment + 1, (1,), generator=self.random))
            found.append(samples[first : first + self.config.segment])
        noise = torch.randn(self.config.batch, self.config.segment, generator=self.random)
        return torch.stack(found) + self.config.dither * noise

    def _note(self, **losses: Tensor) -> None:
        for name, loss in losses.items():
            key = f"vocoder_{name}"
            self.metrics[key] = loss.item() + 0.9 * (self.metrics.get(key, loss.item()) - loss.item())

    @torch.no_grad()
    def judged_on(self, excerpts: Sequence[Excerpt]) -> float:
        """Multi-resolution STFT loss of what is rendered, refined, from music that was set aside; NaN if none."""
        found = []
        for excerpt in excerpts:
            samples = excerpt.samples[None, : 4 * self.config.segment]
            made = self.model.render(log_mel(samples, self.mel), self.random)
            if made.shape[-1] > 0:
                found.append(stft_loss(samples[:, : made.shape[-1]], made).item())
        return sum(found) / len(found) if found else math.nan

"""Music as the generator sees it: a path from place to place."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gen.config import RATE
from gen.models.lstm_gan import LstmGenerator
from gen.preset import Preset
from gen.training.excerpts import Excerpt
from gen.training.initial import initialise
from gen.training.places import cluster_centres, held_since, means_of, principal_components, steady_path

_MOST_STACKS = 16000
_HEARD = 0.01
"""Added to mel magnitudes before places are told apart: what is 40 dB below a loud tone should not decide."""
_HEARD_COMPONENTS = 48
_LOUDNESS = 0.6
"""How much of a change of loudness alone is overlooked when places are told apart."""
_SILENT = 3.5
"""A place is silent that is softer than the usual one by this much (about 30 dB)."""
_REST = 0.3
"""Seconds of silence that the generator may put between sounds."""


@dataclass(frozen=True)
class Path:
    """One excerpt as points (T, latent) and the places they belong to (T,); the index of its style."""

    points: Tensor
    codes: Tensor
    style: int


class Atlas:
    """What a run knows of its music before it learns: the space, the places, and how to find a path through them."""

    def __init__(self, excerpts: Sequence[Excerpt], styles: int, preset: Preset, random: torch.Generator) -> None:
        """excerpts: at least one of each style."""
        self.config = preset.generator
        stacked = [(stacks, excerpt.style) for excerpt in excerpts for stacks in self._stacked(excerpt)]
        chosen = []
        for style in range(styles):
            own = torch.cat([stacks for stacks, of in stacked if of == style])
            chosen.append(own[torch.randperm(len(own), generator=random)[: max(1, _MOST_STACKS // styles)]])
        pooled = torch.cat(chosen)
        self.mean, self.basis = principal_components(pooled, self.config.latent)
        self.scale = ((pooled - self.mean) @ self.basis.T).std().clamp_min(1e-3)
        heard = _heard(pooled)
        self.heard_mean, self.heard_basis = principal_components(heard, min(_HEARD_COMPONENTS, heard.shape[1]))
        self.centres = cluster_centres((heard - self.heard_mean) @ self.heard_basis.T, self.config.codes, random)
        self.paths = self.paths_of(excerpts)
        codes = torch.cat([path.codes for path in self.paths])
        points = torch.cat([path.points for path in self.paths])
        self.places = means_of(points, codes, len(self.centres))
        self.belongs = self._belongs(styles)
        self.longest = self._longest(preset.stack_samples / RATE)

    def paths_of(self, excerpts: Sequence[Excerpt]) -> list[Path]:
        """Every excerpt, once for each frame that a stack may begin at."""
        stacked = [(stacks, excerpt.style) for excerpt in excerpts for stacks in self._stacked(excerpt)]
        found: dict[int, Path] = {}
        by_length: dict[int, list[int]] = {}
        for index, (stacks, _) in enumerate(stacked):
            by_length.setdefault(len(stacks), []).append(index)
        for indices in by_length.values():
            together = torch.stack([stacked[index][0] for index in indices])
            heard = (_heard(together) - self.heard_mean) @ self.heard_basis.T
            cost = torch.cdist(heard, self.centres.expand(len(indices), -1, -1)) ** 2
            usual = cost.amin(dim=2).mean(dim=1).clamp_min(1e-6)
            codes = steady_path(cost / usual[:, None, None], self.config.steadiness)
            points = (together - self.mean) @ self.basis.T / self.scale
            for row, index in enumerate(indices):
                found[index] = Path(points[row], codes[row], stacked[index][1])
        return [found[index] for index in range(len(stacked))]

    def model(self, preset: Preset, styles: int, random: torch.Generator) -> LstmGenerator:
        """A generator that knows the space and the places, and nothing else yet."""
        model = LstmGenerator(self.config, preset.mel, styles, len(self.places))
        initialise(model, random)
        with torch.no_grad():
            model.mean.copy_(self.mean)
            model.basis.copy_(self.basis)
            model.scale.copy_(self.scale)
            model.belongs.copy_(self.belongs)
            model.longest.copy_(self.longest)
            model.places.copy_(self.places)
            model.embedding[:-1].copy_(self.places)
        return model

    def _belongs(self, styles: int) -> Tensor:
        """How much of each place belongs to each style: (places, styles), each row summing to 1."""
        found = torch.full((len(self.places), styles), 1e-9)
        for style in range(styles):
            codes = torch.cat([path.codes for path in self.paths if path.style == style])
            found[:, style] += torch.bincount(codes, minlength=len(self.places)) / len(codes)
        return found / found.sum(dim=1, keepdim=True)

    def _longest(self, seconds: float) -> Tensor:
        """How many steps (of so many seconds) each place is held at most: (places,). Silence is not held for long."""
        longest = torch.ones(len(self.places))
        for path in self.paths:
            longest.scatter_reduce_(0, path.codes, held_since(path.codes).float(), "amax")
        loudness = ((self.places * self.scale) @ self.basis + self.mean).exp().mean(dim=1).log()
        silent = loudness < loudness.median() - _SILENT
        return torch.where(silent, longest.clamp(max=max(1.0, round(_REST / seconds))), longest)

    def _stacked(self, excerpt: Excerpt) -> list[Tensor]:
        stack = self.config.stack
        steps = excerpt.frames.shape[-1] // stack - 1
        shifts = range(stack) if steps >= 1 else range(1)
        return [
            excerpt.frames[:, shift : shift + max(steps, 1) * stack].T.reshape(max(steps, 1), -1) for shift in shifts
        ]


def _heard(stacks: Tensor) -> Tensor:
    """What tells places apart: softened log-mel, with changes of loudness alone made small."""
    softened = (stacks.exp() + _HEARD).log()
    return softened - _LOUDNESS * softened.mean(dim=-1, keepdim=True)

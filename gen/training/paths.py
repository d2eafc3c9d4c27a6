"""Music as the generator sees it: a path from place to place."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from gen.config import RATE
from gen.models.backbone import Backbone, backbone_of
from gen.models.latent import Latent
from gen.models.linear import principal_components
from gen.preset import Preset
from gen.training.initial import initialise
from gen.training.material import Excerpt
from gen.training.places import cluster_centres, held_since, means_of, steady_path

_MOST_STACKS = 16000
_TOGETHER = 64
"""Cuts that a way is found through at once."""
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
    """One excerpt as points (T, size) and the places they belong to (T,); its style, and its labels (fields,)."""

    points: Tensor
    codes: Tensor
    style: int
    labels: Tensor


class Ground(NamedTuple):
    """By what places are told apart: of softened frames the mean (N,), the main directions (K, N), and in these the
    centre of each place (places, K).

    Another machine rounds otherwise and may find others, so a run that goes on there takes those it began with.
    """

    mean: Tensor
    basis: Tensor
    centres: Tensor


class Atlas:
    """What a run knows of its music before the generator learns: the places, and how to find a path through them."""

    def __init__(
        self, excerpts: Sequence[Excerpt], styles: int, preset: Preset, latent: Latent, random: torch.Generator
    ) -> None:
        """excerpts: at least one of each style. latent: has learnt already, and does not change any more."""
        self.config, self.latent, self.bands = preset.generator, latent, preset.mel.bands
        heard = self._heard(pooled_stacks(excerpts, styles, latent.stack, random))
        mean, basis = principal_components(heard, min(_HEARD_COMPONENTS, heard.shape[1]))
        self.ground = Ground(mean, basis, cluster_centres((heard - mean) @ basis.T, self.config.codes, random))
        self.paths = self.paths_of(excerpts)
        codes = torch.cat([path.codes for path in self.paths])
        points = torch.cat([path.points for path in self.paths])
        self.places = means_of(points, codes, len(self.ground.centres))
        self.belongs = self._belongs(styles)
        self.longest = self._longest(preset.stack_samples / RATE)

    def paths_of(self, excerpts: Sequence[Excerpt]) -> list[Path]:
        """Every excerpt, once for each frame that a stack may begin at."""
        cuts = [(cut, excerpt) for excerpt in excerpts for cut in cuts_of(excerpt.frames, self.latent.stack)]
        found: dict[int, Path] = {}
        by_length: dict[int, list[int]] = {}
        for index, (cut, _) in enumerate(cuts):
            by_length.setdefault(cut.shape[-1], []).append(index)
        lots = [own[first : first + _TOGETHER] for own in by_length.values() for first in range(0, len(own), _TOGETHER)]
        for indices in lots:
            together = torch.stack([cuts[index][0] for index in indices])
            points, codes = self.path_through(together)
            for row, index in enumerate(indices):
                excerpt = cuts[index][1]
                found[index] = Path(points[row], codes[row], excerpt.style, excerpt.labels)
        return [found[index] for index in range(len(cuts))]

    def path_through(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Frames (B, rows, T * stack) as points (B, T, size), and the places they belong to (B, T)."""
        stacks = frames.reshape(*frames.shape[:2], -1, self.latent.stack).transpose(1, 2)
        mean, basis, centres = self.ground
        heard = (self._heard(stacks) - mean) @ basis.T
        cost = torch.cdist(heard, centres.expand(len(frames), -1, -1)) ** 2
        usual = cost.amin(dim=2).mean(dim=1).clamp_min(1e-6)
        codes = steady_path(cost / usual[:, None, None], self.config.steadiness)
        with torch.no_grad():
            points = self.latent.encode(frames.to(self.latent.device)).cpu()
        return points, codes

    def model(self, styles: int, label_sizes: Sequence[int], random: torch.Generator) -> Backbone:
        """A generator that knows the space and the places, and nothing else yet."""
        model = backbone_of(self.config, self.latent, styles, len(self.places), label_sizes)
        initialise(model, random)
        with torch.no_grad():
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
        # A place that lasts: what stands around it is the place itself.
        around = 2 * self.latent.context + 1
        with torch.no_grad():
            lasting = self.places[:, None].expand(-1, around, -1)
            frames = self.latent.decode(lasting.to(self.latent.device)).cpu()
        middle = frames[:, : self.bands, self.latent.context * self.latent.stack :][..., : self.latent.stack]
        loudness = middle.exp().mean(dim=(1, 2)).log()
        silent = loudness < loudness.median() - _SILENT
        return torch.where(silent, longest.clamp(max=max(1.0, round(_REST / seconds))), longest)

    def _heard(self, stacks: Tensor) -> Tensor:
        """What tells places apart, of stacks (..., rows, stack): softened log-mel (..., bands * stack), with changes of
        loudness alone made small.
        """
        softened = (stacks[..., : self.bands, :].exp() + _HEARD).log().flatten(-2)
        return softened - _LOUDNESS * softened.mean(dim=-1, keepdim=True)


def cuts_of(frames: Tensor, stack: int) -> list[Tensor]:
    """Frames (bands, T), T >= stack, once for each frame that a stack may begin at, cut to whole stacks."""
    steps = frames.shape[-1] // stack - 1
    shifts = range(stack) if steps >= 1 else range(1)
    return [frames[:, shift : shift + max(steps, 1) * stack] for shift in shifts]


def pooled_stacks(excerpts: Sequence[Excerpt], styles: int, stack: int, random: torch.Generator) -> Tensor:
    """Some thousand stacks of frames (N, rows, stack), drawn at random: as many of each style, and of its excerpts."""
    counts = Counter(excerpt.style for excerpt in excerpts)
    chosen = []
    for excerpt in excerpts:
        most = -(-_MOST_STACKS // (styles * counts[excerpt.style]))
        own = excerpt.frames.unfold(1, stack, 1).transpose(0, 1)
        chosen.append(own[torch.randperm(len(own), generator=random)[:most]])
    return torch.cat(chosen)

"""The course of one piece of music through the latent space, from its first point to its last."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from gen.beams import beam_search
from gen.chance import Dice
from gen.errors import ConfigError
from gen.models.backbone import Backbone
from gen.models.style import Style, labelled, mixed
from gen.primer import hear
from gen.request import GenerationRequest
from gen.sampling import Daring, Run, Start
from gen.seeds import derived_seed
from gen.walk import Walk

_BLOCK = 128
"""Points that are walked at a time."""
_FORESIGHT = 32
"""Points that a beam search looks ahead before it settles for a path, and for which a style that changes is held."""
_RUN_IN = 8
"""Steps that are taken before the music begins, where nothing else was heard before."""


class Course(Iterator[Tensor]):
    """Points (1, n, size), part after part, `steps` in all; counts meanwhile how attention was shared.

    Where two walks are asked for, the points move evenly from the one to the other. Points have the dtype of the model;
    that of one in float64 comes to the same music on any machine.
    """

    def __init__(self, model: Backbone, request: GenerationRequest, steps: int, heard: Tensor | None = None) -> None:
        """heard: the points (1, T, size) of the primer. Raises ConfigError if the request does not fit the model."""
        self._latent, self._steps, self._done = model.latent, steps, 0
        morph = request.morph
        self._from = style_of(model, request.style, request.labels)
        self._to = self._from
        seeds = [request.seed]
        if morph is not None:
            style = request.style if morph.style is None else morph.style
            self._to = style_of(model, style, request.labels if morph.labels is None else morph.labels)
            seeds += [] if morph.seed is None else [morph.seed]
        self._changes = not all(torch.equal(one, other) for one, other in zip(self._from, self._to, strict=True))
        start = None if heard is None else hear(model, self._from, heard)
        self._ways = [_Way(model, request, seed, start) for seed in seeds]
        self._attention = torch.zeros(self._from.weights.shape[1], dtype=torch.float64)

    def __next__(self) -> Tensor:
        if self._done == self._steps:
            raise StopIteration
        count = min(_FORESIGHT if self._changes else _BLOCK, self._steps - self._done)
        # 0 at the first point, 1 at the last.
        shares = (torch.arange(self._done, self._done + count) / max(1, self._steps - 1))[None, :, None]
        style = self._from
        if self._changes:
            there = float(shares.mean())
            style = mixed((self._from, self._to), (1 - there, there))
        runs = [way.go(count, style) for way in self._ways]
        self._done += count
        for run, part in zip(runs, (1 - shares, shares) if len(runs) == 2 else (torch.ones(1),), strict=True):
            self._attention += (run.attention * part)[0].double().sum(dim=0)
        kind = style.weights.dtype
        one, other = runs[0].points.to(kind), runs[-1].points.to(kind)
        return one if len(runs) == 1 else self._latent.interpolate(one, other, shares.to(kind))

    @property
    def attention(self) -> tuple[float, ...]:
        """How attention was shared between the datasets until now; sums to 1."""
        shares = self._attention / self._attention.sum()
        return tuple(float(share) for share in shares)


class _Way:
    """One way through the space, with luck of its own."""

    def __init__(self, model: Backbone, request: GenerationRequest, seed: int, start: Start | None) -> None:
        self._model, self._beams, self._seed, self._start = model, request.beams, seed, start
        nucleus = model.config.nucleus if request.nucleus is None else request.nucleus
        self._daring = Daring(request.temperature, nucleus)
        self._walk: Walk | None = None
        self._dice = Dice(_random(derived_seed(seed, "beams")), len(model.places), model.config.noise_size)

    def go(self, steps: int, style: Style) -> Run:
        """The next steps."""
        if self._start is None:
            self._walked(_RUN_IN, style)
        return self._walked(steps, style) if self._beams == 1 else self._searched(steps, style)

    def _walked(self, steps: int, style: Style) -> Run:
        if self._walk is None:
            self._walk = Walk(self._model, style, self._daring, _random(self._seed), self._start)
        self._walk.ask(style)
        run = self._walk.go(steps)
        self._start = run.end
        return run

    def _searched(self, steps: int, style: Style) -> Run:
        runs = []
        for first in range(0, steps, _FORESIGHT):
            count = min(_FORESIGHT, steps - first)
            noise = self._dice.roll(count).noise
            runs.append(beam_search(self._model, style, count, self._beams, noise, self._start).run)
            self._start = runs[-1].end
        points, codes, attention = (torch.cat(part, dim=1) for part in list(zip(*runs, strict=True))[:3])
        return Run(points, codes, attention, runs[-1].end)


def _random(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def style_of(model: Backbone, weights: Sequence[float] | None, labels: Sequence[int] | None) -> Style:
    """The style (B = 1) that weights and labels ask for. Raises ConfigError if they do not fit the model."""
    datasets, sizes = model.style.tokens.shape[0], model.label_sizes
    wanted = weights if weights is not None else (1.0,) * datasets
    if len(wanted) != datasets:
        raise ConfigError(f"style: the model has {datasets} datasets, not {len(wanted)}")
    indices = labels if labels is not None else (0,) * len(sizes)
    if len(indices) != len(sizes):
        raise ConfigError(f"labels: the model knows {len(sizes)} fields, not {len(indices)}")
    for field, (index, size) in enumerate(zip(indices, sizes, strict=True)):
        if index >= size:
            raise ConfigError(f"labels: field {field} has indices below {size}, not {index}")
    shares, kind = torch.tensor(wanted, dtype=torch.float64), model.places.dtype
    known = labelled(torch.tensor([indices], dtype=torch.long), sizes)
    return Style((shares / shares.sum()).to(kind)[None], known.to(kind))

"""A part of a run: some networks that learn together, step by step, so that the loop can treat all parts alike.

A phase says how one step goes. What all phases share is here: optimisers, the schedule of learning rates, clipping,
the average of weights, looking for NaN, judging on music set aside and keeping the best weights.
"""

import contextlib
import dataclasses
import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Adam, AdamW, Optimizer
from torch.optim.swa_utils import get_ema_multi_avg_fn

from gen.errors import TrainingDiverged
from gen.loader import Feed
from gen.models.config import TrainingConfig
from gen.training.ahead import Ahead, Made
from gen.training.team import ALONE, Team

MODEL = "model"
"""The network that a phase is for. It is averaged, judged and kept; others only help it to learn."""
_SMOOTHING = 0.1
Judged = TypeVar("Judged")
_EMA_RISE = 10


@dataclass(frozen=True)
class Examples:
    """What a person may look at and listen to: spectrograms (bands, T), log-mel; sounds (N,), 44.1 kHz; by name."""

    spectrograms: Mapping[str, Tensor] = field(default_factory=dict)
    sounds: Mapping[str, Tensor] = field(default_factory=dict)


class Phase(ABC):
    """Override `step`, and where it applies `begin`, `validate`, `results`, `examples`. Set `feed`, so that a batch
    that does harm can be named.

    A step draws its random numbers from `random` (on the CPU, for the whole batch, and takes `team.mine` of them),
    computes losses under `team.precision()`, gives each to `update`, and notes figures with `note`.
    """

    def __init__(
        self, name: str, steps: int, training: TrainingConfig, random: torch.Generator, team: Team = ALONE
    ) -> None:
        """name: also that of its saved state and first word of its metrics. steps: at most so many."""
        self.name, self.steps, self.training, self.random, self.team = name, steps, training, random, team
        self.networks: dict[str, nn.Module] = {}
        self.optimisers: dict[str, Optimizer] = {}
        self.average: dict[str, Tensor] = {}
        self.best: dict[str, Tensor] = {}
        self.best_value, self.best_step = math.inf, 0
        self.feed: Feed | None = None
        self._ahead: list[Ahead[Any]] = []
        self.index, self._seed = 0, random.initial_seed()
        self._rates: dict[str, float] = {}
        self._noted: dict[str, Tensor] = {}
        self._norms: dict[str, Tensor] = {}

    @abstractmethod
    def step(self, index: int) -> Tensor:
        """Learn from one batch; index counts from 0. Returns the loss that is shown: a scalar."""

    def begin(self, first: int) -> None:  # noqa: B027  (most phases need nothing)
        """Called once before the first step, which has this index: 0, or another where a run goes on."""

    @property
    def ground(self) -> dict[str, Tensor]:
        """What was found in the music before the first step, by name: a run that goes on elsewhere stands on it."""
        return {}

    @ground.setter  # noqa: B027  (most phases have none)
    def ground(self, found: Mapping[str, Tensor]) -> None:
        """Take what the run began with. Raises TypeError where that is something else."""

    def validate(self) -> float | None:
        """How well the model does on music set aside: lower is better. None where there is none."""
        return None

    def examples(self) -> Examples:
        """Of the model as it is now."""
        return Examples()

    def results(self) -> dict[str, float]:
        """Figures of the model at its end, on all music set aside, by name; NaN where there was none."""
        return {}

    def normal(self, batch: int, *shape: int) -> Tensor:
        """This process's normal numbers (batch, ...), where batch is its own share; on its device."""
        return self.team.mine(torch.randn(batch * self.team.size, *shape, generator=self.random))

    def uniform(self, batch: int, *shape: int) -> Tensor:
        """As `normal`, uniform in [0, 1)."""
        return self.team.mine(torch.rand(batch * self.team.size, *shape, generator=self.random))

    def ahead(self, make: Callable[[int], Made]) -> Ahead[Made]:
        """Let a thread make what each step needs, by the step's number alone, while the one before it learns."""
        self._ahead.append(Ahead(make, self.steps))
        return self._ahead[-1]

    def learner(self, name: str, network: nn.Module, rate: float, betas: Sequence[float]) -> None:
        """Add a network to what learns, with an optimiser of its own; it goes to the team's device.

        rate: the highest learning rate. betas: Adam's (arXiv:1412.6980). Parameters without requires_grad stay.
        """
        network.to(self.team.device)
        if self.team.size > 1 and self.team.on_gpu:
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
        self.networks[name], self._rates[name] = network, rate
        parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        settings: dict[str, Any] = {"lr": rate, "betas": (betas[0], betas[1])}
        if self.team.on_gpu:  # all that it reckons with lies there, so that a step can be recorded
            settings |= {"lr": torch.tensor(rate, device=self.team.device), "capturable": True, "fused": True}
        if self.training.optimiser == "adam":
            self.optimisers[name] = Adam(parameters, **settings)
        else:
            self.optimisers[name] = AdamW(parameters, **settings, weight_decay=self.training.weight_decay)
        if name == MODEL and self.training.average > 0:
            self.average = _copied(network)

    def advance(self, index: int) -> float:
        """One step, and all that belongs to one. Returns the loss, the mean over the team.

        Raises TrainingDiverged naming phase, step and batch where a loss or a gradient is no number any more.
        """
        self.index = index
        # What networks draw by themselves (dropout) depends on nothing but the step and the process.
        luck = hashlib.sha256(f"{self.name} {self._seed} {index} {self.team.rank}".encode()).digest()
        torch.manual_seed(int.from_bytes(luck[:8]))
        for name, optimiser in self.optimisers.items():
            rate = self._rates[name] * pace(index, self.steps, self.training)
            for group in optimiser.param_groups:
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(rate)
                else:
                    group["lr"] = rate
        shown = self.team.mean(self.step(index)).float()
        self._follow()
        # The device is waited for once a step.
        loss, *norms = torch.stack([shown, *self._norms.values()]).tolist()
        # The model's last: another's, by which it learns, may have spoiled it.
        for name, norm in sorted(zip(self._norms, norms, strict=True), key=lambda found: found[0] == MODEL):
            self._check_gradient(name, norm)
        if not math.isfinite(loss):
            raise self._diverged(f"the loss is {loss}")
        return float(loss)

    def update(self, name: str, loss: Tensor) -> None:
        """Let a network learn from a loss; from that of others it does not."""
        network, optimiser = self.networks[name], self.optimisers[name]
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        parameters = [parameter for parameter in network.parameters() if parameter.grad is not None]
        self.team.average(parameters)
        norm = nn.utils.clip_grad_norm_(parameters, self.training.clip or math.inf)
        if norm.device.type == "cpu":
            self._check_gradient(name, norm.item())
        else:  # looked at by `advance`
            self._norms.setdefault(name, torch.zeros_like(norm)).copy_(norm)
        optimiser.step()

    def _check_gradient(self, name: str, norm: float) -> None:
        if not math.isfinite(norm):
            raise self._diverged(f"the gradient of the {self.name}'s {name} is {norm}")

    def judges_now(self, index: int) -> bool:
        """Whether the discriminator learns in this step."""
        return index % self.training.discriminator_every == 0

    def note(self, **losses: Tensor) -> None:
        """Smooth a figure over the last steps, for `metrics`; in place, and without a wait for the device."""
        for name, loss in losses.items():
            now, key = self.team.mean(loss).float(), f"{self.name}_{name}"
            self._noted.setdefault(key, now.clone()).lerp_(now, _SMOOTHING)

    @property
    def metrics(self) -> dict[str, float]:
        """The figures noted, by name, each with the phase's name before it."""
        return {name: value.item() for name, value in self._noted.items()}

    @metrics.setter
    def metrics(self, values: Mapping[str, float]) -> None:
        self._noted = {name: torch.tensor(value, device=self.team.device) for name, value in values.items()}

    def evaluate(self) -> float | None:
        """`validate` the weights that would be kept, and keep them where none were better. Draws nothing for good."""
        state = self.random.get_state()
        with self.kept(), torch.no_grad():
            value = self.team.agree(self._alone(self.validate) if self.team.leads else None)
            if value < self.best_value:
                self.best_value, self.best_step, self.best = value, self.index + 1, _copied(self.networks[MODEL])
        self.random.set_state(state)
        return None if math.isnan(value) else value

    def show(self) -> Examples:
        """`examples` of the model with the weights that would be kept. Draws nothing for good."""
        state = self.random.get_state()
        with self.kept(), torch.no_grad():
            found = self._alone(self.examples)
        self.random.set_state(state)
        return found

    def final(self) -> dict[str, float]:
        """`metrics` and `results`, once the phase is finished; what is NaN is left out."""
        with torch.no_grad():
            found = self._alone(self.results) if self.team.leads else {}
        return {name: value for name, value in {**self.metrics, **found}.items() if math.isfinite(value)}

    def _alone(self, judge: Callable[[], Judged]) -> Judged:
        """What only the leader does: nothing is shared out meanwhile."""
        team, self.team = self.team, dataclasses.replace(self.team, rank=0, size=1)
        try:
            return judge()
        finally:
            self.team = team

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Meanwhile the model has the weights that would be kept, and does not learn: the average, if there is one."""
        model = self.networks[MODEL]
        own, was = (_copied(model) if self.average else {}), [(part, part.training) for part in model.modules()]
        model.eval()
        _put(model, self.average)
        try:
            yield
        finally:
            _put(model, own)
            for part, training in was:
                part.training = training

    def finish(self) -> None:
        """Give the model for good the best weights, or the average, or else leave it; it learns no more."""
        self._rest()
        _put(self.networks[MODEL], self.best or self.average)
        self.average, self.best = {}, {}
        self.networks[MODEL].requires_grad_(False).eval()

    def _rest(self) -> None:
        for each in self._ahead:
            each.rest()

    def _follow(self) -> None:
        """Move the average of weights (Polyak) a little; at first more, since the first weights are no good."""
        if not self.average:
            return
        keep = min(self.training.average, (1 + self.index) / (_EMA_RISE + self.index))
        state = self.networks[MODEL].state_dict()
        moving = [name for name, now in state.items() if now.is_floating_point()]
        follow = get_ema_multi_avg_fn(keep)
        follow([self.average[name] for name in moving], [state[name] for name in moving], None)
        for name in state.keys() - set(moving):
            self.average[name].copy_(state[name])

    def _diverged(self, what: str) -> TrainingDiverged:
        # The batch of a step is known by its number, so it need not be remembered.
        self._rest()
        windows = () if self.feed is None else self.feed(self.index).names
        return TrainingDiverged(
            f"{self.name}: {what} at step {self.index + 1}; try another seed or a lower learning rate", windows
        )


def pace(step: int, steps: int, training: TrainingConfig) -> float:
    """The part of the highest learning rate that step (from 0) of steps has: a short rise, then the schedule."""
    rise = min(1.0, (step + 1) / max(1, training.warmup))
    if training.schedule == "constant":
        return rise
    if training.schedule == "exponential":
        return float(rise * training.floor ** (step / steps))
    return rise * (training.floor + (1 - training.floor) * 0.5 * (1 + math.cos(math.pi * step / steps)))


def _copied(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


def _put(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    if tensors:
        network.load_state_dict(dict(tensors))

"""The state of a run on the disk, from which it goes on after any kill as if nothing had been.

A folder holds one safetensors file per phase that has begun: the tensors of its networks and optimisers, of the average
and of the best weights; its metadata holds one entry, "stemmata": canonical JSON with the rest. A file is replaced
whole or not at all, and carries a SHA-256 over its tensors, so that a damaged one is noticed.

What lies there are weights, and moments of their gradients; no recording and no name of one.
"""

import hashlib
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from gen.errors import StateError, TrainingDiverged
from gen.file import replacing
from gen.json_text import parse
from gen.training.phase import Phase

FORMAT = 2
_ENTRY = "stemmata"
_SUFFIX = ".state"


@dataclass(frozen=True)
class Saving:
    """Where the state of a run lies, and when it is written: after so many seconds and, if not 0, every so many steps.

    The folder belongs to one run. How often is written decides what a kill costs, never what comes out.
    """

    folder: Path
    seconds: float = 60.0
    steps: int = 0


class RunState:
    """The state of one run. identity: what tells it from every other, as JSON; the state of another one is refused."""

    def __init__(self, saving: Saving, identity: dict[str, Any]) -> None:
        self.folder, self.seconds, self.steps = saving.folder, saving.seconds, saving.steps
        self.identity = json.loads(json.dumps(identity))
        self._written = time.monotonic()

    def due(self, done: int) -> bool:
        """Whether to write after so many steps of a phase."""
        if self.steps and done % self.steps == 0:
            return True
        return time.monotonic() - self._written >= self.seconds

    def write(
        self, phase: Phase, done: int, devices: tuple[str, ...] = (), figures: dict[str, float] | None = None
    ) -> None:
        """Replace the phase's file. done: steps. devices: on which they were taken. figures: of a finished phase.

        Of a finished phase the networks alone are kept.
        Raises TrainingDiverged, and leaves the last file, if there is NaN among the weights.
        """
        tensors = _tensors(phase, figures is not None)
        for name, tensor in tensors.items():
            if tensor.is_floating_point() and not torch.isfinite(tensor).all():
                raise TrainingDiverged(f"{phase.name}: {name} holds NaN or infinity after step {done}")
        about = {
            "best_step": phase.best_step,
            "best_value": None if math.isinf(phase.best_value) else phase.best_value,
            "devices": list(devices),
            "figures": figures,
            "format": FORMAT,
            "identity": self.identity,
            "metrics": phase.metrics,
            "sha256": _digest(tensors),
            "step": done,
        }
        text = json.dumps(about, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(self._path(phase), 0o600) as file:
            file.write(save(tensors, metadata={_ENTRY: text}))
        self._written = time.monotonic()

    def restore(self, phase: Phase) -> tuple[int, dict[str, float] | None, tuple[str, ...]]:
        """Give a phase that was made anew what was written; then steps done, the figures if it has finished, devices.

        (0, None, ()) where nothing was written. Raises StateError naming the file if it is damaged, or another run's.
        """
        path = self._path(phase)
        if not path.exists():
            return 0, None, ()
        try:
            with safe_open(path, framework="pt") as file:
                about: Any = parse((file.metadata() or {})[_ENTRY])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if about["format"] != FORMAT or about["identity"] != self.identity:
                raise StateError(f"{path}: belongs to another run; delete it, and the training begins anew")
            if about["sha256"] != _digest(tensors):
                raise ValueError("its bytes are not those that were written")
            _fill(phase, tensors)
            phase.best_value = math.inf if about["best_value"] is None else about["best_value"]
            phase.best_step, phase.metrics = about["best_step"], about["metrics"]
            return about["step"], about["figures"], tuple(about["devices"])
        except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise StateError(f"{path}: {error}; delete it, and this phase begins anew") from error

    def _path(self, phase: Phase) -> Path:
        return self.folder / f"{phase.name}{_SUFFIX}"


def _tensors(phase: Phase, finished: bool) -> dict[str, Tensor]:
    found = {"random": phase.random.get_state()}
    for name, network in phase.networks.items():
        found |= {f"network.{name}.{key}": tensor for key, tensor in network.state_dict().items()}
    for name, optimiser in () if finished else phase.optimisers.items():
        for place, values in optimiser.state_dict()["state"].items():
            found |= {f"optimiser.{name}.{place}.{key}": value for key, value in values.items()}
    ground = {} if finished else phase.ground
    for kind, kept in (("average", phase.average), ("best", phase.best), ("ground", ground)):
        found |= {f"{kind}.{key}": tensor for key, tensor in kept.items()}
    return {name: tensor.detach().cpu().clone().contiguous() for name, tensor in sorted(found.items())}


def _fill(phase: Phase, tensors: dict[str, Tensor]) -> None:
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        kind, _, rest = name.partition(".")
        parts.setdefault(kind, {})[rest] = tensor
    networks, moments = parts.get("network", {}), parts.get("optimiser", {})
    for name, network in phase.networks.items():
        network.load_state_dict(_under(networks, name))
    for name, optimiser in phase.optimisers.items():
        values: dict[int, dict[str, Tensor]] = {}
        for key, tensor in _under(moments, name).items():
            place, _, what = key.partition(".")
            values.setdefault(int(place), {})[what] = tensor
        optimiser.load_state_dict({"state": values, "param_groups": optimiser.state_dict()["param_groups"]})
    on = phase.team.device
    phase.average = {name: tensor.to(on) for name, tensor in parts.get("average", {}).items()}
    phase.best = {name: tensor.to(on) for name, tensor in parts.get("best", {}).items()}
    phase.random.set_state(parts["random"][""])
    if moments:
        phase.ground = parts.get("ground", {})


def _under(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key[len(name) + 1 :]: tensor for key, tensor in tensors.items() if key.startswith(f"{name}.")}


def _digest(tensors: dict[str, Tensor]) -> str:
    hasher = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        hasher.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        hasher.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return hasher.hexdigest()

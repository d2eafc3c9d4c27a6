"""The folder of one training run: when it began, what it goes on from after a kill, and what came out.

All of it is in clear until the model is recorded. Then `clear` overwrites whatever weights are left there.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger import file


@dataclass(frozen=True, slots=True)
class RunFolder:
    """``runs/IDENTITY`` in a home. Only the process that holds the run's lock may write there."""

    path: Path

    @property
    def weights(self) -> Path:
        """The file of weights, once all is learnt and until it is recorded."""
        return self.path / "weights.safetensors"

    @property
    def state(self) -> Path:
        """The folder of what has been learnt so far."""
        return self.path / "state"

    def begin(self, now: str) -> str:
        """Make the folder, if need be; returns when the run first began, though it may have been killed since."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        started = self.path / "started.json"
        with contextlib.suppress(FileExistsError):
            file.write(started, lambda out: out.write(json.dumps(now).encode()), once=True)
        return str(json.loads(started.read_bytes()))

    def outcome(self) -> dict[str, Any] | None:
        """What `finish` wrote last, or None."""
        path = self.path / "outcome.json"
        return json.loads(path.read_bytes()) if path.exists() else None

    def finish(self, outcome: dict[str, Any]) -> None:
        """Write what came out, whole or not at all."""
        file.write(self.path / "outcome.json", lambda out: out.write(json.dumps(outcome).encode()))

    def clear(self) -> None:
        """Overwrite what the run went on from, and what a kill left of a file that was being written."""
        for path in sorted([*self.state.glob("*"), *self.path.glob(".*")]):
            file.shred(path)
        if self.state.is_dir():
            self.state.rmdir()

"""The command line within the test's own process: what a command says, and the exit code that it leaves with."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from story import PASSPHRASE

from api.cli import main


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def object(self) -> dict[str, Any]:
        """The one JSON object on standard output."""
        assert self.out.count("\n") == 1, self.out + self.err
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass(frozen=True)
class Shell:
    """``stemmata`` in one home, with nobody at the terminal; ``settings`` are more variables of its environment."""

    home: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def run(self, *words: str) -> Said:
        """One command, in words for people."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("STEMMATA_")}
        environment = {**clean, "STEMMATA_HOME": str(self.home), "STEMMATA_PASSPHRASE": PASSPHRASE}
        environment |= {"STEMMATA_INSTRUMENT": "off"} | self.settings
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, environment, clear=True),
            mock.patch("sys.stdin", io.StringIO()),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                main(words)
            except SystemExit as left:
                return Said(int(left.code or 0), out.getvalue(), err.getvalue())
        raise AssertionError("main returned")

    def json(self, *words: str) -> dict[str, Any]:
        """The object of a command that did what it was asked."""
        done = self.run(*words, "--json")
        assert done.code == 0, done.out + done.err
        return done.object

    def refusal(self, *words: str, code: int = 1) -> str:
        """Name and message of a command that failed with this exit code."""
        done = self.run(*words, "--json")
        assert done.code == code, done.out + done.err
        error = done.object["error"]
        return f"{error['name']}: {error['message']}"

"""Settings: what the environment says, read once, by the shell alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things lie and how to reach them.

    ``home``        the folder that holds everything (``STEMMATA_HOME``, default ``~/.stemmata``)
    ``passphrase``  opens keys and vault without a prompt (``STEMMATA_PASSPHRASE``); never shown
    ``rpc_url``     a JSON-RPC network instead of the embedded chain (``STEMMATA_RPC``); never shown either
    ``deployment``  file with the contracts' addresses on that network (``STEMMATA_DEPLOYMENT``)
    """

    home: Path
    passphrase: str | None = field(default=None, repr=False)
    rpc_url: str | None = field(default=None, repr=False)
    deployment: Path | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read the variables above; an empty variable counts as unset."""
        deployment = environ.get("STEMMATA_DEPLOYMENT")
        return cls(
            home=Path(environ.get("STEMMATA_HOME") or "~/.stemmata").expanduser().absolute(),
            passphrase=environ.get("STEMMATA_PASSPHRASE") or None,
            rpc_url=environ.get("STEMMATA_RPC") or None,
            deployment=Path(deployment).expanduser().absolute() if deployment else None,
        )

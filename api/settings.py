"""Settings: what the environment says, read once, by the shell alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from api.errors import UsageError


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things lie and how to reach them.

    ``home``        the folder that holds everything (``STEMMATA_HOME``, default ``~/.stemmata``)
    ``passphrase``  opens keys and vault without a prompt (``STEMMATA_PASSPHRASE``); never shown
    ``rpc_url``     a JSON-RPC network instead of the embedded chain (``STEMMATA_RPC``); never shown either
    ``confirmations``  blocks on a transaction's own that make it final there (``STEMMATA_CONFIRMATIONS``, default 0:
                    final when mined, as development chains have it; 12 and more where money is real)
    ``deployment``  file with the contracts' addresses on that network (``STEMMATA_DEPLOYMENT``)
    """

    home: Path
    passphrase: str | None = field(default=None, repr=False)
    rpc_url: str | None = field(default=None, repr=False)
    deployment: Path | None = None
    confirmations: int = 0

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read the variables above; an empty variable counts as unset. Raises :class:`UsageError`."""
        deployment = environ.get("STEMMATA_DEPLOYMENT")
        confirmations = environ.get("STEMMATA_CONFIRMATIONS") or "0"
        if not (confirmations.isascii() and confirmations.isdigit()):
            raise UsageError(f"STEMMATA_CONFIRMATIONS is a number of blocks, 0 or more, not {confirmations!r}")
        return cls(
            home=Path(environ.get("STEMMATA_HOME") or "~/.stemmata").expanduser().absolute(),
            passphrase=environ.get("STEMMATA_PASSPHRASE") or None,
            rpc_url=environ.get("STEMMATA_RPC") or None,
            deployment=Path(deployment).expanduser().absolute() if deployment else None,
            confirmations=int(confirmations),
        )

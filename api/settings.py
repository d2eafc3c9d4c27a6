"""Settings: what the environment says, read once, by the shell alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from api.errors import UsageError

_LONGEST_PASSPHRASE = 16384
_SHIPPED = Path(__file__).parent / "instrument"


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things lie and how to reach them.

    ``home``        the folder that holds everything (``STEMMATA_HOME``, default ``~/.stemmata``)
    ``passphrase``  opens keys and vault without a prompt (``STEMMATA_PASSPHRASE``, or the first line that comes from
                    the file descriptor ``STEMMATA_PASSPHRASE_FD``, which no other process can look up); never shown
    ``cosign``      whether signatures are co-signed with ML-DSA-65 (``STEMMATA_COSIGN``, on or off, default on)
    ``rpc_url``     a JSON-RPC network instead of the embedded chain (``STEMMATA_RPC``); never shown either
    ``confirmations``  blocks on a transaction's own that make it final there (``STEMMATA_CONFIRMATIONS``, default 0:
                    final when mined, as development chains have it; 12 and more where money is real)
    ``deployment``  file with the contracts' addresses on that network (``STEMMATA_DEPLOYMENT``)
    ``ipfs_api``    the RPC API of an IPFS node (``IPFS_API``: a multiaddr or a URL, also with a password); never shown
    ``ipfs_auth``   what lets us in there (``IPFS_API_AUTH``: ``basic:USER:PASSWORD`` or ``bearer:TOKEN``); never shown
    ``gateway``     a trustless gateway (``STEMMATA_GATEWAY``: the URL before ``/ipfs/``); never shown
    ``pinning``     an IPFS pinning service (``STEMMATA_PINNING``: the URL before ``/pins``); never shown
    ``pinning_token``  what lets us in there (``STEMMATA_PINNING_TOKEN``); never shown
    ``tsa``         a time-stamp authority after RFC 3161 (``STEMMATA_TSA``: its URL), without which manifests are not
                    stamped; never shown
    ``trust``       a PEM file with the roots that are trusted to sign manifests (``STEMMATA_TRUST``); without it, none
    ``corpus_engine``  what measures recordings (``STEMMATA_CORPUS_ENGINE``, default ``local``: all processors of this
                    machine; ``local:2``, ``ray``, ``ray:2``, ``ray:auto``, ``ray:HOST:PORT``)
    ``instrument``  folder of the instrument that a new home's embedded chain begins with (``STEMMATA_INSTRUMENT``: on
                    for that of the package, which is the default, off, or another's folder; here None for off)
    """

    home: Path
    passphrase: str | None = field(default=None, repr=False)
    rpc_url: str | None = field(default=None, repr=False)
    deployment: Path | None = None
    ipfs_api: str | None = field(default=None, repr=False)
    ipfs_auth: str | None = field(default=None, repr=False)
    gateway: str | None = field(default=None, repr=False)
    pinning: str | None = field(default=None, repr=False)
    pinning_token: str | None = field(default=None, repr=False)
    confirmations: int = 0
    cosign: bool = True
    corpus_engine: str = "local"
    instrument: Path | None = None
    tsa: str | None = field(default=None, repr=False)
    trust: Path | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read the variables above; an empty variable counts as unset. Raises :class:`UsageError`.

        A file descriptor gives its passphrase once: it is read here, to the end of its first line.
        """
        deployment = environ.get("STEMMATA_DEPLOYMENT")
        confirmations = environ.get("STEMMATA_CONFIRMATIONS") or "0"
        if not (confirmations.isascii() and confirmations.isdigit()):
            raise UsageError(f"STEMMATA_CONFIRMATIONS is a number of blocks, 0 or more, not {confirmations!r}")
        tsa, trust = environ.get("STEMMATA_TSA"), environ.get("STEMMATA_TRUST")
        if tsa and not tsa.startswith(("http://", "https://")):
            raise UsageError("STEMMATA_TSA is the URL of a time-stamp authority: http:// or https://")
        return cls(
            home=Path(environ.get("STEMMATA_HOME") or "~/.stemmata").expanduser().absolute(),
            passphrase=_passphrase(environ),
            rpc_url=environ.get("STEMMATA_RPC") or None,
            deployment=Path(deployment).expanduser().absolute() if deployment else None,
            ipfs_api=environ.get("IPFS_API") or None,
            ipfs_auth=environ.get("IPFS_API_AUTH") or None,
            gateway=environ.get("STEMMATA_GATEWAY") or None,
            pinning=environ.get("STEMMATA_PINNING") or None,
            pinning_token=environ.get("STEMMATA_PINNING_TOKEN") or None,
            confirmations=int(confirmations),
            cosign=_switch(environ, "STEMMATA_COSIGN"),
            corpus_engine=environ.get("STEMMATA_CORPUS_ENGINE") or "local",
            tsa=tsa or None,
            trust=Path(trust).expanduser().absolute() if trust else None,
            instrument=_instrument(environ.get("STEMMATA_INSTRUMENT") or "on"),
        )


def _switch(environ: Mapping[str, str], name: str) -> bool:
    said = environ.get(name) or "on"
    if said not in ("on", "off"):
        raise UsageError(f"{name} is on or off, not {said!r}")
    return said == "on"


def _instrument(said: str) -> Path | None:
    if said == "off":
        return None
    folder = _SHIPPED if said == "on" else Path(said).expanduser().absolute()
    if said != "on" and not (folder / "instrument.json").is_file():
        raise UsageError(f"STEMMATA_INSTRUMENT is on, off, or a folder with an instrument.json in it, not {said!r}")
    return folder


def _passphrase(environ: Mapping[str, str]) -> str | None:
    plain, number = environ.get("STEMMATA_PASSPHRASE"), environ.get("STEMMATA_PASSPHRASE_FD")
    if not number:
        return plain or None
    if plain:
        raise UsageError("STEMMATA_PASSPHRASE and STEMMATA_PASSPHRASE_FD both give a passphrase: keep one of them")
    if not (number.isascii() and number.isdigit()):
        raise UsageError(f"STEMMATA_PASSPHRASE_FD is the number of an open file descriptor, not {number!r}")
    line = _first_line(int(number))
    if not line:
        raise UsageError(f"STEMMATA_PASSPHRASE_FD: file descriptor {number} gives an empty passphrase")
    # As the environment's text is: what is not UTF-8 arrives as surrogates.
    return os.fsdecode(line)


def _first_line(descriptor: int) -> bytes:
    line = b""
    while b"\n" not in line:
        try:
            piece = os.read(descriptor, 4096)
        except (OSError, OverflowError):
            raise UsageError(f"STEMMATA_PASSPHRASE_FD: file descriptor {descriptor} cannot be read") from None
        if len(line) > _LONGEST_PASSPHRASE:
            raise UsageError(f"STEMMATA_PASSPHRASE_FD: a passphrase has at most {_LONGEST_PASSPHRASE} bytes")
        if not piece:
            break
        line += piece
    return line.partition(b"\n")[0].removesuffix(b"\r")

"""Options of ``stemmata audit`` about evidence: how to listen, whom to trust, and the bundle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.errors import UsageError
from api.home import Home
from api.outputs import require_folder

if TYPE_CHECKING:
    from api.workflows.evidence.hearing import Hearing

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def evidence_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--search-speed``, ``--mark-key``, ``--trust`` and ``--bundle``."""
    options = (
        click.option("--search-speed", is_flag=True, help="Where no mark is found, try other speeds and pitches."),
        click.option(
            "--mark-key",
            "mark_keys",
            metavar="FILE",
            multiple=True,
            type=_FILE,
            help="Listen with this private watermark key too; may be given more than once.",
        ),
        click.option(
            "--trust",
            "roots",
            metavar="PEM",
            multiple=True,
            type=_FILE,
            help="Roots that signers of manifests, and time stamps, may lead to, beside those of STEMMATA_TRUST.",
        ),
        click.option(
            "--bundle",
            metavar="BUNDLE",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Write all the evidence to BUNDLE; where it exists, audit FILE from it: no chain, no network.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def hearing(home: Home, search_speed: bool, mark_keys: tuple[Path, ...], roots: tuple[Path, ...]) -> Hearing:
    """How to listen. Raises :class:`UsageError`, and what reading a watermark key does."""
    from api import certificates, watermark_keys
    from api.workflows.evidence.hearing import Hearing
    from ledger.certificate import roots as parsed
    from ledger.errors import Malformed

    keys = tuple(
        (path.name, watermark_keys.read(path, home.passphrase(f"the watermark key {path.name}"))) for path in mark_keys
    )
    trusted = list(certificates.trusted(home))
    for path in roots:
        try:
            trusted += parsed(path.read_bytes())
        except Malformed as error:
            raise UsageError(f"--trust {path}: {error}") from error
    return Hearing(search_speed, keys, tuple(trusted))


def check_bundle(bundle: Path | None, *, replay: bool) -> bool:
    """Whether the bundle is to be written. Raises :class:`UsageError` before any work is done."""
    if bundle is None or bundle.exists():
        if bundle is not None and replay:
            raise UsageError("--replay makes the track again from a model, which no bundle holds: leave --bundle out")
        return False
    if replay:
        raise UsageError("--replay cannot be repeated from a bundle: write the bundle without it")
    require_folder(bundle, "--bundle")
    return True

"""The command line: parses, calls a workflow, prints, and turns errors into exit codes. No rule lives here.

Exit codes: 0 done, or verified; 1 refused or failed; 2 usage; and of ``audit``: 3 nothing known of this audio;
4 known, but something is wrong; 5 could not be checked.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

import click

from api.commands.abandon import abandon
from api.commands.anchor import anchor
from api.commands.audit import audit
from api.commands.compliance import compliance
from api.commands.content import content
from api.commands.dataset import dataset
from api.commands.dataset_croissant import croissant
from api.commands.dataset_report import report
from api.commands.demo import demo
from api.commands.doctor import doctor
from api.commands.export import export
from api.commands.forget import forget
from api.commands.generate import generate
from api.commands.income import income
from api.commands.key import key
from api.commands.license import license_
from api.commands.market import market
from api.commands.mint import mint
from api.commands.model import model
from api.commands.model_audit import model_audit
from api.commands.model_publish import publish as publish_model
from api.commands.publish import publish
from api.commands.royalties import royalties
from api.commands.serve import serve, work
from api.commands.serve_bindings import serve_bindings
from api.commands.serve_keys import serve_keys
from api.commands.train import train
from api.commands.watermark import watermark
from api.settings import Settings

STUDIO = frozenset({"torch", "librosa", "safetensors", "yaml"})
"""What the extra ``studio`` brings, by the names of imports."""
SERVE = frozenset({"fastapi", "httptools", "prometheus_client", "sqlalchemy", "starlette", "uvicorn"})
"""What the extra ``serve`` brings."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="stemmata")
@click.pass_context
def stemmata(context: click.Context) -> None:
    """Provenance for machine-made music.

    Register recordings, license them, train, generate and mint; then take any copy of a track, even cut and
    re-encoded, and audit its whole history. Try it all at once with `stemmata demo`.

    STEMMATA_HOME says where everything lies (default ~/.stemmata); STEMMATA_PASSPHRASE, or the first line
    of the file descriptor STEMMATA_PASSPHRASE_FD, opens keys without a prompt;
    STEMMATA_RPC and STEMMATA_DEPLOYMENT name a JSON-RPC network and its contracts instead of the embedded chain.
    A new home's chain begins with the instrument that comes with the package, unless STEMMATA_INSTRUMENT is off.
    """
    context.obj = Settings.from_environ(os.environ)


for command in (demo, key, dataset, license_, train, model, generate, mint, audit, market, royalties, income, content):
    stemmata.add_command(command)
stemmata.add_command(compliance)
stemmata.add_command(doctor)
stemmata.add_command(anchor)
stemmata.add_command(export)
stemmata.add_command(serve)
stemmata.add_command(serve_bindings)
stemmata.add_command(serve_keys)
stemmata.add_command(work)
stemmata.add_command(watermark)
stemmata.add_command(publish)
model.add_command(publish_model)
dataset.add_command(abandon)
dataset.add_command(forget)
dataset.add_command(report)
dataset.add_command(croissant)
model.add_command(model_audit)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of ``stemmata``. Every named error becomes one line on standard error and an exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = stemmata.main(words, prog_name="stemmata", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as unclear:
        if "--json" in words:
            _say_error(type(unclear).__name__, unclear.format_message())
        unclear.show()
        sys.exit(unclear.exit_code)
    except (click.Abort, KeyboardInterrupt):
        said = "stopped; what was recorded stays, and the same command finds it"
        if "--json" in words:
            _say_error("Stopped", said)
        click.echo(said, err=True)
        sys.exit(130)
    except Exception as raised:
        fault = _named(raised)
        code = _exit_code(fault)
        if code is None:
            raise
        name = type(fault).__name__
        if "--json" in words:
            _say_error(name, str(fault))
        click.echo(f"{name}: {fault}", err=True)
        sys.exit(code)


def _say_error(name: str, message: str) -> None:
    """The one object of a command that failed."""
    click.echo(json.dumps({"error": {"name": name, "message": message}}, ensure_ascii=False))


def _named(error: Exception) -> Exception:
    """A library of an extra that is not installed, as an error that says what to type; anything else unchanged."""
    from api.errors import ServiceMissing, StudioMissing

    if isinstance(error, ModuleNotFoundError) and error.name in SERVE:
        return ServiceMissing(f"serving needs {error.name}; in the project's folder: pip install '.[serve]'")
    if isinstance(error, ModuleNotFoundError) and error.name in STUDIO:
        return StudioMissing(
            f"training and generation need {error.name}; in the project's folder: pip install '.[studio]'"
        )
    return error


def _exit_code(error: Exception) -> int | None:
    """2 for usage, 5 for what could not be checked, 1 for any other named error; None for a defect of ours."""
    from api.errors import ApiError, UsageError
    from gen.errors import GenError
    from ledger.errors import LedgerError, Unverifiable

    if isinstance(error, UsageError):
        return 2
    if isinstance(error, Unverifiable):
        return 5
    if isinstance(error, ApiError | GenError | LedgerError | OSError):
        return 1
    return None

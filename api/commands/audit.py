"""``stemmata audit``: the whole history of any audio file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.commands import json_option, now
from api.commands.audit_evidence import check_bundle, evidence_options, hearing
from api.commands.audit_folder import Folders, audit_folder, folder_options
from api.commands.audit_reports import report_options
from api.commands.generate import heard_primer
from api.console import Console, ask_passphrase
from api.errors import UsageError
from api.home import Home
from api.outputs import require_folder
from api.reports.texts import Language
from api.settings import Settings

if TYPE_CHECKING:
    from api.workflows.audit import Audit

EXIT_CODES = {"verified": 0, "unknown": 3, "invalid": 4, "unverifiable": 5}


@click.command()
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--report", metavar="OUT.json", type=click.Path(dir_okay=False, path_type=Path), help="Write a signed report."
)
@click.option(
    "--replay", is_flag=True, help="Make each track again from its record, and compare. Takes as long as generating it."
)
@click.option(
    "--primer",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --replay: the music that the track goes on from.",
)
@click.option(
    "--key",
    "key_name",
    metavar="NAME",
    help="The key that signs the report and the bundle, and with --replay opens sealed weights.",
)
@evidence_options
@report_options
@folder_options
@json_option
@click.pass_obj
@click.pass_context
def audit(
    context: click.Context,
    settings: Settings,
    file: Path | None,
    report: Path | None,
    replay: bool,
    primer: Path | None,
    key_name: str | None,
    search_speed: bool,
    mark_keys: tuple[Path, ...],
    roots: tuple[Path, ...],
    bundle: Path | None,
    html: Path | None,
    pdf: Path | None,
    language: Language,
    folders: Folders,
    as_json: bool,
) -> None:
    """Tell where FILE comes from, as far as it can be proved; FILE may be cut, re-encoded, sped up or mixed.

    Exit code 0: verified. 3: nothing is known of this audio. 4: known, but something is wrong. 5: could not be checked.
    With --batch that of the worst file: 4, else 5, else 1 for one that could not be audited, else 3, else 0.
    """
    from api import report as reports
    from api.reports import writing
    from api.reports.terminal import as_text
    from api.reports.texts import Texts
    from api.workflows import bundling
    from api.workflows.audit import audit as run
    from api.workflows.replay import Replay
    from gen.errors import AudioError
    from ledger.errors import NotABundle

    if folders.check(file):
        if report or replay or primer or key_name or bundle or html or pdf:
            raise UsageError("--report, --replay, --primer, --key, --bundle, --html and --pdf go with FILE")
        how = hearing(Home(settings, ask_passphrase), search_speed, mark_keys, roots)
        context.exit(audit_folder(settings, folders, language=language, hearing=how, as_json=as_json))
    assert file is not None  # noqa: S101  (the check above has seen to it)
    new_bundle = check_bundle(bundle, replay=replay)
    _check(report, key_name, primer, replay=replay, new_bundle=new_bundle)
    writing.ready(html=html, pdf=pdf)
    home = Home(settings, ask_passphrase)
    signer = home.signer(key_name) if key_name is not None else None
    again = None
    if replay:
        again = Replay(
            home,
            now,
            unlock=None if key_name is None else lambda: home.signer(key_name),
            primer=None if primer is None else heard_primer(primer),
        )
    try:
        how = hearing(home, search_speed, mark_keys, roots)
        if bundle is None:
            outcome = run(home, file, again, how)
        elif new_bundle:
            outcome = bundling.write(home, file, bundle, how, now=now(), signer=signer)
        else:
            outcome = bundling.read(bundle, file, how)
    except AudioError as error:
        raise UsageError(str(error)) from error
    except NotABundle as error:
        raise UsageError(f"--bundle: {error}; name one that an audit wrote, or a new file for it to write") from error
    if report is not None and signer is not None:
        reports.write_signed(report, outcome, signer, now())
    asked = home if bundle is None else None
    writing.deliver(asked, file, outcome, language=language, when=now(), html=html, pdf=pdf)
    text = as_text(outcome, str(file), Texts(language)) + _unminted(asked, file, outcome)
    Console(as_json).result(reports.as_json(outcome, str(file)), text)
    context.exit(EXIT_CODES[outcome.verdict])


def _check(report: Path | None, key_name: str | None, primer: Path | None, *, replay: bool, new_bundle: bool) -> None:
    """Options that go together. Raises :class:`UsageError` before any work is done."""
    if report is not None and key_name is None:
        raise UsageError("--report and --key go together: the key signs the report")
    if key_name is not None and report is None and not replay and not new_bundle:
        raise UsageError(
            "--key goes with --report or a new --bundle, which it signs, or with --replay, for which it opens weights"
        )
    if primer is not None and not replay:
        raise UsageError("--primer goes with --replay")
    if report is not None:
        require_folder(report, "--report")


def _unminted(home: Home | None, file: Path, outcome: Audit) -> str:
    """What to do with a file that nothing is known of since it was generated here and never minted."""
    from api import drafts
    from ledger.findings import Status

    # Batches that nobody here can read say nothing of whether it was minted; a chain that does not answer does.
    unsettled = {
        finding.check for finding in outcome.findings if finding.status in (Status.UNVERIFIABLE, Status.INVALID)
    }
    if home is None or outcome.tracks or unsettled - {"anchor"} or not drafts.known(home, outcome.audio):
        return ""
    return f"\n\nThis home generated the file and has not minted it: stemmata mint {file} --key NAME"

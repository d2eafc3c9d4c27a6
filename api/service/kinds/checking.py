"""Jobs that tell where audio comes from: of one file, for anybody, and of many."""

# No postponed annotations: pydantic reads them.

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field

from api.service.kinds.kind import GIB, Context, Id, Kind, Limits, Request

if TYPE_CHECKING:
    from api.workflows.audit import Audit as Outcome
    from ledger.evidence import Evidence
    from ledger.findings import Finding

REPORT: Final = "audit.json"
_LANGUAGES: Final = ("en", "es")


class Audit(Request):
    """Tell where one file comes from; anybody may ask."""

    kind: Literal["audit"] = "audit"
    upload: Id
    search_speed: bool = Field(default=False, description="Search for the mark at other speeds and pitches too.")


class Batch(Request):
    """Tell where every file of an upload comes from, as a table and in full."""

    kind: Literal["batch"] = "batch"
    upload: Id
    search_speed: bool = False


def _audit(context: Context, asked: Audit) -> dict[str, Any]:
    """The object that ``stemmata audit --json`` prints; reports lie beside it."""
    from api import report as reports
    from api.certificates import trusted
    from api.errors import NoSuchThing
    from api.reports.visible import visible
    from api.workflows.audit import audit
    from api.workflows.evidence.hearing import Hearing
    from gen.confined import ConfinedDecoder
    from gen.confined import Limits as DecoderLimits

    path = next((path for path in (context.uploads / asked.upload).rglob("*") if path.is_file()), None)
    if path is None:
        raise NoSuchThing("the file that was to be checked is gone; send it again")

    def tell(layer: str, findings: "Sequence[Finding]", evidence: "Sequence[Evidence]") -> None:
        context.say("layer", {"layer": layer, **reports.layer_as_json(findings, evidence)}, topic=layer)

    with ConfinedDecoder(DecoderLimits(processor_seconds=120, seconds=240.0, most_samples=1 << 28)) as decoder:
        hearing = Hearing(asked.search_speed, trust=trusted(context.home))
        outcome = audit(context.home, path, hearing=hearing, decoder=decoder, tell=tell)
    content = reports.as_json(outcome, visible(path.name))
    said = {"verdict": content["verdict"], "conclusions": content["conclusions"]}
    context.say("layer", {"layer": "verdict", **said}, topic="verdict")
    _write(context, path, outcome, content)
    return content


def _write(context: Context, path: Path, outcome: "Outcome", content: dict[str, Any]) -> None:
    """What people download: the object, and the report as a page, and as a document where that can be written."""
    from importlib.util import find_spec

    from api.reports import writing
    from ledger import file

    text = json.dumps(content, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace")
    file.write(context.folder / REPORT, lambda out: out.write(text + b"\n"), mode=0o600)
    for language in _LANGUAGES:
        writing.deliver(
            context.home,
            path,
            outcome,
            language=language,
            when=context.now(),
            html=context.folder / f"report-{language}.html",
            pdf=context.folder / f"report-{language}.pdf" if find_spec("fpdf") is not None else None,
        )


def _batch(context: Context, asked: Batch) -> dict[str, Any]:
    from api.certificates import trusted
    from api.home import Home
    from api.workflows import batch as workflow
    from api.workflows.crew import Crew
    from api.workflows.evidence.hearing import Hearing
    from api.workflows.journal import Journal

    hearing = Hearing(asked.search_speed, trust=trusted(context.home))
    bare = replace(context.home.settings, passphrase=None)  # nobody signs
    auditor = workflow.Auditor(bare, context.uploads / asked.upload, context.now, hearing=hearing)
    paths = list(workflow.files(auditor.place))
    with (
        Journal(context.folder / workflow.JOURNAL, workflow.state(Home(bare), auditor)) as journal,
        Crew(auditor, 1) as crew,  # the machine is everybody's
    ):
        try:
            tally = workflow.batch(auditor, paths, journal, crew, partial(context.progress, "auditing"))
        finally:
            workflow.write(context.folder, journal.lines)
    return {"files": len(paths), "ends": dict(sorted(tally.ends.items()))}


_LIMITS = Limits(seconds=900.0, memory=6 * GIB)
AUDIT = Kind("audit", Audit, _audit, scope=None, signs=False, limits=_LIMITS, spends=("done", "failed", "cancelled"))
BATCH = Kind("batch", Batch, _batch, signs=False, long=True, limits=Limits(3600.0, 6 * GIB), spends=("done",))

"""``stemmata content push``, ``pull``, ``verify``, ``status``: what records name, where others keep it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from api.commands import json_option
from api.console import Console, counted
from api.errors import UsageError
from api.home import Home
from api.settings import Settings

if TYPE_CHECKING:
    from api.workflows.content import Item, Moved
    from api.workflows.elsewhere import Place
    from api.workflows.whereabouts import Survey
    from ledger.closure import Kind

Command = TypeVar("Command", bound=Callable[..., Any])

UNVERIFIABLE, WRONG = 5, 4
"""Exit codes: something could not be asked or is not there; something is other than its CID says."""


def _subject(command: Command) -> Command:
    """``dataset|model|track ID``."""
    kinds = click.Choice(["dataset", "model", "track"])
    return click.argument("kind", metavar="dataset|model|track", type=kinds)(
        click.argument("subject", metavar="ID")(command)
    )


@click.command()
@_subject
@click.option(
    "--to", "place", type=click.Choice(["ipfs", "pinning"]), default="ipfs", show_default=True, help="Where to."
)
@click.option(
    "--wait",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=300.0,
    show_default=True,
    help="How long to wait for a pinning service; 0 leaves it to itself.",
)
@json_option
@click.pass_obj
def push(settings: Settings, kind: Kind, subject: str, place: str, wait: float, as_json: bool) -> None:
    """Send a record, and all that it rests on, to the IPFS node IPFS_API, or let a pinning service pin it.

    Every block is read back from the node before it counts. A pinning service (STEMMATA_PINNING) fetches from the
    network; IPFS_API, where set, is told to it as the origin. Stopped anywhere, the same command goes on where it was.
    """
    from api.workflows import content as workflow

    console = Console(as_json)
    with console.progress(in_bytes=place == "ipfs") as bar:
        if place == "ipfs":
            done = workflow.push(Home(settings), kind, subject, bar)
        else:
            done = workflow.push_to_service(Home(settings), kind, subject, bar, wait=wait)
    _say(console, kind, subject, place, done, "sent")


@click.command()
@click.argument("kind", metavar="dataset|model|track|cid", type=click.Choice(["dataset", "model", "track", "cid"]))
@click.argument("subject", metavar="ID")
@click.option("--from", "place", type=click.Choice(["ipfs", "gateway"]), help="Where from.  [default: what is set]")
@json_option
@click.pass_obj
def pull(settings: Settings, kind: Kind | Literal["cid"], subject: str, place: Place | None, as_json: bool) -> None:
    """Fetch a record, and all that it rests on, from the IPFS node IPFS_API or the gateway STEMMATA_GATEWAY.

    Only the chain is needed beforehand; `pull cid CID` brings one content alone, such as a license's record. Every
    block is verified before it is kept, so it does not matter whom it comes from. Stopped anywhere, the same command
    goes on where it was.
    """
    from api.workflows import content as workflow

    console = Console(as_json)
    with console.progress(in_bytes=True) as bar:
        done = workflow.pull(Home(settings), kind, subject, place, bar)
    _say(console, kind, subject, place, done, "fetched")


@click.command()
@_subject
@click.option("--at", "place", type=click.Choice(["ipfs", "gateway"]), help="Where.  [default: what is set]")
@json_option
@click.pass_obj
@click.pass_context
def verify(
    context: click.Context, settings: Settings, kind: Kind, subject: str, place: Place | None, as_json: bool
) -> None:
    """Read every block of a record, and of all that it rests on, where others keep it, and compare.

    Exit code 0: all whole. 4: something is other than its CID says. 5: something is missing, or could not be asked.
    """
    from api.workflows import content as workflow

    console = Console(as_json)
    with console.progress(in_bytes=True) as bar:
        done = workflow.verify(Home(settings), kind, subject, place, bar)
    _say(console, kind, subject, place, done, "read")
    states = {item.state for item in done.items}
    context.exit(WRONG if "wrong" in states else UNVERIFIABLE if "unknown" in states else 0)


@click.command()
@click.argument(
    "kind", metavar="[dataset|model|track", type=click.Choice(["dataset", "model", "track"]), required=False
)
@click.argument("subject", metavar="ID]", required=False)
@json_option
@click.pass_obj
@click.pass_context
def status(context: click.Context, settings: Settings, kind: Kind | None, subject: str | None, as_json: bool) -> None:
    """Show where a record and all that it rests on is: here, pinned on the IPFS node, at the pinning service.

    Without a record: everything that any record on chain names. Leaves are not read here; `content verify` does that
    elsewhere. Exit code 5: something could not be asked, or a record could not be read.
    """
    from api.workflows import whereabouts

    if kind is not None and subject is None:
        raise UsageError(f"which {kind}? give its ID, or no record at all for everything")
    found = whereabouts.survey(Home(settings), None if kind is None or subject is None else (kind, subject))
    content = {
        "content": [
            {
                "what": row.named.what,
                "cid": str(row.named.cid),
                "here": row.here,
                "ipfs": None if row.node is None else "pinned" if row.node else "not pinned",
                "pinning": row.service,
            }
            for row in found.rows
        ],
        "troubles": list(found.troubles),
    }
    Console(as_json).result(content, _table(found))
    context.exit(UNVERIFIABLE if found.troubles else 0)


def _say(console: Console, kind: str, subject: str, place: str | None, done: Moved, moved: str) -> None:
    content = {
        kind: subject if kind in ("track", "cid") else int(subject),
        "place": place,
        "bytes": sum(item.size for item in done.items),
        moved: done.bytes,
        "content": [
            {
                "what": item.named.what,
                "cid": str(item.named.cid),
                "bytes": item.size,
                "state": item.state,
                **({"detail": item.detail} if item.detail else {}),
            }
            for item in done.items
        ],
    }
    lines = [f"{item.state:<8} {item.named.what}  {item.named.cid}{_because(item)}" for item in done.items]
    size, part = _megabytes(content["bytes"]), _megabytes(done.bytes)
    total = f"{counted(len(lines), 'content')}, {size}, of which {part} were {moved}"
    console.result(content, "\n".join([*lines, total]))


def _because(item: Item) -> str:
    return f"\n         {item.detail}" if item.detail else ""


def _megabytes(size: Any) -> str:
    return f"{size / 1e6:.1f} MB"


def _table(found: Survey) -> str:
    nodes = {None: "?", True: "pinned", False: "not pinned"}
    lines = [("here", "ipfs", "pinning", "what")]
    lines += [
        (row.here, nodes[row.node], row.service or "?", f"{row.named.what}  {row.named.cid}") for row in found.rows
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    rows = [
        "  ".join([*(text.ljust(width) for text, width in zip(line, widths, strict=False)), line[3]]) for line in lines
    ]
    asked = {"ipfs": (row.node for row in found.rows), "pinning": (row.service for row in found.rows)}
    unasked = [place for place, answers in asked.items() if None in answers]
    sets = {"ipfs": "IPFS_API", "pinning": "STEMMATA_PINNING"}
    legend = [f"?: not asked; {' and '.join(f'{sets[place]} says where {place} is' for place in unasked)}"]
    return "\n".join([*rows, *(legend if unasked else []), *(f"? {trouble}" for trouble in found.troubles)])

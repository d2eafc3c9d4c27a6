"""``stemmata content``: what is kept in this home's store, checked, collected, and carried in archives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from api.commands import json_option
from api.console import Console, counted
from api.home import Home
from api.settings import Settings

DAMAGED = 4
"""Exit code of an inspection that found something; the same as an audit's for what is known and wrong."""

_PATH = click.Path(exists=True, path_type=Path)
_ARCHIVE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("cid")
@click.argument("path", type=_PATH)
@json_option
@click.pass_obj
def cid(settings: Settings, path: Path, as_json: bool) -> None:
    """Say the CID of the file or folder PATH, in profile unixfs-v1-2025; nothing is stored.

    A folder is taken as `ipfs add -r` takes it: names that begin with a dot are left out. Symbolic links are refused.
    """
    from api.workflows import content_upkeep

    console = Console(as_json)
    with console.progress(in_bytes=True) as bar:
        found = content_upkeep.cid_of(path, bar)
    console.result({"cid": str(found), "profile": "unixfs-v1-2025"}, str(found))


@click.command("add")
@click.argument("path", type=_PATH)
@json_option
@click.pass_obj
def add(settings: Settings, path: Path, as_json: bool) -> None:
    """Store the file or folder PATH as it is, unencrypted, and keep it until `unpin`."""
    from api.workflows import content_upkeep

    console = Console(as_json)
    with console.progress(in_bytes=True) as bar:
        found = content_upkeep.add(Home(settings), path, bar)
    console.result({"cid": str(found), "profile": "unixfs-v1-2025", "pinned": True}, str(found))


@click.command("get")
@click.argument("text", metavar="CID")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The file or folder to be written.")
@json_option
@click.pass_obj
def get(settings: Settings, text: str, out: Path, as_json: bool) -> None:
    """Write the file or folder that is stored here under CID, as it is stored; every block is verified."""
    from api.workflows import content_upkeep
    from ledger.cid import Cid

    console = Console(as_json)
    with console.progress(in_bytes=True) as bar:
        count = content_upkeep.get(Home(settings), Cid.parse(text), out, bar)
    console.result({"cid": text, "out": str(out), "files": count}, f"{out}: {counted(count, 'file')}")


@click.command("unpin")
@click.argument("text", metavar="CID")
@json_option
@click.pass_obj
def unpin(settings: Settings, text: str, as_json: bool) -> None:
    """No longer keep what was added or imported under CID; the next `gc` may remove it."""
    from api import pins
    from ledger.cid import Cid

    count = pins.drop(Home(settings), Cid.parse(text))
    said = f"{text}: unpinned" if count else f"{text}: no pin here has it"
    Console(as_json).result({"cid": text, "unpinned": count}, said)


@click.command("export")
@click.argument("kind", type=click.Choice(["dataset", "model", "track"]))
@click.argument("id_", metavar="ID")
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The archive to be written."
)
@json_option
@click.pass_obj
def export(settings: Settings, kind: Any, id_: str, out: Path, as_json: bool) -> None:
    """Write a CAR archive of a dataset, model or track with everything that it rests on; see `import`.

    ID is the number, or of a track the 16 digits of its watermark, or its file. Recordings are in it as ciphertext.
    """
    from api.workflows import content_upkeep

    console = Console(as_json)
    with console.progress(in_bytes=True) as bar:
        done = content_upkeep.export(Home(settings), kind, id_, out, bar)
    content = {
        "archive": str(out),
        "bytes": done.size,
        "blocks": done.blocks,
        "roots": [{"cid": str(named.cid), "what": named.what} for named in done.names],
    }
    console.result(
        content, f"{out}: {counted(len(done.names), 'root')}, {counted(done.blocks, 'block')}, {done.size} bytes"
    )


@click.command("import")
@click.argument("path", metavar="ARCHIVE", type=_ARCHIVE)
@json_option
@click.pass_obj
def import_(settings: Settings, path: Path, as_json: bool) -> None:
    """Read a CAR archive into the store. Every block is verified, and all that its roots name must be whole."""
    from api.workflows import content_upkeep

    console = Console(as_json)
    with console.progress(in_bytes=True) as bar:
        done = content_upkeep.take(Home(settings), path, bar)
    content = {
        "roots": [str(root) for root in done.roots],
        "records": list(done.records),
        "unknown": [str(root) for root in done.unknown],
        "pinned": True,
    }
    lines = [f"{path}: {counted(len(done.roots), 'root')}, all whole", *(f"  {name}" for name in done.records)]
    if done.unknown:
        lines.append(
            f"  no record on this home's chain names {len(done.unknown)} of them: their blocks are whole, and what "
            "they are, or whether a record among them is true, is not known here"
        )
    console.result(content, "\n".join(lines))


@click.command("gc")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@click.option("--hours", type=click.FloatRange(min=0), default=24.0, show_default=True, help="Spare what is younger.")
@click.option(
    "--forsake",
    "names",
    multiple=True,
    metavar="RECORD",
    help="Go on although this record, such as 'dataset 5', cannot be read: what it alone names goes. Or: all.",
)
@json_option
@click.pass_obj
def gc(settings: Settings, dry_run: bool, hours: float, names: tuple[str, ...], as_json: bool) -> None:
    """Remove the blocks that no record on chain names and no pin keeps.

    With fewer hours than a registration or training takes, nothing else may run in this home meanwhile.
    """
    from api.workflows import content_upkeep

    done = content_upkeep.collect(Home(settings), hours=hours, forsaken=names, dry_run=dry_run)
    content = {
        "removed": done.removed,
        "freed": done.freed,
        "named": done.named,
        "young": done.young,
        "dry_run": dry_run,
    }
    verb = "would remove" if dry_run else "removed"
    text = (
        f"{verb} {counted(done.removed, 'block')}, {done.freed} bytes; of the others {done.named} named, "
        f"{done.young} too young to judge"
    )
    Console(as_json).result(content, text)


@click.command("fsck")
@click.option("--repair", is_flag=True, help="Move damaged blocks aside, so that they can be pulled or added again.")
@json_option
@click.pass_obj
def fsck(settings: Settings, repair: bool, as_json: bool) -> int:
    """Read every block, and look for all that records and pins name; exit code 4 where something is wrong.

    A file that is not the store's is mentioned, and is no fault.
    """
    from api.workflows import content_upkeep

    console = Console(as_json)
    with console.progress() as report:
        files = 0

        def progress(count: int) -> None:
            nonlocal files
            files = count
            report("checking blocks", count, None)

        faults = list(content_upkeep.inspect(Home(settings), repair=repair, progress=progress))
    wrong = [fault for fault in faults if fault.kind != "foreign"]
    lines = [_line(fault.kind, fault.what, fault.needed_by, fault.detail, fault.mended) for fault in faults]
    content = {
        "files": files,
        "whole": not wrong,
        "faults": [
            {
                "kind": fault.kind,
                "what": fault.what,
                "needed_by": list(fault.needed_by),
                "detail": fault.detail,
                "moved": fault.mended,
            }
            for fault in faults
        ],
    }
    said = f"{counted(files, 'file')} checked: {counted(len(wrong), 'fault') if wrong else 'all whole'}"
    console.result(content, "\n".join([*lines, said]))
    return DAMAGED if wrong else 0


def _line(kind: str, what: str, needed_by: tuple[str, ...], detail: str, moved: bool) -> str:
    needed = f", needed by {', '.join(needed_by)}" if needed_by else ", needed by nothing that is named"
    aside = "; moved to damaged/" if moved else ""
    return f"{kind}: {what}{'' if kind == 'foreign' else needed}: {detail}{aside}"


COMMANDS = (cid, add, get, unpin, export, import_, gc, fsck)
"""They join the group ``content``."""

"""Content by command: added, collected, inspected, and carried to another home with all that it rests on."""

import json
import os
import shutil
import time

import pytest
from shell import Shell

from api import pins
from api.home import Home
from api.settings import Settings
from api.workflows import content_upkeep
from ledger import closure
from ledger.cid import Cid
from ledger.store import BlockStore

MIB = 1 << 20


@pytest.fixture
def shell(story, tmp_path):
    """A copy of the story's home, to be spoilt."""
    shutil.copytree(story.home.path, tmp_path / "home", ignore=shutil.ignore_patterns("models"))
    return Shell(tmp_path / "home")


@pytest.fixture
def home(shell):
    return Home(Settings(home=shell.home))


def age(home, days=3):
    """As if everything in the store had been put days ago."""
    for path in (home.path / "content").rglob("*"):
        if len(path.name) == 64:
            os.utime(path, (time.time() - days * 86400,) * 2)


def spoil(store, cid):
    path = store.path(cid.digest)
    path.chmod(0o644)
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    return path


def named(home, kind="track"):
    with home.ledger() as ledger:
        token = ledger.contracts.tracks()[0].id if kind == "track" else 1
        return list(closure.rests_on(ledger.contracts, ledger.store, kind, token))


def test_a_cid_is_said_and_nothing_stored(tmp_path, vectors):
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "a.txt").write_bytes(b"a.txt")
    shell = Shell(tmp_path / "home")
    said = shell.json("content", "cid", str(tmp_path / "f"))
    vector = json.loads((vectors / "unixfs_v1_2025.json").read_text())["folders"]["vectors"][1]
    assert vector["paths"] == ["a.txt"]
    assert said == {"cid": vector["cid"], "profile": "unixfs-v1-2025"}
    assert shell.run("content", "cid", str(tmp_path / "f" / "a.txt")).out == f"{Cid.of_raw(b'a.txt')}\n"
    assert not (tmp_path / "home").exists()
    (tmp_path / "f" / "b").symlink_to("/etc/passwd")
    assert "b is a symbolic link" in shell.refusal("content", "cid", str(tmp_path / "f"))
    os.mkfifo(tmp_path / "pipe")
    for name, said in (("f/b", "is a symbolic link"), ("pipe", "is neither file nor folder")):
        for command in ("cid", "add"):
            assert said in shell.refusal("content", command, str(tmp_path / name), code=2)


def test_what_was_added_stays_until_it_is_unpinned(shell, home, tmp_path):
    (tmp_path / "sheet.pdf").write_bytes(os.urandom(2 * MIB))
    added = shell.json("content", "add", str(tmp_path / "sheet.pdf"))
    assert added == {"cid": shell.json("content", "cid", str(tmp_path / "sheet.pdf"))["cid"],
                     "profile": "unixfs-v1-2025", "pinned": True}  # fmt: skip
    age(home)
    assert shell.json("content", "gc")["removed"] == 0
    assert shell.json("content", "unpin", added["cid"]) == {"cid": added["cid"], "unpinned": 1}
    assert shell.json("content", "gc", "--dry-run")["removed"] == 3
    done = shell.json("content", "gc")
    assert (done["removed"], done["dry_run"]) == (3, False)
    assert done["freed"] > 2 * MIB
    assert not home.store().has(Cid.parse(added["cid"]))
    assert shell.json("content", "fsck")["whole"]


def test_what_was_added_is_written_again_file_or_folder(tmp_path):
    source = tmp_path / "sheets"
    (source / "inner").mkdir(parents=True)
    (source / "a.txt").write_bytes(b"a")
    (source / "inner" / "b.bin").write_bytes(os.urandom(2 * MIB))
    shell = Shell(tmp_path / "home")
    for place, count in ((source, 2), (source / "inner" / "b.bin", 1)):
        cid = shell.json("content", "add", str(place))["cid"]
        out = tmp_path / f"{place.name} again"
        assert shell.json("content", "get", cid, "--out", str(out)) == {"cid": cid, "out": str(out), "files": count}
        assert shell.json("content", "cid", str(out))["cid"] == cid
        assert "exists; move it" in shell.refusal("content", "get", cid, "--out", str(out), code=2)
    nowhere = str(Cid.of_raw(b"nowhere"))
    assert "is not in the store" in shell.refusal("content", "get", nowhere, "--out", str(tmp_path / "x"), code=5)
    assert not (tmp_path / "x").exists()


def test_nothing_that_a_record_or_draft_names_is_collected(shell, home):
    before = named(home)
    age(home)
    drafts = [pin for pin in pins.everything(home) if "draft" in pin.what]
    assert drafts
    assert shell.json("content", "gc", "--hours", "0")["removed"] == 0
    for each in (*before, *drafts):
        home.store().check(each.cid)


def test_a_home_that_cannot_know_what_is_named_is_left_alone(tmp_path, shell):
    empty = Shell(tmp_path / "empty")
    assert "knows no chain" in empty.refusal("content", "gc", code=5)
    (shell.home / "outbox").mkdir(exist_ok=True)
    (shell.home / "outbox" / "1").write_bytes(b"")
    assert "set STEMMATA_RPC" in shell.refusal("content", "gc", code=5)


def test_an_unread_record_stops_a_collection_until_it_is_named(shell, home):
    record = named(home, "dataset")[0]
    home.store().path(record.cid.digest).unlink()
    age(home)
    assert "dataset 1" in shell.refusal("content", "gc", code=5)
    assert shell.json("content", "gc", "--dry-run", "--forsake", "dataset 1")["removed"] > 0
    assert shell.json("content", "gc", "--dry-run", "--forsake", "all")["removed"] > 0
    assert "dataset 1" in shell.refusal("content", "gc", "--forsake", "dataset 2", code=5)
    assert "--forsake 'datset 1': no record" in shell.refusal("content", "gc", "--forsake", "datset 1", code=2)


def test_damage_is_found_named_moved_aside_and_mended(shell, home, story, tmp_path):
    assert shell.run("content", "fsck").out.endswith("all whole\n")
    recording = named(home, "dataset")[2]
    path = spoil(home.store(), recording.cid)
    for repair in ((), ("--repair",)):
        done = shell.run("content", "fsck", "--json", *repair)
        assert done.code == 4
        (fault,) = done.object["faults"]
        assert (fault["kind"], fault["needed_by"]) == ("damaged", ["recording 2 of dataset 1"])
        assert fault["what"].endswith(path.name)
        assert fault["moved"] == bool(repair)
    said = shell.run("content", "fsck")
    assert said.code == 4
    assert f"missing: {recording.cid}, needed by recording 2 of dataset 1: not in the store; pull it" in said.out
    archive = tmp_path / "dataset.car"
    Shell(story.home.path).json("content", "export", "dataset", "1", "--out", str(archive))
    assert shell.json("content", "import", str(archive))["records"][0] == "dataset 1"
    assert shell.json("content", "fsck")["whole"]


def test_what_is_pinned_and_gone_is_to_be_added_again(shell, home, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("by hand")
    cid = Cid.parse(shell.json("content", "add", str(path))["cid"])
    home.store().path(cid.digest).unlink()
    said = shell.run("content", "fsck")
    assert said.code == 4 and said.out.endswith(": 1 fault\n")
    assert "notes.txt (pinned): not in the store; add or import the content again" in said.out
    out = tmp_path / "none" / "notes.txt"
    refused = shell.refusal("content", "get", str(cid), "--out", str(out), code=2)
    assert f"the folder {out.parent} does not exist" in refused


def test_a_file_that_is_not_the_stores_is_mentioned_and_no_fault(shell):
    (shell.home / "content" / "notes.txt").write_text("hello")
    done = shell.json("content", "fsck")
    assert done["whole"]
    assert [fault["kind"] for fault in done["faults"]] == ["foreign"]


@pytest.mark.parametrize("kind", ["dataset", "model", "track"])
def test_all_that_it_rests_on_travels_in_one_archive(shell, home, story, tmp_path, kind):
    archive = tmp_path / "all.car"
    id_ = str(story.track) if kind == "track" else "1"
    said = shell.json("content", "export", kind, id_, "--out", str(archive))
    wanted = named(home, kind)
    assert [root["what"] for root in said["roots"]] == [each.what for each in wanted]
    assert said["bytes"] == archive.stat().st_size
    other = Shell(tmp_path / "other")
    done = other.json("content", "import", str(archive))
    assert done["roots"] == done["unknown"] == [str(each.cid) for each in wanted]
    assert (
        f"no record on this home's chain names {len(wanted)} of them"
        in other.run("content", "import", str(archive)).out
    )
    known = shell.json("content", "import", str(archive))
    assert len(known["unknown"]) < len(wanted)
    store = BlockStore(other.home / "content")
    for each in wanted:
        store.check(each.cid)
    assert "exists; move it" in shell.refusal("content", "export", kind, id_, "--out", str(archive), code=2)


def test_an_archive_that_was_changed_is_refused_with_its_name(shell, tmp_path):
    archive = tmp_path / "track.car"
    shell.json("content", "export", "dataset", "1", "--out", str(archive))
    whole = archive.read_bytes()
    for at in (5, 60, len(whole) // 2, len(whole) - 1):
        archive.write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])
        other = Shell(tmp_path / f"home {at}")
        failed = other.run("content", "import", str(archive))
        assert failed.code in (1, 5)
        assert f"{archive}: " in failed.err
    archive.write_bytes(whole[:-1])
    assert "cut off" in Shell(tmp_path / "cut").refusal("content", "import", str(archive))


def test_what_cannot_be_exported_whole_is_not_exported(shell, home, tmp_path):
    recording = named(home, "dataset")[1]
    spoil(home.store(), recording.cid)
    archive = tmp_path / "dataset.car"
    said = shell.refusal("content", "export", "dataset", "1", "--out", str(archive))
    assert f"DigestMismatch: recording 1 of dataset 1: block {recording.cid} was changed on disk" in said
    assert list(tmp_path.glob("*.car")) == []
    assert "has a number" in shell.refusal("content", "export", "model", "x", "--out", str(archive), code=2)
    assert "no model 9" in shell.refusal("content", "export", "model", "9", "--out", str(archive))


def test_a_bar_fills_with_bytes_and_is_not_full_from_the_start(home, tmp_path):
    (tmp_path / "sheets").mkdir()
    (tmp_path / "sheets" / "sheet.pdf").write_bytes(os.urandom(3 * MIB + 5))
    archive = tmp_path / "dataset.car"
    for phase, work in (
        ("reading", lambda bar: content_upkeep.cid_of(tmp_path / "sheets" / "sheet.pdf", bar)),
        ("storing", lambda bar: content_upkeep.add(home, tmp_path / "sheets", bar)),
        ("exporting", lambda bar: content_upkeep.export(home, "dataset", "1", archive, bar)),
        ("importing", lambda bar: content_upkeep.take(home, archive, bar)),
    ):
        told = []
        work(lambda *said, told=told: told.append(said))
        assert {name for name, _, _ in told} == {phase}
        done, totals = [done for _, done, _ in told], [total for _, _, total in told]
        assert done == sorted(done)
        assert done[-1] > 2 * MIB
        assert done[0] < totals[0] / 2
        assert 0.95 < totals[0] / done[-1] < 1.05, phase


@pytest.mark.parametrize("command", ["gc", "fsck"])
@pytest.mark.parametrize(
    ("name", "written", "said"),
    [
        ("pins/x.json", "{}", "x.json is no pin"),
        ("drafts/x.json", "{}", "x.json is no draft"),
        ("drafts/x.json", "\xff", "x.json is no draft"),
        ("intake/x.jsonl", '{"asset": "dataset:1"}\n{"file": "1", "recording": {"size": 1}}\n', "x.jsonl"),
        ("intake/x.jsonl", '{"asset": "dataset:1"}\n{"file": "1", "recording": 1}\n', "x.jsonl"),
    ],
)
def test_a_pin_draft_or_note_that_is_none_is_named(shell, home, command, name, written, said):
    home.folder(name.partition("/")[0])
    (home.path / name).write_text(written, encoding="latin-1")
    refusal = shell.refusal("content", command)
    assert refusal.startswith("Malformed: ")
    assert said in refusal
    assert "delete it" in refusal

"""Content elsewhere by command, against a stand-in node; tests/integration has nodes that are not ours."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import node_stand_in
import pytest
from shell import Shell
from story import PASSPHRASE

from api.home import Home
from api.settings import Settings
from api.workflows import content, elsewhere
from ledger import dagpb
from ledger.archive import fetch, publish
from ledger.cid import Cid
from ledger.digest import Digest
from ledger.records import DatasetRecord, recordings_root
from ledger.store import BlockStore

pytestmark = pytest.mark.slow


@pytest.fixture
def server():
    with node_stand_in.running() as server:
        yield server


@pytest.fixture
def near(story, server):
    """The home of the story, with a node and a gateway beside it."""
    return Shell(story.home.path, {"IPFS_API": server.url, "STEMMATA_GATEWAY": server.url})


@pytest.fixture
def far(story, server, tmp_path):
    """Another machine: it sees the same chain and has no content."""
    home = tmp_path / "far"
    shutil.copytree(story.home.path / "chain", home / "chain")
    shutil.copy(story.home.path / "deployment.json", home)
    return Shell(home, {"IPFS_API": server.url, "STEMMATA_GATEWAY": server.url})


def blocks(home: Path) -> list[Path]:
    return [path for path in (home / "content").rglob("*") if len(path.name) == 64]


@pytest.mark.slow
def test_a_track_and_all_behind_it_goes_to_a_node_and_comes_to_an_empty_machine(story, near, far, server):
    track = story.track
    done = near.json("content", "push", "track", str(track))
    assert done["sent"] == done["bytes"] > 0
    said = [each["what"] for each in done["content"]]
    assert any(what.startswith("audio of track") for what in said)
    assert any(what.startswith("recording 2 of dataset 2") for what in said)
    assert {Cid.parse(each["cid"]) for each in done["content"]} <= server.pins
    again = near.json("content", "push", "track", str(track))
    assert again["sent"] == 0
    assert again["bytes"] == done["bytes"]

    assert not blocks(far.home)
    number = next(what for what in said if what.startswith("audio of track")).removeprefix("audio of track ")
    fetched = far.json("content", "pull", "track", number)
    assert fetched["fetched"] == fetched["bytes"] == done["bytes"]
    assert {path.name for path in blocks(far.home)} <= {path.name for path in blocks(near.home)}
    assert far.json("audit", str(track))["verdict"] == "verified"
    assert far.json("content", "pull", "track", number)["fetched"] == 0


def test_one_content_alone_comes_by_its_cid(near, far):
    pushed = near.json("content", "push", "model", "1")["content"]
    (record,) = (each for each in pushed if each["what"].startswith("record of license 1 of dataset 1"))
    fetched = far.json("content", "pull", "cid", record["cid"])
    assert (fetched["cid"], fetched["fetched"]) == (record["cid"], record["bytes"])
    assert len(blocks(far.home)) == 1
    assert far.refusal("content", "pull", "cid", "bafy").startswith("MalformedCid: ")


def test_what_was_not_asked_is_explained(near):
    told = near.run("content", "status", "model", "1").out
    assert told.endswith("?: not asked; STEMMATA_PINNING says where pinning is\n")
    alone = Shell(near.home).run("content", "status", "model", "1").out
    assert "IPFS_API says where ipfs is and STEMMATA_PINNING says" in alone


def test_a_dataset_comes_from_a_gateway(near, far):
    near.json("content", "push", "dataset", "1")
    fetched = far.json("content", "pull", "dataset", "1", "--from", "gateway")
    assert fetched["fetched"] == fetched["bytes"] > 0
    assert fetched["place"] == "gateway"
    store = BlockStore(far.home / "content")
    for each in fetched["content"]:
        store.check(Cid.parse(each["cid"]))


@pytest.mark.slow
def test_status_says_where_everything_is(near, far, server):
    before = near.json("content", "status", "model", "1")
    assert {each["here"] for each in before["content"]} == {"whole"}
    assert {each["ipfs"] for each in before["content"]} == {"not pinned"}
    assert {each["pinning"] for each in before["content"]} == {None}
    near.json("content", "push", "model", "1")
    after = near.json("content", "status", "model", "1")
    assert {each["ipfs"] for each in after["content"]} == {"pinned"}
    everything = near.json("content", "status")
    assert len(everything["content"]) > len(after["content"])

    said = far.run("content", "status", "model", "1")
    assert said.code == 5
    assert "absent" in said.out
    assert "? record of model 1: block" in said.out
    shutil.copytree(near.home / "content", far.home / "content", dirs_exist_ok=True)
    some = next(each for each in after["content"] if each["what"] == "recording 1 of dataset 1")
    store = BlockStore(far.home / "content")
    leaf = dagpb.Node.decode(store.get(Cid.parse(some["cid"]))).links[0].cid
    store.path(leaf.digest).unlink()
    found = {each["what"]: each["here"] for each in far.json("content", "status", "model", "1")["content"]}
    assert found["recording 1 of dataset 1"] == "partly"
    server.shutdown()
    server.server_close()
    quiet = near.run("content", "status", "model", "1")
    assert quiet.code == 5
    assert "cannot be reached" in quiet.out


def test_verifying_names_what_is_wrong_and_what_is_missing(near, server):
    near.json("content", "push", "dataset", "1")
    fine = near.json("content", "verify", "dataset", "1")
    assert {each["state"] for each in fine["content"]} == {"whole"}
    first, second, *_ = (Cid.parse(each["cid"]) for each in fine["content"] if each["what"].startswith("recording"))
    leaf = dagpb.Node.decode(server.blocks[second]).links[0].cid
    del server.blocks[leaf]
    missing = near.run("content", "verify", "dataset", "1", "--json")
    assert missing.code == 5
    assert [each["state"] for each in missing.object["content"]].count("unknown") == 1
    root = server.blocks[first]
    server.blocks[first] = root[:-1] + bytes([root[-1] ^ 1])
    wrong = near.run("content", "verify", "dataset", "1")
    assert wrong.code == 4
    assert f"other bytes for block {first}" in wrong.out


def test_a_record_that_gives_another_digest_than_its_content_has_is_wrong_here_and_there(story, near, tmp_path):
    """Whoever registered it signed a wrong digest: no block tells, and no CID."""
    shutil.copytree(story.home.path, tmp_path / "home", ignore=shutil.ignore_patterns("models"))
    shell = Shell(tmp_path / "home", near.settings)
    home = Home(Settings(home=shell.home, passphrase=PASSPHRASE))
    with home.ledger() as ledger:
        entry = ledger.contracts.dataset(1)
        record = fetch(ledger.store, DatasetRecord, entry.cid, entry.record, entry.holder)
        first = record.recordings[0]
        recordings = (replace(first, content=replace(first.content, sha256=Digest.of(b"another"))),)
        forged = replace(record, recordings=recordings, root=recordings_root(recordings))
        signer = home.keystore().unlock("anna", PASSPHRASE)
        cid = publish(ledger.store, forged, signer)
        made = ledger.contracts.register_dataset(signer, forged.root, forged.digest, str(cid), forged.terms)
    text = str(made.id)
    shell.json("content", "push", "dataset", text)
    verified = shell.run("content", "verify", "dataset", text, "--json")
    inspected = shell.run("content", "fsck", "--json")
    assert verified.code == inspected.code == 4
    (wrong,) = (each for each in verified.object["content"] if each["state"] == "wrong")
    (fault,) = inspected.object["faults"]
    assert wrong["what"] == f"recording 1 of dataset {text}" == fault["needed_by"][0]
    assert wrong["cid"] == fault["what"] == str(first.content.cid)
    for detail in (wrong["detail"], fault["detail"]):
        assert str(first.content.sha256) in detail
        assert str(Digest.of(b"another")) in detail


@pytest.mark.parametrize(
    "address",
    [
        "/ip4/1.1.1.1/tcp/4001/p2p/12D3KooW",
        "/ip6/2606:4700:4700::1111/udp/4001/quic-v1",
        "/dns4/node.example.org/tcp/4001",
        "/ip4/1.1.1.1/tcp/4001/p2p/12D3KooW/p2p-circuit",
    ],
)
def test_a_node_is_named_to_strangers_by_its_public_addresses(address):
    assert elsewhere.is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "/ip4/127.0.0.1/tcp/4001/p2p/12D3KooW",
        "/ip4/10.0.0.5/tcp/4001",
        "/ip4/172.17.0.2/tcp/4001",
        "/ip4/192.168.1.20/udp/4001/quic-v1",
        "/ip4/169.254.3.4/tcp/4001",
        "/ip4/100.64.0.1/tcp/4001",
        "/ip6/::1/tcp/4001",
        "/ip6/fd12:3456::1/tcp/4001",
        "/ip6/::ffff:10.0.0.5/tcp/4001",
        "/ip6zone/eth0/ip6/fe80::1/tcp/4001",
        "/dns4/nas.local/tcp/4001",
        "/dns/localhost/tcp/4001",
        "/ip4/1.1.1.1/tcp/4001/p2p/12D3KooW/p2p-circuit/ip4/10.0.0.5",
        "/ip4/nonsense/tcp/4001",
    ],
)
def test_and_by_none_that_tells_how_its_own_network_is_built(address):
    assert not elsewhere.is_public(address)


@pytest.mark.parametrize(
    ("words", "settings", "said"),
    [
        (("push", "dataset", "1"), {}, "IPFS_API"),
        (("push", "dataset", "1", "--to", "pinning"), {}, "STEMMATA_PINNING"),
        (("pull", "dataset", "1"), {}, "STEMMATA_GATEWAY"),
        (("pull", "dataset", "1", "--from", "ipfs"), {"STEMMATA_GATEWAY": "http://127.0.0.1:9"}, "IPFS_API"),
        (("push", "dataset", "1"), {"IPFS_API": "anna:s3cret@node:5001"}, "IPFS_API is not"),
        (("pull", "dataset", "1"), {"STEMMATA_GATEWAY": "http://anna:s3cret@[::1"}, "given as a URL"),
        (
            ("push", "dataset", "1", "--to", "pinning"),
            {"STEMMATA_PINNING": "https://anna:s3cret@[::1", "STEMMATA_PINNING_TOKEN": "token"},
            "given as a URL",
        ),
        (("push", "dataset", "0"), {"IPFS_API": "http://127.0.0.1:9"}, "ID '0'"),
        (("push", "dataset", "9" * 5000), {"IPFS_API": "http://127.0.0.1:9"}, "1 or more"),
        (("push", "track", "x"), {"IPFS_API": "http://127.0.0.1:9"}, "16 hex digits"),
        (("pull", "dataset", "1"), {"STEMMATA_GATEWAY": "ftp://x"}, "given as a URL"),
        (
            ("push", "dataset", "1", "--to", "pinning"),
            {"STEMMATA_PINNING": "http://pin.example", "STEMMATA_PINNING_TOKEN": "s3cret"},
            "over https alone",
        ),
        (("status", "dataset"), {}, "which dataset"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_named(story, monkeypatch, words, settings, said):
    monkeypatch.delenv("IPFS_API", raising=False)
    refusal = Shell(story.home.path, settings).refusal("content", *words, code=2)
    assert said in refusal
    assert "s3cret" not in refusal


def test_a_node_that_is_gone_or_full_or_lies_is_named_and_nothing_is_lost(near, server):
    before = {path.name for path in blocks(near.home)}
    server.fault = lambda path: "full" if "import" in path else None
    assert near.refusal("content", "push", "dataset", "1", code=5).startswith("NodeFull: the IPFS node at 127.0.0.1")
    server.fault = lambda path: "hang up"
    assert near.refusal("content", "push", "dataset", "1", code=5).startswith("NodeUnreachable")
    server.fault = lambda path: "lie"
    assert near.refusal("content", "push", "dataset", "1", code=1).startswith("DigestMismatch: the IPFS node")
    server.fault = lambda path: None
    near.json("content", "push", "dataset", "1")
    assert {path.name for path in blocks(near.home)} == before
    assert list((near.home / "transfers").iterdir()) == []


def test_nothing_wrong_is_kept_of_a_lying_gateway(near, far, server):
    near.json("content", "push", "dataset", "1")
    server.fault = lambda path: "lie"
    assert far.refusal("content", "pull", "dataset", "1", "--from", "gateway").startswith("DigestMismatch: ")
    store = BlockStore(far.home / "content")
    for path in blocks(far.home):
        assert Cid.of_raw(path.read_bytes()).digest.hex() == path.name
    server.fault = lambda path: None
    far.json("content", "pull", "dataset", "1", "--from", "gateway")
    assert store.has(Cid.parse(far.json("content", "status", "dataset", "1")["content"][0]["cid"]))


@pytest.mark.slow
def test_a_pull_and_a_push_of_something_else_do_not_wait_for_a_push(story, near, server):
    near.json("content", "push", "dataset", "2")
    home = Home(Settings(home=near.home, ipfs_api=server.url))
    gate, done = threading.Event(), []
    server.fault = lambda path: gate.wait(30) and None if "import" in path else None

    def work(way, kind, text, *place):
        done.append((way.__name__, way(home, kind, text, *place, lambda *said: None)))

    long = threading.Thread(target=work, args=(content.push, "track", str(story.track)))
    long.start()
    end = time.monotonic() + 20
    while not server.count("import") and time.monotonic() < end:
        time.sleep(0.01)
    others = [
        threading.Thread(target=work, args=(content.pull, "dataset", "2", "ipfs")),
        threading.Thread(target=work, args=(content.push, "dataset", "2")),  # all of it is there
    ]
    for other in others:
        other.start()
    for other in others:
        other.join(10)
    meanwhile = [name for name, _ in done]
    gate.set()
    for thread in (long, *others):
        thread.join(60)
    assert sorted(meanwhile) == ["pull", "push"]
    assert len(done) == 3


def test_ctrl_c_loses_nothing(near, server):
    """A signal as a terminal sends it: the exit code says so, and the same command goes on."""
    server.fault = lambda path: time.sleep(0.5) if "import" in path else None
    environment = {**os.environ, **near.settings, "STEMMATA_HOME": str(near.home), "STEMMATA_PASSPHRASE": PASSPHRASE}
    # Whoever runs the tests in the background of a shell has all that they start ignore the signal.
    program = "import signal as s; s.signal(s.SIGINT, s.default_int_handler); from api.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "content", "push", "model", "1"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    end = time.monotonic() + 60
    while server.count("import") < 2 and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "the same command finds it" in said
    server.fault = lambda path: None
    near.json("content", "push", "model", "1")
    sent = [name for part in server.imports for name in part]
    assert len(sent) - len(set(sent)) <= 1

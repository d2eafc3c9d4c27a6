import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path

import node_stand_in
import pytest

from ledger import car, transfer, unixfs
from ledger.cid import Cid
from ledger.digest import Digest
from ledger.errors import BlockMissing, DigestMismatch, Malformed, NodeFull, NodeRefused, NodeUnreachable, Unverifiable
from ledger.ipfs import IpfsNode
from ledger.store import BlockStore

MIB = 1 << 20
PART = 2 * MIB


@pytest.fixture
def store(tmp_path):
    return BlockStore(tmp_path / "near")


@pytest.fixture
def other(tmp_path):
    return BlockStore(tmp_path / "other")


@pytest.fixture
def journals(tmp_path):
    (tmp_path / "journals").mkdir()
    return tmp_path / "journals"


@pytest.fixture
def server():
    with node_stand_in.running() as server:
        yield server


@pytest.fixture
def node(server):
    node = IpfsNode(server.url)
    yield node
    node.close()


def put(server, store, cid):
    server.blocks.update(unixfs.blocks(cid, store.get))


def test_a_pushed_tree_is_there_pinned_and_read_back(store, node, server, journals):
    content = os.urandom(7 * MIB + 5)
    cid = store.add_bytes(content)
    told = []
    done = transfer.push(store, node, cid, journals=journals, part=PART, progress=lambda *said: told.append(said))
    assert server.blocks == dict(unixfs.blocks(cid, store.get))
    assert server.pins == {cid}
    assert done.size == done.sent == sum(map(len, server.blocks.values()))
    assert done.blocks == 9
    assert {phase: sum(size for name, size in told if name == phase) for phase in ("sent", "read back")} == {
        "sent": done.size,
        "read back": done.size,
    }
    assert all(sum(len(server.blocks[name]) for name in part) <= PART for part in server.imports)
    assert list(journals.iterdir()) == []
    again = transfer.push(store, node, cid, journals=journals, part=PART)
    assert again.sent == 0
    assert again.size == done.size
    assert server.count("dag/import") == len(server.imports)


@pytest.mark.parametrize("size", [0, 1, MIB, MIB + 1])
def test_content_of_any_size_goes_and_comes_back(store, other, node, journals, size):
    content = os.urandom(size)
    cid = store.add_bytes(content)
    transfer.push(store, node, cid, journals=journals)
    transfer.pull(node, other, cid)
    assert other.read_bytes(cid) == content


def test_equal_blocks_are_sent_once(store, node, server, journals):
    cid = store.add_bytes(bytes(9 * MIB))
    done = transfer.push(store, node, cid, journals=journals, part=PART)
    assert done.blocks == 2
    assert sum(map(len, server.imports)) == 2


def test_after_a_break_only_what_was_not_acknowledged_is_sent(store, node, server, journals):
    cid = store.add_bytes(os.urandom(9 * MIB))
    server.fault = lambda path: "hang up" if "import" in path and len(server.imports) == 3 else None
    with pytest.raises(NodeUnreachable, match="goes on where it was"):
        transfer.push(store, node, cid, journals=journals, part=PART)
    server.fault = lambda path: None
    transfer.push(store, node, cid, journals=journals, part=PART)
    sent = [name for part in server.imports for name in part]
    assert len(sent) == len(set(sent)) == 10
    assert server.pins == {cid}


def test_two_pushes_of_one_tree_send_it_once_and_those_of_others_do_not_wait(store, server, journals):
    cid, other = store.add_bytes(os.urandom(3 * MIB)), store.add_bytes(b"another")
    reached, gate, done = threading.Event(), threading.Event(), {}

    def hold_up(path):
        if "import" in path:
            reached.set()
            gate.wait(60)

    def push(name, what):
        with contextlib.closing(IpfsNode(server.url)) as node:
            done[name] = transfer.push(store, node, what, journals=journals)

    server.fault = hold_up
    threads = [threading.Thread(target=push, args=(name, cid)) for name in ("first", "second")]
    threads[0].start()
    assert reached.wait(60)
    server.fault = lambda path: None
    threads[1].start()
    push("third", other)
    assert set(done) == {"third"}
    gate.set()
    for thread in threads:
        thread.join(60)
    assert sorted(done[name].sent > 0 for name in ("first", "second")) == [False, True]
    sent = [name for part in server.imports for name in part]
    assert len(sent) == len(set(sent))
    assert list(journals.iterdir()) == []


def test_a_line_of_the_journal_that_was_cut_off_does_not_count(store, node, server, journals):
    cid = store.add_bytes(os.urandom(9 * MIB))
    server.fault = lambda path: 503 if "import" in path and len(server.imports) == 3 else None
    with pytest.raises(NodeRefused, match="503"):
        transfer.push(store, node, cid, journals=journals, part=PART)
    (journal,) = journals.iterdir()
    journal.write_bytes(journal.read_bytes()[:-10])
    server.fault = lambda path: None
    transfer.push(store, node, cid, journals=journals, part=PART)
    sent = [name for part in server.imports for name in part]
    assert len(sent) == len(set(sent)) + 2, "one part of two blocks was sent twice"


def test_a_journal_of_another_node_or_of_other_parts_is_not_believed(store, node, server, journals):
    cid = store.add_bytes(os.urandom(9 * MIB))
    server.fault = lambda path: "hang up" if "import" in path and len(server.imports) == 3 else None
    with pytest.raises(NodeUnreachable):
        transfer.push(store, node, cid, journals=journals, part=PART)
    server.fault = lambda path: None
    with node_stand_in.running() as another:
        another.peer = "12D3KooWAnother"
        transfer.push(store, IpfsNode(another.url), cid, journals=journals, part=PART)
        assert sum(map(len, another.imports)) == 10
    server.imports.clear()
    transfer.push(store, node, cid, journals=journals, part=3 * MIB)
    assert sum(map(len, server.imports)) == 10
    assert list(journals.iterdir()) == []


def test_a_node_that_lost_all_since_gets_all_again(store, node, server, journals):
    cid = store.add_bytes(os.urandom(9 * MIB))
    server.fault = lambda path: "hang up" if "pin/add" in path else None
    with pytest.raises(NodeUnreachable):
        transfer.push(store, node, cid, journals=journals, part=PART)
    server.fault = lambda path: None
    server.blocks.clear()
    server.imports.clear()
    server.asked.clear()
    assert transfer.push(store, node, cid, journals=journals, part=PART).blocks == 10
    assert sum(map(len, server.imports)) == 10
    assert server.count("block/stat") == 1, "one part that is gone speaks for all"
    assert server.count("block/get") <= 10 + 1, "and nothing was found missing only when it was read back"


@pytest.mark.parametrize("pinned", [True, False])
def test_blocks_that_a_node_lost_show_when_they_are_read_back(store, node, server, journals, pinned):
    content = os.urandom(9 * MIB)
    cid = store.add_bytes(content)
    server.fault = lambda path: None if pinned or "pin/add" not in path else "hang up"
    with contextlib.suppress(NodeUnreachable):
        transfer.push(store, node, cid, journals=journals)
    assert bool(server.pins) == pinned
    server.fault = lambda path: None
    lost = {Cid.of_raw(content[at * MIB : (at + 1) * MIB]) for at in (2, 7)}
    for name in lost:
        del server.blocks[name]
    server.imports.clear()
    transfer.push(store, node, cid, journals=journals)
    assert [set(part) for part in server.imports] == [lost]
    assert set(dict(unixfs.blocks(cid, store.get))) == set(server.blocks)


def test_a_node_that_keeps_losing_blocks_is_given_up(store, node, server, journals):
    content = os.urandom(3 * MIB)
    cid = store.add_bytes(content)

    def forget(path):
        server.blocks.pop(Cid.of_raw(content[:MIB]), None)

    server.fault = forget
    with pytest.raises(BlockMissing, match="loses blocks"):
        transfer.push(store, node, cid, journals=journals)


def test_a_lie_is_seen_and_named(store, other, node, server, journals):
    cid = store.add_bytes(os.urandom(3 * MIB))
    server.fault = lambda path: "lie" if "block/get" in path else None
    with pytest.raises(DigestMismatch, match=r"node at 127\.0\.0\.1.*other bytes for block b"):
        transfer.push(store, node, cid, journals=journals)
    server.fault = lambda path: "lie" if "export" in path else None
    with pytest.raises(DigestMismatch, match=r"node at 127\.0\.0\.1.*block b"):
        transfer.pull(node, other, cid)
    server.fault = lambda path: None
    transfer.pull(node, other, cid)
    other.check(cid)


def test_a_stream_may_not_fill_the_disk_with_what_was_not_asked_for(store, other, node, server):
    cid, another = store.add_bytes(os.urandom(2 * MIB)), store.add_bytes(os.urandom(2 * MIB))
    put(server, store, cid)
    sound = [*unixfs.blocks(cid, store.get), *unixfs.blocks(another, store.get)]
    server.tree = lambda root: sound
    with pytest.raises(Malformed, match="no part of it"):
        transfer.pull(node, other, cid)
    assert not other.has(another)


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("hang up", NodeUnreachable, "is it running"),
        ("silent", NodeUnreachable, "in time"),
        ("full", NodeFull, "no space left on device.*free some"),
        (507, NodeFull, "free some"),
        (401, NodeRefused, "IPFS_API_AUTH"),
        (403, NodeRefused, "IPFS_API_AUTH"),
        (404, NodeRefused, "not of its gateway"),
        ("html", NodeRefused, "does not answer as an IPFS node"),
        ("http://198.51.100.1/", NodeRefused, "sends us to another address"),
    ],
)
def test_whatever_a_node_does_has_a_name(store, server, journals, fault, error, words):
    cid = store.add_bytes(b"x" * 100)
    node = IpfsNode(server.url, patience=0.5 if fault == "silent" else 30)
    where = "/id" if fault == "html" else "/dag/import"
    server.fault = lambda path: fault if path.endswith(where) else None
    with pytest.raises(error, match=words) as raised:
        transfer.push(store, node, cid, journals=journals)
    assert isinstance(raised.value, Unverifiable)
    assert "127.0.0.1" in str(raised.value)
    server.fault = lambda path: None
    transfer.push(store, IpfsNode(server.url), cid, journals=journals)


@pytest.mark.parametrize(("fault", "error"), [("drip", NodeUnreachable), ("endless", Malformed)])
def test_neither_patience_nor_memory_is_at_the_mercy_of_a_node(store, server, fault, error):
    cid = store.add_bytes(os.urandom(MIB))
    node = IpfsNode(server.url, patience=0.5, search=0.2)
    server.fault = lambda path: fault
    tracemalloc.start()
    try:
        with pytest.raises(error):
            node.get(cid)
        assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    finally:
        tracemalloc.stop()


def test_nobody_listens(store, journals):
    cid = store.add_bytes(b"x")
    with pytest.raises(NodeUnreachable, match="IPFS_API"):
        transfer.push(store, IpfsNode("/ip4/127.0.0.1/tcp/9"), cid, journals=journals)


@pytest.mark.parametrize("size", [MIB, 3 * MIB + 5, None])
def test_verifying_holds_the_whole_against_the_digest_that_was_recorded(store, node, server, size):
    content = bytes(3 * MIB) if size is None else os.urandom(size)  # the former has one leaf, three times
    cid = store.add_bytes(content)
    put(server, store, cid)
    told = []
    size = transfer.verify(node, cid, sha256=Digest.of(content), progress=lambda *said: told.append(said))
    assert size == transfer.verify(node, cid) == sum(map(len, server.blocks.values()))
    assert sum(count for _, count in told) == size
    with pytest.raises(
        DigestMismatch, match=f"lies under {cid} has the SHA-256 {Digest.of(content)}, .*{Digest.of(b'x')}"
    ):
        transfer.verify(node, cid, sha256=Digest.of(b"x"))


def test_single_blocks_go_and_come(store, node, server):
    cid = Cid.of_raw(b"block")
    assert not node.has(cid)
    with pytest.raises(BlockMissing, match=str(cid)):
        node.get(cid)
    node.put(cid, b"block")
    assert node.has(cid)
    assert node.get(cid) == b"block"
    with pytest.raises(DigestMismatch):
        node.put(cid, b"another")
    with pytest.raises(Malformed):
        node.put(Cid.of_raw(bytes(unixfs.MAX_BLOCK + 1)), bytes(unixfs.MAX_BLOCK + 1))


def test_what_is_missing_or_damaged_here_is_fetched_and_kept(store, other):
    content = os.urandom(3 * MIB)
    cid = store.add_bytes(content)
    through = transfer.ReadThrough(other, store)
    assert through.has(cid)
    assert through.read_bytes(cid) == content
    other.check(cid)
    leaf = Cid.of_raw(content[:MIB])
    path = next(path for path in other.folder.rglob("*") if path.name == leaf.digest.hex())
    path.chmod(0o644)
    path.write_bytes(b"damaged")
    assert through.read_bytes(cid) == content
    other.check(cid)
    with pytest.raises(BlockMissing):
        through.get(Cid.of_raw(b"nowhere"))


def test_a_pull_fetches_what_is_missing_and_no_more(store, other, node, server):
    content = os.urandom(5 * MIB)
    cid = store.add_bytes(content)
    put(server, store, cid)
    leaf = Cid.of_raw(content[:MIB])
    for name, block in unixfs.blocks(cid, store.get):
        if name != leaf:
            other.put(name, block)
    told = []
    size, fetched = transfer.pull(node, other, cid, progress=lambda phase, size: told.append(size))
    assert fetched == MIB
    assert sum(told) == size
    assert server.count("dag/export") == 0
    assert transfer.pull(node, other, cid) == (size, 0)


def test_a_pull_goes_on_where_a_stream_broke_off(store, other, node, server):
    cid = store.add_bytes(os.urandom(5 * MIB))
    put(server, store, cid)
    half = list(server.tree(cid))[:3]
    server.tree = lambda root: half
    told = []
    size, fetched = transfer.pull(node, other, cid, progress=lambda phase, size: told.append(size))
    assert sum(told) == size == fetched
    assert server.count("block/get") == 1 + 3, "the first block, and those that the stream did not bring"
    other.check(cid)


def test_verifying_reads_every_block(store, node, server):
    content = os.urandom(5 * MIB)
    cid = store.add_bytes(content)
    put(server, store, cid)
    assert transfer.verify(node, cid) == sum(map(len, server.blocks.values()))
    leaf = Cid.of_raw(content[4 * MIB :])
    server.blocks[leaf] = content[4 * MIB : -1] + bytes([content[-1] ^ 1])
    with pytest.raises(DigestMismatch, match=str(leaf)):
        transfer.verify(node, cid)
    del server.blocks[leaf]
    with pytest.raises(BlockMissing, match=str(leaf)):
        transfer.verify(node, cid)


def test_what_lies_here_is_told_without_reading_leaves(store):
    content = os.urandom(3 * MIB)
    cid = store.add_bytes(content)
    assert transfer.is_whole(store, cid)
    assert transfer.announced(store, cid) == sum(len(block) for _, block in unixfs.blocks(cid, store.get))
    leaf = Cid.of_raw(content[MIB : 2 * MIB])
    path = next(path for path in store.folder.rglob("*") if path.name == leaf.digest.hex())
    path.unlink()
    assert not transfer.is_whole(store, cid)
    assert not transfer.is_whole(store, Cid.of_raw(b"nowhere"))
    assert transfer.announced(store, store.add_bytes(b"four")) == 4


PUSH = """
import sys
from pathlib import Path
from ledger import transfer
from ledger.cid import Cid
from ledger.ipfs import IpfsNode
from ledger.store import BlockStore
folder, address, cid = sys.argv[1:]
transfer.push(BlockStore(Path(folder)), IpfsNode(address), Cid.parse(cid), journals=Path(folder).parent / "journals",
              part=2 << 20)
"""
PULL = """
import sys
from pathlib import Path
from ledger import transfer
from ledger.cid import Cid
from ledger.ipfs import IpfsNode
from ledger.store import BlockStore
folder, address, cid = sys.argv[1:]
transfer.pull(IpfsNode(address), BlockStore(Path(folder)), Cid.parse(cid))
"""


def run_and_kill(code: str, folder: Path, address: str, cid: Cid, when) -> bool:
    """Start a process and kill it as soon as ``when()``; whether it lived until then."""
    process = subprocess.Popen([sys.executable, "-c", code, str(folder), address, str(cid)])
    end = time.monotonic() + 60
    while process.poll() is None and not when():
        assert time.monotonic() < end
        time.sleep(0.001)
    alive = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return alive


def test_a_killed_push_goes_on(store, node, server, journals):
    cid = store.add_bytes(os.urandom(15 * MIB))
    for parts in (1, 3):
        assert run_and_kill(PUSH, store.folder, server.url, cid, lambda n=parts: len(server.imports) >= n)
    transfer.push(store, node, cid, journals=journals, part=PART)
    sent = [name for part in server.imports for name in part]
    assert set(sent) == set(dict(unixfs.blocks(cid, store.get)))
    assert len(sent) - len(set(sent)) <= 2 * 2, "each kill costs one part at most"
    assert server.pins == {cid}
    store.check(cid)


def test_a_killed_pull_goes_on(store, other, node, server):
    cid = store.add_bytes(os.urandom(15 * MIB))
    put(server, store, cid)
    server.fault = lambda path: 404 if "export" in path else None
    for blocks in (2, 9):
        enough = server.count("block/get") + blocks
        assert run_and_kill(PULL, other.folder, server.url, cid, lambda n=enough: server.count("block/get") >= n)
    transfer.pull(node, other, cid)
    assert server.count("block/get") <= 16 + 2, "each kill costs one block at most"
    other.check(cid)


def test_damage_here_is_not_sent(store, node, server, journals):
    content = os.urandom(3 * MIB)
    cid = store.add_bytes(content)
    leaf = Cid.of_raw(content[:MIB])
    path = next(path for path in store.folder.rglob("*") if path.name == leaf.digest.hex())
    path.chmod(0o644)
    path.write_bytes(random.Random(1).randbytes(MIB))
    with pytest.raises(DigestMismatch, match="changed on disk"):
        transfer.push(store, node, cid, journals=journals)
    assert leaf not in server.blocks


def test_an_archive_of_some_blocks_opens_again(store):
    import io

    blocks = [(Cid.of_raw(piece), piece) for piece in (b"one", b"two", b"")]
    archive = car.pack(blocks[0][0], blocks)
    assert list(car.unpack(io.BytesIO(archive))) == blocks
    for damaged in (archive[:-1], b"", archive[:70]):
        with pytest.raises(Malformed):
            list(car.unpack(io.BytesIO(damaged)))
    turned = archive.replace(b"one", b"two")
    with pytest.raises(DigestMismatch, match=str(blocks[0][0])):
        list(car.unpack(io.BytesIO(turned)))

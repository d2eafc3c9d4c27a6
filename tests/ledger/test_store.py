import errno
import io
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import file, unixfs
from ledger.cid import Cid
from ledger.errors import BlockMissing, DigestMismatch, Malformed, StoreFault
from ledger.store import BlockStore

MIB = 1 << 20


@pytest.fixture
def store(tmp_path):
    return BlockStore(tmp_path / "blocks")


def files(store):
    return [path for path in store.folder.rglob("*") if path.is_file() and path.name != "lock"]


def block_files(store):
    return [path for path in files(store) if path.parent.name != "tmp"]


def file_of(store, cid):
    return next(path for path in files(store) if path.name == cid.digest.hex())


def run_python(code, *arguments, **options):
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], **options)


def test_files_and_bytes_have_one_cid(store, tmp_path):
    content = os.urandom(3 * MIB + 17)
    path = tmp_path / "recording.wav"
    path.write_bytes(content)
    cid = store.add_file(path)
    assert cid == store.add_bytes(content) == store.add_file(io.BytesIO(content))
    assert store.read_bytes(cid) == content
    assert [len(piece) for piece in store.read(cid)] == [MIB, MIB, MIB, 17]
    assert len(files(store)) == 5
    store.check(cid)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(content=st.binary(max_size=200))
def test_what_goes_in_comes_out(store, content):
    cid = store.add_bytes(content)
    assert store.has(cid)
    assert store.read_bytes(cid) == content
    with store.open(cid) as opened:
        assert opened.read() == content


def test_content_opens_as_a_file(store):
    content = os.urandom(2 * MIB + 5)
    with store.open(store.add_bytes(content)) as opened:
        assert opened.read(10) == content[:10]
        assert opened.read(MIB) == content[10 : MIB + 10]
        assert opened.read() == content[MIB + 10 :]
        assert opened.read(1) == b""


def test_a_second_store_on_the_same_folder_sees_the_blocks(store):
    cid = store.add_bytes(b"kept")
    assert BlockStore(store.folder).read_bytes(cid) == b"kept"


def test_a_missing_block_is_named(store):
    cid = Cid.of_raw(b"never added")
    assert not store.has(cid)
    with pytest.raises(BlockMissing, match=str(cid)):
        store.get(cid)
    content = os.urandom(2 * MIB)
    whole = store.add_bytes(content)
    leaf = Cid.of_raw(content[MIB:])
    file_of(store, leaf).unlink()
    for walk in (store.read_bytes, store.check):
        with pytest.raises(BlockMissing, match=str(leaf)):
            walk(whole)


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b + b"\0", lambda b: b"\x01" + b[1:], lambda b: b""])
def test_a_changed_file_is_found_and_named_and_mended(store, damage):
    content = bytes(100)
    cid = store.add_bytes(content)
    path = file_of(store, cid)
    path.chmod(0o644)
    path.write_bytes(damage(content))
    for walk in (store.get, store.read_bytes, store.check):
        with pytest.raises(DigestMismatch, match=str(cid)) as error:
            walk(cid)
        assert str(path.relative_to(store.folder)) in str(error.value)
    store.add_bytes(content)
    store.check(cid)


def test_the_name_of_a_file_is_the_digest_of_its_bytes(store):
    store.add_bytes(os.urandom(MIB + 1))
    for path in files(store):
        name = Cid.of_raw(path.read_bytes()).digest.hex()
        assert path.relative_to(store.folder).parts == (name[:2], name[2:4], name)


def test_wrong_blocks_are_not_taken(store):
    with pytest.raises(DigestMismatch):
        store.put(Cid.of_raw(b"one"), b"another")
    large = bytes(unixfs.MAX_BLOCK + 1)
    with pytest.raises(Malformed, match="no block has more"):
        store.put(Cid.of_raw(large), large)
    assert files(store) == []


def test_more_than_asked_for_is_not_read(store):
    cid = store.add_bytes(bytes(100))
    assert len(store.read_bytes(cid, limit=100)) == 100
    with pytest.raises(Malformed, match="announces 100 bytes; at most 99"):
        store.read_bytes(cid, limit=99)


def test_memory_stays_constant(store, tmp_path):
    path = tmp_path / "long.wav"
    with path.open("wb") as long:
        long.truncate(64 * MIB)
    tracemalloc.start()
    try:
        cid = store.add_file(path)
        assert sum(map(len, store.read(cid))) == 64 * MIB
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()


def test_a_block_that_is_added_again_counts_as_new(store):
    cid = store.add_bytes(b"old")
    path = file_of(store, cid)
    os.utime(path, (1000, 1000))
    store.add_bytes(b"old")
    assert time.time() - path.stat().st_mtime < 60


def test_a_batch_is_flushed_once_before_its_cids_are_told(store, monkeypatch):
    """Seen from outside: syncfs for many blocks, fsync of file and folders for few, and before the statement ends."""
    said = []
    monkeypatch.setattr(file, "sync_disk", lambda descriptor: said.append("disk"))
    monkeypatch.setattr(file, "sync", said.append)
    one = store.add_bytes(b"one block")
    path = file_of(store, one)
    assert said[0] == path
    assert set(said[1:]) == set(list(path.parents)[:3])
    said.clear()
    store.add_bytes(b"one block")  # another process may have put it, and not be done
    assert said[0] == path
    said.clear()
    store.add_bytes(os.urandom(9 * MIB))
    assert said == ["disk"]
    said.clear()
    with store.batch() as batch:
        for number in range(5):
            batch.add_bytes(bytes(MIB) + os.urandom(3 * MIB) + bytes([number]))
        assert said == []
    assert said == ["disk"]
    said.clear()
    with pytest.raises(ZeroDivisionError), store.batch() as batch:
        batch.add_bytes(b"in vain")
        1 / 0  # noqa: B018
    assert said == []


def test_a_disk_that_cannot_be_flushed_is_a_store_fault(store, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(file, "sync_disk", refuse)
    monkeypatch.setattr(file, "sync", refuse)
    for size in (10, 20 * MIB):
        with pytest.raises(StoreFault, match=r"could not be written .*: Input/output error; add them again"):
            store.add_bytes(bytes(size) if size < MIB else os.urandom(size))


def test_the_system_can_flush_a_disk(tmp_path):
    descriptor = os.open(tmp_path, os.O_RDONLY)
    file.sync_disk(descriptor)
    os.close(descriptor)
    with pytest.raises(OSError, match="Bad file descriptor"):
        file.sync_disk(descriptor)


ADD = """
import sys
from pathlib import Path
from ledger.store import BlockStore
store = BlockStore(Path(sys.argv[1]))
sys.stdin.read(1)
print(store.add_file(Path(sys.argv[2])))
"""


def test_two_processes_add_the_same_file(store, tmp_path):
    path = tmp_path / "recording.wav"
    path.write_bytes(os.urandom(10 * MIB))
    processes = [
        run_python(ADD, store.folder, path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for process in processes:
        process.stdin.write("go")
        process.stdin.flush()
    cids = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert cids == {str(store.add_file(path))}
    assert len(files(store)) == 11
    store.check(Cid.parse(cids.pop()))


def test_threads_add_the_same_block(store):
    block = os.urandom(MIB)
    cid = Cid.of_raw(block)
    threads = [threading.Thread(target=store.put, args=(cid, block)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get(cid) == block
    assert len(files(store)) == 1


ENDLESS = """
import os, sys
from pathlib import Path
from ledger.store import BlockStore
store = BlockStore(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    store.add_bytes(os.urandom((1 << 20) - 1))
"""


def test_a_killed_writer_leaves_whole_blocks_only(store):
    for wait in (0.05, 0.11, 0.17):
        process = run_python(ENDLESS, store.folder, stdout=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
    assert block_files(store)
    for path in block_files(store):
        block = path.read_bytes()
        assert len(block) == MIB - 1
        assert store.get(Cid.of_raw(block)) == block


def test_old_temporary_files_are_swept_and_young_ones_are_left(store):
    old, young = store.folder / "tmp" / "old", store.folder / "tmp" / "young"
    for path in (old, young):
        path.write_bytes(b"half a blo")
    long_ago = time.time() - 3700
    os.utime(old, (long_ago, long_ago))
    BlockStore(store.folder)
    assert files(store) == [young]


FULL = """
import os, resource, sys
from pathlib import Path
from ledger.errors import StoreFault
from ledger.store import BlockStore
store = BlockStore(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
try:
    store.add_bytes(bytes((1 << 20) + 100))
except StoreFault as error:
    print(error)
"""


def test_a_full_disk_leaves_nothing_and_says_so(store):
    process = run_python(FULL, store.folder, stdout=subprocess.PIPE, text=True)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "could not be written" in said
    assert "File too large" in said
    assert "added again" in said
    assert files(store) == []


def test_a_folder_that_cannot_be_made_is_a_store_fault(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreFault, match="cannot be created"):
        BlockStore(tmp_path / "file" / "blocks")


def test_an_unreadable_block_is_missing_not_wrong(store):
    cid = store.add_bytes(b"x")
    path = file_of(store, cid)
    path.unlink()
    path.mkdir()
    with pytest.raises(BlockMissing, match="cannot be read: Is a directory"):
        store.get(cid)

"""The store under kill -9, a full disk, and two processes at once: nothing named is lost, nothing wrong is kept."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

import pytest

from ledger import damage, folder, garbage
from ledger.address import Address
from ledger.cid import Cid
from ledger.closure import Filed, Named
from ledger.store import BlockStore

MIB = 1 << 20

ADD = """
import sys
from pathlib import Path
from ledger.store import BlockStore
store = BlockStore(Path(sys.argv[1]))
print("ready", flush=True)
for path in sys.argv[2:]:
    print(store.add_folder(Path(path)), flush=True)
"""

COLLECT = """
import sys, time
from pathlib import Path
from ledger import garbage
from ledger.cid import Cid
from ledger.closure import Named
from ledger.store import BlockStore
store = BlockStore(Path(sys.argv[1]))
pins = [Named(Cid.parse(word), "kept") for word in sys.argv[2:]]
print("ready", flush=True)
done = garbage.collect(store, [], pins, now=time.time() + 5, grace=0)
print(done.removed, flush=True)
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True)


def make(root: Path, seed: int, files: int = 6) -> Path:
    """A folder of files of one to three blocks, and a folder within."""
    chance = random.Random(seed)
    (root / "inner").mkdir(parents=True)
    for number in range(files):
        place = root / ("inner" if number % 2 else ".") / f"take {number}.wav"
        place.write_bytes(chance.randbytes(chance.randrange(1000, 2 * MIB)))
    return root


def files_of(store: BlockStore) -> list[Path]:
    return [path for path in store.folder.rglob("*") if len(path.name) == 64]


def killed(process: subprocess.Popen[str], after: float) -> list[str]:
    """Lines that the process said before it was killed so many seconds after it was ready."""
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    said, _ = process.communicate(timeout=30)
    return said.split()


def kill_while_adding(tmp_path: Path, run: int) -> None:
    chance = random.Random(run)
    store = BlockStore(tmp_path / "store")
    earlier = store.add_folder(make(tmp_path / "earlier", 1000 + run, files=2))
    sources = [make(tmp_path / f"source {number}", run + number) for number in range(2)]
    said = killed(start(ADD, store.folder, *sources), chance.uniform(0, 0.08))
    store.check(earlier)
    for cid in said:
        store.check(Cid.parse(cid))  # what was told is there
    for path in files_of(store):
        assert Cid.of_raw(path.read_bytes()).digest.hex() == path.name
    for number, source in enumerate(sources):
        cid = store.add_folder(source)
        assert said[number : number + 1] in ([], [str(cid)])
        store.check(cid)
    assert list(damage.inspect(store, [], [Named(earlier, "earlier")])) == []


def kill_while_collecting(tmp_path: Path, run: int) -> None:
    chance = random.Random(run)
    store = BlockStore(tmp_path / "store")
    kept = [store.add_folder(make(tmp_path / f"kept {number}", run + number)) for number in range(2)]
    with store.batch() as batch:
        for number in range(300):
            batch.add_bytes(b"%d" % number)
    killed(start(COLLECT, store.folder, *kept), chance.uniform(0, 0.04))
    pins = [Named(cid, "kept") for cid in kept]
    assert list(damage.inspect(store, [], pins)) == []
    for cid in kept:
        store.check(cid)
    garbage.collect(store, [], pins, now=time.time() + 5, grace=0)  # the lock of the dead is free
    needed = {cid.digest.hex() for top in kept for cid, _ in folder.blocks(top, store.get)}
    assert {path.name for path in files_of(store)} == needed


@pytest.mark.parametrize("run", range(2))
def test_a_kill_while_adding_loses_nothing(tmp_path: Path, run: int) -> None:
    kill_while_adding(tmp_path, run)


@pytest.mark.parametrize("run", range(2))
def test_a_kill_while_collecting_loses_nothing(tmp_path: Path, run: int) -> None:
    kill_while_collecting(tmp_path, run)


@pytest.mark.slow
def test_fifty_kills_while_adding_and_fifty_while_collecting() -> None:
    # In memory where there is room: files outlive a killed process there as well, and disks take long to delete them.
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 1 << 30
    for run in range(50):
        for kill in (kill_while_adding, kill_while_collecting):
            with tempfile.TemporaryDirectory(dir=memory if roomy else None) as place:
                kill(Path(place), 100 + run)


def test_two_processes_add_the_same_folder_and_a_third_collects(tmp_path: Path) -> None:
    """What both have told is whole, although a collection that knows no name of it ran all the time."""
    store = BlockStore(tmp_path / "store")
    source = make(tmp_path / "source", 7, files=8)
    with store.batch() as batch:
        loose = [batch.add_bytes(b"%d" % number) for number in range(50)]
    for path in files_of(store):
        os.utime(path, (1000, 1000))
    collect = COLLECT.replace("now=time.time() + 5, grace=0", "now=time.time(), grace=600")
    processes = [start(ADD, store.folder, source), start(ADD, store.folder, source), start(collect, store.folder)]
    said = [process.communicate(timeout=60)[0].split()[-1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert said[0] == said[1] == str(store.add_folder(source))
    assert said[2] == "50"
    assert not any(map(store.has, loose))
    store.check(Cid.parse(said[0]))


def test_a_block_of_any_kind_with_any_bit_flipped_is_found(tmp_path: Path) -> None:
    store = BlockStore(tmp_path / "store")
    top = store.add_folder(make(tmp_path / "source", 3, files=3))
    nobody = Address(bytes(20))
    filed = Filed("piece", nobody, Named(top, "record of piece"), lambda _: ())
    for path in files_of(store):
        whole = path.read_bytes()
        path.chmod(0o644)
        at = random.Random(path.name).randrange(len(whole) * 8)
        path.write_bytes(whole[: at // 8] + bytes([whole[at // 8] ^ 1 << at % 8]) + whole[at // 8 + 1 :])
        (fault,) = damage.inspect(store, [filed], ())
        assert fault.kind == "damaged"
        assert fault.what.endswith(path.name)
        assert fault.needed_by == ("record of piece",)
        path.write_bytes(whole[:-1])
        assert [fault.kind for fault in damage.inspect(store, [filed], ())] == ["damaged"]
        path.write_bytes(whole)
    assert list(damage.inspect(store, [filed], ())) == []


FULL = """
import sys
from pathlib import Path
from ledger.errors import StoreFault
from ledger.store import BlockStore
store = BlockStore(Path(sys.argv[1]) / "store")
first = store.add_bytes(b"first")
try:
    store.add_file(Path(sys.argv[2]))
except StoreFault as error:
    print(error)
store.check(first)
print([path.name for path in store.unfinished.iterdir()])
for path in store.folder.rglob("*"):
    if len(path.name) == 64:
        store.path(bytes.fromhex(path.name)).read_bytes()
        from ledger.cid import Cid
        assert Cid.of_raw(path.read_bytes()).digest.hex() == path.name
"""


@pytest.mark.integration
def test_a_full_disk_is_said_and_nothing_half_written_stays(tmp_path: Path) -> None:
    """A disk of 3 MiB, mounted for one process alone."""
    disk, source = tmp_path / "disk", tmp_path / "recording.wav"
    disk.mkdir()
    source.write_bytes(os.urandom(6 * MIB))
    script = 'mount -t tmpfs -o size=3m none "$1" && exec "$2" -c "$3" "$1" "$4"'
    command = ["unshare", "-m", "sh", "-c", script, "sh", str(disk), sys.executable, FULL, str(source)]
    if shutil.which("unshare") is None:
        pytest.skip("unshare is missing (Debian: util-linux)")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if "permitted" in done.stderr or "denied" in done.stderr:
        pytest.skip("mounting a small disk is not permitted here; try as root")
    assert done.returncode == 0, done.stderr
    said, unfinished = done.stdout.splitlines()
    assert "could not be written" in said
    assert "No space left on device" in said
    assert "can be added again once that is mended" in said
    assert unfinished == "[]"


@pytest.mark.slow
def test_four_gigabytes_in_constant_memory(tmp_path: Path) -> None:
    """A sparse file: its one block of zeros is stored once, but walked, hashed and read four thousand times."""
    source = tmp_path / "long.wav"
    with source.open("wb") as long:
        long.truncate(4096 * MIB + 1)
    store = BlockStore(tmp_path / "store")
    tracemalloc.start()
    try:
        cid = store.add_file(source)
        assert sum(map(len, store.read(cid))) == 4096 * MIB + 1
        store.check(cid)
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()

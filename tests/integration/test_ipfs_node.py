"""Content on a node and at a service that are not ours: js-ipfs, and the mock of the pinning API's authors."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import ipfs_server
import node_stand_in
import pytest
import requests

from ledger import car, folder, transfer
from ledger.cid import Cid
from ledger.errors import BlockMissing, DigestMismatch, NodeUnreachable
from ledger.ipfs import IpfsNode
from ledger.pinning import PinningService
from ledger.store import BlockStore

MIB = 1 << 20
PART = 2 * MIB

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ipfs_server.running(tmp_path_factory.mktemp("js-ipfs")) as server:
        yield server


@pytest.fixture
def node(server):
    node = IpfsNode(server.api)
    yield node
    node.close()


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


@pytest.mark.parametrize("size", [0, 1, MIB, MIB + 1, 9 * MIB])
def test_content_of_any_size_goes_and_comes_back(store, other, node, journals, size):
    content = os.urandom(size)
    cid = store.add_bytes(content)
    assert not node.is_pinned(cid)
    done = transfer.push(store, node, cid, journals=journals, part=PART)
    assert node.is_pinned(cid)
    assert transfer.verify(node, cid) == done.size
    transfer.pull(node, other, cid)
    assert other.read_bytes(cid) == content
    again = transfer.push(store, node, cid, journals=journals, part=PART)
    assert again.sent == 0


def test_a_folder_goes_and_comes_back(store, other, node, journals, tmp_path):
    source = tmp_path / "folder"
    (source / "inner").mkdir(parents=True)
    for name, size in (("a", 10), ("b", 3 * MIB), ("inner/c", 0), ("inner/d", MIB + 1)):
        (source / name).write_bytes(os.urandom(size))
    cid = store.add_folder(source)
    transfer.push(store, node, cid, journals=journals, part=PART)
    transfer.pull(node, other, cid)
    assert dict(folder.blocks(cid, other.get)) == dict(folder.blocks(cid, store.get))


def test_the_node_reads_the_file_as_we_do(store, node, journals, server):
    """js-ipfs's own reader, over the tree that was built here."""
    content = os.urandom(3 * MIB + 17)
    cid = store.add_bytes(content)
    transfer.push(store, node, cid, journals=journals)
    assert requests.post(f"{server.url}/api/v0/cat?arg={cid}", timeout=60).content == content


def test_a_missing_block_is_said_to_be_missing_soon(node):
    cid = Cid.of_raw(os.urandom(32))
    begun = time.monotonic()
    assert not node.has(cid)
    with pytest.raises(BlockMissing, match=str(cid)):
        node.get(cid)
    with pytest.raises(BlockMissing):
        transfer.verify(node, cid)
    assert time.monotonic() - begun < 30, "js-ipfs itself would wait for ever"


def test_bytes_that_the_node_stored_under_a_wrong_name_are_not_believed(node):
    """js-ipfs 0.66 imports an archive without holding its blocks against their CIDs: a lying node, as real as any."""
    block = os.urandom(100)
    cid = Cid.of_raw(b"something else" + block)
    node.send(car.pack(cid, [(cid, block)]))
    assert node.has(cid)
    with pytest.raises(DigestMismatch, match=rf"IPFS node.*{cid}"):
        node.get(cid)
    with pytest.raises(DigestMismatch, match=rf"IPFS node.*{cid}"):
        list(node.export(cid))


def test_damage_on_the_nodes_disk_is_named(store, node, journals, server):
    content = os.urandom(3 * MIB)
    cid = store.add_bytes(content)
    transfer.push(store, node, cid, journals=journals)
    leaf = Cid.of_raw(content[MIB : 2 * MIB])
    path = server.block_file(leaf.digest)
    path.write_bytes(bytes([content[MIB] ^ 1]) + content[MIB + 1 : 2 * MIB])
    with pytest.raises(DigestMismatch, match=str(leaf)):
        transfer.verify(node, cid)
    with pytest.raises(DigestMismatch, match=str(leaf)):
        transfer.push(store, node, cid, journals=journals)
    path.unlink()
    done = transfer.push(store, node, cid, journals=journals)
    assert done.sent == MIB, "what was lost is sent, and nothing else"
    assert transfer.verify(node, cid) == done.size


PUSH = """
import sys
from pathlib import Path
from ledger import transfer
from ledger.cid import Cid
from ledger.ipfs import IpfsNode
from ledger.store import BlockStore
store, address, cid, journals = sys.argv[1:]
print("ready", flush=True)
transfer.push(BlockStore(Path(store)), IpfsNode(address), Cid.parse(cid), journals=Path(journals), part=2 << 20)
"""
PULL = """
import sys
from pathlib import Path
from ledger import transfer
from ledger.cid import Cid
from ledger.ipfs import IpfsNode
from ledger.store import BlockStore
store, address, cid = sys.argv[1:]
print("ready", flush=True)
transfer.pull(IpfsNode(address), BlockStore(Path(store)), Cid.parse(cid))
"""


def start(code, *arguments):
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True)


def kill_after(process, seconds):
    """Kill it so long after it began."""
    assert process.stdout.readline() == "ready\n"
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)


def test_a_node_that_is_killed_in_the_middle_and_comes_back_gets_the_rest(store, journals, tmp_path):
    with ipfs_server.running(tmp_path / "js-ipfs") as server:
        cid = store.add_bytes(os.urandom(40 * MIB))
        node = IpfsNode(server.api, patience=10)
        parts = []

        def break_off(phase, size):
            if phase == "sent":
                parts.append(size)
                if len(parts) == 5:
                    server.kill()

        with pytest.raises(NodeUnreachable, match="goes on where it was"):
            transfer.push(store, node, cid, journals=journals, part=PART, progress=break_off)
        server.start()
        done = transfer.push(store, node, cid, journals=journals, part=PART)
        assert done.sent <= done.size - sum(parts[:5]) + PART, "less than one part is sent twice"
        assert node.is_pinned(cid)
        assert transfer.verify(node, cid) == done.size


@pytest.mark.slow
def test_fifty_kills_of_push_and_pull_lose_nothing(server, node, tmp_path):
    """kill -9 at random points; afterwards the same call goes on, and every block is right at both ends."""
    dice = random.Random(20261125)
    pushed_whole = pulled_whole = kills = 0
    while kills < 50:
        run = tmp_path / f"run-{kills}"
        near, far, journals = BlockStore(run / "near"), BlockStore(run / "far"), run / "journals"
        journals.mkdir()
        cid = near.add_bytes(dice.randbytes(12 * MIB + kills))
        for _ in range(3):
            kill_after(start(PUSH, near.folder, server.api, cid, journals), dice.uniform(0, 0.5))
            kills += 1
        done = transfer.push(near, node, cid, journals=journals, part=PART)
        pushed_whole += done.sent == 0
        assert node.is_pinned(cid)
        for _ in range(2):
            kill_after(start(PULL, far.folder, server.api, cid), dice.uniform(0, 0.35))
            kills += 1
            for path in far.folder.rglob("*"):
                if len(path.name) == 64:
                    assert Cid.of_raw(path.read_bytes()).digest.hex() == path.name
        _, fetched = transfer.pull(node, far, cid)
        pulled_whole += fetched == 0
        far.check(cid)
        near.check(cid)
        assert transfer.verify(node, cid) == done.size
        shutil.rmtree(run)
    assert pushed_whole < 10, "kills came when all was done: they have to come earlier"
    assert pulled_whole < 10


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with one dataset of two recordings."""
    from chords import chords
    from story import PASSPHRASE, TERMS, new_home, new_key, now

    from api.settings import Settings
    from api.workflows import datasets
    from gen.audio import save

    place = tmp_path_factory.mktemp("home")
    home = new_home(Settings(home=place / "home", passphrase=PASSPHRASE))
    (place / "recordings").mkdir()
    for seed in (1, 2):
        save(place / "recordings" / f"{seed}.wav", chords(12.0, seed=seed))
    signer = new_key(home, "anna")
    datasets.add(home, place / "recordings", title="two", license_="CC0-1.0", terms=TERMS, signer=signer, now=now)
    return home


def run(home: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own."""
    environment = {**os.environ, "STEMMATA_HOME": str(home), "STEMMATA_PASSPHRASE": "open sesame", **settings}
    code = "from api.cli import main; main()"
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", code, "content", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, cwd=root, check=False)


def test_a_dataset_goes_to_the_node_and_comes_to_an_empty_machine(home, server, tmp_path):
    sent = run(home.path, "push", "dataset", "1", IPFS_API=server.api)
    assert sent.returncode == 0, sent.stderr
    assert "pinned   recording 2 of dataset 1" in sent.stdout
    told = run(home.path, "status", "dataset", "1", IPFS_API=server.url)
    assert told.returncode == 0, told.stderr + told.stdout
    assert "not pinned" not in told.stdout
    far = tmp_path / "far"
    shutil.copytree(home.path / "chain", far / "chain")
    shutil.copy(home.path / "deployment.json", far)
    fetched = run(far, "pull", "dataset", "1", IPFS_API=server.api)
    assert fetched.returncode == 0, fetched.stderr
    checked = run(far, "verify", "dataset", "1", IPFS_API=server.api)
    assert checked.returncode == 0, checked.stderr + checked.stdout


def test_a_pinning_service_is_asked_once_waited_for_and_told_the_origin(home, server):
    with ipfs_server.pinning_service() as url:
        settings = {"STEMMATA_PINNING": url, "STEMMATA_PINNING_TOKEN": ipfs_server.TOKEN, "IPFS_API": server.api}
        words = ("push", "dataset", "1", "--to", "pinning", "--json")
        waited = run(home.path, *words, "--wait", "1", **settings)
        assert waited.returncode == 5, waited.stderr
        assert "has not pinned" in waited.stderr
        service = PinningService(url, ipfs_server.TOKEN)
        left = run(home.path, *words, "--wait", "0", **settings)
        assert left.returncode == 0, left.stderr
        cids = [Cid.parse(each["cid"]) for each in json.loads(left.stdout)["content"]]
        assert len(service.list(cids)) == len(cids), "nothing was asked for twice"
        for cid in cids:
            service.add(cid, name="pinned-by-now")  # the mock's way of letting time pass
        done = run(home.path, *words, **settings)
        assert done.returncode == 0, done.stderr
        assert {each["state"] for each in json.loads(done.stdout)["content"]} == {"pinned"}
        told = run(home.path, "status", "dataset", "1", **settings)
        assert told.returncode == 0, told.stderr
        assert told.stdout.count("pinned  pinned") == len(cids)
        wrong = run(home.path, *words, **{**settings, "STEMMATA_PINNING_TOKEN": "a-wrong-secret"})
        assert wrong.returncode == 5
        assert "STEMMATA_PINNING_TOKEN" in wrong.stderr
        for result in (waited, left, done, told, wrong):
            assert ipfs_server.TOKEN not in result.stdout + result.stderr
            assert "a-wrong-secret" not in result.stdout + result.stderr


def test_the_service_is_told_who_has_it_and_asked_again_where_it_failed(home):
    with node_stand_in.running() as stand_in, ipfs_server.pinning_service() as url:
        settings = {
            "STEMMATA_PINNING": url,
            "STEMMATA_PINNING_TOKEN": ipfs_server.TOKEN,
            "IPFS_API": stand_in.url,
        }
        words = ("push", "dataset", "1", "--to", "pinning", "--wait", "0", "--json")
        done = run(home.path, *words, **settings)
        assert done.returncode == 0, done.stderr
        assert stand_in.count("swarm/connect") == 4, "the node is introduced to each of the service's"
        listed = requests.get(
            f"{url}/pins?status=queued", headers={"Authorization": f"Bearer {ipfs_server.TOKEN}"}, timeout=10
        ).json()["results"]
        assert {tuple(each["pin"]["origins"]) for each in listed} == {
            (f"/dns4/node.example/tcp/4001/p2p/{stand_in.peer}",)
        }
        first = listed[0]
        with contextlib.closing(PinningService(url, ipfs_server.TOKEN)) as service:
            failed = service.add(Cid.parse(first["pin"]["cid"]), name="failed-this-time")
            assert failed.status == "failed"
            again = run(home.path, *words, **settings)
            assert again.returncode == 0, again.stderr
            (pin,) = service.list([failed.cid])
            assert (pin.status, pin.id != failed.id) == ("queued", True)

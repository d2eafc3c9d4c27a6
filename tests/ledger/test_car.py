import base64
import contextlib
import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import car, unixfs
from ledger.cid import Cid
from ledger.errors import ArgumentRefused, BlockMissing, DigestMismatch, LedgerError, Malformed
from ledger.store import BlockStore

VECTOR = json.loads((Path(__file__).parent.parent / "vectors" / "car_v1.json").read_text())
ARCHIVE = base64.b64decode(VECTOR["car"])
ROOT = Cid.parse(VECTOR["root"])
CONTENT = bytes(i % 256 for i in range(300))


@pytest.fixture
def store(tmp_path):
    return BlockStore(tmp_path / "one")


@pytest.fixture
def other(tmp_path):
    return BlockStore(tmp_path / "two")


def exported(store, root):
    target = io.BytesIO()
    count = car.export(store, [root], target)
    return target.getvalue(), count


def test_the_archive_of_the_javascript_implementation(store, other):
    assert unixfs.import_file(io.BytesIO(CONTENT), store.put, chunk=32, width=3) == ROOT
    assert exported(store, ROOT)[0] == ARCHIVE
    assert car.load(other, io.BytesIO(ARCHIVE)) == (ROOT,)
    assert other.read_bytes(ROOT) == CONTENT


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(content=st.binary(max_size=400), chunk=st.integers(8, 80))
def test_from_store_to_store(store, other, content, chunk):
    root = unixfs.import_file(io.BytesIO(content), store.put, chunk=chunk, width=4)
    archive, _ = exported(store, root)
    assert car.load(other, io.BytesIO(archive)) == (root,)
    assert other.read_bytes(root) == content
    assert exported(other, root)[0] == archive


def test_equal_blocks_travel_once(store):
    root = store.add_bytes(bytes(5 << 20))
    archive, count = exported(store, root)
    assert count == 2
    assert len(archive) < 2 << 20


def test_version_0_travels_too(store, other):
    block = bytes.fromhex("0a120802120c68656c6c6f20776f726c640a180c")  # ipfs add of "hello world\n"
    root = Cid.parse("QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o")
    store.put(root, block)
    assert car.load(other, io.BytesIO(exported(store, root)[0])) == (root,)
    assert other.read_bytes(root) == b"hello world\n"


def test_an_archive_cut_off_anywhere_is_refused(store):
    for end in range(len(ARCHIVE)):
        with pytest.raises((Malformed, BlockMissing)):
            car.load(store, io.BytesIO(ARCHIVE[:end]))


@settings(deadline=None)
@given(at=st.integers(0, len(ARCHIVE) - 1), bit=st.integers(0, 7))
def test_an_altered_archive_is_refused(tmp_path_factory, at, bit):
    altered = bytearray(ARCHIVE)
    altered[at] ^= 1 << bit
    store = BlockStore(tmp_path_factory.mktemp("store"))
    with pytest.raises(LedgerError):
        car.load(store, io.BytesIO(bytes(altered)))


def test_a_block_that_is_not_its_cid_is_a_digest_mismatch(store):
    altered = ARCHIVE[:-1] + bytes([ARCHIVE[-1] ^ 1])
    with pytest.raises(DigestMismatch):
        car.load(store, io.BytesIO(altered))
    with pytest.raises(BlockMissing):
        store.check(ROOT)


@pytest.mark.parametrize(
    "archive",
    [b"", b"\0", b"\x80", b"\xff" * 20, b"\x05hello", ARCHIVE + b"\0", ARCHIVE + b"\xff\xff\x7f", b"RIFF" + bytes(100)],
)  # fmt: skip
def test_what_is_no_archive_is_malformed(store, archive):
    with pytest.raises(Malformed):
        car.load(store, io.BytesIO(archive))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(archive=st.binary(max_size=150))
def test_any_bytes_are_refused_by_name(store, archive):
    with contextlib.suppress(LedgerError):
        car.load(store, io.BytesIO(archive))


def test_an_incomplete_store_gives_no_archive(store):
    content = os.urandom(3 << 20)
    root = store.add_bytes(content)
    leaf = Cid.of_raw(content[-(1 << 20) :])
    next(path for path in store.folder.rglob(leaf.digest.hex())).unlink()
    with pytest.raises(BlockMissing, match=str(leaf)):
        exported(store, root)


def test_several_roots_and_folders_in_one_archive(store, other, tmp_path):
    source = tmp_path / "folder"
    source.mkdir()
    (source / "a").write_bytes(b"also a root")
    roots = [store.add_bytes(b"also a root"), store.add_folder(source), store.add_bytes(os.urandom(3 << 20))]
    target = io.BytesIO()
    told = []
    assert car.export(store, roots, target, progress=told.append) == 6
    assert sum(told) == sum(len(block) for _, block in car.unpack(io.BytesIO(target.getvalue())))
    assert car.load(other, io.BytesIO(target.getvalue())) == tuple(roots)
    for root in roots:
        other.check(root)
    cut = io.BytesIO(target.getvalue()[: -(1 << 20)])
    with pytest.raises(Malformed, match="cut off"):
        car.load(BlockStore(tmp_path / "three"), cut)


@pytest.mark.parametrize("count", [1, 2, 23, 24, 255, 256, 5000])
def test_any_number_of_roots(store, other, count):
    cids = [store.add_bytes(b"%d" % number) for number in range(min(count, 3))]
    roots = [cids[number % len(cids)] for number in range(count)]
    target = io.BytesIO()
    car.export(store, roots, target)
    assert car.load(other, io.BytesIO(target.getvalue()))[:3] == tuple(roots[:3])


def test_the_head_of_a_list_is_cbor():
    """RFC 8949, appendix A has these."""
    assert car._list_head(3) == b"\x83"
    assert car._list_head(25) == b"\x98\x19"
    assert car._list_head(1000) == bytes.fromhex("9903e8")
    assert car._list_head(1_000_000) == bytes.fromhex("9a000f4240")


def test_an_archive_without_roots_is_not_made(store):
    with pytest.raises(ArgumentRefused, match="has 1 to"):
        car.export(store, [], io.BytesIO())


def test_a_root_that_the_archive_lacks_is_named(store, other):
    there, lacking = store.add_bytes(b"there"), Cid.of_raw(b"lacking")
    archive = car.pack(lacking, [(there, b"there")])
    with pytest.raises(BlockMissing, match=f"does not hold all of {lacking}"):
        car.load(other, io.BytesIO(archive))

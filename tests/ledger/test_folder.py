"""Folders: CIDs equal to those of another implementation, and nothing hostile read."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import dagpb, folder, trie, unixfs
from ledger.cid import Cid
from ledger.dagpb import Link, Node
from ledger.errors import BlockMissing, Malformed, StoreFault
from ledger.store import BlockStore

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "unixfs_v1_2025.json").read_text())["folders"]
FOLDER = dagpb.field_int(1, 1)


def make(root: Path, paths: list[str]) -> Path:
    """Files that hold their own path as text; one that ends in / is an empty folder."""
    root.mkdir()
    for path in paths:
        place = root / path
        if path.endswith("/"):
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.encode())
    return root


def paths_of(vector: dict) -> list[str]:
    names = [str(i).rjust(5, "0").ljust(vector.get("length", 0), "x") for i in range(vector.get("count", 0))]
    return [vector.get("within", "") + name for name in names] + vector.get("paths", [])


def added(path: Path, **options) -> tuple[Cid, dict[Cid, bytes]]:
    blocks: dict[Cid, bytes] = {}
    return folder.import_folder(path, blocks.__setitem__, **options), blocks


def put(blocks: dict[Cid, bytes], node: Node) -> Cid:
    block = node.encode()
    cid = Cid.of_dag_pb(block)
    blocks[cid] = block
    return cid


@pytest.mark.parametrize(
    "vector",
    [
        pytest.param(vector, id=vector["note"], marks=[pytest.mark.slow] if vector.get("count", 0) > 4095 else [])
        for vector in VECTORS["vectors"]
    ],
)
def test_cids_of_the_javascript_implementation(vector, tmp_path):
    cid, blocks = added(make(tmp_path / "f", paths_of(vector)))
    assert str(cid) == vector["cid"]
    asked: list[Cid] = []
    assert dict(folder.blocks(cid, lambda cid: (asked.append(cid), blocks[cid])[1])) == blocks
    assert len(asked) == len(blocks)
    found = {path: below for path, below, is_folder in folder.walk(cid, blocks.__getitem__) if not is_folder}
    assert {path: blocks[below].decode() for path, below in found.items()} == {
        path: path for path in paths_of(vector) if not path.endswith("/")
    }


def test_the_limit_is_one_byte_wide():
    flat, trie = (vector["cid"] for vector in VECTORS["vectors"][7:9])
    assert flat != trie
    assert folder.LONGEST_NODE == 4 + 4095 * 64 + 44 + 16


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda name: not name.startswith(".") and len(name.encode()) < 200
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=15)
@given(st.dictionaries(NAMES, st.binary(max_size=40) | st.dictionaries(NAMES, st.binary(max_size=9), max_size=4)))
def test_what_goes_in_comes_out_flat_or_as_a_trie(tmp_path_factory, tree):
    root = tmp_path_factory.mktemp("folder")
    source = root / "in"
    source.mkdir()
    for name, held in tree.items():
        if isinstance(held, bytes):
            (source / name).write_bytes(held)
        else:
            (source / name).mkdir()
            for inner, content in held.items():
                (source / name / inner).write_bytes(content)
    for longest in (folder.LONGEST_NODE, 4):
        cid, blocks = added(source, longest=longest)
        assert dict(folder.blocks(cid, blocks.__getitem__)) == blocks
        target = root / f"out {longest}"
        folder.export(cid, blocks.__getitem__, target)
        assert added(target)[0] == added(source)[0]


def test_dotted_names_are_left_out(tmp_path):
    source = make(tmp_path / "f", ["a", "b/c"])
    cid, _ = added(source)
    (source / ".DS_Store").write_bytes(b"x")
    (source / "b" / ".git").mkdir()
    assert added(source)[0] == cid


@pytest.mark.parametrize("kind", ["link", "pipe", "bytes"])
def test_what_cannot_stand_in_a_folder_is_refused_by_name(tmp_path, kind):
    source = make(tmp_path / "f", ["a"])
    if kind == "link":
        (source / "odd").symlink_to(source / "a")
    elif kind == "pipe":
        os.mkfifo(source / "odd")
    else:
        Path(os.fsdecode(bytes(source) + b"/odd\xff")).write_bytes(b"x")
    said = {"link": "odd is a symbolic link", "pipe": "odd is neither file nor folder", "bytes": r"odd.*not UTF-8"}
    with pytest.raises(Malformed, match=said[kind]):
        added(source)


def test_folders_nested_too_deep_are_refused_both_ways(tmp_path):
    place = tmp_path / "f"
    place.mkdir()
    for _ in range(folder.MAX_DEPTH + 1):
        place = place / "d"
        place.mkdir()
    with pytest.raises(Malformed, match="nested deeper than 128"):
        added(tmp_path / "f")
    blocks: dict[Cid, bytes] = {}
    cid = put(blocks, Node((), FOLDER))
    for _ in range(folder.MAX_DEPTH + 2):
        cid = put(blocks, Node((Link(cid, 1, "d"),), FOLDER))
    with pytest.raises(Malformed, match="nested deeper than 128"):
        list(folder.walk(cid, blocks.__getitem__))


def test_a_bomb_of_few_blocks_is_checked_in_few_steps_and_listed_to_the_limit():
    blocks: dict[Cid, bytes] = {}
    cid = put(blocks, Node((), FOLDER))
    for _ in range(20):
        cid = put(blocks, Node(tuple(Link(cid, 1, f"{n:03}") for n in range(300)), FOLDER))
    assert len(list(folder.blocks(cid, blocks.__getitem__))) == 21
    with pytest.raises(Malformed, match="more than 900 entries"):
        list(folder.walk(cid, blocks.__getitem__, most=900))


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc/passwd", "a\0b"])
def test_names_that_lead_elsewhere_are_malformed(name, tmp_path):
    blocks = {Cid.of_raw(b"x"): b"x"}
    cid = put(blocks, Node((Link(Cid.of_raw(b"x"), 1, name),), FOLDER))
    with pytest.raises(Malformed, match=r"no name of a file|without a name"):
        folder.export(cid, blocks.__getitem__, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def links(*names: str) -> tuple[Link, ...]:
    return tuple(Link(Cid.of_raw(b"x"), 1, name) for name in names)


def slot(name: str) -> int:
    import mmh3

    return mmh3.hash64(name.encode(), x64arch=True, signed=False)[0] >> 56


def trie_data(slots: list[int], fanout: int = 256, function: int = 0x22) -> bytes:
    number = sum(1 << each for each in slots)
    field = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return (
        dagpb.field_int(1, 5) + dagpb.field_bytes(2, field) + dagpb.field_int(5, function) + dagpb.field_int(6, fanout)
    )


A = slot("a")
LETTERS = next(name for name in "bcdefghij" if f"{slot(name):02X}".isalpha())


@pytest.mark.parametrize(
    ("node", "complaint"),
    [
        (Node(links("b", "a"), FOLDER), "not in order"),
        (Node(links("a", "a"), FOLDER), "comes twice"),
        (Node((), FOLDER + dagpb.field_int(3, 0)), "says more than"),
        (Node((), dagpb.field_int(1, 4) + dagpb.field_bytes(2, b"/etc")), "UnixFS type is 4"),
        (Node((), None), "does not say what it is"),
        (Node(links(f"{A:02X}a"), trie_data([A])), None),
        (Node(links(f"{A:02X}a"), trie_data([A], fanout=16)), "announces"),
        (Node(links(f"{A:02X}a"), trie_data([A], function=0x12)), "announces"),
        (Node(links(f"{A:02X}a"), trie_data([A, 255])), "announces"),
        (Node(links(f"{A ^ 1:02X}a"), trie_data([A ^ 1])), "not where its hash belongs"),
        (Node(links("a"), trie_data([A])), "begins with no slot"),
        (Node(links(f"{slot(LETTERS):02x}{LETTERS}"), trie_data([slot(LETTERS)])), "begins with no slot"),
        (Node((), trie_data([])), "announces"),
    ],
)  # fmt: skip
def test_nodes_that_are_no_folders_are_malformed(node, complaint):
    blocks = {Cid.of_raw(b"x"): b"x"}
    cid = put(blocks, node)
    if complaint is None:
        assert [entry.name for entry in folder.entries(cid, blocks.__getitem__)] == ["a"]
        return
    with pytest.raises(Malformed, match=complaint) as error:
        list(folder.entries(cid, blocks.__getitem__))
    assert str(cid) in str(error.value)


def test_a_trie_that_goes_down_for_ever_is_malformed():
    blocks: dict[Cid, bytes] = {}
    cid = put(blocks, Node(links(f"{A:02X}a"), trie_data([A])))
    for _ in range(9):
        cid = put(blocks, Node((Link(cid, 1, f"{A:02X}"),), trie_data([A])))
    with pytest.raises(Malformed, match=r"deeper than the hash|not where its hash"):
        list(folder.entries(cid, blocks.__getitem__))


def test_a_trie_cannot_hold_two_names_of_one_hash(tmp_path, monkeypatch):
    monkeypatch.setattr(trie, "_hash", lambda name: bytes(8))
    with pytest.raises(Malformed, match="'a', 'b' have the same 64-bit hash"):
        added(make(tmp_path / "f", ["a", "b"]), longest=0)


def test_a_store_keeps_folders(tmp_path):
    store = BlockStore(tmp_path / "store")
    source = make(tmp_path / "f", ["a", "b/c", "b/empty/"])
    (source / "b" / "long").write_bytes(os.urandom(3 << 20))
    cid = store.add_folder(source)
    store.check(cid)
    assert folder.export(cid, store.get, tmp_path / "out") == 3
    assert store.add_folder(tmp_path / "out") == cid
    with pytest.raises(StoreFault, match="out cannot be written: File exists"):
        folder.export(cid, store.get, tmp_path / "out")
    leaf = Cid.of_raw(b"b/c")
    store.path(leaf.digest).unlink()
    with pytest.raises(BlockMissing, match=str(leaf)):
        store.check(cid)
    with pytest.raises(Malformed, match="only files"):
        list(unixfs.read(cid, store.get))

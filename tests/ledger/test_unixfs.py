import contextlib
import hashlib
import io
import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import dagpb, unixfs
from ledger.cid import Cid, Codec
from ledger.dagpb import Link, Node
from ledger.errors import Malformed

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "unixfs_v1_2025.json").read_text())["vectors"]
LONG = 1 << 26


class Described(io.RawIOBase):
    """Content of the vector file, made while it is read, so that a gigabyte needs no gigabyte."""

    def __init__(self, content, length):
        self.left = length
        self.numbers = itertools.count() if content == "counter" else None
        self.rest = b""

    def readable(self):
        return True

    def readinto(self, buffer):
        wanted = min(len(buffer), self.left)
        if self.numbers is None:
            buffer[:wanted] = bytes(wanted)
        else:
            parts = [self.rest]
            have = len(self.rest)
            while have < wanted:
                parts.append(hashlib.sha256(next(self.numbers).to_bytes(8, "big")).digest())
                have += 32
            made = b"".join(parts)
            buffer[:wanted], self.rest = made[:wanted], made[wanted:]
        self.left -= wanted
        return wanted


class Dribble(io.RawIOBase):
    """A pipe that gives one to seven bytes at a time."""

    def __init__(self, data):
        self.file, self.sizes = io.BytesIO(data), itertools.cycle((1, 7, 3))

    def readable(self):
        return True

    def readinto(self, buffer):
        some = self.file.read(min(len(buffer), next(self.sizes)))
        buffer[: len(some)] = some
        return len(some)


def add(data, **profile):
    blocks = {}
    return unixfs.import_file(io.BytesIO(data), blocks.__setitem__, **profile), blocks


def put(blocks, node):
    block = node.encode()
    cid = Cid.of_dag_pb(block)
    blocks[cid] = block
    return cid


def file_data(size, sizes, content=b""):
    own = dagpb.field_bytes(2, content) if content else b""
    return dagpb.field_int(1, 2) + own + dagpb.field_int(3, size) + b"".join(dagpb.field_int(4, s) for s in sizes)


def same_cid(vector):
    content = Described(vector["content"], vector["length"])
    cid = unixfs.import_file(content, lambda cid, block: None, chunk=vector["chunk"], width=vector["width"])
    assert str(cid) == vector["cid"]


@pytest.mark.parametrize(
    "vector", [v for v in VECTORS if v["length"] < LONG], ids=lambda v: f"{v['length']}/{v['chunk']}"
)
def test_cids_of_the_javascript_implementation(vector):
    same_cid(vector)


@pytest.mark.slow
@pytest.mark.parametrize("vector", [v for v in VECTORS if v["length"] >= LONG], ids=lambda v: str(v["length"]))
def test_cids_of_the_javascript_implementation_at_1024_leaves(vector):
    same_cid(vector)


@settings(deadline=None)
@given(st.binary(max_size=3000), st.integers(1, 64), st.integers(2, 6))
def test_what_goes_in_comes_out(data, chunk, width):
    cid, blocks = add(data, chunk=max(chunk, len(data) // width**6), width=width)
    assert b"".join(unixfs.read(cid, blocks.__getitem__)) == data
    given_blocks = dict(unixfs.blocks(cid, blocks.__getitem__))
    assert given_blocks == blocks
    assert next(iter(given_blocks)) == cid


@given(st.binary(max_size=300))
def test_a_cid_does_not_depend_on_how_bytes_arrive(data):
    whole, _ = add(data, chunk=64, width=3)
    assert unixfs.import_file(Dribble(data), lambda cid, block: None, chunk=64, width=3) == whole


def test_an_import_begins_where_the_file_stands():
    file = io.BytesIO(b"header and content")
    file.seek(len(b"header and "))
    assert unixfs.import_file(file, lambda cid, block: None) == Cid.of_raw(b"content")


def test_small_files_of_kubo_are_read():
    block = bytes.fromhex("0a120802120c68656c6c6f20776f726c640a180c")  # ipfs add of "hello world\n"
    cid = Cid.parse("QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o")
    assert cid.names(block)
    assert b"".join(unixfs.read(cid, {cid: block}.__getitem__)) == b"hello world\n"


def test_more_than_the_limit_is_refused_before_the_first_byte():
    cid, blocks = add(bytes(1000), chunk=100)
    assert len(b"".join(unixfs.read(cid, blocks.__getitem__, limit=1000))) == 1000
    with pytest.raises(Malformed, match="announces 1000 bytes; at most 999"):
        next(unixfs.read(cid, blocks.__getitem__, limit=999))


@pytest.mark.parametrize(
    ("size", "sizes", "total_sizes", "complaint"),
    [
        (8, [4, 4], [4, 4], None),
        (9, [4, 4], [4, 4], "announces 9 bytes"),
        (8, [4], [4, 4], "2 links, and lists 1 sizes"),
        (9, [4, 5], [4, 4], "holds 4 bytes of content"),
        (8, [4, 4], [4, 5], "holds 4 bytes of content in 4 bytes of blocks"),
        (4, [4, 0], [4, 0], "links to nothing"),
    ],
)
def test_sizes_that_disagree_are_malformed(size, sizes, total_sizes, complaint):
    blocks = {}
    leaf = Cid.of_raw(b"leaf")
    blocks[leaf] = b"leaf"
    cid = put(blocks, Node(tuple(Link(leaf, total) for total in total_sizes), file_data(size, sizes)))
    if complaint is None:
        assert b"".join(unixfs.read(cid, blocks.__getitem__)) == b"leafleaf"
    else:
        for walk in (unixfs.read, unixfs.blocks):
            with pytest.raises(Malformed, match=complaint) as error:
                list(walk(cid, blocks.__getitem__))
            assert str(cid) in str(error.value)


def test_a_bomb_of_few_blocks_is_checked_in_few_steps():
    """Six levels of 1000 links to one block each: 10**18 bytes announced, seven blocks to look at."""
    asked = []
    blocks = {Cid.of_raw(b"x"): b"x"}
    cid, size, total = Cid.of_raw(b"x"), 1, 1
    for _ in range(6):
        node = Node((Link(cid, total),) * 1000, file_data(size * 1000, [size] * 1000))
        cid, size, total = put(blocks, node), size * 1000, total * 1000 + len(node.encode())

    def get(name):
        asked.append(name)
        return blocks[name]

    with pytest.raises(Malformed, match="announces 1000000000000000000 bytes"):
        next(unixfs.read(cid, get))
    assert len(list(unixfs.blocks(cid, get, limit=10**18))) == 7
    assert len(asked) == 8


def test_a_tree_too_deep_is_malformed():
    blocks = {Cid.of_raw(b"x"): b"x"}
    cid, total = Cid.of_raw(b"x"), 1
    for _ in range(unixfs.MAX_DEPTH):
        node = Node((Link(cid, total),), file_data(1, [1]))
        cid, total = put(blocks, node), total + len(node.encode())
    assert b"".join(unixfs.read(cid, blocks.__getitem__)) == b"x"
    cid = put(blocks, Node((Link(cid, total),), file_data(1, [1])))
    for walk in (unixfs.read, unixfs.blocks):
        with pytest.raises(Malformed, match="deeper than 8 levels"):
            list(walk(cid, blocks.__getitem__))


@pytest.mark.parametrize(
    ("node", "complaint"),
    [
        (Node((), b"\x08\x01"), "UnixFS type is 1"),
        (Node((), None), "does not say its size"),
        (Node((), b"\x18\x00\x08\x02"), "canonical"),
        (Node((), b"\x08\x02\x18\x00\x38\x2a"), "more than sizes and content"),
        (Node((), b"\x08\x02\x12\x01\x61\x18\x02"), "announces 2 bytes"),
        (Node((Link(Cid.of_raw(b"x"), 1),), b"\x08\x02\x12\x01\x61\x18\x02\x20\x01"), "content beside links"),
        (Node((), b"\x08\x02\x12\x05\x61"), "announces 5 bytes and only 1"),
        (Node((), b"\x0d\x00\x00\x00\x00"), "wire type 5"),
    ],
)
def test_nodes_that_are_no_files_are_malformed(node, complaint):
    blocks = {}
    cid = put(blocks, node)
    with pytest.raises(Malformed, match=complaint):
        list(unixfs.read(cid, blocks.__getitem__))


def test_a_block_too_large_is_malformed():
    block = bytes(unixfs.MAX_BLOCK + 1)
    with pytest.raises(Malformed, match="no block has more"):
        list(unixfs.read(Cid.of_raw(block), lambda cid: block))


LINKS = st.lists(
    st.tuples(st.binary(max_size=9), st.integers(0, 2**63 - 1), st.none() | st.text(max_size=5)), max_size=5
)


@given(LINKS, st.none() | st.binary(max_size=40))
def test_a_node_comes_back_from_its_bytes(links, data):
    node = Node(tuple(Link(Cid.of_raw(block), size, name) for block, size, name in links), data)
    assert Node.decode(node.encode()) == node


@pytest.mark.parametrize(
    "block",
    [
        "0a0161" "0a0162",  # data twice
        "0a0161" + Node((Link(Cid.of_raw(b"x"), 1),), None).encode().hex(),  # data before links
        "12290a24" + Cid.of_raw(b"x").raw.hex() + "1801",  # a link shorter than announced
        "12281801" + "0a24" + Cid.of_raw(b"x").raw.hex(),  # size before CID
        "12260a24" + Cid.of_raw(b"x").raw.hex(),  # no size
        "1a0161",  # a third field
        "0801",  # a number as data
        "0a8100" "61",  # a length written longer than it is
    ],
)  # fmt: skip
def test_other_spellings_of_a_node_are_malformed(block):
    with pytest.raises(Malformed):
        Node.decode(bytes.fromhex(block))


@given(st.binary(max_size=120))
def test_any_bytes_are_a_node_or_malformed(block):
    with contextlib.suppress(Malformed):
        assert Node.decode(block).encode() == block


@given(st.integers(0, 400), st.integers(0, 7))
def test_a_changed_node_never_reads_as_the_same_file(at, bit):
    cid, blocks = add(bytes(range(200)), chunk=50, width=4)
    block = bytearray(blocks[cid])
    block[at % len(block)] ^= 1 << bit
    blocks[cid] = bytes(block)
    with contextlib.suppress(Malformed, KeyError):
        assert b"".join(unixfs.read(cid, blocks.__getitem__)) != bytes(range(200))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.integers(1, 9), st.integers(2, 4), st.integers(0, 420))
def test_content_from_any_byte_on_is_the_end_of_the_whole_and_asks_for_no_leaf_before_it(data, chunk, width, start):
    blocks: dict[Cid, bytes] = {}
    root = unixfs.import_file(io.BytesIO(data), blocks.__setitem__, chunk=chunk, width=width)
    asked = []

    def get(cid):
        asked.append(cid)
        return blocks[cid]

    assert b"".join(unixfs.read(root, get, start=start)) == data[start:]
    leaves = [cid for cid in asked if cid.codec is Codec.RAW]
    assert len(leaves) <= max(1, -(-len(data) // chunk) - start // chunk)

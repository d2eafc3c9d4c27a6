"""Archives of which there is one spelling: members that share bytes are refused before any is read."""

from __future__ import annotations

import runpy
import struct
import tracemalloc
import zlib
from pathlib import Path

import pytest

from ledger import parcel
from ledger.errors import Malformed

READER = Path(__file__).parents[2] / "scripts" / "verify_bundle.py"
MEMBERS = 200


@pytest.fixture(scope="module")
def nested() -> bytes:
    """Each member holds the next one, its header included: PKWARE's APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16."""
    content, listed = bytes(100_000), []
    for number in reversed(range(MEMBERS)):
        name = b"blocks/b%04d" % number
        about = (zlib.crc32(content), len(content), len(content), len(name), 0)
        offset = (30 + len(name)) * number
        listed.append(struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 33, *about, 0, 0, 0, 0, offset) + name)
        content = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 33, *about) + name + content
    directory = b"".join(reversed(listed))
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, MEMBERS, MEMBERS, len(directory), len(content), 0)
    return content + directory + end


def test_members_that_share_bytes_are_refused_unread(nested: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(Malformed, match="overlap"):
        parcel.unpack(nested)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * len(nested)


@pytest.mark.slow
def test_the_stand_alone_reader_refuses_them_too(nested: bytes) -> None:
    bundle = runpy.run_path(str(READER))["Bundle"]
    with pytest.raises(ValueError, match="members overlap"):
        bundle(nested)

"""Uploads: names, limits and counts, on either database."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import NoSuchThing, TooLarge, TooMany, UsageError
from api.service.database import Database
from api.service.uploads import Room, Uploads, safe
from ledger.address import Address
from tests.service.conftest import Clock

ANNA, BEN = Address(bytes(19) + b"a"), Address(bytes(19) + b"b")
FLAC = b"fLaC\x00\x00\x00\x22"


def put(uploads: Uploads, upload: object, name: str, content: bytes = FLAC) -> int:
    async def pieces() -> AsyncIterator[bytes]:
        yield content[:5]
        yield content[5:]

    return asyncio.run(uploads.receive(upload, name, pieces()))  # type: ignore[arg-type]


def test_what_is_here_is_counted(database: Database, clock: Clock, tmp_path: Path) -> None:
    room = Room(file=20, account=30, files=3, uploads=2)
    uploads = Uploads(database, tmp_path, clock, room)
    one, other = uploads.make(ANNA), uploads.make(ANNA)
    with pytest.raises(TooMany):
        uploads.make(ANNA)
    uploads.make(BEN)
    put(uploads, one, "a.flac")
    put(uploads, one, "a.flac", FLAC + b"12")  # in its place
    put(uploads, one, "b/c.flac")
    put(uploads, other, "labels.json", b"{}")
    assert (uploads.get(one.id, ANNA).files, uploads.get(one.id, ANNA).bytes) == (2, 18)
    with pytest.raises(TooLarge, match="no room"):
        put(uploads, other, "d.flac", FLAC + b"123")
    with pytest.raises(TooLarge, match="at most 20"):
        put(uploads, one, "d.flac", FLAC + bytes(13))
    with pytest.raises(NoSuchThing):
        uploads.get(one.id, BEN)
    uploads.drop(other.id)
    put(uploads, one, "c.flac")
    with pytest.raises(TooLarge, match="at most 3 files"):
        put(uploads, one, "d.flac", FLAC[:4])
    assert [name for name, _ in uploads.arrived(one)] == ["a.flac", "b/c.flac", "c.flac"]
    clock.wait(10)
    late = uploads.make(ANNA)
    assert one.id in uploads.old(clock().timestamp() - 5)
    assert late.id not in uploads.old(clock().timestamp() - 5)


def test_a_file_is_there_whole_or_not_at_all(database: Database, clock: Clock, tmp_path: Path) -> None:
    uploads = Uploads(database, tmp_path, clock)
    upload = uploads.make(ANNA)

    async def cut_off() -> AsyncIterator[bytes]:
        yield FLAC
        raise ConnectionError

    with pytest.raises(ConnectionError):
        asyncio.run(uploads.receive(upload, "a.flac", cut_off()))
    assert list((tmp_path / upload.id).iterdir()) == []
    assert uploads.get(upload.id, ANNA).bytes == 0


def test_room_is_taken_before_the_first_byte_and_given_back(database: Database, clock: Clock, tmp_path: Path) -> None:
    uploads = Uploads(database, tmp_path, clock, Room(file=20, account=30, all=40))
    one, other = uploads.make(ANNA), uploads.make(ANNA)
    refused: list[str] = []

    async def meanwhile() -> AsyncIterator[bytes]:
        yield FLAC
        with pytest.raises(TooLarge, match="no room"):
            await uploads.receive(other, "b.flac", unread())
        refused.append("b")
        raise ConnectionError

    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError("nothing is read of what finds no room")
        yield b""

    async def both() -> None:
        await uploads.receive(other, "c.flac", pieces(FLAC), 8)
        await uploads.receive(other, "d.flac", pieces(FLAC), 8)
        with pytest.raises(ConnectionError):
            await uploads.receive(one, "deep/er/a.flac", meanwhile())  # which takes all that is left
        await uploads.receive(one, "a.flac", pieces(FLAC), 8)

    asyncio.run(both())
    assert refused == ["b"]
    assert (uploads.get(one.id, ANNA).bytes, uploads.get(other.id, ANNA).bytes) == (8, 16)
    assert [path.name for path in (tmp_path / one.id).iterdir()] == ["a.flac"]  # no folder of what did not come
    bens = uploads.make(BEN)
    with pytest.raises(TooLarge, match="no room"):
        asyncio.run(uploads.receive(bens, "a.flac", pieces(FLAC), 17))  # of all accounts


def test_of_many_at_once_as_many_find_room_as_may(database: Database, clock: Clock, tmp_path: Path) -> None:
    uploads = Uploads(database, tmp_path, clock, Room(uploads=2))
    together = threading.Barrier(6)

    def one(number: int) -> bool:
        together.wait()
        with suppress(TooMany):
            return bool(uploads.make(ANNA))
        return False

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(one, range(6))) == 2


def test_a_disk_that_is_nearly_full_takes_nothing_in(database: Database, clock: Clock, tmp_path: Path) -> None:
    uploads = Uploads(database, tmp_path, clock, Room(free=1 << 60))
    upload = uploads.make(ANNA)
    with pytest.raises(TooLarge, match="no room"):
        asyncio.run(uploads.receive(upload, "a.flac", pieces(FLAC), 8))
    with pytest.raises(TooLarge, match="no room"):
        uploads.admit(None, 1)


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


@given(
    st.text(max_size=40)
    | st.lists(st.sampled_from(["..", ".", "", "a", "/", "\\", "\x00", " ", "a.wav"])).map("/".join)
)
def test_no_name_leads_elsewhere(name: str) -> None:
    try:
        path = safe(name)
    except UsageError:
        return
    inside = Path("/base") / path
    assert not path.is_absolute()
    assert Path("/base") in inside.resolve().parents
    assert all(not part.startswith(".") for part in path.parts)


def test_a_long_name_costs_no_time() -> None:
    began = time.monotonic()
    with pytest.raises(UsageError):
        safe("a/" * 500_000)
    assert time.monotonic() - began < 2

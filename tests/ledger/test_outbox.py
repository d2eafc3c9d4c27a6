"""The outbox: what is in it, whose it is, and that it is on disk, closed to others, before anything is handed in."""

import dataclasses
import threading

import pytest

from ledger.address import Address
from ledger.errors import StoreFault
from ledger.outbox import Outbox
from ledger.submission import Submission

ANA, BEN = Address(bytes(range(20))), Address(bytes(range(1, 21)))
FIRST = Submission("0x01", ANA, 0, BEN, b"data", 2**200, 21_000, 2**70, 3)
CREATION = Submission("0x02", ANA, 1, None, b"", 0, 90_000, 10, 3)


@pytest.fixture
def outbox(tmp_path):
    outbox = Outbox(tmp_path / "outbox", "net")
    yield outbox
    outbox.close()


def test_what_was_kept_is_read_by_the_next_one(tmp_path, outbox):
    outbox.keep(CREATION, b"raw 2")
    outbox.keep(FIRST, b"raw 1")
    outbox.close()
    again = Outbox(tmp_path / "outbox", "net")
    assert [entry.submission for entry in again.entries()] == [FIRST, CREATION]
    assert again.entries(BEN) == ()
    found = again.find("0x01")
    assert (found.submission, found.raws, found.taken, found.told) == (FIRST, {"0x01": b"raw 1"}, False, None)
    assert again.find("0x03") is None
    again.close()
    other = Outbox(tmp_path / "outbox", "another net")
    assert other.entries() == ()
    other.close()


def test_only_the_owner_of_the_files_may_read_them(tmp_path, outbox):
    outbox.keep(FIRST, b"raw")
    assert (tmp_path / "outbox").stat().st_mode & 0o777 == 0o700
    files = list((tmp_path / "outbox").iterdir())
    assert {path.name for path in files} >= {"outbox.sqlite", "outbox.sqlite-wal"}
    assert {path.stat().st_mode & 0o077 for path in files} == {0}


def test_what_becomes_of_an_entry(outbox):
    outbox.keep(FIRST, b"raw")
    outbox.keep(CREATION, b"raw")
    outbox.take(FIRST)
    outbox.tell(FIRST, 17)
    entry = outbox.find("0x01")
    assert (entry.taken, entry.told) == (True, 17)
    untouched = outbox.find("0x02")
    assert (untouched.taken, untouched.told) == (False, None)
    outbox.remove(FIRST)
    assert outbox.find("0x01") is None
    assert [entry.submission for entry in outbox.entries()] == [CREATION]


def test_a_faster_form_stands_beside_the_slower_one(outbox):
    outbox.keep(FIRST, b"slow")
    fast = dataclasses.replace(FIRST, tx="0x00", fee_per_gas=2**71, tip_per_gas=4, replaced=("0x01",))
    entry = outbox.keep_faster(outbox.find("0x01"), fast, b"fast")
    assert outbox.find("0x00") == outbox.find("0x01") == entry
    assert (entry.submission, entry.raws) == (fast, {"0x01": b"slow", "0x00": b"fast"})
    outbox.withdraw(fast)
    assert outbox.find("0x01").submission == FIRST
    outbox.withdraw(FIRST)
    assert outbox.entries() == ()


def test_an_entry_is_abandoned_when_its_owner_is_gone(tmp_path, outbox):
    first = Outbox(tmp_path / "outbox", "net")
    first.keep(FIRST, b"raw")
    entry = outbox.find("0x01")
    assert not outbox.abandoned(entry)
    first.close()
    assert outbox.abandoned(entry)
    outbox.own(FIRST)
    assert outbox.find("0x01").owner == outbox.owner
    assert not outbox.abandoned(outbox.find("0x01"))


def test_one_at_a_time_has_the_turn_of_an_account(tmp_path, outbox):
    other = Outbox(tmp_path / "outbox", "net")
    order = []

    def second():
        with other.turn(ANA):
            order.append("second")

    thread = threading.Thread(target=second)
    with outbox.turn(ANA):
        thread.start()
        with other.turn(BEN):
            thread.join(timeout=0.2)
        order.append("first")
    thread.join()
    other.close()
    assert order == ["first", "second"]


def test_without_a_folder_it_ends_with_the_object():
    outbox = Outbox(None, "net")
    outbox.keep(FIRST, b"raw")
    with outbox.turn(ANA):
        assert outbox.find("0x01").submission == FIRST
    outbox.close()


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "outbox.sqlite").write_bytes(b"no database" * 999)
    with pytest.raises(StoreFault, match="do not delete it"):
        Outbox(tmp_path, "net")
    assert not list(tmp_path.glob("*.owner"))

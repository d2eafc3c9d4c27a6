"""Datasets in brief: records of strangers are read once, and for each request only so much of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from api.home import Ledger
from api.service import summaries
from api.service.summaries import KEPT, Summaries
from api.workflows import run
from ledger import signing
from ledger.cid import Cid
from ledger.digest import Digest
from ledger.errors import BlockMissing, MalformedRecord, SignatureInvalid, Unverifiable
from ledger.records import DatasetRecord
from ledger.store import BlockStore
from tests.ledger.facts import a_dataset, a_labelled_dataset
from tests.service.traded import ANNA, BEN


class Watched(BlockStore):
    """Knows which files were read; a file waits for ``go``."""

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        self.whose: dict[str, int] = {}
        self.read_of: list[int] = []
        self.go, self.begun = threading.Event(), threading.Event()
        self.go.set()

    def read_bytes(self, cid: Cid, limit: int = 2**30) -> bytes:
        self.begun.set()
        assert self.go.wait(20)
        found = super().read_bytes(cid, limit)
        self.read_of.append(self.whose[str(cid)])
        return found

    def size(self, cid: str) -> int:
        return len(super().read_bytes(Cid.parse(cid)))


class Place:
    """Datasets with records in a store, as far as a ledger is asked for them."""

    def __init__(self, folder: Path) -> None:
        self.store = Watched(folder)
        self.entries: list[Any] = []
        contracts = SimpleNamespace(dataset=lambda number: self.entries[number])
        self.ledger = cast(Ledger, SimpleNamespace(contracts=contracts, store=self.store))

    def add(self, record: DatasetRecord | bytes) -> int:
        payload, number = record if isinstance(record, bytes) else record.payload(), len(self.entries)
        cid = str(self.store.add_bytes(signing.sign(payload, ANNA).to_bytes()))
        self.store.whose[cid] = number
        self.entries.append(SimpleNamespace(id=number, cid=cid, record=Digest.of(payload), holder=ANNA.address))
        return number


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    yield Place(tmp_path)


def titled(title: str) -> DatasetRecord:
    return replace(a_dataset(), title=title)


def test_a_record_is_read_once_for_all_requests(place: Place) -> None:
    known = Summaries()
    first, second = place.add(titled("Marches")), place.add(a_labelled_dataset())
    for _ in range(2):
        told = known.reading().of(place.ledger, first)
        record = titled("Marches")
        assert (told.title, told.recordings) == ("Marches", 3)
        assert told.milliseconds == run.length(record)
        assert told.seconds == sum(item.frames / item.rate for item in record.recordings)
        assert known.reading().of(place.ledger, second).labels == (2, 0, 2, 1, 2, 0)
    assert place.store.read_of == [first, second]
    # Under the same CID with another signer it is nobody's record.
    place.entries.append(SimpleNamespace(**{**vars(place.entries[first]), "holder": BEN.address}))
    with pytest.raises(SignatureInvalid):
        known.reading().of(place.ledger, 2)


def test_of_a_request_only_so_much_is_read(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    known, numbers = Summaries(), [place.add(titled(f"Marches {number}")) for number in range(3)]
    size = place.store.size(place.entries[0].cid)
    monkeypatch.setattr(summaries, "LARGEST", 2 * size)

    def told() -> list[bool]:
        reading = known.reading()
        return [reading.known(place.ledger, number) is not None for number in numbers]

    assert (told(), told()) == ([True, True, False], [True, True, True])
    monkeypatch.setattr(summaries, "LARGEST", size - 1)
    with pytest.raises(Unverifiable, match="dataset 0: its record is not read for this request"):
        Summaries().reading().of(place.ledger, 0)
    assert place.store.read_of == numbers  # and nothing of what is too long


def test_what_is_no_record_is_read_again_after_a_while_only(place: Place) -> None:
    time = [0.0]
    known, wrong, right = Summaries(lambda: time[0]), place.add(b"{}"), place.add(titled("Marches"))
    with pytest.raises(MalformedRecord):
        known.reading().of(place.ledger, wrong)
    for _ in range(3):
        with pytest.raises(Unverifiable, match="was found wrong a moment ago"):
            known.reading().of(place.ledger, wrong)
    assert place.store.read_of == [wrong]
    reading = known.reading()
    assert (reading.known(place.ledger, wrong), reading.of(place.ledger, right).title) == (None, "Marches")
    time[0] = KEPT
    reading = known.reading()
    assert reading.known(place.ledger, wrong) is None
    late = place.add(titled("Polkas"))
    assert reading.known(place.ledger, late) is None  # the request has had its time
    assert place.store.read_of == [wrong, right, wrong]


def test_a_record_that_comes_later_is_read_then(place: Place) -> None:
    known, number = Summaries(), place.add(titled("Marches"))
    block = place.store.path(Cid.parse(place.entries[number].cid).digest)
    block.rename(block.with_suffix(".away"))
    with pytest.raises(BlockMissing):
        known.reading().of(place.ledger, number)
    block.with_suffix(".away").rename(block)
    assert known.reading().of(place.ledger, number).title == "Marches"


def test_whoever_waits_in_vain_has_nothing_read_and_waits_no_second_time(place: Place) -> None:
    known, numbers = Summaries(patience=0.05), [place.add(titled(f"Marches {number}")) for number in range(3)]
    place.store.go.clear()
    first = threading.Thread(target=known.reading().of, args=(place.ledger, numbers[0]))
    first.start()
    assert place.store.begun.wait(10)
    reading = known.reading()
    with pytest.raises(Unverifiable, match="come again in a moment"):
        reading.of(place.ledger, numbers[1])
    place.store.go.set()
    first.join()
    assert reading.known(place.ledger, numbers[1]) is None
    assert known.reading().of(place.ledger, numbers[1]).title == "Marches 1"

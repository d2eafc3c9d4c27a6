"""Leaves of batches, as requests have them proved: read once, one batch at a time, and only so many threads wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.errors import TooMany
from api.service.batches import Batches
from api.service.turns import WAITING
from ledger.anchor import Anchor, Leaf
from ledger.cid import Cid
from ledger.contracts import AnchorEntry
from ledger.digest import Digest
from ledger.errors import NotFound, ProofInvalid
from ledger.store import BlockStore
from tests.service.traded import ANNA, digest


class Watched(BlockStore):
    """Counts files that are read, and how many at once; a file waits for ``go``."""

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        self.files, self.at_once, self.most_at_once = 0, 0, 0
        self.go, self.begun = threading.Event(), threading.Event()
        self.go.set()

    def read_bytes(self, cid: Cid, limit: int = 0) -> bytes:
        self.files += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.begun.set()
        assert self.go.wait(20)
        try:
            return super().read_bytes(cid, limit)
        finally:
            self.at_once -= 1


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Watched]:
    yield Watched(tmp_path)


def batch(store: Watched, name: str, count: int) -> AnchorEntry:
    leaves = Anchor([Leaf(*(digest(f"{name} {place} {part}") for part in "car")) for place in range(count)])
    content = Digest(store.add_bytes(leaves.file()).digest)
    return AnchorEntry(leaves.root, count, ANNA.address, 1, 0, content, 7, 8, "0x")


def together(*acts: object) -> None:
    threads = [threading.Thread(target=act) for act in acts]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_batch_is_read_once_and_never_two_at_a_time(store: Watched) -> None:
    batches, both = Batches(), (batch(store, "a", 30), batch(store, "b", 20))
    proved = []
    together(*(lambda n=n: proved.append((n, batches.prove(store, both[n % 2], n))) for n in range(1 + WAITING)))
    assert len(proved) == 1 + WAITING
    for index, one in proved:
        assert one.proof.index == index
        one.proof.verify(one.leaf.raw, both[index % 2].root)
    assert (store.files, store.most_at_once) == (2, 1)
    with pytest.raises(NotFound):
        batches.prove(store, both[1], 20)


def test_old_batches_make_room_and_what_was_proved_stays(store: Watched) -> None:
    batches = Batches(most=40)
    first, second = batch(store, "a", 30), batch(store, "b", 11)
    for _ in range(2):
        kept = batches.prove(store, first, 3)
        batches.prove(store, second, 10)
    assert (store.files, kept.proof.size) == (2, 30)
    batches.prove(store, first, 4)  # the tree is gone, though
    assert store.files == 3


def test_no_more_wait_than_there_are_seats_and_none_for_ever(store: Watched) -> None:
    batches, entry = Batches(patience=0.05), batch(store, "a", 3)
    store.go.clear()
    first = threading.Thread(target=batches.prove, args=(store, entry, 0))
    first.start()
    assert store.begun.wait(10)
    with pytest.raises(TooMany, match="come again"):  # though there is a seat
        batches.prove(store, entry, 1)
    patient = Batches(patience=20)
    told: list[object] = []

    def ask(index: int) -> None:
        try:
            told.append(patient.prove(store, entry, index))
        except TooMany:
            told.append(None)
            if told.count(None) == 3:  # while all the others wait
                store.go.set()

    together(*(lambda n=n: ask(n % 3) for n in range(1 + WAITING + 3)))
    first.join()
    assert (told.count(None), len(told)) == (3, 1 + WAITING + 3)


def test_leaves_that_are_not_those_are_proved_to_nobody(store: Watched) -> None:
    entry, other = batch(store, "a", 3), batch(store, "b", 3)
    wrong = AnchorEntry(entry.root, 3, ANNA.address, 1, 0, other.content, 7, 8, "0x")
    batches = Batches()
    for _ in range(2):
        with pytest.raises(ProofInvalid):
            batches.prove(store, wrong, 0)
    assert batches.prove(store, entry, 0).root == entry.root

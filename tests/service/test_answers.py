"""A request with a key is done once, whoever sends it twice, at once, or is killed half way."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import QueuePool, text

from api.errors import RequestConflict
from api.service.answers import Answer, Answers
from api.service.database import Database
from ledger.address import Address

ANNA, BEN = Address(bytes(19) + b"a"), Address(bytes(19) + b"b")
START = datetime(2026, 11, 26, tzinfo=UTC)


def nothing() -> None:
    """There is nothing to look up."""


class Till:
    """Counts, in the database, how often something was done."""

    def __init__(self, database: Database) -> None:
        self.database, self.now = database, START
        self.answers = Answers(database, lambda: self.now)
        with database.changing() as connection:
            connection.execute(text("create table done (n integer)"))

    def act(self) -> Answer:
        with self.database.changing() as connection:
            connection.execute(text("insert into done values (1)"))
        return Answer(202, {"done": self.count()}, {"Location": "/x"})

    def count(self) -> int:
        with self.database.reading() as connection:
            return int(connection.execute(text("select count(*) from done")).scalar_one())


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    database = Database.open(f"sqlite:///{tmp_path / 'a.sqlite'}")
    yield Till(database)
    database.close()


def test_the_same_request_is_done_once_and_answered_alike_for_a_day(till: Till) -> None:
    first = till.answers.once(ANNA, "k", b"buy", nothing, till.act)
    till.now += timedelta(hours=23)
    assert till.answers.once(ANNA, "k", b"buy", nothing, till.act) == first
    with pytest.raises(RequestConflict, match="another request"):
        till.answers.once(ANNA, "k", b"buy more", nothing, till.act)
    assert till.count() == 1
    till.now += timedelta(hours=1)
    till.answers.once(ANNA, "k", b"buy more", nothing, till.act)
    assert till.count() == 2


def test_keys_of_others_and_of_nobody_are_others(till: Till) -> None:
    for account, asked in ((ANNA, b"x"), (BEN, b"x"), (None, b"x"), (None, b"y")):
        till.answers.once(account, "k", asked, nothing, till.act)
    assert till.count() == 4
    till.answers.once(None, "k", b"y", nothing, till.act)
    assert till.count() == 4


def test_an_error_leaves_nothing_behind(till: Till) -> None:
    def fails() -> Answer:
        till.act()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        till.answers.once(ANNA, "k", b"buy", nothing, fails)
    assert till.count() == 0
    till.answers.once(ANNA, "k", b"buy", nothing, till.act)
    assert till.count() == 1


def test_of_many_at_once_one_is_done(till: Till) -> None:
    got: list[Answer] = []
    together = threading.Barrier(8)

    def ask() -> None:
        together.wait()
        got.append(till.answers.once(ANNA, "k", b"buy", nothing, till.act))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (till.count(), len(got), len({answer.status for answer in got})) == (1, 8, 1)
    assert all(answer == got[0] for answer in got)


def test_who_asks_has_one_connection(till: Till) -> None:
    pool = till.database.engine.pool
    assert isinstance(pool, QueuePool)
    held: list[int] = []

    def act() -> Answer:
        till.act()
        with till.database.reading() as connection:
            held.append(pool.checkedout())
            assert connection.execute(text("select count(*) from done")).scalar() == 1  # which it has changed
        return Answer(202, {}, {})

    till.answers.once(ANNA, "k", b"buy", nothing, act)
    assert held == [1]


def test_others_write_while_a_request_is_looked_into(till: Till) -> None:
    def look() -> None:
        with contextlib.closing(sqlite3.connect(till.database.engine.url.database or "", timeout=0)) as other:
            other.execute("begin immediate")

    till.answers.once(ANNA, "k", b"buy", look, till.act)
    assert till.count() == 1


def test_who_comes_second_and_finds_it_done_hears_the_answer_not_that_it_is_done(till: Till) -> None:
    first: list[Answer] = []

    def look() -> None:
        first.append(till.answers.once(ANNA, "k", b"buy", nothing, till.act))
        raise RequestConflict("somebody does this already")

    assert till.answers.once(ANNA, "k", b"buy", look, till.act) == first[0]
    assert till.answers.once(ANNA, "k", b"buy", look, till.act) == first[0]  # known: nothing is looked up
    assert (till.count(), len(first)) == (1, 1)
    with pytest.raises(RequestConflict, match="already"):
        till.answers.once(ANNA, "other", b"buy", lambda: refuse("already"), till.act)


def refuse(why: str) -> None:
    raise RequestConflict(why)

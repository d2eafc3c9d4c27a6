"""The service's database: whole changes or none, the same on SQLite and on another process's file."""

import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from postgresql_server import postgresql
from sqlalchemy import inspect, text

from api.errors import DatabaseUnusable
from api.service import follower
from api.service.database import _PATIENCE, Database
from api.service.jobs import Jobs


def opened(path: Path) -> Database:
    return Database.open(f"sqlite:///{path}")


def test_a_change_is_whole_or_not_at_all(tmp_path: Path) -> None:
    database = opened(tmp_path / "a.sqlite")
    with database.changing() as connection:
        connection.execute(text("create table t (n integer)"))
    with pytest.raises(RuntimeError), database.changing() as connection:
        connection.execute(text("insert into t values (1)"))
        raise RuntimeError
    with database.changing() as connection:
        connection.execute(text("insert into t values (2)"))
    with database.reading() as connection:
        assert connection.execute(text("select n from t")).scalars().all() == [2]
    database.close()


def test_two_processes_share_a_file(tmp_path: Path) -> None:
    one, other = opened(tmp_path / "a.sqlite"), opened(tmp_path / "a.sqlite")
    with one.changing() as connection:
        connection.execute(text("create table t (n integer)"))
    with other.changing() as connection:
        connection.execute(text("insert into t values (7)"))
        with one.reading() as reader:
            assert reader.execute(text("select count(*) from t")).scalar() == 0  # what is not whole is not seen
    with one.reading() as reader:
        assert reader.execute(text("select n from t")).scalar() == 7
    one.close()
    other.close()


def read_twice_around_a_change(url: str) -> None:
    database = Database.open(url)
    with database.changing() as connection:
        connection.execute(text("create table t (n integer)"))
        connection.execute(text("insert into t values (1)"))
    with database.reading() as connection:
        before = connection.execute(text("select n from t")).scalar()
        with database.changing() as other:
            other.execute(text("update t set n = 2"))
        assert connection.execute(text("select n from t")).scalar() == before == 1
    with database.reading() as connection:
        assert connection.execute(text("select n from t")).scalar() == 2
    database.close()


def test_what_is_read_is_of_one_moment(tmp_path: Path) -> None:
    read_twice_around_a_change(f"sqlite:///{tmp_path / 'a.sqlite'}")


@pytest.mark.integration
def test_what_is_read_from_postgresql_is_of_one_moment() -> None:
    with postgresql() as url:
        read_twice_around_a_change(url)


@pytest.mark.integration
def test_what_hangs_ends_as_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.service.database._STATEMENT", 300)
    with postgresql() as url:
        database, other = Database.open(url), Database.open(url)
        with database.changing() as connection:
            connection.execute(text("create table t (n integer)"))
        with database.changing() as holder:
            holder.execute(text("lock table t"))
            with pytest.raises(DatabaseUnusable, match="QueryCanceled"), other.reading() as connection:
                connection.execute(text("select n from t"))
        with other.reading() as connection:  # and the connection is good for more
            assert connection.execute(text("select n from t")).first() is None
        database.close()
        other.close()


@pytest.mark.integration
def test_a_database_of_the_c_locale_keeps_text() -> None:
    with postgresql() as url:
        with psycopg.connect(url, autocommit=True) as server:
            server.execute("create database plain encoding 'SQL_ASCII' locale 'C' template template0")
        database = Database.open(url.removesuffix("/postgres") + "/plain")
        with database.changing() as connection:
            connection.execute(text("create table t (words text)"))
            connection.execute(text("insert into t values (:words)"), {"words": "Dvořák"})
        with database.reading() as connection:
            assert connection.execute(text("select words from t")).scalar() == "Dvořák"
        database.close()


@pytest.mark.slow
def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_PATIENCE, "connect_timeout", 2)  # the least that there is
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(DatabaseUnusable):
            Database.open(f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/n")
        assert time.monotonic() - began < 20


def test_another_versions_database_is_refused(tmp_path: Path) -> None:
    database = opened(tmp_path / "a.sqlite")
    with database.changing() as connection:
        connection.execute(text("update format set number = 999"))
    database.close()
    with pytest.raises(DatabaseUnusable, match=r"a\.sqlite has format 999.*mv "):
        opened(tmp_path / "a.sqlite")


def columns(database: Database) -> dict[str, set[str]]:
    with database.reading() as connection:
        looked = inspect(connection)
        return {name: {one["name"] for one in looked.get_columns(name)} for name in looked.get_table_names()}


def aged(database: Database, *lines: str) -> dict[str, set[str]]:
    """Make of it what an earlier version might have left; its columns before that."""
    whole = columns(database)
    with database.changing() as connection:
        for line in lines:
            connection.execute(text(line))
    return whole


def test_what_an_earlier_version_lacked_is_made(database: Database) -> None:
    job = Jobs(database, lambda: datetime.now(UTC)).submit(None, "audit", {"upload": "u" * 22})
    standing = "insert into standing values (1, 'a deployment', 7, 0)"
    old = ("alter table jobs drop column problem", "drop table nonces", "drop index sales_buyer", "drop table training")
    whole = aged(database, standing, *old)
    again = Database.open(database.engine.url.render_as_string(hide_password=False))
    assert columns(again) == whole
    assert Jobs(again, lambda: datetime.now(UTC)).get(job.id) == job
    assert follower.standing(again) is None  # so that the directory is filled from the beginning
    with again.reading() as connection:
        assert "sales_buyer" in {one["name"] for one in inspect(connection).get_indexes("sales")}
    again.close()


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("alter table sessions drop column seen", "table 'sessions' has no 'seen'"),
        ("alter table uploads add column colour text not null default ''", None),
        ("create table tokens (id text primary key, colour text not null)", "table 'tokens' has no"),
    ],
)
def test_what_cannot_be_made_up_is_refused_with_a_remedy(tmp_path: Path, line: str, named: str | None) -> None:
    path = tmp_path / "a.sqlite"
    database = opened(path)
    aged(database, *(["drop table tokens"] if "create" in line else []), "drop table dues", line)
    before = columns(database)
    if named is None:
        opened(path).close()
        return
    with pytest.raises(DatabaseUnusable, match=f"{path} is another version's.*{named}.*mv {path} {path}.old"):
        opened(path)
    assert columns(database) == before  # and nothing was changed on the way
    database.close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite").write_bytes(b"These are notes, and no tables." * 100)
    for path in (tmp_path / "a.sqlite", tmp_path / "nowhere" / "a.sqlite"):
        with pytest.raises(DatabaseUnusable, match=str(path)):
            opened(path)


@pytest.mark.parametrize("url", ["mysql://u:secret@h/n", "nonsense secret", "postgresql://u:secret@127.0.0.1:1/n"])
def test_an_unusable_database_is_named_without_its_password(url: str) -> None:
    with pytest.raises(DatabaseUnusable) as caught:
        Database.open(url)
    assert "secret" not in str(caught.value)

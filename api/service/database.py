"""The service's own state in one database: a SQLite file, or PostgreSQL where several processes or machines share it.

Nothing here is the truth about anybody's rights: that is on chain. Tables are written down beside the noun that they
keep, on the one :data:`metadata`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    create_engine,
    event,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import DatabaseError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolEmpty

from api.errors import DatabaseUnusable

metadata = MetaData()

FORMAT = 1
"""Rises where a table means something else than before. New tables and columns :mod:`api.service.shape` makes."""

_format = Table("format", metadata, Column("number", Integer, nullable=False))
# Any number, the same for every process: who makes the tables holds it.
_MAKING = 0x5374656D
_PATIENCE = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
}
"""What libpq is told of a server that says nothing, unless the URL does: seconds, and milliseconds of TCP."""
_LETTERS = {"client_encoding": "utf8"}
"""The same of text: from a database that was made in the C locale (SQL_ASCII) it would come as bytes."""
_STATEMENT = 20_000
"""Milliseconds that one statement may take on a server, the wait for locks among them."""


class Database:
    """An open database with all tables. Threads share it; so do processes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._going = threading.local()

    @classmethod
    def open(cls, url: str) -> Database:
        """Connect, make the tables where there are none, and bring those of an earlier version to today's shape.

        Args:
            url: ``sqlite:///PATH`` or ``postgresql://USER:PASSWORD@HOST/NAME``. Errors do not show it.

        Raises:
            DatabaseUnusable: it cannot be reached, is none, or another version's that cannot be brought here.
        """
        if url.startswith("postgresql://"):
            url = url.replace("postgresql://", "postgresql+psycopg://", 1)
        try:
            # Each of the forty threads that answer may have one open, and the loop's; nobody waits long for another's.
            pool = {"pool_size": 10, "max_overflow": 40, "pool_timeout": 5}
            server = not url.startswith("sqlite")
            said = make_url(url).query
            told = {**_PATIENCE, **_LETTERS} if server else {}
            told = {name: value for name, value in told.items() if name not in said}
            engine = create_engine(url, hide_parameters=True, pool_pre_ping=server, connect_args=told, **pool)
        except (SQLAlchemyError, ValueError, ImportError) as error:
            raise DatabaseUnusable(f"STEMMATA_DATABASE cannot be understood: {type(error).__name__}") from None
        if engine.dialect.name == "sqlite":
            _prepare(engine)
        else:
            _bound(engine)
        database = cls(engine)
        try:
            database._make()
        except DatabaseError as error:
            engine.dispose()
            why = type(error.orig).__name__
            raise DatabaseUnusable(f"{database.place} is no database in which tables can be made: {why}") from None
        except DatabaseUnusable as error:
            engine.dispose()
            if error.__cause__ is None:
                raise
            raise DatabaseUnusable(f"{error} ({database.place})") from error.__cause__
        return database

    @property
    def place(self) -> str:
        """Which one it is, for its keeper: its file, or its name on a server."""
        url = self.engine.url
        return f"the PostgreSQL database {url.database}" if self.shared else f"the file {url.database}"

    @property
    def shared(self) -> bool:
        """Whether it is a server's, which other machines reach."""
        return self.engine.dialect.name != "sqlite"

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read with: all that is read in it is of one moment. Raises :class:`DatabaseUnusable`.

        Inside a change of the same thread it is a part of that, and sees what was changed: who holds one connection and
        waits for a second may wait for others who do the same.
        """
        going: Connection | None = getattr(self._going, "connection", None)
        if going is not None:
            yield going
            return
        with _named(), self.engine.connect() as connection:
            if self.shared:
                connection.execution_options(isolation_level="REPEATABLE READ")
            else:
                connection.exec_driver_sql("begin")
            yield connection

    @contextlib.contextmanager
    def changing(self) -> Iterator[Connection]:
        """A transaction: all of it or nothing. On SQLite one at a time. Raises :class:`DatabaseUnusable`.

        Inside another one of the same thread it is a part of that, and an error has to end both.
        """
        going: Connection | None = getattr(self._going, "connection", None)
        if going is not None:
            yield going
            return
        with _named(), self.engine.connect() as connection:
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("begin immediate")
            self._going.connection = connection
            try:
                yield connection  # left by an error, it is rolled back
            finally:
                self._going.connection = None
            connection.commit()

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    def _make(self) -> None:
        from api.service import (
            shape,
            tables,  # noqa: F401  (they stand on the metadata once they are imported)
        )

        with self.changing() as connection:
            if self.shared:
                connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _MAKING})
            known = inspect(connection).has_table(_format.name)
            found = connection.execute(select(_format.c.number)).scalar() if known else None
            if found is not None and found != FORMAT:
                raise DatabaseUnusable(
                    f"{self.place} has format {found}, and this version keeps {FORMAT}: {self._remedy}"
                )
            try:
                shape.renew(connection, metadata)
            except DatabaseUnusable as error:
                raise DatabaseUnusable(f"{self.place} is another version's ({error}): {self._remedy}") from None
            if found is None:
                connection.execute(_format.insert().values(number=FORMAT))

    @property
    def _remedy(self) -> str:
        """What can be done about a database that is of no use here."""
        away = "name an empty one in STEMMATA_DATABASE"
        if not self.shared:
            away = f"stop the service and move it away (mv {self.engine.url.database} {self.engine.url.database}.old)"
        return (
            f"install the version that made it, or {away}; what is on chain fills in again, while sessions, tokens, "
            "uploads and the list of jobs begin anew"
        )


def _prepare(engine: Engine) -> None:
    """SQLite as several processes need it: readers beside one writer, who waits for the one before."""

    @event.listens_for(engine, "connect")
    def opened(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say so
        for line in ("journal_mode = wal", "synchronous = full", "busy_timeout = 30000", "foreign_keys = on"):
            connection.execute(f"pragma {line}")


def _bound(engine: Engine) -> None:
    """A server that hangs, or a lock that nobody gives back, ends as an error."""

    @event.listens_for(engine, "connect")
    def opened(connection: Any, record: Any) -> None:
        connection.autocommit = True
        connection.execute(f"set statement_timeout = {_STATEMENT}")
        connection.autocommit = False


@contextlib.contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except (OperationalError, PoolEmpty) as error:
        # The words of a driver may name a host, never a password; but neither is for a caller.
        name = type(getattr(error, "orig", error)).__name__
        raise DatabaseUnusable(f"the service's database cannot be used: {name}") from error

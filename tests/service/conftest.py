"""A database of each kind, and a clock that goes when it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from api.service.database import Database, metadata
from tests.postgresql_server import postgresql


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 26, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def wait(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with postgresql() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty one of either kind."""
    shared = request.param == "postgresql"
    url = request.getfixturevalue("server") if shared else f"sqlite:///{tmp_path / 'a.sqlite'}"
    found = Database.open(url)
    if shared:
        names = ", ".join(table.name for table in metadata.sorted_tables if table.name != "format")
        with found.changing() as connection:
            connection.execute(text(f"truncate {names}"))
    yield found
    found.close()

"""The service: a home, the database beside it, its settings and a clock; everything that a route or a worker needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from api.home import Home
from api.service.batches import Batches
from api.service.database import Database
from api.service.settings import ServiceSettings
from api.service.summaries import Summaries


@dataclass(frozen=True)
class Service:
    """What is opened once for each process. ``now`` is the time, in UTC."""

    home: Home
    database: Database
    settings: ServiceSettings
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @classmethod
    def open(cls, home: Home, settings: ServiceSettings) -> Service:
        """Open the database. Raises :class:`~api.errors.DatabaseUnusable`."""
        home.folder(".")
        return cls(home, Database.open(settings.database), settings)

    @cached_property
    def batches(self) -> Batches:
        """Proves leaves for all its requests."""
        return Batches()

    @cached_property
    def summaries(self) -> Summaries:
        """Reads records of datasets for all its requests."""
        return Summaries()

    def close(self) -> None:
        """Close the database."""
        self.database.close()

"""What is said of a job while it goes on: numbered events, for whoever watches now or comes later."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Float, Integer, String, Table, Text, delete, select

from api.service.database import metadata

_events = Table(
    "job_events",
    metadata,
    Column("job", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("topic", String(64)),
    Column("content", Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Event:
    """One event; numbers rise within a job, and some are missing where a later event took an earlier one's place."""

    number: int
    at: float
    kind: str
    content: Mapping[str, Any]


def write(
    connection: Connection,
    job: int,
    number: int,
    at: float,
    kind: str,
    content: Mapping[str, Any],
    topic: str | None = None,
) -> None:
    """Add an event to a job whose row the caller has changed in this transaction, so that numbers come in order."""
    if topic is not None:
        topic = topic[:64]
        connection.execute(delete(_events).where(_events.c.job == job, _events.c.topic == topic))
    text = json.dumps(content, ensure_ascii=False)
    connection.execute(_events.insert().values(job=job, number=number, at=at, kind=kind, topic=topic, content=text))


def read(connection: Connection, job: int, after: int, most: int = 1000) -> tuple[Event, ...]:
    """A job's events after that number, in order."""
    asked = select(_events).where(_events.c.job == job, _events.c.number > after)
    rows = connection.execute(asked.order_by(_events.c.number).limit(most))
    return tuple(Event(row.number, row.at, row.kind, json.loads(row.content)) for row in rows)


def forget(connection: Connection, jobs: Sequence[int]) -> None:
    """Drop the events of these jobs."""
    connection.execute(delete(_events).where(_events.c.job.in_(jobs)))

"""One job: its row in the database, and what the row says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sqlalchemy import Boolean, Column, Connection, Float, Index, Integer, Row, String, Table, Text, update

from api.service import events
from api.service.database import metadata
from ledger.address import Address

State = Literal["waiting", "asking", "running", "done", "failed", "cancelled"]
GOING: Final = ("waiting", "asking", "running")
ENDED: Final = ("done", "failed", "cancelled")
NOBODY: Final = ""
"""What stands in the place of an account where a job needs none."""

jobs = Table(
    "jobs",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(22), nullable=False, unique=True),
    Column("account", String(42), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("request", Text, nullable=False),
    Column("state", String(9), nullable=False),
    Column("made", Float, nullable=False),
    Column("begun", Float),
    Column("ended", Float),
    Column("after", Float, nullable=False),  # it is not claimed before
    Column("tries", Integer, nullable=False),
    Column("retries", Integer, nullable=False),
    Column("cancelling", Boolean, nullable=False),
    Column("fence", Integer, nullable=False),  # of the last claim
    Column("worker", String(64)),
    Column("lease", Float),
    Column("said", Integer, nullable=False),  # the number of the last event
    Column("note", Text),
    Column("result", Text),
    Column("problem", Text),
    Index("jobs_by_state", "state", "number"),
    Index("jobs_by_account", "account", "begun"),
)


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands. Times are Unix seconds.

    Attributes:
        id: unguessable; of a job that is nobody's it is all that is needed to see it.
        number: the order in which jobs were asked for; not for strangers, who could count.
        account: whose it is; None for what needs no account.
        begun: when it was claimed first; None before.
        tries: how often it was begun since it was asked for.
        retries: how often it was asked for once more.
        cancelling: its end was asked for, and its worker has not ended it yet.
        said: the number of its last event.
        note: what an earlier try wrote down before it acted, for the next to find.
        problem: why it failed, as problem details (RFC 9457).
    """

    id: str
    number: int
    account: Address | None
    kind: str
    request: Mapping[str, Any]
    state: State
    made: float
    begun: float | None
    ended: float | None
    tries: int
    retries: int
    cancelling: bool
    said: int
    note: Mapping[str, Any] | None = field(repr=False)
    result: Mapping[str, Any] | None = field(repr=False)
    problem: Mapping[str, Any] | None = field(repr=False)

    @property
    def over(self) -> bool:
        """Whether it has come to an end, which only a retry takes back."""
        return self.state in ENDED

    @classmethod
    def of(cls, row: Row[Any]) -> Job:
        """What a row of :data:`jobs` says."""
        return cls(
            id=row.id,
            number=row.number,
            account=None if row.account == NOBODY else Address.parse(row.account),
            kind=row.kind,
            request=json.loads(row.request),
            state=row.state,
            made=row.made,
            begun=row.begun,
            ended=row.ended,
            tries=row.tries,
            retries=row.retries,
            cancelling=row.cancelling,
            said=row.said,
            note=_parsed(row.note),
            result=_parsed(row.result),
            problem=_parsed(row.problem),
        )


def change(
    connection: Connection, number: int, at: float, state: State, values: Mapping[str, Any] | None = None, **said: Any
) -> Row[Any]:
    """Let the job of that number be in a state, with other values beside it, and say so to whoever watches."""
    new = {"worker": None, "lease": None, **(values or {})}
    if state in ENDED:
        new |= {"ended": at, "cancelling": False, "note": None}
    new = {name: as_text(value) if isinstance(value, Mapping) else value for name, value in new.items()}
    changed = update(jobs).where(jobs.c.number == number).values(**new, state=state, said=jobs.c.said + 1)
    row = connection.execute(changed.returning(jobs)).one()
    events.write(connection, number, row.said, at, "state", {"state": state, **said})
    return row


def as_text(content: Mapping[str, Any]) -> str:
    """As the database keeps it."""
    return json.dumps(content, ensure_ascii=False)


def _parsed(text: str | None) -> Any:
    return None if text is None else json.loads(text)

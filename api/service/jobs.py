"""Jobs: work that takes longer than a request, kept in the database from the asking to the outcome.

Here is the side of those who ask and watch; :mod:`api.service.leases` is that of the workers.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Self, cast

from sqlalchemy import ColumnElement, Connection, Row, delete, func, select

from api.errors import NoSuchThing, RequestConflict, TooMany, UsageError
from api.service import events, wallets
from api.service.database import Database
from api.service.job import ENDED, GOING, NOBODY, Job, as_text, change, jobs
from ledger.address import Address

if TYPE_CHECKING:
    from api.service.service import Service

MOST_RETRIES: Final = 5
"""So often somebody may ask for a job that failed once more."""
MOST_REQUEST: Final = 1 << 16
"""Bytes of a request in JSON."""
COME_AGAIN: Final = 30
"""Seconds after which there may be room."""
# Any number, the same for every process: who counts an account's jobs holds it, together with the account's own.
_COUNTING = 0x51756F74


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many jobs may be going on at a time, those that ask a wallet among them: of one account, and of nobody's in
    all."""

    account: int = 8
    anonymous: int = 200


class Jobs:
    """The table of jobs. ``now`` is the time in UTC."""

    def __init__(self, database: Database, now: Callable[[], datetime], bounds: Bounds | None = None) -> None:
        self._database, self._now, self._bounds = database, now, bounds or Bounds()

    @classmethod
    def of(cls, service: Service) -> Self:
        """Those of a service."""
        return cls(service.database, service.now, Bounds(account=service.settings.quota))

    def submit(
        self,
        account: Address | None,
        kind: str,
        request: Mapping[str, Any],
        same: Callable[[Job], bool] | None = None,
    ) -> Job:
        """Ask for a job. Raises :class:`~api.errors.TooMany` where as many wait or run as may.

        Where ``same`` is given, raises as :meth:`refuse_second` too: of two such requests at once, one is refused.
        """
        said, now = as_text(request), self._time()
        if len(said.encode()) > MOST_REQUEST:
            raise UsageError(f"a request for a job has at most {MOST_REQUEST} bytes")
        with self._database.changing() as connection:
            self._require_room(connection, account)
            if account is not None and same is not None:
                self.refuse_second(account, kind, same)
            values = {
                "id": secrets.token_urlsafe(16),
                "account": NOBODY if account is None else str(account),
                "kind": kind,
                "request": said,
                "state": "waiting",
                "made": now,
                "after": now,
                **dict.fromkeys(("tries", "retries", "fence", "said"), 0),
                "cancelling": False,
            }
            number = connection.execute(jobs.insert().values(values).returning(jobs.c.number)).scalar_one()
            return Job.of(change(connection, number, now, "waiting"))

    def cancel(self, id: str) -> Job:  # noqa: A002
        """Ask for a job's end: at once where it waits, or its wallet is asked, and by its worker where it runs.

        Raises :class:`~api.errors.RequestConflict` where it has an outcome, :class:`~api.errors.NoSuchThing`.
        """
        with self._database.changing() as connection:
            row = _row(connection, id, held=True)
            if row.state in ("done", "failed"):
                raise RequestConflict(f"job {id} is over already: {row.state}")
            if row.state in ("waiting", "asking"):
                row = change(connection, row.number, self._time(), "cancelled")
            elif row.state == "running" and not row.cancelling:
                values = {"cancelling": True, "worker": row.worker, "lease": row.lease}
                row = change(connection, row.number, self._time(), "running", values, cancelling=True)
        return Job.of(row)

    def retry(self, id: str, same: Callable[[Job], bool] | None = None) -> Job:  # noqa: A002
        """Have a job that failed or was cancelled done once more; ``same`` as for :meth:`submit`.

        Raises :class:`~api.errors.RequestConflict` where it is not over, is done, or was tried again too often;
        :class:`~api.errors.TooMany`; :class:`~api.errors.NoSuchThing`.
        """
        with self._database.changing() as connection:
            row = _row(connection, id, held=True)
            if row.state not in ("failed", "cancelled"):
                raise RequestConflict(f"job {id} is {row.state}; only what failed or was cancelled is tried again")
            if row.retries >= MOST_RETRIES:
                raise RequestConflict(f"job {id} was tried again {row.retries} times; ask for a new one")
            job = Job.of(row)
            self._require_room(connection, job.account)
            if job.account is not None and same is not None:
                self.refuse_second(job.account, job.kind, same)
            values = {"tries": 0, "retries": row.retries + 1, "after": self._time(), "problem": None, "ended": None}
            row = change(connection, row.number, self._time(), "waiting", values)
        return Job.of(row)

    def get(self, id: str) -> Job:  # noqa: A002
        """Raises :class:`~api.errors.NoSuchThing`."""
        with self._database.reading() as connection:
            return Job.of(_row(connection, id))

    def list(self, account: Address, before: int | None = None, most: int = 50) -> tuple[Job, ...]:
        """An account's jobs, the latest first; ``before`` is the number of the one that the page before ended with."""
        asked = select(jobs).where(jobs.c.account == str(account)).order_by(jobs.c.number.desc()).limit(most)
        if before is not None:
            asked = asked.where(jobs.c.number < before)
        with self._database.reading() as connection:
            return tuple(Job.of(row) for row in connection.execute(asked))

    def going(self, account: Address, kind: str) -> tuple[Job, ...]:
        """An account's jobs of a kind that are not over, the latest first."""
        return self._some(account, kind, jobs.c.state.not_in(ENDED), self._bounds.account)

    def ended(self, account: Address, kind: str, since: float, most: int) -> tuple[Job, ...]:
        """Those that failed or were cancelled after that time, in Unix seconds."""
        return self._some(account, kind, jobs.c.state.in_(("failed", "cancelled")) & (jobs.c.ended > since), most)

    def refuse_second(self, account: Address, kind: str, same: Callable[[Job], bool]) -> None:
        """Raise :class:`~api.errors.RequestConflict` where one of the account's jobs in work is the same."""
        for job in self.going(account, kind):
            if same(job):
                raise RequestConflict(f"job {job.id} does this already; see what comes of it before you ask again")

    def events(self, id: str, after: int = 0) -> tuple[events.Event, ...]:  # noqa: A002
        """What was said of a job after the event of that number. Raises :class:`~api.errors.NoSuchThing`."""
        with self._database.reading() as connection:
            return events.read(connection, _row(connection, id).number, after)

    def last_events(self, ids: Collection[str]) -> dict[str, int]:
        """The number of each job's last event; jobs that are gone are left out."""
        asked = select(jobs.c.id, jobs.c.said).where(jobs.c.id.in_(ids))
        with self._database.reading() as connection:
            return {row.id: row.said for row in connection.execute(asked)}

    def mention(self, id: str) -> bool:  # noqa: A002
        """Whether a job that is not over names this id, of an upload, in its request."""
        going = select(jobs.c.number).where(jobs.c.state.in_(GOING))
        with self._database.reading() as connection:
            return connection.execute(going.where(jobs.c.request.contains(id, autoescape=True))).first() is not None

    def count(self) -> dict[str, int]:
        """How many jobs are in each state."""
        with self._database.reading() as connection:
            rows = connection.execute(select(jobs.c.state, func.count().label("number")).group_by(jobs.c.state))
            return {row.state: row.number for row in rows}

    def forget(self, before: float) -> tuple[str, ...]:
        """Drop jobs that ended before that time, with their events; the ids, whose files may go too."""
        with self._database.changing() as connection:
            old = select(jobs.c.number, jobs.c.id).where(jobs.c.state.in_(ENDED), jobs.c.ended < before)
            rows = connection.execute(old.limit(1000)).all()
            numbers = [row.number for row in rows]
            events.forget(connection, numbers)
            wallets.forget(connection, numbers)
            connection.execute(delete(jobs).where(jobs.c.number.in_(numbers)))
        return tuple(row.id for row in rows)

    def _some(self, account: Address, kind: str, state: ColumnElement[bool], most: int) -> tuple[Job, ...]:
        asked = select(jobs).where(jobs.c.account == str(account), jobs.c.kind == kind, state)
        with self._database.reading() as connection:
            return tuple(map(Job.of, connection.execute(asked.order_by(jobs.c.number.desc()).limit(most))))

    def _require_room(self, connection: Connection, account: Address | None) -> None:
        if self._database.shared:  # of two requests at once, both would find room
            key = 0 if account is None else int.from_bytes(account.raw[:4], signed=True)
            connection.execute(select(func.pg_advisory_xact_lock(_COUNTING, key)))
        whose = jobs.c.account == (NOBODY if account is None else str(account))
        going = select(func.count()).select_from(jobs).where(whose, jobs.c.state.in_(GOING))
        most = self._bounds.anonymous if account is None else self._bounds.account
        if cast(int, connection.execute(going).scalar()) >= most:
            whom = "the service has" if account is None else "you have"
            raise TooMany(f"{whom} {most} jobs waiting or running, and may not have more at a time", COME_AGAIN)

    def _time(self) -> float:
        return self._now().timestamp()


def _row(connection: Connection, id: str, *, held: bool = False) -> Row[Any]:  # noqa: A002
    asked = select(jobs).where(jobs.c.id == id)
    row = connection.execute(asked.with_for_update() if held else asked).first()
    if row is None:
        raise NoSuchThing("there is no such job")
    return row

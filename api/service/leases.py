"""The workers' side of jobs: a claim under a lease, and what is said under it.

A worker claims a job for some seconds and renews that while it works. Where the lease runs out, the worker is taken for
dead and another claims the job. Each claim has a number of its own, higher than all before it (a fencing token: Gray
and Cheriton, "Leases", 1989; Burrows, "The Chubby lock service", 2006): what a worker says under an older one counts
for nothing, so that an outcome is written down once, however many had begun. The work itself may be begun again, since
workflows find what is done already.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, and_, case, func, or_, select, update

from api.errors import LeaseLost
from api.service import events
from api.service.database import Database
from api.service.job import Job, State, as_text, change, jobs

MOST_TRIES: Final = 3
"""So often a job is begun before it is the job that is thought to end its workers."""
HEAD_START: Final = 3600.0
"""Seconds that an account without a turn counts as having waited before it asked, no more: new accounts cost nothing,
and would go before everybody's second job for ever."""
# Any number, the same for every process: who claims a job holds it.
_CLAIMING = 0x436C6169


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's right to do a job, for as long as it renews the lease."""

    job: Job
    worker: str
    fence: int


class Leases:
    """The table of jobs. ``now`` is the time in UTC; where workers are on several machines, their clocks must agree to
    a few seconds, or a lease is taken for run out too soon, and work is begun twice for nothing.

    Whatever is said under a claim raises :class:`~api.errors.LeaseLost` where another worker has the job by now.
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    def claim(
        self, worker: str, seconds: float, without: Collection[str] = (), alone: Collection[str] = ()
    ) -> Claim | None:
        """A job, under a lease of so many seconds; None where there is nothing to do.

        It is the turn of whoever has not had one for longest, a head start of :data:`HEAD_START` before the asking at
        most; of theirs, it is the job that has waited longest. (What needs no account takes turns as one account does.)
        ``without`` names kinds that this worker does not do, ``alone`` those of which an account has one in work at a
        time. A job that has been begun :data:`MOST_TRIES` times by workers who died fails, and one whose end was asked
        for meanwhile is cancelled.
        """
        while True:
            now = self._time()
            due = or_(
                and_(jobs.c.state == "waiting", jobs.c.after <= now),
                and_(jobs.c.state == "running", jobs.c.lease < now),
            )
            had = jobs.alias()
            turn = select(func.max(had.c.begun)).where(had.c.account == jobs.c.account).scalar_subquery()
            latest = jobs.c.made - HEAD_START
            busy = select(had.c.number).where(
                had.c.account == jobs.c.account,
                had.c.number != jobs.c.number,
                had.c.kind.in_(alone),
                _at_work(had, now),
            )
            free = or_(jobs.c.kind.not_in(alone), ~busy.exists())
            found = select(jobs).where(due, jobs.c.kind.not_in(without), free).limit(1)
            found = found.order_by(case((turn > latest, turn), else_=latest), jobs.c.number)
            with self._database.reading() as connection:  # who only looks for work holds up nobody
                if connection.execute(found).first() is None:
                    return None
            with self._database.changing() as connection:
                if self._database.shared:  # of two at once, each would find the account without one in work
                    connection.execute(select(func.pg_advisory_xact_lock(_CLAIMING)))
                row = connection.execute(found.with_for_update(skip_locked=True, of=jobs)).first()
                if row is None:
                    return None
                if row.cancelling:
                    change(connection, row.number, now, "cancelled")
                elif row.tries >= MOST_TRIES:
                    change(connection, row.number, now, "failed", {"problem": _LOST})
                else:
                    values = {
                        "worker": worker,
                        "lease": now + seconds,
                        "begun": now if row.begun is None else row.begun,
                        "tries": row.tries + 1,
                        "fence": row.fence + 1,
                    }
                    new = change(connection, row.number, now, "running", values)
                    return Claim(Job.of(new), worker, new.fence)

    def beat(self, claim: Claim, seconds: float) -> bool:
        """Renew the lease; True where somebody asked for the job's end."""
        with self._database.changing() as connection:
            renewed = update(jobs).where(_held(claim)).values(lease=self._time() + seconds)
            row = connection.execute(renewed.returning(jobs.c.cancelling)).first()
        if row is None:
            raise _lost(claim)
        return bool(row.cancelling)

    def say(self, claim: Claim, kind: str, content: Mapping[str, Any], topic: str | None = None) -> None:
        """An event for whoever watches. With a ``topic`` it takes the place of the last one of that topic."""
        with self._database.changing() as connection:
            bumped = update(jobs).where(_held(claim)).values(said=jobs.c.said + 1)
            row = connection.execute(bumped.returning(jobs.c.number, jobs.c.said)).first()
            if row is None:
                raise _lost(claim)
            events.write(connection, row.number, row.said, self._time(), kind, content, topic)

    def note(self, claim: Claim, content: Mapping[str, Any]) -> None:
        """Write down what is about to be done, for the try that comes after a crash (:attr:`Job.note`)."""
        with self._database.changing() as connection:
            noted = update(jobs).where(_held(claim)).values(note=as_text(content)).returning(jobs.c.number)
            if connection.execute(noted).first() is None:
                raise _lost(claim)

    def finish(self, claim: Claim, result: Mapping[str, Any]) -> State:
        """The outcome. This and what follows return the state that the job is in then."""
        return self._change(claim, "done", {"result": result})

    def fail(self, claim: Claim, problem: Mapping[str, Any], again: float | None = None) -> State:
        """Why there is no outcome. ``again``: seconds after which it is tried once more, unless that was often."""
        if again is None or claim.job.tries >= MOST_TRIES:
            return self._change(claim, "failed", {"problem": problem})
        return self._change(claim, "waiting", {"after": self._time() + again})

    def cancelled(self, claim: Claim) -> State:
        """It was ended, as somebody had asked."""
        return self._change(claim, "cancelled", {})

    def release(self, claim: Claim, again: float = 0.0) -> State:
        """Give it back unfinished: another worker goes on after so many seconds, and this try does not count."""
        return self._change(claim, "waiting", {"tries": claim.job.tries - 1, "after": self._time() + again})

    def _change(self, claim: Claim, state: State, values: Mapping[str, Any]) -> State:
        with self._database.changing() as connection:
            row = connection.execute(select(jobs.c.number).where(_held(claim)).with_for_update()).first()
            if row is None:
                raise _lost(claim)
            change(connection, row.number, self._time(), state, values)
        return state

    def _time(self) -> float:
        return self._now().timestamp()


_LOST: Final = {
    "type": "urn:stemmata:error:Lost",
    "title": "Lost",
    "status": 500,
    "detail": f"whatever worked on it ended without a word, {MOST_TRIES} times; its keeper finds more in the log",
}


def _at_work(table: FromClause, now: float) -> ColumnElement[bool]:
    return and_(table.c.state == "running", table.c.lease >= now)


def _held(claim: Claim) -> ColumnElement[bool]:
    return and_(jobs.c.id == claim.job.id, jobs.c.fence == claim.fence, jobs.c.state == "running")


def _lost(claim: Claim) -> LeaseLost:
    return LeaseLost(f"job {claim.job.number} is not {claim.worker}'s any more")

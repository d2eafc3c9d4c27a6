"""What a job asks of its account's wallet, and what the wallet answers: to sign a record, or to send a transaction.

The job's process waits; its page shows what is asked, and the wallet's answer comes back over HTTP. What was sent is
remembered with the job, however late that is told: the next try waits for it, and does not ask for the same again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Float,
    Integer,
    String,
    Table,
    Text,
    and_,
    delete,
    func,
    select,
    update,
)

from api.errors import LeaseLost, RequestConflict, UsageError
from api.service.database import Database, metadata
from api.service.job import jobs

if TYPE_CHECKING:
    from api.service.job import Job
    from api.service.leases import Claim

PATIENCE: Final = 180.0
"""Seconds for which a job waits for a person; after that it fails, and may be tried again."""
UNSEEN: Final = 20.0
"""Seconds for which it waits where nobody so much as looks at what is asked: it keeps others from the worker."""

Kind = Literal["sign", "send"]
_ANSWERS: Final[Mapping[str, tuple[str, re.Pattern[str]]]] = {
    "sign": ("signature", re.compile("^0x[0-9a-fA-F]{130}$")),
    "send": ("hash", re.compile("^0x[0-9a-f]{64}$")),
}
_REFUSAL: Final = 200

_asks = Table(
    "wallet_asks",
    metadata,
    Column("job", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("fence", Integer, nullable=False),
    Column("kind", String(4), nullable=False),
    Column("content", Text, nullable=False),
    Column("at", Float, nullable=False),  # of the question; once somebody has looked at it, of the last look
    Column("answer", Text),
)


@dataclass(frozen=True, slots=True)
class Ask:
    """What a wallet is asked. ``content`` is ``message`` in hex, or a transaction with ``to``, ``data``, ``value``,
    and ``nonce``, the account's next one as the node sees it."""

    number: int
    kind: Kind
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sent:
    """What a wallet has sent for a job: its hash, and the account's next nonce at the time of the question."""

    tx: str
    nonce: int


class Wallets:
    """The table of what was asked and answered."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, claim: Claim, kind: Kind, content: Mapping[str, Any], at: float) -> int:
        """Ask; the number of the question. Raises :class:`~api.errors.LeaseLost` where another worker has the job."""
        held = and_(jobs.c.id == claim.job.id, jobs.c.fence == claim.fence, jobs.c.state == "running")
        with self._database.changing() as connection:
            if connection.execute(select(jobs.c.number).where(held).with_for_update()).first() is None:
                raise LeaseLost(f"job {claim.job.number} is not {claim.worker}'s any more")
            last = connection.execute(select(func.max(_asks.c.number)).where(_asks.c.job == claim.job.number)).scalar()
            number = (last or 0) + 1
            row = {"job": claim.job.number, "number": number, "fence": claim.fence, "kind": kind}
            connection.execute(_asks.insert().values(**row, content=json.dumps(content), at=at))
        return number

    def open(self, job: Job) -> Ask | None:
        """What the job waits to hear, if it waits. Questions of an earlier try are not asked any more."""
        if job.state != "running":
            return None
        asked = (
            select(_asks)
            .join(jobs, and_(jobs.c.number == _asks.c.job, jobs.c.fence == _asks.c.fence))
            .where(_asks.c.job == job.number, jobs.c.state == "running")
            .order_by(_asks.c.number.desc())
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(asked).first()
        if row is None or row.answer is not None:
            return None
        return Ask(row.number, row.kind, json.loads(row.content))

    def look(self, job: Job, at: float) -> Ask | None:
        """The same for whoever is to answer: that somebody has looked is written down."""
        ask = self.open(job)
        if ask is not None:
            seen = and_(_asks.c.job == job.number, _asks.c.number == ask.number, _asks.c.at < at)
            with self._database.changing() as connection:
                connection.execute(update(_asks).where(seen).values(at=at))
        return ask

    def looked_at(self, claim: Claim, number: int, asked: float) -> bool:
        """Whether somebody has looked at a question since it was asked."""
        found = select(_asks.c.at).where(_asks.c.job == claim.job.number, _asks.c.number == number)
        with self._database.reading() as connection:
            return bool(connection.execute(found).scalar_one() > asked)

    def answer(self, job: Job, number: int, answer: Mapping[str, str]) -> None:
        """Take an answer: ``signature`` or ``hash`` as the question was, or ``refused`` with why.

        A hash is taken for as long as the job is kept: what was sent is sent. Where the job asks for something else by
        then, it is told so instead of what it waits for.

        Raises :class:`UsageError` for an answer to something else, and :class:`~api.errors.RequestConflict` where the
        job does not wait for it, or has it.
        """
        ask = self.open(job)
        if ask is None or ask.number != number:
            self._answer_late(job, number, answer, ask)
            return
        name, form = _ANSWERS[ask.kind]
        if set(answer) == {"refused"}:
            answer = {"refused": answer["refused"][:_REFUSAL]}
        elif set(answer) != {name} or not form.fullmatch(answer[name]):
            raise UsageError(f"{name}: what the wallet gave, in hex after 0x; or refused, with why")
        with self._database.changing() as connection:
            if not _write(connection, job, number, answer):
                raise RequestConflict("this was answered already")

    def _answer_late(self, job: Job, number: int, answer: Mapping[str, str], ask: Ask | None) -> None:
        if set(answer) != {"hash"} or not _ANSWERS["send"][1].fullmatch(answer["hash"]):
            raise RequestConflict("the job does not wait for this answer any more")
        with self._database.changing() as connection:
            if not _write(connection, job, number, answer, _asks.c.kind == "send"):
                raise RequestConflict("the job does not wait for this answer any more, or has it")
            if ask is not None:
                _write(connection, job, ask.number, {"earlier": answer["hash"]})

    def answered(self, claim: Claim, number: int) -> Mapping[str, str] | None:
        """The answer to a question, once there is one."""
        asked = select(_asks.c.answer).where(_asks.c.job == claim.job.number, _asks.c.number == number)
        with self._database.reading() as connection:
            found = connection.execute(asked).scalar()
        if found is None:
            return None
        answer: Mapping[str, str] = json.loads(found)
        return answer

    def sent(self, job: Job) -> tuple[Sent, ...]:
        """What was sent for the job so far, by any try, oldest first."""
        answered = and_(_asks.c.job == job.number, _asks.c.kind == "send", _asks.c.answer.is_not(None))
        found = select(_asks.c.content, _asks.c.answer).where(answered).order_by(_asks.c.number)
        with self._database.reading() as connection:
            rows = [(json.loads(row.content), json.loads(row.answer)) for row in connection.execute(found)]
        return tuple(Sent(answer["hash"], int(asked["nonce"], 16)) for asked, answer in rows if "hash" in answer)


def _write(
    connection: Connection, job: Job, number: int, answer: Mapping[str, str], *more: ColumnElement[bool]
) -> bool:
    """Write an answer down, unless there is one."""
    unanswered = and_(_asks.c.job == job.number, _asks.c.number == number, _asks.c.answer.is_(None), *more)
    return connection.execute(update(_asks).where(unanswered).values(answer=json.dumps(answer))).rowcount == 1


def forget(connection: Connection, numbers: Sequence[int]) -> None:
    """Drop what jobs of these numbers have asked."""
    connection.execute(delete(_asks).where(_asks.c.job.in_(numbers)))

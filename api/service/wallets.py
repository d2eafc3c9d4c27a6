"""What a job asks of its account's wallet, and what the wallet answers: to sign a record, or to send a transaction.

Nothing waits for a person: who asks ends, and its job is *asking* until the answer has come over HTTP. Then it waits
for its turn once more, and the next try finds the answer here. What was sent is remembered with the job, however late
that is told: the next try waits until it is mined, and does not ask for the same again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from sqlalchemy import (
    BigInteger,
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

from api.errors import LeaseLost, NoSuchThing, RequestConflict, UsageError
from api.http import problems
from api.service.database import Database, metadata
from api.service.job import Job, State, change, jobs

if TYPE_CHECKING:
    from api.service.leases import Claim

PATIENCE: Final = 86_400.0
"""Seconds for which a question stays open, and for which what was sent may be on its way to the chain."""
MOST: Final = 500
"""Questions of one job: whatever asks for more does not come to an end."""

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
    Column("fence", Integer, nullable=False),  # of the claim under which it was asked
    Column("round", Integer, nullable=False, server_default="-1"),  # how often its job had been asked for once more
    Column("kind", String(4), nullable=False),
    Column("content", Text, nullable=False),
    Column("moment", Float, nullable=False, server_default="0"),
    Column("at", Float, nullable=False),
    Column("answer", Text),
    Column("answered", Float),
    Column("during", Integer),  # the job's last claim when it was answered
    Column("nonce", BigInteger, server_default="-1"),  # Heard.nonce; -1 where an earlier version asked
)
# The one question that a job waits for.
_OPEN: Final = and_(_asks.c.fence == jobs.c.fence, jobs.c.state == "asking", _asks.c.answer.is_(None))
_OF: Final = jobs.c.number == _asks.c.job


@dataclass(frozen=True, slots=True)
class Ask:
    """What a wallet is asked. ``content`` is ``message`` in hex, or a transaction with ``to``, ``data``, ``value``,
    and ``nonce``, the account's next one as the node sees it."""

    number: int
    kind: Kind
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Heard:
    """A question that was answered, as :class:`Ask`; ``current`` says that it was asked since the job was asked for, or
    for once more. ``at`` is when the answer came, and ``moment`` the time that the try which asked went by.

    ``nonce`` is the highest that what was sent may have. The account may have sent other things between question and
    answer, so that it can be above that of the question. None where nobody could say it when the hash was told.
    """

    kind: Kind
    content: Mapping[str, Any]
    answer: Mapping[str, str]
    moment: float
    at: float
    current: bool
    nonce: int | None


class Wallets:
    """The table of what was asked and answered. Times are Unix seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, claim: Claim, kind: Kind, content: Mapping[str, Any], moment: float, at: float) -> State:
        """Ask, and give the job back until it is answered; this try does not count. The state that the job is in then:
        cancelled where somebody had asked for that, and waiting where an answer has come since it was claimed. This try
        has not heard that, and may ask for what is sent already; the next one has.

        Raises :class:`~api.errors.LeaseLost` where another worker has the job.
        """
        held = and_(jobs.c.id == claim.job.id, jobs.c.fence == claim.fence, jobs.c.state == "running")
        with self._database.changing() as connection:
            row = connection.execute(select(jobs).where(held).with_for_update()).first()
            if row is None:
                raise LeaseLost(f"job {claim.job.number} is not {claim.worker}'s any more")
            if row.cancelling:
                return _become(connection, row.number, at, "cancelled")
            unheard = select(_asks.c.number).where(_asks.c.job == row.number, _asks.c.during == row.fence)
            if connection.execute(unheard.limit(1)).first():
                return _become(connection, row.number, at, "waiting", {"tries": row.tries - 1, "after": at})
            asked = select(func.max(_asks.c.number)).where(_asks.c.job == row.number)
            number = (connection.execute(asked).scalar() or 0) + 1
            if number > MOST:
                return _become(connection, row.number, at, "failed", {"problem": _TOO_MANY})
            values = {"job": row.number, "number": number, "fence": row.fence, "round": row.retries, "kind": kind}
            values |= {"content": json.dumps(content), "moment": moment, "at": at, "nonce": None}
            connection.execute(_asks.insert().values(values))
            return _become(connection, row.number, at, "asking", {"tries": row.tries - 1})

    def open(self, job: Job) -> Ask | None:
        """What the job waits to hear, if it waits."""
        if job.state != "asking":
            return None
        with self._database.reading() as connection:
            row = connection.execute(select(_asks).join(jobs, _OF).where(jobs.c.number == job.number, _OPEN)).first()
        return None if row is None else Ask(row.number, row.kind, json.loads(row.content))

    def answer(self, job: Job, number: int, answer: Mapping[str, str], at: float) -> State:
        """Take an answer: ``signature`` or ``hash`` as the question was, or ``refused`` with why. With the former the
        job goes on, and with the latter it has failed; the state that it is in then.

        A hash is taken for as long as the job is kept: what was sent is sent. Where the job asks for something else by
        then, that is put off until it has looked what has become of it.

        Raises :class:`UsageError` for an answer to something else, and :class:`~api.errors.RequestConflict` where the
        job does not wait for it, or has it.
        """
        with self._database.changing() as connection:
            row = connection.execute(select(jobs).where(jobs.c.number == job.number).with_for_update()).first()
            if row is None:
                raise NoSuchThing("there is no such job")
            ask = connection.execute(select(_asks).join(jobs, _OF).where(jobs.c.number == job.number, _OPEN)).first()
            if ask is None or ask.number != number:
                return self._answer_late(connection, row, number, answer, at, None if ask is None else ask.number)
            name, form = _ANSWERS[ask.kind]
            if set(answer) == {"refused"}:
                said = answer["refused"][:_REFUSAL]
                _write(connection, row, number, {"refused": said}, at)
                problem = problems.of(403, "KeyWithheld", f"the wallet said no: {said}")
                return _become(connection, job.number, at, "failed", {"problem": problem})
            if set(answer) != {name} or not form.fullmatch(answer[name]):
                raise UsageError(f"{name}: what the wallet gave, in hex after 0x; or refused, with why")
            _write(connection, row, number, answer, at)
            return _become(connection, job.number, at, "waiting", {"after": at})

    def _answer_late(
        self, connection: Connection, row: Any, number: int, answer: Mapping[str, str], at: float, asked: int | None
    ) -> State:
        if set(answer) != {"hash"} or not _ANSWERS["send"][1].fullmatch(answer["hash"]):
            raise RequestConflict("the job does not wait for this answer any more")
        if not _write(connection, row, number, answer, at, _asks.c.kind == "send"):
            raise RequestConflict("the job does not wait for this answer any more, or has it")
        if asked is None:
            state: State = row.state
            return state
        _write(connection, row, asked, {"earlier": answer["hash"]}, at)
        return _become(connection, row.number, at, "waiting", {"after": at})

    def bound(self, job: Job, number: int, nonce: int) -> None:
        """Write down what :attr:`Heard.nonce` is to be, of a hash that has just been told."""
        told = and_(_asks.c.job == job.number, _asks.c.number == number, _asks.c.answer.is_not(None))
        with self._database.changing() as connection:
            connection.execute(update(_asks).where(told).values(nonce=nonce))

    def heard(self, job: Job) -> tuple[Heard, ...]:
        """What was answered so far, to any try, the oldest question first."""
        told = select(_asks).where(_asks.c.job == job.number, _asks.c.answer.is_not(None)).order_by(_asks.c.number)
        with self._database.reading() as connection:
            return tuple(
                Heard(
                    kind=row.kind,
                    content=json.loads(row.content),
                    answer=json.loads(row.answer),
                    moment=row.moment,
                    at=row.answered or row.at,
                    current=row.round == job.retries,
                    nonce=_highest(row),
                )
                for row in connection.execute(told)
            )

    def expire(self, at: float) -> tuple[Job, ...]:
        """Let jobs fail whose question is older than :data:`PATIENCE`; those."""
        with self._database.changing() as connection:
            old = select(jobs.c.number).join(_asks, _OF).where(_OPEN, _asks.c.at < at - PATIENCE).limit(1000)
            numbers = connection.execute(old.with_for_update(of=jobs, skip_locked=True)).scalars().all()
            return tuple(
                Job.of(change(connection, number, at, "failed", {"problem": _UNANSWERED})) for number in numbers
            )


_UNANSWERED: Final = problems.of(
    503, "KeyUnreachable", f"the wallet was not there to answer for {PATIENCE / 3600:.0f} hours; try again with it"
)
_TOO_MANY: Final = problems.of(413, "TooExpensive", f"it asks more than {MOST} times; ask for less at a time")


def _highest(row: Any) -> int | None:
    if row.kind != "send" or row.nonce is None:
        return None
    return max(int(row.nonce), int(json.loads(row.content)["nonce"], 16))


def _become(
    connection: Connection, number: int, at: float, state: State, values: Mapping[str, Any] | None = None
) -> State:
    change(connection, number, at, state, values)
    return state


def _write(
    connection: Connection, job: Any, number: int, answer: Mapping[str, str], at: float, *more: ColumnElement[bool]
) -> bool:
    """Write an answer down that came to a job of that row, unless there is one."""
    unanswered = and_(_asks.c.job == job.number, _asks.c.number == number, _asks.c.answer.is_(None), *more)
    written = update(_asks).where(unanswered).values(answer=json.dumps(answer), answered=at, during=job.fence)
    return connection.execute(written).rowcount == 1


def forget(connection: Connection, numbers: Sequence[int]) -> None:
    """Drop what jobs of these numbers have asked."""
    connection.execute(delete(_asks).where(_asks.c.job.in_(numbers)))

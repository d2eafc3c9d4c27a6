"""Answers that are kept for a day, so that a request with a key, sent twice, is done once and answered twice.

After the IETF's draft of the ``Idempotency-Key`` header (draft-ietf-httpapi-idempotency-key-header), but for one
thing: a key that comes again with another request is a conflict, 409.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Self

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text, delete, func, select

from api.errors import RequestConflict
from api.service.database import Database, metadata
from ledger.address import Address

if TYPE_CHECKING:
    from api.service.service import Service

LASTS: Final = 86_400
"""Seconds for which an answer is kept."""

_answers = Table(
    "answers",
    metadata,
    Column("key", LargeBinary(32), primary_key=True),
    Column("asked", LargeBinary(32), nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("until", Integer, nullable=False),
)
Index("answers_until", _answers.c.until)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with: an HTTP status, a body as JSON, and headers."""

    status: int
    body: Any
    headers: Mapping[str, str]


class Answers:
    """The answers that are kept. ``now`` is the time in UTC."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    @classmethod
    def of(cls, service: Service) -> Self:
        """Those of a service."""
        return cls(service.database, service.now)

    def once(
        self, account: Address | None, key: str, asked: bytes, look: Callable[[], None], act: Callable[[], Answer]
    ) -> Answer:
        """The answer to a request: what ``act`` gives, or what it gave when the request came first.

        ``look`` runs before, in no transaction, and where two ask at once, for both: it changes nothing, and may take
        as long as chains and stores do. Its error is the request's, unless another has done that meanwhile.
        ``act`` runs in a transaction with the keeping of its answer: a process that is killed has done both or neither,
        and of two that ask at once, one runs and the other waits for it. What it changes must be in the database, and
        an error of it leaves nothing, so that the request may be sent again.

        Args:
            account: who asks; keys of different accounts have nothing to do with each other. Of nobody's requests each
                is alone with its key, so that no stranger can take another's.
            key: what the caller calls the request.
            asked: all of the request that matters, as bytes.
            look: raises an error where what was asked is not to be done.
            act: does what was asked, and asks nobody but the database: on SQLite nobody else writes meanwhile.

        Raises:
            RequestConflict: the key came before, with another request.
            Exception: what ``look`` and ``act`` raise.
        """
        said = hashlib.sha256(asked).digest()
        whose = f"nobody {said.hex()}" if account is None else str(account)
        row = hashlib.sha256(f"{whose}\n{key}".encode()).digest()
        now = int(self._now().timestamp())
        if (answer := self._kept(row, said, now)) is not None:
            return answer
        try:
            look()
        except Exception:
            if (answer := self._kept(row, said, now)) is not None:
                return answer
            raise
        with self._database.changing() as connection:
            if self._database.shared:
                lock = int.from_bytes(row[:8], signed=True)
                connection.execute(select(func.pg_advisory_xact_lock(lock)))
            connection.execute(delete(_answers).where(_answers.c.until <= now))
            if (answer := self._kept(row, said, now)) is not None:
                return answer
            answer = act()
            values = {
                "key": row,
                "asked": said,
                "status": answer.status,
                "headers": json.dumps(dict(answer.headers)),
                "body": json.dumps(answer.body),
                "until": now + LASTS,
            }
            connection.execute(_answers.insert().values(values))
        return answer

    def _kept(self, row: bytes, said: bytes, now: int) -> Answer | None:
        with self._database.reading() as connection:
            mine = select(_answers).where(_answers.c.key == row, _answers.c.until > now)
            kept = connection.execute(mine).one_or_none()
        if kept is None:
            return None
        if kept.asked != said:
            raise RequestConflict("this Idempotency-Key came before, with another request: use a new key")
        return Answer(kept.status, json.loads(kept.body), json.loads(kept.headers))

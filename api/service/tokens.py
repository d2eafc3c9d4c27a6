"""API tokens: secrets with scopes and an end, for programs that act for an account. Only their hashes are kept."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Index, Integer, Row, String, Table, delete, func, insert, select, update

from api.errors import NoSuchThing, NotPermitted, UsageError
from api.service.database import Database, metadata
from api.service.sessions import SEEN_EVERY, digest
from ledger.address import Address

SCOPES = frozenset({"read", "upload", "jobs", "money"})
"""``read`` what is an account's own, ``upload`` files, start and stop ``jobs``, and ``money``: what spends or sells."""

PREFIX = "stm_"
"""What each token begins with, so that who scans for leaked secrets finds them."""

LONGEST = 366 * 86400
"""Most seconds that a token lives."""

MOST = 50
"""Most tokens that an account has at a time."""

_tokens = Table(
    "tokens",
    metadata,
    Column("id", String(22), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("account", String(42), nullable=False),
    Column("name", String(80), nullable=False),
    Column("scopes", String(80), nullable=False),
    Column("created", Integer, nullable=False),
    Column("expires", Integer, nullable=False),
    Column("used", Integer),
)
Index("tokens_account", _tokens.c.account)


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret. Times are Unix seconds; ``used`` is about when it was used last, None for never."""

    id: str
    account: Address
    name: str
    scopes: frozenset[str]
    created: int
    expires: int
    used: int | None

    def due(self, now: datetime) -> bool:
        """Whether it is time to look after its account, and to :meth:`Tokens.touch` it."""
        return now.timestamp() >= (self.used or self.created) + SEEN_EVERY


class Tokens:
    """The API tokens of a service."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def make(
        self, account: Address, name: str, scopes: Collection[str], seconds: int, now: datetime
    ) -> tuple[Token, str]:
        """A new token and its secret, which is shown this once.

        Args:
            account: whom it acts for.
            name: what its owner calls it, 1 to 80 characters.
            scopes: some of :data:`SCOPES`.
            seconds: until it ends, at most :data:`LONGEST`.
            now: the time.

        Raises:
            UsageError: a name, scope or end that cannot be.
            NotPermitted: the account has :data:`MOST` tokens already.
        """
        if not 1 <= len(name) <= 80 or not name.isprintable():
            raise UsageError("name: a token's name has 1 to 80 characters that can be read")
        if not scopes or not set(scopes) <= SCOPES:
            raise UsageError(f"scopes: one or more of {', '.join(sorted(SCOPES))}")
        if not 1 <= seconds <= LONGEST:
            raise UsageError(f"seconds: a token lives for 1 to {LONGEST} seconds")
        moment, secret = int(now.timestamp()), PREFIX + secrets.token_urlsafe(32)
        token = Token(secrets.token_urlsafe(16), account, name, frozenset(scopes), moment, moment + seconds, None)
        mine = _tokens.c.account == str(account)
        with self._database.changing() as connection:
            connection.execute(delete(_tokens).where(_tokens.c.expires <= moment))
            if connection.execute(select(func.count()).where(mine)).scalar_one() >= MOST:
                raise NotPermitted(f"an account has at most {MOST} tokens: end one first")
            connection.execute(
                insert(_tokens).values(
                    id=token.id,
                    hash=digest(secret),
                    account=str(account),
                    name=name,
                    scopes=" ".join(sorted(token.scopes)),
                    created=moment,
                    expires=token.expires,
                )
            )
        return token, secret

    def find(self, secret: str, now: datetime) -> Token | None:
        """The token of a secret, if there is one that has not ended."""
        moment = int(now.timestamp())
        with self._database.reading() as connection:
            row = connection.execute(select(_tokens).where(_tokens.c.hash == digest(secret))).one_or_none()
        if row is None or moment >= row.expires:
            return None
        return _read(row)

    def touch(self, id: str, now: datetime) -> None:  # noqa: A002
        """Write down that a token is in use."""
        with self._database.changing() as connection:
            connection.execute(update(_tokens).where(_tokens.c.id == id).values(used=int(now.timestamp())))

    def of(self, account: Address, now: datetime) -> tuple[Token, ...]:
        """The tokens of an account that have not ended, the oldest first."""
        mine = (_tokens.c.account == str(account)) & (_tokens.c.expires > int(now.timestamp()))
        with self._database.reading() as connection:
            rows = connection.execute(select(_tokens).where(mine).order_by(_tokens.c.created, _tokens.c.id)).all()
        return tuple(_read(row) for row in rows)

    def end(self, account: Address, id: str) -> None:  # noqa: A002
        """End one token of an account. Raises :class:`NoSuchThing`, for another's as for none."""
        with self._database.changing() as connection:
            gone = connection.execute(delete(_tokens).where(_tokens.c.id == id, _tokens.c.account == str(account)))
            if not gone.rowcount:
                raise NoSuchThing(f"no token {id}")

    def end_all(self, account: Address) -> int:
        """End every token of an account; how many there were."""
        with self._database.changing() as connection:
            return connection.execute(delete(_tokens).where(_tokens.c.account == str(account))).rowcount


def _read(row: Row[tuple[object, ...]]) -> Token:
    scopes = frozenset(row.scopes.split())
    return Token(row.id, Address.parse(row.account), row.name, scopes, row.created, row.expires, row.used)

"""Sessions of signed-in browsers: a random token in a cookie, of which only the hash is kept here."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Index, Integer, String, Table, delete, insert, select, update

from api.service.database import Database, metadata
from ledger.address import Address

LASTS = 7 * 86400
"""Seconds until a session ends whatever happens."""

IDLE = 86400
"""Seconds without a request after which it ends sooner."""

_sessions = Table(
    "sessions",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("account", String(42), nullable=False),
    Column("created", Integer, nullable=False),
    Column("seen", Integer, nullable=False),
)
Index("sessions_account", _sessions.c.account)

SEEN_EVERY = 600
"""Seconds after which a session or token that is used is looked after again: so reading a page is seldom a write."""


@dataclass(frozen=True, slots=True)
class Session:
    """Whose it is. ``id`` is the hash of its token, which tells nobody the token; ``due`` says that it is time to
    :meth:`Sessions.touch` it."""

    id: str
    account: Address
    created: int
    due: bool


class Sessions:
    """The sessions of a service."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, account: Address, now: datetime) -> str:
        """A new session; its token, 43 characters, is known to the caller alone. What has ended is swept out."""
        token, moment = secrets.token_urlsafe(32), int(now.timestamp())
        with self._database.changing() as connection:
            connection.execute(
                delete(_sessions).where((_sessions.c.created <= moment - LASTS) | (_sessions.c.seen <= moment - IDLE))
            )
            row = {"hash": digest(token), "account": str(account), "created": moment, "seen": moment}
            connection.execute(insert(_sessions).values(row))
        return token

    def find(self, token: str, now: datetime) -> Session | None:
        """The session of a token, if there is one that has not ended."""
        moment = int(now.timestamp())
        with self._database.reading() as connection:
            row = connection.execute(select(_sessions).where(_sessions.c.hash == digest(token))).one_or_none()
        if row is None or moment >= row.created + LASTS or moment >= row.seen + IDLE:
            return None
        return Session(row.hash, Address.parse(row.account), row.created, moment >= row.seen + SEEN_EVERY)

    def touch(self, id: str, now: datetime) -> None:  # noqa: A002
        """Write down that a session is in use."""
        with self._database.changing() as connection:
            connection.execute(update(_sessions).where(_sessions.c.hash == id).values(seen=int(now.timestamp())))

    def end(self, token: str) -> None:
        """End one session; where there is none, nothing happens."""
        with self._database.changing() as connection:
            connection.execute(delete(_sessions).where(_sessions.c.hash == digest(token)))

    def end_all(self, account: Address) -> int:
        """End every session of an account; how many there were."""
        with self._database.changing() as connection:
            return connection.execute(delete(_sessions).where(_sessions.c.account == str(account))).rowcount


def digest(token: str) -> str:
    """What is kept of a token. It is random through and through, so that one plain SHA-256 hides it."""
    return hashlib.sha256(token.encode()).hexdigest()


def csrf(token: str) -> str:
    """What a form of a session has to bring along: it follows from the session's token, and never leads back to it."""
    return _text(_forgery_key(token))


def masked(token: str) -> str:
    """The same under a mask that is another one each time, for pages: how well a compressed page packs must not tell
    what is in it (BREACH)."""
    mask = secrets.token_bytes(32)
    return _text(mask + _xor(mask, _forgery_key(token)))


def brings_along(said: str, token: str) -> bool:
    """Whether this is what :func:`csrf` or :func:`masked` gave for the session's token."""
    try:
        raw = base64.b64decode(said + "=" * (-len(said) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return False
    plain = _xor(raw[:32], raw[32:]) if len(raw) == 64 else raw
    return secrets.compare_digest(plain, _forgery_key(token))


def _forgery_key(token: str) -> bytes:
    return hashlib.sha256(b"stemmata csrf\0" + token.encode()).digest()


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")

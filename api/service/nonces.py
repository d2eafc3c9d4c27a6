"""Nonces of sign-ins: given out by the service, and good for one message, once, within minutes."""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy import Column, Index, Integer, String, Table, delete, insert

from api.service.database import Database, metadata
from ledger.errors import SignInInvalid

LASTS = 300
"""Seconds within which a nonce has to come back, signed."""

_nonces = Table(
    "nonces", metadata, Column("nonce", String(32), primary_key=True), Column("expires", Integer, nullable=False)
)
Index("nonces_expires", _nonces.c.expires)


class Nonces:
    """The nonces that are out."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def give(self, now: datetime) -> str:
        """A new nonce, 32 hex digits. Those that nobody came back with in time are swept out."""
        nonce, moment = secrets.token_hex(16), int(now.timestamp())
        with self._database.changing() as connection:
            connection.execute(delete(_nonces).where(_nonces.c.expires <= moment))
            connection.execute(insert(_nonces).values(nonce=nonce, expires=moment + LASTS))
        return nonce

    def use(self, nonce: str, now: datetime) -> None:
        """Use a nonce up. Raises :class:`SignInInvalid` for one that was used, was too late, or was never ours."""
        with self._database.changing() as connection:
            row = delete(_nonces).where(_nonces.c.nonce == nonce, _nonces.c.expires > int(now.timestamp()))
            if connection.execute(row).rowcount != 1:
                raise SignInInvalid("the nonce is not one of ours, too old, or used: ask for a new message")

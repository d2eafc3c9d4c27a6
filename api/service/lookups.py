"""The public look-up: from the digest of a file, or from a watermark, to the track, as fast as can be.

It gives what :class:`api.http.shapes.Track` gives, made of the row itself: an address is not read and its checksum made
anew for each of a thousand requests in a second.
"""

from __future__ import annotations

import contextlib
import threading
from typing import Any, Final, Literal

from sqlalchemy import bindparam, select
from sqlalchemy.exc import SQLAlchemyError

from api.errors import DatabaseUnusable
from api.service.database import Database
from api.service.entries import track_id, tracks

By = Literal["audio", "id"]
"""The column of ``tracks`` to look in: digests of files, 32 bytes, or tokens, 8 bytes."""

_COLUMNS: Final = (
    tracks.c.id,
    tracks.c.audio,
    tracks.c.claim,
    tracks.c.record,
    tracks.c.cid,
    tracks.c.model,
    tracks.c.creator,
    tracks.c.owner,
    tracks.c.royalty_ppm,
    tracks.c.block,
    tracks.c.time,
    tracks.c.tx,
)


_CACHE_KIB: Final = 1 << 16
# Enough for the upper parts of the trees of ten million tracks.


class Lookups:
    """Look-ups in one database. Threads share it."""

    def __init__(self, database: Database) -> None:
        self._engine, self._shared = database.engine, database.shared
        self._asked = {by: self._compiled(by) for by in ("audio", "id")}
        self._own = threading.local()

    def _compiled(self, by: str) -> tuple[str, bool]:
        asked = select(*_COLUMNS).where(tracks.c[by] == bindparam("value"))
        compiled = asked.compile(dialect=self._engine.dialect)
        return str(compiled), bool(compiled.positional)

    def find(self, by: By, value: bytes) -> bytes | None:
        """The track as JSON, or None. Raises :class:`~api.errors.DatabaseUnusable`."""
        try:
            # Past SQLAlchemy's own cursors, which would take longer than all the rest.
            row = self._from_server(by, value) if self._shared else self._from_file(by, value)
        except (SQLAlchemyError, self._engine.dialect.loaded_dbapi.Error) as error:
            raise DatabaseUnusable(f"the service's database cannot be used: {type(error).__name__}") from error
        return None if row is None else _said(row)

    def _from_server(self, by: By, value: bytes) -> Any:
        connection = self._engine.raw_connection()
        try:
            with contextlib.closing(connection.cursor()) as cursor:
                cursor.execute(self._asked[by][0], {"value": value})
                return cursor.fetchone()
        finally:
            connection.close()

    def _from_file(self, by: By, value: bytes) -> Any:
        """On a connection that the thread keeps: a file is always there, and to ask whether it is takes as long."""
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self._engine.raw_connection()
            connection.execute(f"pragma cache_size = -{_CACHE_KIB}")
        return connection.execute(self._asked[by][0], (value,)).fetchone()


def _said(row: Any) -> bytes:
    """JSON of digits, hexadecimal and base32: there is nothing in it that has to be escaped."""
    token, audio, claim, record, cid, model, creator, owner, royalty_ppm, block, time, tx = row
    return (
        f'{{"id":"{track_id(token)}","watermark":"{token.hex()}","sha256":"{audio.hex()}","claim":"{claim.hex()}",'
        f'"record":"{record.hex()}","cid":"{cid}","model":{model},"creator":"{creator}","owner":"{owner}",'
        f'"royalty_ppm":{royalty_ppm},"block":{block},"time":{time},"tx":"{tx}"}}'
    ).encode()

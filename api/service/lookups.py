"""The public look-up: from the digest of a file, or from a watermark, to the track, as fast as can be.

It gives what :class:`api.http.shapes.Track` gives, made of the row itself: an address is not read and its checksum made
anew for each of a thousand requests in a second.
"""

from __future__ import annotations

import json
from typing import Any, Final, Literal

from sqlalchemy import bindparam, select
from sqlalchemy.exc import SQLAlchemyError

from api.errors import DatabaseUnusable
from api.service.database import Database
from api.service.entries import track_id, tracks
from ledger.contracts.words import content_of

By = Literal["audio", "id"]
"""The column of ``tracks`` to look in: digests of files, 32 bytes, or tokens, 8 bytes."""

_COLUMNS: Final = ("id", "audio", "claim", "record", "content", "model", "creator", "owner", "royalty_ppm")
_SEEN: Final = ("block", "time", "tx")


class Lookups:
    """Look-ups in one database. Threads share it."""

    def __init__(self, database: Database) -> None:
        self._engine = database.engine
        self._asked = {by: self._compiled(by) for by in ("audio", "id")}

    def _compiled(self, by: str) -> tuple[str, bool]:
        columns = [tracks.c[name] for name in (*_COLUMNS, *_SEEN)]
        compiled = select(*columns).where(tracks.c[by] == bindparam("value")).compile(dialect=self._engine.dialect)
        return str(compiled), bool(getattr(compiled, "positional", False))

    def find(self, by: By, value: bytes) -> bytes | None:
        """The track as JSON, or None. Raises :class:`~api.errors.DatabaseUnusable`."""
        text, positional = self._asked[by]
        try:
            # Past SQLAlchemy's own cursors, which would take longer than all the rest.
            connection = self._engine.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute(text, (value,) if positional else {"value": value})
                row = cursor.fetchone()
                cursor.close()
            finally:
                connection.close()
        except (SQLAlchemyError, self._engine.dialect.loaded_dbapi.Error) as error:
            raise DatabaseUnusable(f"the service's database cannot be used: {type(error).__name__}") from error
        return None if row is None else _said(row)


def _said(row: Any) -> bytes:
    token, audio, claim, record, content, model, creator, owner, royalty_ppm, block, time, tx = row
    said = {
        "id": str(track_id(token)),
        "watermark": token.hex(),
        "sha256": audio.hex(),
        "claim": claim.hex(),
        "record": record.hex(),
        "cid": content_of(content),
        "model": model,
        "creator": creator,
        "owner": owner,
        "royalty_ppm": royalty_ppm,
        "block": block,
        "time": time,
        "tx": tx,
    }
    return json.dumps(said, separators=(",", ":")).encode()

"""Files on their way in: folders that fill with what is sent, under limits, until a job has done with them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import secrets
import shutil
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Self

from sqlalchemy import BigInteger, Column, Connection, Float, Integer, String, Table, delete, func, select, update

from api.errors import NoSuchThing, TooLarge, TooMany, UsageError
from api.service.database import Database, metadata
from ledger.address import Address

if TYPE_CHECKING:
    from api.service.service import Service

FOLDER: Final = "uploads"
"""Of a home."""
LABELS: Final = frozenset({"labels.csv", "labels.json"})
"""What may lie beside recordings, at the top."""
_SEGMENT: Final = re.compile(r"[^\x00-\x1f\x7f/\\]+")
_LONGEST_SEGMENT: Final = 200
_DEEPEST: Final = 8
_FULL: Final = "there is no room for this beside what is here already; delete an upload, or come again later"

_uploads = Table(
    "uploads",
    metadata,
    Column("id", String(22), primary_key=True),
    Column("account", String(42), index=True),
    Column("made", Float, nullable=False),
    Column("files", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Room:
    """What may lie here at a time.

    file: bytes of one file. account: bytes of all of an account's uploads. anonymous: of nobody's in all. files: of one
    upload. uploads: of one account.
    """

    file: int = 256 << 20
    account: int = 8 << 30
    anonymous: int = 16 << 30
    files: int = 10_000
    uploads: int = 20


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload as it stands; ``account`` is None for what needs none, ``made`` Unix seconds."""

    id: str
    account: Address | None
    made: float
    files: int
    bytes: int


class Uploads:
    """The uploads of a service, each a folder of that name in ``folder``. ``now`` is the time in UTC."""

    def __init__(self, database: Database, folder: Path, now: Callable[[], datetime], room: Room | None = None) -> None:
        self._database, self._folder, self._now, self.room = database, folder, now, room or Room()

    @classmethod
    def of(cls, service: Service) -> Self:
        """Those of a service."""
        room = Room(file=service.settings.upload)
        return cls(service.database, service.home.folder(FOLDER), service.now, room)

    def make(self, account: Address | None) -> Upload:
        """An empty one. Raises :class:`~api.errors.TooMany` where the account has as many as may be."""
        id_, now = secrets.token_urlsafe(16), self._now().timestamp()
        with self._database.changing() as connection:
            if account is not None:
                own = select(func.count()).select_from(_uploads).where(_uploads.c.account == str(account))
                if connection.execute(own).scalar_one() >= self.room.uploads:
                    raise TooMany(f"you have {self.room.uploads} uploads that no job has done with; delete one", 60)
            said = None if account is None else str(account)
            connection.execute(_uploads.insert().values(id=id_, account=said, made=now, files=0, bytes=0))
        (self._folder / id_).mkdir(mode=0o700)
        return Upload(id_, account, now, 0, 0)

    def get(self, id: str, account: Address | None) -> Upload:  # noqa: A002
        """One of the account's. Raises :class:`~api.errors.NoSuchThing`, also for somebody else's."""
        with self._database.reading() as connection:
            row = connection.execute(select(_uploads).where(_uploads.c.id == id)).first()
        if row is None or row.account != (None if account is None else str(account)):
            raise NoSuchThing("there is no such upload")
        return Upload(row.id, account, row.made, row.files, row.bytes)

    def arrived(self, upload: Upload) -> tuple[tuple[str, int], ...]:
        """What has arrived whole, by name: names as they were given, and bytes."""
        place = self.path(upload)
        files = sorted(path for path in place.rglob("*") if path.is_file() and not path.name.startswith("."))
        return tuple((path.relative_to(place).as_posix(), path.stat().st_size) for path in files)

    def path(self, upload: Upload) -> Path:
        """Its folder."""
        return self._folder / upload.id

    async def receive(self, upload: Upload, name: str, pieces: AsyncIterator[bytes]) -> int:
        """Stream a file to the disk, whole or not at all; one of that name is replaced. Returns its bytes.

        Raises:
            UsageError: a name that is none for a file here.
            TooLarge: the file, or what the account has here with it, is larger than may be.
            NotAudio: it does not begin as sound does, and is no list of labels.
        """
        target = self.path(upload) / safe(name)
        left = await asyncio.to_thread(self._room_left, upload.account)
        with self._arriving(target) as file:
            size = 0
            async for piece in pieces:
                size += len(piece)
                if size > self.room.file:
                    raise TooLarge(f"a file has at most {self.room.file} bytes here")
                if size > left:
                    raise TooLarge(_FULL)
                file.write(piece)
            await asyncio.to_thread(_require_sound, file, name)
            await asyncio.to_thread(self._count, upload, target, size)
        return size

    def drop(self, id: str) -> None:  # noqa: A002
        """Delete an upload with its files; one that is gone already is no fault."""
        with self._database.changing() as connection:
            connection.execute(delete(_uploads).where(_uploads.c.id == id))
        shutil.rmtree(self._folder / id, ignore_errors=True)

    def old(self, before: float) -> tuple[str, ...]:
        """The ids of those that were made before that time, at most a thousand."""
        with self._database.reading() as connection:
            return tuple(
                connection.execute(select(_uploads.c.id).where(_uploads.c.made < before).limit(1000)).scalars()
            )

    def nobodys(self, before: float) -> tuple[str, ...]:
        """The ids of those that are nobody's and to which nothing has come since that time."""
        with self._database.reading() as connection:
            asked = select(_uploads.c.id).where(_uploads.c.account.is_(None), _uploads.c.made < before)
            ids = tuple(connection.execute(asked).scalars())
        return tuple(id_ for id_ in ids if _changed(self._folder / id_) < before)

    @contextlib.contextmanager
    def _arriving(self, target: Path) -> Iterator[BinaryIO]:
        """A file beside its place, hidden from whoever looks for recordings, which takes it at the end."""
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise UsageError(f"{target.parent.name!r} is a file of this upload, and cannot be a folder too") from None
        if target.is_dir():
            raise UsageError(f"{target.name!r} is a folder of this upload, and cannot be a file too")
        partial = target.with_name(f".{secrets.token_hex(8)}.part")
        try:
            with partial.open("xb+") as file:
                os.fchmod(file.fileno(), 0o600)
                yield file
                file.flush()
            partial.replace(target)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise TooLarge("there is no room left on this service's disk; come again later") from None
            raise
        finally:
            partial.unlink(missing_ok=True)

    def _room_left(self, account: Address | None) -> int:
        with self._database.reading() as connection:
            return self._left(connection, account)

    def _left(self, connection: Connection, account: Address | None) -> int:
        whose = _uploads.c.account.is_(None) if account is None else _uploads.c.account == str(account)
        held = connection.execute(select(func.sum(_uploads.c.bytes)).where(whose)).scalar() or 0
        return (self.room.anonymous if account is None else self.room.account) - int(held)

    def _count(self, upload: Upload, target: Path, size: int) -> None:
        before = target.stat().st_size if target.exists() else None
        with self._database.changing() as connection:
            row = connection.execute(
                update(_uploads)
                .where(_uploads.c.id == upload.id)
                .values(
                    files=_uploads.c.files + int(before is None),
                    bytes=_uploads.c.bytes + size - (before or 0),
                )
                .returning(_uploads.c.files)
            ).first()
            if row is None:
                raise NoSuchThing("there is no such upload any more")
            if row.files > self.room.files:
                raise TooLarge(f"an upload has at most {self.room.files} files")
            if self._left(connection, upload.account) < 0:  # others came in meanwhile
                raise TooLarge(_FULL)


def safe(name: str) -> Path:
    """A name as a path below a folder. Raises :class:`~api.errors.UsageError` for one that would lead elsewhere, is
    hidden, or is none on some system."""
    parts = unicodedata.normalize("NFC", name).split("/")
    for part in parts:
        if (
            not _SEGMENT.fullmatch(part)
            or part.startswith(".")
            or part != part.strip()
            or len(part.encode("utf-8", "surrogatepass")) > _LONGEST_SEGMENT
        ):
            raise UsageError(f"{name[:200]!r}: no name for a file here; letters, digits and single slashes will do")
    if len(parts) > _DEEPEST:
        raise UsageError(f"{name[:200]!r}: folders are at most {_DEEPEST - 1} deep")
    try:
        "/".join(parts).encode()  # a lone surrogate cannot be told to anybody
    except UnicodeEncodeError:
        raise UsageError("the name of the file is no text") from None
    return Path(*parts)


def _changed(place: Path) -> float:
    """When anything below a folder was written to last, in Unix seconds; 0 where there is nothing."""
    last = 0.0
    for path in place.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # it has got its name meanwhile
            last = max(last, path.stat().st_mtime)
    return last


def _require_sound(file: BinaryIO, name: str) -> None:
    from gen.container import identify
    from gen.errors import EmptyAudio, NotAudio

    if name in LABELS:
        return
    if file.seek(0, os.SEEK_END) == 0:
        raise EmptyAudio(f"{name}: the file has no bytes; copy or export it again")
    if identify(file) is None:
        raise NotAudio(f"{name}: no sound format that we know begins like this; send WAV, FLAC, MP3, OGG, Opus or M4A")
    file.seek(0, os.SEEK_END)

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

from api.errors import DatabaseUnusable, NoSuchThing, TooLarge, TooMany, UsageError
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
_GONE: Final = "there is no such upload any more"
# Any number, the same for every process: who counts an account's uploads holds it, together with the account's own.
_COUNTING = 0x55706C64

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

    file: bytes of one file. account: bytes of an account's uploads together. all: of all accounts'. anonymous: of those
    that are nobody's. free: bytes of the disk for which nothing is taken in. files: of one upload. uploads: of one
    account.
    """

    file: int = 256 << 20
    account: int = 8 << 30
    all: int = 256 << 30
    anonymous: int = 16 << 30
    free: int = 1 << 30
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
            self._hold(connection, account)
            self._require_fewer(connection, account)
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

    def admit(self, account: Address | None, size: int, here: int = 0) -> None:
        """Let so many bytes come for another upload, ``here`` of which have come and lie on the disk, but not in it.

        Raises :class:`~api.errors.TooMany` as :meth:`make`, and :class:`~api.errors.TooLarge` where they would find no
        room now.
        """
        with self._database.reading() as connection:
            self._require_fewer(connection, account)
            self._require_room(connection, account, size, here)

    async def receive(self, upload: Upload, name: str, pieces: AsyncIterator[bytes], size: int | None = None) -> int:
        """Stream a file to the disk, whole or not at all; one of that name is replaced. Returns its bytes.

        Room is taken before the first byte: for ``size`` of them where it is known, and else for as many as may come.

        Raises:
            UsageError: a name that is none for a file here.
            TooLarge: the file, or what is here with it, is larger than may be.
            NotAudio: it does not begin as sound does, and is no list of labels.
        """
        target = self._place(upload, name)
        taken = await asyncio.to_thread(self._take, upload, size)
        try:
            with self._arriving(self.path(upload)) as file:
                came = 0
                async for piece in pieces:
                    came += len(piece)
                    if came > self.room.file:
                        raise TooLarge(f"a file has at most {self.room.file} bytes here")
                    if came > taken:
                        raise TooLarge(_FULL)
                    file.write(piece)
                await asyncio.to_thread(_require_sound, file, name)
                file.flush()
                await asyncio.to_thread(self._keep, upload, Path(file.name), target, came, taken)
        except BaseException:
            await asyncio.shield(asyncio.to_thread(self._give_back, upload, taken))
            raise
        return came

    def remove(self, upload: Upload, name: str) -> None:
        """Delete one file, and folders that it leaves empty. Raises UsageError for a name that is none for a file here,
        and NoSuchThing where no such file has arrived."""
        target, top = self._place(upload, name), self.path(upload)
        with self._database.changing() as connection:
            self._hold(connection, upload.account)
            try:
                size = target.stat().st_size
            except FileNotFoundError:
                raise NoSuchThing(f"there is no file {name!r} in this upload") from None
            less = update(_uploads).where(_uploads.c.id == upload.id)
            connection.execute(less.values(files=_uploads.c.files - 1, bytes=_uploads.c.bytes - size))
            target.unlink()
            for parent in target.parents:
                if parent == top or any(parent.iterdir()):
                    break
                parent.rmdir()

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

    def _place(self, upload: Upload, name: str) -> Path:
        """Where a file is to lie. Raises UsageError where something of another sort lies there."""
        top = self.path(upload)
        target = top / safe(name)
        between = [parent for parent in target.parents if top in parent.parents]
        if any(parent.exists() and not parent.is_dir() for parent in between):
            raise UsageError(f"{target.parent.name!r} is a file of this upload, and cannot be a folder too")
        if target.is_dir():
            raise UsageError(f"{target.name!r} is a folder of this upload, and cannot be a file too")
        return target

    @contextlib.contextmanager
    def _arriving(self, top: Path) -> Iterator[BinaryIO]:
        """A file at the top of an upload, hidden from whoever looks for recordings, and gone at the end unless it got
        its name."""
        partial = top / f".{secrets.token_hex(8)}.part"
        try:
            with partial.open("xb+") as file:
                os.fchmod(file.fileno(), 0o600)
                yield file
        except FileNotFoundError:
            raise NoSuchThing(_GONE) from None
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise TooLarge(_FULL) from None
            raise
        finally:
            partial.unlink(missing_ok=True)

    def _take(self, upload: Upload, size: int | None) -> int:
        """Take room for a file that is to come; for how many bytes."""
        if size is not None and size > self.room.file:
            raise TooLarge(f"a file has at most {self.room.file} bytes here")
        with self._database.changing() as connection:
            self._hold(connection, upload.account)
            left = self._require_room(connection, upload.account, size or 1)
            taken = min(left, self.room.file) if size is None else size
            more = update(_uploads).where(_uploads.c.id == upload.id).values(bytes=_uploads.c.bytes + taken)
            if connection.execute(more.returning(_uploads.c.id)).first() is None:
                raise NoSuchThing(_GONE)
        return taken

    def _give_back(self, upload: Upload, taken: int) -> None:
        """Give back the room of a file that did not come; where that cannot be now, it goes with the upload."""
        less = update(_uploads).where(_uploads.c.id == upload.id).values(bytes=_uploads.c.bytes - taken)
        with contextlib.suppress(DatabaseUnusable), self._database.changing() as connection:
            connection.execute(less)

    def _require_fewer(self, connection: Connection, account: Address | None) -> None:
        """Raise TooMany where the account has as many uploads as may be."""
        own = select(func.count()).select_from(_uploads).where(_uploads.c.account == str(account))
        if account is not None and connection.execute(own).scalar_one() >= self.room.uploads:
            raise TooMany(f"you have {self.room.uploads} uploads that no job has done with; delete one", 60)

    def _require_room(self, connection: Connection, account: Address | None, size: int, here: int = 0) -> int:
        """The bytes that may come yet, of the account and of all. Raises TooLarge for fewer than ``size``."""
        named, own = _uploads.c.account.is_not(None), _uploads.c.account == str(account)
        bounds = [(self.room.account, own), (self.room.all, named)]
        if account is None:
            bounds = [(self.room.anonymous, _uploads.c.account.is_(None))]
        left = [shutil.disk_usage(self._folder).free - self.room.free + here]
        for most, whose in bounds:
            held = connection.execute(select(func.sum(_uploads.c.bytes)).where(whose)).scalar() or 0
            left.append(most - int(held))
        if min(left) < size:
            raise TooLarge(_FULL)
        return min(left)

    def _keep(self, upload: Upload, partial: Path, target: Path, size: int, taken: int) -> None:
        """Give a file its name, and count it in the place of the room that was taken for it; both or neither."""
        with self._database.changing() as connection:
            self._hold(connection, upload.account)
            before = target.stat().st_size if target.exists() else None
            row = connection.execute(
                update(_uploads)
                .where(_uploads.c.id == upload.id)
                .values(
                    files=_uploads.c.files + int(before is None),
                    bytes=_uploads.c.bytes + size - taken - (before or 0),
                )
                .returning(_uploads.c.files)
            ).first()
            if row is None:
                raise NoSuchThing(_GONE)
            if row.files > self.room.files:
                raise TooLarge(f"an upload has at most {self.room.files} files")
            try:
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                partial.replace(target)
            except (FileExistsError, NotADirectoryError, IsADirectoryError):  # another file that came meanwhile
                raise UsageError(f"{target.name!r} cannot be both a file and a folder of this upload") from None

    def _hold(self, connection: Connection, account: Address | None) -> None:
        """Of two changes of an account's uploads at once, let the second wait, or both would find room."""
        if self._database.shared:
            key = 0 if account is None else int.from_bytes(account.raw[:4], signed=True)
            connection.execute(select(func.pg_advisory_xact_lock(_COUNTING, key)))


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
        raise NotAudio(
            f"{name}: no sound format that we know begins like this; send WAV, AIFF, FLAC, MP3, OGG, Opus or M4A"
        )
    file.seek(0, os.SEEK_END)

"""A ZIP archive of which there is one spelling: nothing in it is compressed, and it holds its members and no more."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping

from ledger.errors import Malformed

_NAME = re.compile(r"[a-zA-Z0-9./_-]{1,200}")
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # the zero of ZIP's time


def pack(members: Mapping[str, bytes]) -> bytes:
    """The archive, its members in alphabetical order; the same on every machine."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, _FIRST_DAY)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, members[name])
    return out.getvalue()


def unpack(archive: bytes) -> dict[str, bytes]:
    """What lies in an archive that :func:`pack` made.

    Compressed members, and such as share bytes, are refused unread: they might grow without end.

    Raises :class:`Malformed`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            entries = opened.infolist()
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise Malformed("a member is compressed")
            if any(not _NAME.fullmatch(entry.filename) for entry in entries):
                raise Malformed("a member has a name that none of ours has")
            if sum(entry.file_size for entry in entries) > len(archive):
                raise Malformed("members overlap: together they are longer than the archive")
            members = {entry.filename: opened.read(entry) for entry in entries}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, OSError) as error:
        raise Malformed(f"not a ZIP archive, or a damaged one: {error}") from None
    if pack(members) != archive:
        raise Malformed("the archive is not the only one of its members")
    return members

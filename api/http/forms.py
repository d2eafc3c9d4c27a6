"""What a body is, and what a form in it sent: text in UTF-8, and files."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, cast

from api.errors import TooLarge, UsageError

if TYPE_CHECKING:
    from starlette.datastructures import FormData
    from starlette.requests import Request
    from starlette.types import Message, Receive

    Admit = Callable[[int, int], Awaitable[None]]

MULTIPART = "multipart/form-data"
KINDS = ("application/x-www-form-urlencoded", MULTIPART)
"""Media types of forms."""
FIELDS = 64 << 10
"""Bytes of a form that may come without a file."""
_AGAIN = 8 << 20


def kind(request: Request) -> str:
    """The media type of a body, in small letters; empty where none is named."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def length(request: Request) -> int | None:
    """The bytes of a body, where it says how many they are."""
    said = request.headers.get("Content-Length", "")
    return int(said) if said.isascii() and said.isdigit() else None


async def read(request: Request, admit: Admit | None = None) -> FormData:
    """Read a form whole, once; the shields close it in the end.

    Args:
        request: whose body it is.
        admit: asked before more than :data:`FIELDS` bytes of a form with files are taken in, and again every few MiB,
            since others take room meanwhile: with all the bytes that it is known to have, and those of them that have
            come. What it raises ends the reading, and of what has come nothing stays.

    Raises:
        UsageError: it names another charset than UTF-8, in which browsers send forms. Python knows some that turn bytes
            into what is no text, or end in errors of their own.
        TooLarge: the disk is full.
    """
    from python_multipart.multipart import parse_options_header
    from starlette.requests import Request as Counted

    if hasattr(request.state, "form"):
        return cast("FormData", request.state.form)
    _, said = parse_options_header(request.headers.get("Content-Type"))
    if said.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8"):
        raise UsageError("a form is read as UTF-8: leave the charset out of its Content-Type")
    if admit is not None and kind(request) == MULTIPART:
        request = Counted(request.scope, await _admitted(request.receive, length(request), admit))
    try:
        request.state.form = form = await request.form()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise TooLarge("there is no room for this beside what is here already; come again later") from None
        raise
    return form


async def _admitted(receive: Receive, declared: int | None, admit: Admit) -> Receive:
    """The messages of a body as far as it is let in."""
    here, due = 0, FIELDS
    if declared is not None and declared > FIELDS:
        await admit(declared, 0)
        due = _AGAIN

    async def admitted() -> Message:
        nonlocal here, due
        message = await receive()
        here += len(message.get("body", b""))
        if here > due:
            due = here + _AGAIN
            await admit(max(here, declared or 0), here)
        return message

    return admitted

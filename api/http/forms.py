"""What a body is, and what a form in it sent: text in UTF-8, and files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.errors import UsageError

if TYPE_CHECKING:
    from starlette.datastructures import FormData
    from starlette.requests import Request

MULTIPART = "multipart/form-data"
KINDS = ("application/x-www-form-urlencoded", MULTIPART)
"""Media types of forms."""


def kind(request: Request) -> str:
    """The media type of a body, in small letters; empty where none is named."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def length(request: Request) -> int | None:
    """The bytes of a body, where it says how many they are."""
    said = request.headers.get("Content-Length", "")
    return int(said) if said.isascii() and said.isdigit() else None


async def read(request: Request) -> FormData:
    """Read a form whole, once; the shields close it in the end.

    Raises:
        UsageError: it names another charset than UTF-8, in which browsers send forms. Python knows some that turn bytes
            into what is no text, or end in errors of their own.
    """
    from python_multipart.multipart import parse_options_header

    _, said = parse_options_header(request.headers.get("Content-Type"))
    if said.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8"):
        raise UsageError("a form is read as UTF-8: leave the charset out of its Content-Type")
    request.state.form = form = await request.form()
    return form

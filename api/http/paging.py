"""Lists, a page at a time: what is asked with, and where the page after is."""

# No postponed annotations: FastAPI reads those of its dependencies.

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlencode

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from api.http import etags
from api.service.directory import MOST, Page

T = TypeVar("T")

Account = Annotated[
    str | None,
    Query(pattern="^0x[0-9a-fA-F]{40}$", examples=["0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"]),
]
"""An account in a query; in mixed case its EIP-55 checksum has to hold."""

Number = Annotated[int | None, Query(ge=0, lt=1 << 63)]
"""The token of a dataset or a model in a query."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Which piece of a list is asked for."""

    after: int | None
    most: int
    newest: bool


async def cut(
    after: Annotated[
        int | None, Query(ge=0, lt=1 << 63, description="What `next` of the page before says; leave it to that link.")
    ] = None,
    most: Annotated[int, Query(ge=1, le=MOST, description="Entries in one page.")] = 50,
    order: Annotated[
        Literal["oldest", "newest"], Query(description="`oldest` first is good to keep up with: new ones come last.")
    ] = "oldest",
) -> Cut:
    """A dependency: the piece of a list that is asked for."""
    return Cut(after, most, order == "newest")


def answer(request: Request, name: str, page: Page[T], shape: Callable[[T], BaseModel]) -> Response:
    """A page: its entries under their name, and ``next``, which is also a link (RFC 8288); null on the last one."""
    following = None
    if page.next is not None:
        asked: dict[str, Any] = {**request.query_params, "after": page.next}
        following = f"{request.url.path}?{urlencode(asked)}"
    entries = [shape(entry).model_dump(mode="json") for entry in page.entries]
    headers = {} if following is None else {"Link": f'<{following}>; rel="next"'}
    return etags.answer(request, etags.as_bytes({name: entries, "next": following}), headers)

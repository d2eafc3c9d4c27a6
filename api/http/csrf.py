"""Against forged requests: what changes something for a session's owner has to come from a page of this site.

Two checks, each of which is enough alone: a token that only such a page knows (OWASP's synchronizer token, as the
header ``X-CSRF-Token`` or the form field ``csrf``, in the address of a form with files), and the ``Origin`` (RFC 6454)
and ``Sec-Fetch-Site`` that browsers send by themselves, which :mod:`api.http.shields` checks on every request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.errors import NotPermitted
from api.http import forms
from api.service import sessions

if TYPE_CHECKING:
    from starlette.requests import Request

HEADER = "X-CSRF-Token"
FIELD = "csrf"

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, section 9.2.1), and so need no token."""


async def check(request: Request, token: str) -> None:
    """Let a request of the session with this token through, or raise :class:`NotPermitted`. Forms are read whole, but
    those with files: they say the token in their address, and nothing is read of one that does not."""
    if request.method in SAFE:
        return
    said = request.headers.get(HEADER)
    if said is None and forms.kind(request) == forms.MULTIPART:
        said = request.query_params.get(FIELD)
    elif said is None and forms.kind(request) in forms.KINDS:
        field = (await forms.read(request)).get(FIELD)
        said = field if isinstance(field, str) else None
    if said is None or not sessions.brings_along(said, token):
        raise NotPermitted(
            "the request does not come from a page of this site: load the page anew, and try again; a program sends "
            f"{HEADER}, or an API token"
        )

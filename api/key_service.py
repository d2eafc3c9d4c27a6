"""The client of a holder's key service: one request, one answer, and the service's refusals as our own errors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from api.errors import UsageError

if TYPE_CHECKING:
    from ledger.contracts.entries import SubjectKind
    from ledger.errors import LedgerError

MAX_ANSWER_BYTES = 64 * 1024
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 60.0
"""Until the answer begins, and then for the whole of it."""
_LONGEST_DETAIL = 500


def ask(url: str, kind: SubjectKind, number: int, request: bytes) -> bytes:
    """Send a signed request for the key of a dataset or model to the service at ``url``; its answer.

    The answer is sealed to whoever signed, so that nobody on the way can open it; with ``https`` nobody sees either who
    asks for what. Redirections are not followed.

    Raises:
        UsageError: ``url`` is none.
        LicenseMissing, KeyEnded, RequestInvalid, SignatureInvalid, NotFound, Malformed: what the service says.
        HolderUnreachable: it does not answer, or makes no sense.
    """
    import requests
    from urllib3.exceptions import HTTPError

    from ledger.answer import Answer, pieces
    from ledger.errors import HolderUnreachable, Malformed, NodeUnreachable

    base = _base(url)
    where = f"{base}/{kind}s/{number}/key"
    try:
        with requests.post(
            where,
            data=request,
            # Compressed, a few bytes could become more than there is memory.
            headers={
                "Content-Type": "application/json",
                "Accept": "application/json",
                "Accept-Encoding": "identity",
            },
            timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
            allow_redirects=False,
            stream=True,
        ) as answer:
            status = answer.status_code
            body = Answer(pieces(answer), where, ANSWER_SECONDS).whole(MAX_ANSWER_BYTES)
    except (Malformed, NodeUnreachable) as error:
        raise HolderUnreachable(str(error)) from None
    except (requests.RequestException, HTTPError, OSError) as error:
        raise HolderUnreachable(f"{base} does not answer, or breaks off: {type(error).__name__}") from None
    if status != 200:
        raise _refusal(where, status, body)
    return body


def _base(url: str) -> str:
    from ledger.answer import http_url

    parts = http_url(url)
    if parts is None or parts.username is not None:
        raise UsageError("--from is the address of a key service alone, such as https://holder.example")
    return url.rstrip("/")


def _refusal(where: str, status: int, body: bytes) -> LedgerError:
    """What a problem (RFC 9457) means; anything that does not look like one of ours is no answer."""
    from ledger import errors
    from ledger.canonical import check_depth

    names = ("LicenseMissing", "KeyEnded", "RequestInvalid", "SignatureInvalid", "NotFound", "Malformed")
    try:
        check_depth(body)
        problem: Any = json.loads(body)
        title, detail = problem["title"], problem["detail"]
    except (errors.Malformed, ValueError, KeyError, TypeError):
        return errors.HolderUnreachable(f"{where} answers {status}, and nothing that a key service says")
    said = "".join(character if character.isprintable() else " " for character in str(detail)[:_LONGEST_DETAIL])
    if title in names and 400 <= status < 500:
        kind: type[LedgerError] = getattr(errors, title)
        return kind(f"{where} says: {said}")
    return errors.HolderUnreachable(f"{where} answers {status}: {said}")

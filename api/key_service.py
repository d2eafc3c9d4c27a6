"""The client of a holder's key service: one request, one answer, and the service's refusals as our own errors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from api.errors import UsageError

if TYPE_CHECKING:
    from ledger.contracts.entries import SubjectKind
    from ledger.errors import LedgerError

MAX_ANSWER_BYTES = 64 * 1024
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 60.0
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

    from ledger.errors import HolderUnreachable

    base = _base(url)
    where = f"{base}/{kind}s/{number}/key"
    try:
        with requests.post(
            where,
            data=request,
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
            allow_redirects=False,
            stream=True,
        ) as answer:
            status, body = answer.status_code, answer.raw.read(MAX_ANSWER_BYTES + 1, decode_content=True)
    except (requests.RequestException, OSError) as error:
        raise HolderUnreachable(f"{base} does not answer: {type(error).__name__}") from None
    if len(body) > MAX_ANSWER_BYTES:
        raise HolderUnreachable(f"{where} answers with more than {MAX_ANSWER_BYTES} bytes: no key service of ours")
    if status != 200:
        raise _refusal(where, status, body)
    return bytes(body)


def _base(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise UsageError(f"--from {url!r}: the address of a key service, such as https://holder.example")
    return url.rstrip("/")


def _refusal(where: str, status: int, body: bytes) -> LedgerError:
    """What a problem (RFC 9457) means; anything that does not look like one of ours is no answer."""
    from ledger import errors

    names = ("LicenseMissing", "KeyEnded", "RequestInvalid", "SignatureInvalid", "NotFound", "Malformed")
    try:
        problem: Any = json.loads(body)
        title, detail = problem["title"], problem["detail"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return errors.HolderUnreachable(f"{where} answers {status}, and nothing that a key service says")
    said = "".join(character if character.isprintable() else " " for character in str(detail)[:_LONGEST_DETAIL])
    if title in names and 400 <= status < 500:
        kind: type[LedgerError] = getattr(errors, title)
        return kind(f"{where} says: {said}")
    return errors.HolderUnreachable(f"{where} answers {status}: {said}")

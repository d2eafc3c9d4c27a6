"""Errors as problem details (RFC 9457): the name of the error, its status, and what may be told to a stranger."""

from __future__ import annotations

from typing import Any

MEDIA_TYPE = "application/problem+json"


def status_of(error: Exception) -> int:
    """400 for what is not what it claims to be, 401 for nobody, 403 for what was checked and is wrong or is refused,
    404 for what is not there, 409 for what cannot be done as things stand, 413 for
    too large, 415 for audio that is none, 422 for what a model does not know, 429 for too
    much, 503 for what cannot be checked now, and 500 for everything else.
    """
    from api.errors import (
        ApiError,
        DatabaseUnusable,
        HomeBusy,
        NoSuchThing,
        NotPermitted,
        NotSignedIn,
        RequestConflict,
        TooLarge,
        TooMany,
        UsageError,
        WishUnknown,
    )
    from gen.errors import GenError
    from ledger.errors import (
        Invalid,
        KeyUnreachable,
        KeyWithheld,
        Malformed,
        NotFound,
        Refused,
        StoreFault,
        Unverifiable,
    )

    kinds: tuple[tuple[type[Exception], int], ...] = (
        (Malformed, 400),
        (Invalid, 403),
        (Refused, 403),
        (NotFound, 404),
        (Unverifiable, 503),
        (StoreFault, 503),
        (KeyWithheld, 403),
        (KeyUnreachable, 503),
        (HomeBusy, 503),
        (DatabaseUnusable, 503),
        (NotSignedIn, 401),
        (NotPermitted, 403),
        (TooLarge, 413),
        (TooMany, 429),
        (NoSuchThing, 404),
        (RequestConflict, 409),
        (WishUnknown, 422),
        (UsageError, 400),
        (ApiError, 409),
        (GenError, 415),
    )
    return next((status for kind, status in kinds if isinstance(error, kind)), 500)


def problem(error: Exception) -> dict[str, Any]:
    """The problem of an error. What went wrong on this side is told by its name alone: words may name paths."""
    from api.service.wording import fields

    status = status_of(error)
    if status == 500:
        return of(500, "Fault", "something is wrong on this side; its keeper finds more in the log")
    name = "Malformed" if status == 400 else type(error).__name__
    if status == 503:
        return of(503, name, "this could not be checked now; try again later")
    return of(status, name, fields(str(error)))


def of(status: int, name: str, detail: str) -> dict[str, Any]:
    """A problem by its parts."""
    return {"type": f"urn:stemmata:error:{name}", "title": name, "status": status, "detail": detail}

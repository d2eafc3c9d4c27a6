"""The description of the API (OpenAPI 3.1): what every route has in common, and how it can fail."""

from __future__ import annotations

from typing import Any, Final

from api.http.problems import MEDIA_TYPE, of

PROBLEM: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "What went wrong (RFC 9457). `type` ends with the error's name, which does not change.",
    "type": "object",
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail"],
}

WAYS_IN: Final[dict[str, Any]] = {
    "token": {"type": "http", "scheme": "bearer", "description": "An API token, `stm_…`, with the scope it takes."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "stemmata_session",
        "description": "What `POST /v1/signin` sets (`__Host-stemmata_session` over TLS). Whatever changes something "
        "also needs the header `X-CSRF-Token`.",
    },
}

_SAID: Final = {
    400: ("Malformed", "address 0x5aaE… fails its EIP-55 checksum"),
    401: ("NotSignedIn", "sign in first, or send an API token: Authorization: Bearer stm_…"),
    403: ("NotPermitted", "this token has no scope 'jobs': make one that has"),
    404: ("NoSuchThing", "no track 7 is known here"),
    409: ("RequestConflict", "this Idempotency-Key came before, with another request: use a new key"),
    413: ("TooLarge", "at most 1048576 bytes are taken in here"),
    415: ("UnknownFormat", "this is no audio"),
    422: ("Malformed", "query.most: should be 100 or less"),
    429: ("TooMany", "too many requests: come again in 2 s"),
    503: ("DatabaseUnusable", "this could not be checked now; try again later"),
}
_WORDS: Final = {
    400: "It is not what it claims to be.",
    401: "Nobody is signed in.",
    403: "It was checked, and is refused.",
    404: "There is no such thing, or it is nobody's business that there is.",
    409: "It cannot be done as things stand.",
    413: "It is too large.",
    415: "It is no audio that can be read.",
    422: "The request does not fit this description.",
    429: "Too much was asked in a while; `Retry-After` says when to come again.",
    503: "It cannot be done now; try again later.",
}


def problems_of(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that a route may answer with, for its ``responses``."""
    return {status: _problem(_WORDS[status], of(status, *_SAID[status])) for status in statuses}


def common() -> dict[int | str, dict[str, Any]]:
    """The problems that any route may answer with."""
    return {**problems_of(422, 429, 503), "default": _problem("Anything else that goes wrong.", None)}


def describe(schema: dict[str, Any]) -> dict[str, Any]:
    """The framework's description, with the schema of problems in it, and how callers say who they are."""
    components = schema.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components["securitySchemes"] = WAYS_IN
    for routes in schema["paths"].values():
        for route in routes.values():
            if "401" in route["responses"]:
                route["security"] = [{"token": []}, {"session": []}]
    return schema


def _problem(words: str, example: dict[str, Any] | None) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Problem"}}
    if example is not None:
        content["example"] = example
    return {"description": words, "content": {MEDIA_TYPE: content}}

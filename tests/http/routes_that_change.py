"""Every route of the service that changes something, and those that anybody may ask without a session."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi import FastAPI

from api.http.csrf import SAFE

# Whoever comes needs no session for these, and they do nothing for one: signing in, and the public detector.
PUBLIC = {
    ("POST", "/v1/signin/challenge"),
    ("POST", "/v1/signin"),
    ("POST", "/v1/signin/demo"),
    ("POST", "/sign-in"),
    ("POST", "/v1/audits"),
    ("POST", "/checks"),
}


def changing(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Every route that changes something: method and a path, with something in the place of each parameter."""
    for route in app.routes:
        contexts = getattr(route, "effective_route_contexts", None)
        for found in [route] if contexts is None else contexts():
            for method in (getattr(found, "methods", None) or set()) - SAFE:
                path = re.sub(r"\{(number|dataset|model)\}", "1", found.path)
                path = re.sub(r"\{mark\}", "0" * 16, path)
                yield method, re.sub(r"\{[^}]*\}", "x" * 22, path)

"""The whole service as one application: the JSON API below ``/v1``, and the pages beside it."""

# No postponed annotations: FastAPI reads those of its handlers.

import logging
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from api.errors import ApiError, FormUnreadable, NotSignedIn, TooMany
from api.http import problems, unreadable
from api.http.metrics import Metrics
from api.http.observer import Observer
from api.http.openapi import common, describe
from api.http.quick import Quick
from api.http.rates import rates_of
from api.http.routes import (
    anchored,
    audits,
    datasets,
    demo,
    health,
    jobs,
    licenses,
    lookups,
    models,
    sales,
    signin,
    tokens,
    tracks,
    transactions,
    uploads,
    wallets,
)
from api.http.shields import Shields
from api.pages.language import Words, language_of
from api.pages.layout import error_page, wants_page
from api.pages.router import create_pages_router
from api.service.service import Service
from gen.errors import GenError
from ledger.errors import LedgerError

log = logging.getLogger(__name__)

# What the framework says by its code alone, and the keys of words for it.
_WORDLESS: Final = {404: "error.nowhere", 405: "error.method"}

PREFIX = "/v1"
"""What every route of the JSON API begins with."""


class Application(FastAPI):
    """FastAPI, with the shields before all of it: even what goes wrong in here leaves through them, and is counted."""

    def build_middleware_stack(self) -> ASGIApp:
        """The way of a request."""
        service: Service = self.state.service
        settings, within = service.settings, Quick(super().build_middleware_stack(), service)
        shields = Shields(
            within, site=settings.site, proxies=settings.proxies, upload=settings.upload, rates=self.state.rates
        )
        return Observer(shields, self.state.metrics)

    def openapi(self) -> dict[str, Any]:
        """The description of the API."""
        if self.openapi_schema is None:
            self.openapi_schema = describe(super().openapi())
        return self.openapi_schema


def create_app(service: Service) -> FastAPI:
    """The application. Each process makes its own; what they share is in the database, the home and the chain."""
    app = Application(
        title="Stemmata",
        version=version("stemmata"),
        summary="Provenance for machine-made music: from any copy of a track back to where it came from.",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # it would lead to whatever host the request names
    )
    app.state.service = service
    app.state.rates = rates_of(service.settings)
    app.state.metrics = Metrics(service)
    for router in _routers(service):
        app.include_router(router, prefix=PREFIX, responses=common())
    app.include_router(health.create_router(service, app.state.metrics), responses=common())
    app.include_router(create_pages_router(service))
    for kind in (ApiError, LedgerError, GenError):
        app.add_exception_handler(kind, _said)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _elsewhere)
    app.add_exception_handler(Exception, _said)
    return app


def _routers(service: Service) -> tuple[APIRouter, ...]:
    """The routers of the JSON API, in the order of the documentation."""
    return (
        lookups.create_router(service),
        tracks.create_router(service),
        anchored.create_router(service),
        datasets.create_router(service),
        models.create_router(service),
        licenses.create_router(service),
        sales.create_router(service),
        signin.create_router(service),
        demo.create_router(service),
        tokens.create_router(service),
        transactions.create_router(service),
        uploads.create_router(service),
        jobs.create_router(service),
        wallets.create_router(service),
        audits.create_router(service),
    )


def _said(request: Request, error: Exception) -> Response:
    """A named error as a problem; any other one is told to the log, and to the caller only that it was ours."""
    content = problems.problem(error)
    if content["status"] == 500:
        log.error("a request failed", exc_info=error)  # which one, the line of the request says
    headers = None
    if isinstance(error, TooMany):
        headers = {"Retry-After": str(error.after)}
    elif isinstance(error, NotSignedIn):
        headers = {"WWW-Authenticate": "Bearer"}
    return _answer(request, content, headers, error.language if isinstance(error, FormUnreadable) else "en")


def _unreadable(request: Request, error: Exception) -> Response:
    """What does not fit the OpenAPI description, with the place in the request."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  (it is registered for nothing else)
    first = error.errors()[0]
    if first["loc"][0] == "path" and wants_page(request):
        return _answer(request, problems.of(404, "NoSuchThing", "no page can have this address"))
    if first["loc"] == ("body",) and isinstance(first["input"], bytes):  # nobody has taken it for JSON
        return _answer(request, problems.of(415, "Refused", "body: send JSON, with Content-Type: application/json"))
    words = Words(language_of(request)) if wants_page(request) else unreadable.ENGLISH
    return _answer(request, problems.of(422, "Malformed", unreadable.told(first, words)), spoken=words.language)


def _elsewhere(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: an unknown path, a method that there is not."""
    assert isinstance(error, HTTPException)  # noqa: S101  (it is registered for nothing else)
    name = "NoSuchThing" if error.status_code == 404 else "Refused"
    words = Words(language_of(request)) if wants_page(request) else unreadable.ENGLISH
    detail, spoken = error.detail, "en"
    if error.status_code in _WORDLESS:
        detail, spoken = words(_WORDLESS[error.status_code], method=request.method), words.language
    return _answer(request, problems.of(error.status_code, name, detail), error.headers, spoken)


def _answer(
    request: Request, problem: dict[str, Any], headers: Mapping[str, str] | None = None, spoken: str = "en"
) -> Response:
    """A problem as programs read it, or as a page for a person with a browser; ``spoken``: its detail's language."""
    if not wants_page(request):
        return JSONResponse(problem, problem["status"], headers, problems.MEDIA_TYPE)
    response = error_page(request, problem, spoken)
    response.headers.update(headers or {})
    return response

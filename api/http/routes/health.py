"""For whoever keeps the service running: is it alive, is it ready, what does it count."""

# No postponed annotations: FastAPI reads those of its handlers.

import hmac
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from api.errors import ApiError, NotPermitted, NotSignedIn
from api.http.metrics import Metrics
from api.http.openapi import problems_of
from api.http.rates import network_address
from api.service.follower import standing
from api.service.service import Service
from ledger.errors import LedgerError

_METRICS = "text/plain; version=0.0.4; charset=utf-8"
_JSON: dict[str, Any] = {"content": {"application/json": {}}}
_LOCAL = ("127.0.0.1", "::/64")  # as network addresses are named


def create_router(service: Service, metrics: Metrics) -> APIRouter:
    """The routes of whoever keeps the service running."""
    router = APIRouter(tags=["operation"])

    @router.get("/healthz")
    async def alive() -> dict[str, str]:
        """Whether this process answers; it asks nobody else."""
        return {"status": "ok"}

    @router.get("/readyz", responses={503: {"description": "Not ready; the same says why.", **_JSON}})
    def ready() -> JSONResponse:
        """Whether requests should be sent here: the database and the chain answer. How far the directory is does not
        count, since another process fills it."""
        checks: dict[str, Any] = {"database": "ok", "chain": "ok"}
        try:
            found = standing(service.database)
            if found is not None:
                age = max(0, round(service.now().timestamp()) - found.at)
                checks["directory"] = {"block": found.block, "age_seconds": age}
        except ApiError as error:
            checks["database"] = type(error).__name__
        try:
            with service.home.reading() as ledger:
                checks["block"] = ledger.chain.block_number
        except LedgerError as error:
            checks["chain"] = type(error).__name__
        ok = checks["database"] == checks["chain"] == "ok"
        return JSONResponse({"status": "ok" if ok else "not ready", **checks}, 200 if ok else 503)

    @router.get("/metrics", response_class=Response, responses=problems_of(401, 403))
    def counted(request: Request) -> Response:
        """What is counted, for Prometheus: for this machine alone, or for whoever has the token for it."""
        _let_in(service, request)
        return Response(metrics.text(), media_type=_METRICS, headers={"Cache-Control": "no-store"})

    return router


def _let_in(service: Service, request: Request) -> None:
    token = service.settings.metrics_token
    if token is not None:
        said = request.headers.get("authorization", "").encode("latin-1")
        if not hmac.compare_digest(said, f"Bearer {token}".encode()):
            raise NotSignedIn("metrics need the token of STEMMATA_METRICS_TOKEN, as a bearer")
        return
    # Somebody else's request looks local too where a proxy on this machine passes it on.
    passed_on = any(name in request.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip"))
    if passed_on or network_address(request.scope, 0) not in _LOCAL:
        raise NotPermitted("metrics are for this machine alone, until STEMMATA_METRICS_TOKEN is set")

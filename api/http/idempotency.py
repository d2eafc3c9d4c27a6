"""The ``Idempotency-Key`` header: a request that is sent twice is done once."""

# No postponed annotations: FastAPI reads those of its handlers.

from collections.abc import Callable
from typing import Annotated

from fastapi import Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from api.http.caller import Caller
from api.service.answers import Answer, Answers
from api.service.service import Service

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="A name of your own for this request, such as a UUID: sent again within a day it is not done "
        "again, and is answered as before. The same name with another request is a conflict.",
        examples=["8e03978e-40d5-43e8-bc93-6894a57f9324"],
    ),
]
"""What a handler declares as ``key: Key = None``."""


def once(
    service: Service,
    request: Request,
    who: Caller | None,
    key: str | None,
    body: BaseModel,
    look: Callable[[], None],
    act: Callable[[], Answer],
) -> JSONResponse:
    """Answer a request, doing it once for each key; without a key, doing it.

    ``look`` changes nothing; ``act`` may change the service's database, and neither does nor asks anything else: see
    :meth:`~api.service.answers.Answers.once`. To be called in a thread, as handlers that are no coroutines are. Raises
    :class:`~api.errors.RequestConflict`, and what both raise.
    """
    if key is None:
        look()
        answer = act()
    else:
        asked = f"{request.method} {request.url.path}\n{body.model_dump_json()}".encode()
        answer = Answers.of(service).once(None if who is None else who.address, key, asked, look, act)
    return JSONResponse(answer.body, answer.status, dict(answer.headers))

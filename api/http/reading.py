"""Where a route reads the service's database: where it stands, or in another thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from starlette.concurrency import run_in_threadpool

from api.service.service import Service

P = ParamSpec("P")
T = TypeVar("T")


async def read(service: Service, ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What a short question is answered with: one that an index answers.

    A file on this machine is looked into within a millisecond, and while threads of one interpreter take turns nobody
    else is served either; a server elsewhere lets us wait, and others be served meanwhile.
    """
    if service.database.shared:
        return await run_in_threadpool(ask, *args, **kwargs)
    return ask(*args, **kwargs)

"""Server-sent events of jobs (HTML Living Standard, section 9.2): one look at the database serves all who watch."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Final

from fastapi.concurrency import run_in_threadpool

from api.errors import ApiError, DatabaseUnusable
from api.service.events import Event
from api.service.job import ENDED
from api.service.jobs import Jobs

_PACE: Final = 0.25
"""Seconds between two looks."""
_QUIET: Final = 15.0
"""Seconds after which something is sent although there is nothing new, so that nobody on the way hangs up."""
_LONGEST: Final = 3600.0
"""Seconds after which a stream ends, and whoever still watches asks again from where it was."""
_MOST: Final = 500
"""Jobs in one question to the database."""


class Watch:
    """Tells streams of one process when there is more to say. It looks only while somebody watches."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._watched: Counter[str] = Counter()
        self._last: dict[str, int] = {}
        self._news = asyncio.Condition()
        self._looking: asyncio.Task[None] | None = None

    async def stream(self, id: str, after: int) -> AsyncIterator[str]:  # noqa: A002
        """A job's events after that number, as they come, to the end of the job."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._watched[id] += 1
        try:
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look())
            yield "retry: 2000\n\n"
            while loop.time() - began < _LONGEST:
                try:
                    news = await run_in_threadpool(self._jobs.events, id, after)
                except ApiError:  # gone since; or it cannot be said now, and whoever watches comes again
                    return
                for event in news:
                    yield _line(event)
                    after = event.number
                if any(event.kind == "state" and event.content.get("state") in ENDED for event in news[-1:]):
                    return
                if not news:
                    yield ": still there\n\n"
                await self._more(id, after)
        finally:
            self._watched[id] -= 1
            if not self._watched[id]:
                del self._watched[id]
                self._last.pop(id, None)

    async def _more(self, id: str, after: int) -> None:  # noqa: A002
        async with self._news:
            try:
                async with asyncio.timeout(_QUIET):
                    await self._news.wait_for(lambda: self._last.get(id, 0) > after)
            except TimeoutError:
                return

    async def _look(self) -> None:
        while self._watched:
            watched = list(self._watched)
            found: dict[str, int] = {}
            for start in range(0, len(watched), _MOST):
                try:
                    found |= await run_in_threadpool(self._jobs.last_events, watched[start : start + _MOST])
                except DatabaseUnusable:
                    break
            if any(self._last.get(id_) != number for id_, number in found.items()):
                async with self._news:
                    self._last.update(found)
                    self._news.notify_all()
            await asyncio.sleep(_PACE)


def _line(event: Event) -> str:
    content = json.dumps(event.content, ensure_ascii=False)
    return f"id: {event.number}\nevent: {event.kind}\ndata: {content}\n\n"

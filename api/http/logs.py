"""Logs as one JSON object a line, with nothing secret or personal in them.

A line of a request names its route, not its address: an address may hold the id of a job, which is a secret, or of a
person. Of an error it has the kind and where it was raised; what it says may quote what somebody sent in.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import PurePath
from types import TracebackType
from typing import Any, TextIO

REQUESTS = "stemmata.requests"
"""The logger of requests; its records carry ``said``: members of a JSON object, ready-made."""

# Others are heard when they warn: a library that fetches tells every address that it fetches.
_OURS = ("stemmata", "api", "ledger", "gen", "uvicorn.error")


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class Lines(logging.Formatter):
    """Writes a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        time = f"{_second(int(record.created))}.{int(record.created % 1 * 1000):03d}Z"
        request: str | None = getattr(record, "said", None)
        if request is not None:
            return f'{{"time":"{time}","level":"info","logger":"{REQUESTS}",{request}}}'
        said: dict[str, Any] = {
            "time": time,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            kind, _, trace = record.exc_info
            said |= {"error": kind.__name__, "raised": _places(trace)}
        return _encode(said)


def configure(stream: TextIO = sys.stderr) -> None:
    """Write all logs of this process to a stream, in place of whatever was set up before."""
    # Nobody reads these of a record, and each costs a while.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    # It tells again, with the words of the error, what the application has told.
    logging.getLogger("uvicorn.error").addFilter(lambda record: not record.exc_info)


@lru_cache(8)
def _second(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _places(trace: TracebackType | None) -> list[str]:
    """Where an error came through: files by their last two names, without any value."""
    frames = traceback.extract_tb(trace)
    return [f"{'/'.join(PurePath(frame.filename).parts[-2:])}:{frame.lineno} {frame.name}" for frame in frames]

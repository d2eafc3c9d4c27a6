"""Children that are kept alive, and end when they are to: those that answer requests, and workers."""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any, Final

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG: Final = 1  # prctl(2)
_PR_SET_NAME: Final = 15
_PAUSE: Final = 0.5
"""Seconds until a child that died is begun again."""
_MOST_DEATHS: Final = 5
_WHILE: Final = 30.0
"""A child that died :data:`_MOST_DEATHS` times in so many seconds is given up, and with it everything."""


@dataclass(frozen=True, slots=True)
class Role:
    """What a child does: ``work`` with ``arguments``, all of which can be pickled, until it gets SIGTERM."""

    name: str
    work: Callable[..., None]
    arguments: tuple[Any, ...] = field(default=(), repr=False)


@dataclass
class _Child:
    role: Role
    process: BaseProcess
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=_MOST_DEATHS))


class Supervisor:
    """Begins a child for each role, and again whenever one dies."""

    def __init__(self, roles: Sequence[Role], patience: float = 30.0) -> None:
        """``patience``: seconds that children have to end by themselves."""
        self._roles, self._patience = roles, patience

    def run(self, stop: threading.Event) -> bool:
        """Until ``stop`` is set, and all children have ended; False where one died too often to go on.

        To be called in the main thread: children end when the thread that began them does.
        """
        children = [_Child(role, _begin(role)) for role in self._roles]
        good = True
        try:
            while good and not stop.is_set():
                wait([child.process.sentinel for child in children], 0.5)
                for child in children:
                    if child.process.is_alive() or stop.is_set():
                        continue
                    good = good and self._again(child, stop)
        finally:
            self._end(children)
        return good

    def _again(self, child: _Child, stop: threading.Event) -> bool:
        now = time.monotonic()
        child.deaths.append(now)
        log.error("%s ended with exit status %s", child.role.name, child.process.exitcode)
        if len(child.deaths) == _MOST_DEATHS and now - child.deaths[0] < _WHILE:
            log.error("%s ended %d times in %.0f s; giving up", child.role.name, _MOST_DEATHS, _WHILE)
            return False
        if not stop.wait(_PAUSE):
            child.process = _begin(child.role)
        return True

    def _end(self, children: Sequence[_Child]) -> None:
        for child in children:
            child.process.terminate()
        deadline = time.monotonic() + self._patience
        for child in children:
            child.process.join(max(0.1, deadline - time.monotonic()))
            if child.process.is_alive():
                log.warning("%s did not end in time, and is killed", child.role.name)
                child.process.kill()
                child.process.join()


def stopping() -> threading.Event:
    """An event that SIGTERM and SIGINT set, from now on, in this process."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def end_with_parent(how: signal.Signals) -> None:
    """Have the system send this process a signal when the thread that began it is gone, however it went."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, how, 0, 0, 0)


def call(name: str) -> None:
    """Name this process for whoever looks at a list of them: the first fifteen letters."""
    ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def _begin(role: Role) -> BaseProcess:
    process = multiprocessing.get_context("spawn").Process(target=_live, args=(role,), name=role.name)
    process.start()
    return process


def _live(role: Role) -> None:
    """A child's life. It ends like SIGTERM ends it when whoever began it is gone, however that went."""
    end_with_parent(signal.SIGTERM)
    call(role.name)
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the supervisor, who says so in good order
    role.work(*role.arguments)

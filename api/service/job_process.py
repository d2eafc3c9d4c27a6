"""A process for one job: what crashes, spins or eats memory in it ends this job alone, and cancelling it is a kill.

It is forked from a server that has loaded what every job needs (:func:`prepare`), so that it starts at once. It has no
way to the service's database: what it says goes to its worker over a pipe. It ends with its worker, however that ends.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from api.home import Home
from api.http import logs
from api.service.patient_wallet import Asked, Parting, PatientWallet, Sending, look_after
from api.service.supervisor import call, end_with_parent
from api.settings import Settings

if TYPE_CHECKING:
    from api.service.wallets import Heard
    from ledger.address import Address

log = logging.getLogger(__name__)

_PRELOADED: Final = (
    "api.report",
    "api.service.kinds",
    "api.workflows.audit",
    "api.workflows.datasets",
    "api.workflows.licenses",
    "api.workflows.market",
    "api.workflows.minting",
    "ledger.chain",
    "ledger.contracts",
    "ledger.credentials",
    "ledger.records",
    "ledger.verify",
)
_PACE: Final = 0.2
"""Seconds between two events of one topic, unless it is the last."""
_PAGE: Final = resource.getpagesize()


@dataclass(frozen=True, slots=True)
class Task:
    """One job as its process is told of it."""

    settings: Settings
    kind: str
    request: Mapping[str, Any]
    account: str | None
    folder: Path
    uploads: Path
    jobs: Path
    memory: int | None
    heard: tuple[Heard, ...] = ()
    note: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Said:
    """An event on its way to whoever watches."""

    kind: str
    content: Mapping[str, Any]
    topic: str | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    """What is to be written down before the process goes on; it waits for an answer."""

    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """The outcome."""

    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """Why there is no outcome; ``again`` says that it may be another time, and needs nobody's help."""

    problem: Mapping[str, Any]
    again: bool


class JobProcess:
    """A process that does a task. What it says is read from ``connection``: the classes above, and those with which it
    parts from a job that waits for its account's wallet."""

    def __init__(self, task: Task) -> None:
        self.connection, theirs = multiprocessing.Pipe()
        self._turn = threading.Lock()
        self._process = multiprocessing.get_context("forkserver").Process(target=_do, args=(task, theirs), daemon=False)
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int | None:
        """Its number; also that of the group of all that it starts."""
        return self._process.pid

    def end(self) -> None:
        """End it with all that it has started, from any thread, unless it has ended: its number may be another's."""
        with self._turn:
            if self._process.pid is None or self._process.exitcode is not None:
                return
            for end in (os.killpg, os.kill):  # it may not lead its group yet
                with contextlib.suppress(OSError):
                    end(self._process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """The same, and wait until it is gone."""
        self.end()
        self._process.join()
        self.connection.close()

    def ending(self) -> str:
        """How it ended, once it has hung up."""
        self._process.join(5)
        code = self._process.exitcode
        if code is not None and code < 0:
            return signal.Signals(-code).name
        return f"exit status {code}"


def prepare() -> None:
    """Start the server that processes are forked from, and wait until it has loaded what they need: whoever claimed a
    job before that could not keep its lease."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOADED))
    first = context.Process(target=os.getpid)
    first.start()
    first.join()


def _do(task: Task, connection: Connection) -> None:
    logs.configure()
    _confine(task.kind, task.memory)
    said = _Mouth(connection)
    try:
        result = _run(task, said)
    except Parting as parting:
        said.send(parting.over)
    except BaseException as error:  # whatever it is, it is told, and ends this process
        said.send(_failed(error, task))
    else:
        said.send(Done(result))


def _run(task: Task, said: _Mouth) -> dict[str, Any]:
    from api.service import keys
    from api.service.kinds import KINDS, Context
    from ledger.address import Address

    kind = KINDS[task.kind]
    settings = task.settings if kind.signs else replace(task.settings, passphrase=None)
    task.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    account = None if task.account is None else Address.parse(task.account)
    home, wallet = Home(settings), None
    now = _now
    if kind.signs and account is not None and keys.in_wallet(home, account):
        home, wallet, now = _of_wallet(settings, account, task.heard)
    context = Context(
        home=home,
        account=account,
        folder=task.folder,
        uploads=task.uploads,
        jobs=task.jobs,
        now=now,
        clock=_now,
        say=said.say,
        write_down=said.write_down,
        note=task.note,
        wallet=wallet,
    )
    if kind.signs and account is not None:
        # What an earlier try had sent, and nobody heard the receipt of, is waited for.
        with home.acting(account) as ledger:
            look_after(ledger.chain, account, task.heard)
    result = kind.run(context, kind.request.model_validate({"kind": task.kind, **task.request}))
    if result.get("already") and any(one.current and "hash" in one.answer for one in task.heard):
        result["already"] = False  # it was done by what the wallet has sent for this very job
    return result


def _of_wallet(
    settings: Settings, account: Address, heard: Sequence[Heard]
) -> tuple[Home, PatientWallet, Callable[[], datetime]]:
    """A home, a wallet and a clock that go by the time at which the job's first question was asked."""
    from api.service.wallet_home import WalletHome

    began = next((datetime.fromtimestamp(one.moment, UTC) for one in heard if one.current), _now())
    moment = began.replace(microsecond=0)
    home = WalletHome(settings, moment=moment)
    return home, PatientWallet(home, account, heard, moment.timestamp()), lambda: moment


def _now() -> datetime:
    return datetime.now(UTC)  # by a name, so that it can be sent to other processes


class _Mouth:
    """What a job says to its worker, from any thread, and not more often than anybody reads."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._turn = connection, threading.Lock()
        self._last: dict[str, float] = {}

    def send(self, message: Said | Noted | Asked | Sending | Done | Failed) -> None:
        with self._turn:
            self._connection.send(message)

    def say(self, kind: str, content: Mapping[str, Any], topic: str | None = None) -> None:
        now = time.monotonic()
        if topic is not None and content.get("done") != content.get("total", ""):
            if now - self._last.get(topic, -_PACE) < _PACE:
                return
            self._last[topic] = now
        self.send(Said(kind, dict(content), topic))

    def write_down(self, content: Mapping[str, Any]) -> None:
        with self._turn:
            self._connection.send(Noted(dict(content)))
            self._connection.recv()


def _failed(error: BaseException, task: Task) -> Failed:
    from api.errors import HomeBusy
    from api.http import problems
    from api.service.wording import worded
    from ledger.errors import StoreFault, Unverifiable

    if isinstance(error, MemoryError):
        return Failed(
            problems.of(413, "TooExpensive", "there is too little memory for this; ask for less"), again=False
        )
    if not isinstance(error, Exception):
        return Failed(problems.of(500, "Fault", f"it was ended: {type(error).__name__}"), again=True)
    content = problems.problem(error)
    if content["status"] == 500:
        log.error("a job failed", exc_info=error)
    # Words are for the account that asked, and may say more here than to a stranger on the network.
    if content["status"] == 503:
        content["detail"] = str(error)
    content["detail"] = worded(content["detail"], uploads=task.uploads, jobs=task.jobs, home=task.settings.home)
    return Failed(content, again=isinstance(error, HomeBusy | StoreFault | Unverifiable))


def _confine(kind: str, memory: int | None) -> None:
    """Lead a group of our own, end with the worker, and be modest beside those who answer requests."""
    os.setsid()
    end_with_parent(signal.SIGKILL)  # it is the server of forks, which ends with the worker
    call(f"job {kind}")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    os.nice(5)
    if memory is None:
        return
    used = int(Path("/proc/self/statm").read_text().split()[0]) * _PAGE
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    wanted = used + memory if most == resource.RLIM_INFINITY else min(used + memory, most)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, most))


def _end_with(parent: Any) -> None:
    parent.join()
    os.killpg(0, signal.SIGKILL)

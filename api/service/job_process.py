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
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from api.home import Home
from api.http import logs
from api.service.supervisor import call, end_with_parent
from api.service.wallets import PATIENCE, UNSEEN, Sent
from api.settings import Settings

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.chain import Chain

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
_AWAITED: Final = 30.0
"""Seconds for which a try waits for what an earlier one had sent, before it makes room for other jobs."""
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
    sent: tuple[Sent, ...] = ()
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
class Asked:
    """A question to the account's wallet (:mod:`api.service.wallets`); the process waits for the answer."""

    kind: Literal["sign", "send"]
    content: Mapping[str, str]


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
    """A process that does a task. What it says is read from ``connection``: the classes above."""

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
    except BaseException as error:  # whatever it is, it is told, and ends this process
        said.send(_failed(error, task))
    else:
        said.send(Done(result))


def _run(task: Task, said: _Mouth) -> dict[str, Any]:
    from api.service import keys
    from api.service.kinds import KINDS, Context
    from api.service.wallet_home import WalletHome
    from ledger.address import Address

    kind = KINDS[task.kind]
    settings = task.settings if kind.signs else replace(task.settings, passphrase=None)
    task.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    account = None if task.account is None else Address.parse(task.account)
    home = Home(settings)
    if kind.signs and account is not None and keys.in_wallet(home, account):
        home = WalletHome(settings, account=account)
    context = Context(
        home=home,
        account=account,
        folder=task.folder,
        uploads=task.uploads,
        jobs=task.jobs,
        now=_now,
        say=said.say,
        write_down=said.write_down,
        note=task.note,
        wallet=None if account is None else _Asking(said, home, account),
    )
    if kind.signs and account is not None:
        # What an earlier try had sent, and nobody heard the receipt of, is waited for: after that the chain tells what
        # has still to be done.
        with home.acting(account) as ledger:
            for sent in task.sent:
                _await(ledger.chain, account, sent)
    return kind.run(context, kind.request.model_validate({"kind": task.kind, **task.request}))


def _await(chain: Chain, account: Address, sent: Sent, seconds: float = _AWAITED) -> None:
    """Wait for what a wallet sent for an earlier try.

    One that the node does not know may be mined still, as wallets hand some to builders of blocks alone; it cannot be
    once another of the account is mined under its nonce. Raises :class:`~ledger.errors.ChainUnreachable` after so many
    seconds.
    """
    from ledger.errors import ChainUnreachable, NotFound
    from ledger.submission import State

    end = time.monotonic() + seconds
    while True:
        try:
            if chain.status(sent.tx).state is not State.PENDING:
                return
        except NotFound:
            if chain.passed(account) > sent.nonce:
                return
        if time.monotonic() > end:
            raise ChainUnreachable(
                f"the wallet has sent {sent.tx}, which is not mined yet; once it is, or another in its place, try "
                "again. Nothing more is asked of the wallet before that"
            )
        time.sleep(1)


def _now() -> datetime:
    return datetime.now(UTC)  # by a name, so that it can be sent to other processes


class _Mouth:
    """What a job says to its worker, from any thread, and not more often than anybody reads."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._turn = connection, threading.Lock()
        self._last: dict[str, float] = {}

    def send(self, message: Said | Noted | Asked | Done | Failed) -> None:
        with self._turn:
            self._connection.send(message)

    def say(self, kind: str, content: Mapping[str, Any], topic: str | None = None) -> None:
        now = time.monotonic()
        if topic is not None and content.get("done") != content.get("total", ""):
            if now - self._last.get(topic, -_PACE) < _PACE:
                return
            self._last[topic] = now
        self.send(Said(kind, dict(content), topic))

    def ask(self, question: Asked) -> Mapping[str, str]:
        """The wallet's answer."""
        with self._turn:
            self._connection.send(question)
            answer: Mapping[str, str] = self._connection.recv()
        return answer

    def write_down(self, content: Mapping[str, Any]) -> None:
        with self._turn:
            self._connection.send(Noted(dict(content)))
            self._connection.recv()


class _Asking:
    """The way to the wallet of the account: through the worker, to whoever has the job's page open."""

    def __init__(self, said: _Mouth, home: Home, account: Address) -> None:
        self._said, self._home, self._account = said, home, account

    def sign(self, message: bytes) -> bytes:
        return bytes.fromhex(self._answer(Asked("sign", {"message": f"0x{message.hex()}"}), "signature")[2:])

    def send(self, chain_id: int, to: Address | None, data: bytes, value: int, gas: int) -> str:
        with self._home.reading() as ledger:
            nonce = ledger.chain.nonce(self._account)
        call = {"chainId": hex(chain_id), "data": f"0x{data.hex()}", "value": hex(value), "gas": hex(gas)}
        call["nonce"] = hex(nonce)
        return self._answer(Asked("send", call if to is None else {**call, "to": str(to)}), "hash")

    def _answer(self, question: Asked, name: str) -> str:
        from ledger.errors import ChainUnreachable, KeyUnreachable, KeyWithheld

        answer = self._said.ask(question)
        if "refused" in answer:
            raise KeyWithheld(f"the wallet said no: {answer['refused']}")
        if "earlier" in answer:
            raise ChainUnreachable(f"the wallet has sent {answer['earlier']} after all, which was asked before")
        if name not in answer:
            raise KeyUnreachable(
                f"the wallet did not answer within {PATIENCE:.0f} s, or nobody looked at what it is asked for "
                f"{UNSEEN:.0f} s; try again with its page open"
            )
        return answer[name]


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

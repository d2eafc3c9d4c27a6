"""A worker: claims one job after another, has each done in a process of its own, and keeps its lease meanwhile."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Final

from api.errors import ApiError, DatabaseUnusable, LeaseLost
from api.http import problems
from api.service import asking
from api.service.fuse import Fuse
from api.service.job import State
from api.service.job_process import Done, Failed, JobProcess, Noted, Said, Task, prepare
from api.service.jobs import Jobs
from api.service.kinds import KINDS, LONG
from api.service.leases import Claim, Leases
from api.service.patient_wallet import Asked, Sending
from api.service.service import Service
from api.service.uploads import FOLDER as UPLOADS
from api.service.uploads import Uploads
from api.service.wallets import PATIENCE, Wallets
from ledger.errors import LedgerError

log = logging.getLogger(__name__)

_IDLE: Final = 0.5
"""Seconds between two looks for work."""
_FOLLOW: Final = 2.0
"""Seconds between two looks at the chain."""
_CATCH_UP: Final = 5.0
"""Seconds for which an outcome waits for the directory to have it too."""
_TIDY: Final = 60.0
"""Seconds between two looks for what may go."""
KEPT: Final = 30 * 86400.0
"""Seconds for which a job and what it made are kept after its end."""
UNUSED: Final = 2 * 86400.0
"""Seconds after which an upload goes that no job is to work on."""
QUIET: Final = 120.0
"""The same for what is nobody's, from the last byte that came: its job is asked for with it."""
_AGAIN: Final = 10.0
"""Seconds until what could not be done now is tried again."""
_MINED: Final = 3.0
"""Seconds until it is looked again whether what a wallet sent is mined; later, an eighth of the time since."""


_Last = Done | Failed | Asked | Sending
"""What a process says when it ends."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds of a worker's day.

    lease: for which a job is claimed at a time. beat: between two renewals, when a wish to cancel is heard too. grace:
    that a job in work has left once the worker is to end; what is not done by then is given back, and another goes on.
    """

    lease: float = 15.0
    beat: float = 2.0
    grace: float = 20.0


class Worker:
    """Does jobs until ``stop`` is set. ``without`` names kinds that it leaves to others."""

    def __init__(
        self, service: Service, stop: threading.Event, without: Collection[str] = (), pace: Pace | None = None
    ) -> None:
        self._service, self._stop, self._without, self._pace = service, stop, without, pace or Pace()
        self._leases, self._jobs = Leases(service.database, service.now), Jobs.of(service)
        self._uploads, self._wallets = Uploads.of(service), Wallets(service.database)
        self.name = f"{socket.gethostname()[:40]}:{os.getpid()}"
        self._catching = ThreadPoolExecutor(1, "catching up")
        self._tidied = 0.0
        self._behind = False

    def run(self) -> None:
        """Work. A database out of reach is waited for."""
        prepare()
        following = threading.Thread(target=self._keep_following, name="following")
        following.start()
        try:
            while not self._stop.is_set():
                self._look()
        finally:
            self._stop.set()
            following.join()
            self._catching.shutdown()

    def _look(self) -> None:
        try:
            self.tidy()
            claim = self._leases.claim(self.name, self._pace.lease, self._without, LONG)
            if claim is None:
                self._stop.wait(_IDLE)
            else:
                self.do(claim)
        except DatabaseUnusable as error:
            log.warning("%s", error)
            self._stop.wait(5)

    def follow(self) -> None:
        """Bring the directory up to the chain; where that cannot be now, it is said in the log and tried later."""
        from api.service.follower import follow

        try:
            follow(self._service)
        except (ApiError, LedgerError, OSError) as error:
            if not self._behind:
                log.warning("the directory cannot follow the chain: %s: %s", type(error).__name__, error)
            self._behind = True
        else:
            self._behind = False

    def catch_up(self) -> Future[None]:
        """The same in a thread of its own."""
        return self._catching.submit(self.follow)

    def _keep_following(self) -> None:
        while not self._stop.is_set():
            self.follow()
            self._stop.wait(_FOLLOW)

    def do(self, claim: Claim) -> None:
        """Have a job done, whatever becomes of it."""
        log.info("job %d: %s, try %d", claim.job.number, claim.job.kind, claim.job.tries)
        try:
            process = JobProcess(self._task(claim))
            try:
                with Fuse(process.end, self._pace.lease) as fuse:
                    _Doing(self, claim, process, fuse).see_to_the_end()
            finally:
                process.kill()
        except LeaseLost as error:  # it is somebody else's by now, with all that it needs
            log.warning("%s", error)
        except DatabaseUnusable:
            raise
        except Exception as error:  # a defect of ours, which shall cost this job, and not each worker that takes it up
            log.error("job %d: its worker fails over it", claim.job.number, exc_info=error)
            with contextlib.suppress(LeaseLost):
                self._leases.fail(claim, problems.problem(error))

    def tidy(self) -> None:
        """Now and then: drop what nobody needs any more."""
        if time.monotonic() - self._tidied < _TIDY and self._tidied:
            return
        self._tidied = time.monotonic()
        now = self._service.now().timestamp()
        for job in self._wallets.expire(now):
            asking.spend(self._service, job, job.state)
        for id_ in self._jobs.forget(now - KEPT):
            shutil.rmtree(self._service.home.folder(asking.FOLDER) / id_, ignore_errors=True)
        for id_ in self._uploads.old(now - UNUSED):
            self._drop_unused(id_)
        for id_ in self._uploads.nobodys(now - QUIET):
            self._drop_unused(id_)

    def _drop_unused(self, upload: str) -> None:
        if not self._jobs.mention(upload):
            self._uploads.drop(upload)

    def _task(self, claim: Claim) -> Task:
        job, home = claim.job, self._service.home
        return Task(
            settings=home.settings,
            kind=job.kind,
            request=job.request,
            account=None if job.account is None else str(job.account),
            folder=asking.folder(self._service, job),
            uploads=home.folder(UPLOADS),
            jobs=home.folder(asking.FOLDER),
            memory=KINDS[job.kind].limits.memory,
            heard=self._wallets.heard(job),
            note=job.note,
        )


class _Doing:
    """One job in work: what its process says is written down, and its lease kept."""

    def __init__(self, worker: Worker, claim: Claim, process: JobProcess, fuse: Fuse) -> None:
        self._worker, self._claim, self._process, self._fuse = worker, claim, process, fuse
        self._leases, self._pace, self._stop = worker._leases, worker._pace, worker._stop
        self._began = self._beaten = self._tried = time.monotonic()
        self._stopping: float | None = None

    def see_to_the_end(self) -> None:
        """Raises :class:`~api.errors.LeaseLost`."""
        limits = KINDS[self._claim.job.kind].limits
        while True:
            message = self._hear()
            if message is not None:
                return self._end(message)
            now = time.monotonic()
            if self._beat(now):
                self._process.kill()
                return self._record(lambda: self._leases.cancelled(self._claim))
            if now - self._began > limits.seconds:
                self._process.kill()
                return self._end(Failed(self._too_long(), again=False))
            if self._stop.is_set():
                self._stopping = self._stopping or now
                if now - self._stopping > self._pace.grace:
                    self._process.kill()
                    log.info("job %d: given back", self._claim.job.number)
                    return self._record(lambda: self._leases.release(self._claim))

    def _too_long(self) -> dict[str, Any]:
        kind = KINDS[self._claim.job.kind]
        more = ", or have it tried again: it goes on from what is done" if kind.long else ""
        return problems.of(413, "TooExpensive", f"not done after {kind.limits.seconds:.0f} s; ask for less{more}")

    def _hear(self) -> _Last | None:
        """What has been said by now, of each topic the last; the end, if it has come to that."""
        said: dict[Any, Said] = {}
        connection, wait = self._process.connection, 0.5
        try:
            while connection.poll(wait) and len(said) < 100:
                message, wait = connection.recv(), 0
                if isinstance(message, Said):
                    said[message.topic or len(said)] = message
                elif isinstance(message, Noted):
                    self._leases.note(self._claim, message.content)
                    connection.send(True)
                else:
                    self._tell(said)
                    end: _Last = message
                    return end
        except (EOFError, OSError):
            self._tell(said)
            how = self._process.ending()
            log.error("job %d: its process died (%s)", self._claim.job.number, how)
            return Failed(problems.of(500, "Lost", f"whatever worked on it died ({how}); try it again"), again=True)
        self._tell(said)
        return None

    def _tell(self, said: dict[Any, Said]) -> None:
        for one in said.values():
            with contextlib.suppress(DatabaseUnusable):  # then nobody can watch either
                self._leases.say(self._claim, one.kind, one.content, one.topic)

    def _beat(self, now: float) -> bool:
        if now - self._tried < self._pace.beat:
            return False
        self._tried = now
        try:
            cancelling = self._leases.beat(self._claim, self._pace.lease)
        except DatabaseUnusable:
            if now - self._beaten > self._pace.lease:
                raise LeaseLost(f"job {self._claim.job.number}: no word of its lease for too long") from None
            return False
        self._beaten = now
        self._fuse.renew(now)
        return cancelling

    def _end(self, message: _Last) -> None:
        claim = self._claim
        if isinstance(message, Asked | Sending):
            self._process.kill()  # the next may begin at once, and shall wait for no lock of this one
            return self._record(lambda: self._part(message))
        if isinstance(message, Done):
            if KINDS[claim.job.kind].signs:
                self._await_directory()
            self._record(lambda: self._leases.finish(claim, message.result))
            return
        log.info("job %d: %s", claim.job.number, message.problem["title"])
        again = _AGAIN * claim.job.tries if message.again else None
        self._record(lambda: self._leases.fail(claim, message.problem, again))

    def _part(self, message: Asked | Sending) -> State:
        """Let the job go until its wallet has answered, or what that sent is mined."""
        claim, at = self._claim, self._worker._service.now().timestamp()
        if isinstance(message, Asked):
            log.info("job %d: asks its wallet", claim.job.number)
            return self._worker._wallets.ask(claim, message.kind, message.content, message.moment, at)
        since = max(0.0, at - message.at)
        if since > PATIENCE:
            detail = f"the wallet has sent {message.tx}, which is not mined after {PATIENCE / 3600:.0f} hours; once it "
            detail += "is, or another in its place, try again. Nothing more is asked of the wallet before that"
            return self._leases.fail(claim, problems.of(503, "ChainUnreachable", detail))
        self._leases.say(claim, "progress", {"phase": "mining", "done": 0, "total": None}, topic="mining")
        return self._leases.release(claim, max(_MINED, since / 8))

    def _await_directory(self) -> None:
        """So that whoever hears that it is done finds what was done. A slow node holds the outcome up for some seconds,
        in which the lease is kept: the wait must not make it somebody else's."""
        caught_up, began = self._worker.catch_up(), time.monotonic()
        while not wait([caught_up], self._pace.beat / 2).done:
            now = time.monotonic()
            self._beat(now)  # a wish to cancel comes too late
            if now - began > _CATCH_UP:
                caught_up.cancel()
                return

    def _record(self, write: Callable[[], State]) -> None:
        """Write the end down, as soon as the database is there again; another worker may have done it by then."""
        while True:
            try:
                state = write()
                break
            except DatabaseUnusable:
                if self._stop.wait(1):
                    raise LeaseLost(f"job {self._claim.job.number}: its end could not be written down") from None
        with contextlib.suppress(ApiError):
            asking.spend(self._worker._service, self._claim.job, state)

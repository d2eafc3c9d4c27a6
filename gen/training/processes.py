"""How a team of processes comes together: begun here, one for each GPU or as many as asked for; or by torchrun."""

import contextlib
import ctypes
import multiprocessing
import os
import signal
import tempfile
import traceback
from collections.abc import Callable, Iterator
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar

import torch
from torch import distributed

from gen.errors import ConfigError, TeamError
from gen.training.team import Team

Outcome = TypeVar("Outcome")

_PATIENCE = timedelta(minutes=30)
"""How long one process waits for the others: the first one also judges and writes."""
_FAREWELL = 10.0
_PR_SET_PDEATHSIG = 1


def together(count: int, work: Callable[[Team], Outcome], device: str | None = None) -> Outcome:
    """Let so many processes do the same work, this one first among them, and return what this one got.

    The others are forks of this process, so they know whatever it knows; what they return is lost. device: "cpu",
    "cuda" or "cuda:1"; without it one GPU for each process, if there are any. What this process raises comes through.
    Raises TeamError with the report of another one that failed, and ConfigError where there are too few GPUs.
    """
    devices = devices_for(count, device)
    if count == 1:
        return work(Team(device=devices[0]))
    context = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory(prefix="stemmata-team-") as folder:
        meeting = f"file://{Path(folder) / 'meeting'}"
        others, reports = [], []
        for rank in range(1, count):
            mine, theirs = context.Pipe(duplex=False)
            arguments = (work, Team(rank, count, devices[rank]), meeting, theirs)
            others.append(context.Process(target=_follow, args=arguments, daemon=True))
            reports.append(mine)
            others[-1].start()
            theirs.close()
        try:
            with _group(Team(0, count, devices[0]), meeting) as team:
                outcome = work(team)
            for other in others:
                other.join(_FAREWELL)
        except RuntimeError as error:
            report = _first(reports)
            if report is None:
                raise
            raise TeamError(f"another of the {count} processes failed: {report}") from error
        finally:
            for other in others:
                other.kill()
                other.join()
    return outcome


def begun_by_torchrun() -> bool:
    """Whether torchrun has begun this process, as one of several perhaps."""
    return bool(distributed.is_torchelastic_launched())


@contextlib.contextmanager
def by_torchrun(device: str | None = None) -> Iterator[Team]:
    """The team that torchrun has begun: RANK, LOCAL_RANK, WORLD_SIZE and MASTER_ADDR say who and where.

    device: as in `together`. Raises ConfigError where nobody has begun one, and TeamError in a process that waits for
    another one which is gone.
    """
    if not begun_by_torchrun():
        raise ConfigError("RANK: is not set; begin the processes with torchrun")
    size, local = int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_RANK"])
    own = devices_for(int(os.environ["LOCAL_WORLD_SIZE"]), device)[local]
    with _group(Team(int(os.environ["RANK"]), size, own), "env://") as team:
        try:
            yield team
        except RuntimeError as error:
            if team.leads:
                raise
            raise TeamError(f"another of the {size} processes is gone; its own message says why: {error}") from error


def devices_for(count: int, device: str | None = None) -> list[str]:
    """A device for each of so many processes on this machine. Raises ConfigError naming what is missing."""
    if count < 1:
        raise ConfigError(f"processes: must be at least 1, not {count}")
    available = torch.cuda.device_count()  # does not open them, so a fork still can
    if device == "cpu" or (device is None and available == 0):
        return ["cpu"] * count
    if available == 0:
        raise ConfigError(f"device: {device!r} is not there: PyTorch finds no GPU here; choose cpu")
    if device not in (None, "cuda", *(f"cuda:{number}" for number in range(available))):
        raise ConfigError(f"device: {device!r} is not there; choose cpu, cuda or cuda:0 to cuda:{available - 1}")
    if device is not None and ":" in device:
        if count > 1:
            raise ConfigError(f"device: {device} is one GPU; {count} processes need one each: choose cuda")
        return [device]
    if count > available:
        raise ConfigError(f"processes: {count}, and PyTorch finds {available} GPUs; choose at most so many, or cpu")
    return [f"cuda:{number}" for number in range(count)]


def start(device: str) -> None:
    """Use a device of `devices_for` once: a GPU may be there and not work. Raises ConfigError with what torch says."""
    if device != "cpu":
        try:
            torch.zeros(1, device=device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).partition("\n")[0]
            raise ConfigError(f"device: {device!r} is there and does not start ({reason}); choose cpu") from error


@contextlib.contextmanager
def _group(team: Team, meeting: str) -> Iterator[Team]:
    if team.device != "cpu":
        torch.cuda.set_device(team.device)
    distributed.init_process_group(
        "gloo" if team.device == "cpu" else "nccl",
        init_method=meeting,
        rank=team.rank,
        world_size=team.size,
        timeout=_PATIENCE,
    )
    try:
        yield team
    finally:
        distributed.destroy_process_group()


def _follow(work: Callable[[Team], object], team: Team, meeting: str, report: Connection) -> None:
    """What a process does that is not the first."""
    _die_with_parent()
    torch.set_num_threads(1)  # the pool of threads of the process that this is a fork of is not there any more
    try:
        with _group(team, meeting):
            work(team)
    except BaseException as error:
        with contextlib.suppress(OSError):
            report.send(traceback.format_exception_only(error)[-1].strip())
    finally:
        report.close()
        os._exit(0)  # what the first process has opened is its own to close


def _die_with_parent() -> None:
    """Have the system kill this process when the first one is gone, however it went: prctl(2), on Linux alone."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1:  # it went before it could be asked for
        os._exit(0)


def _first(reports: list[Connection]) -> str | None:
    for report in reports:
        with contextlib.suppress(EOFError, OSError):
            if report.poll(1):
                return str(report.recv())
    return None

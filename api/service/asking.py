"""Who may ask for a job, and see one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from api.errors import NoSuchThing
from api.service import keys, mistakes, previews, underway, wishes
from api.service.jobs import Jobs
from api.service.kinds import KINDS
from api.service.kinds.making import Mint
from api.service.uploads import Uploads
from api.service.wallets import Wallets

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from api.service.job import Job, State
    from api.service.kinds.kind import Request
    from api.service.service import Service
    from ledger.address import Address

FOLDER: Final = "jobs"
"""Of a home: what each job has made, under its id."""


def ask(service: Service, account: Address | None, request: Request) -> Job:
    """Ask for a job. Raises as :func:`look` and :func:`submit` do."""
    look(service, account, request)
    return submit(service, account, request)


def look(service: Service, account: Address | None, request: Request) -> None:
    """Whether a job may be asked for: what it works on must be the account's, and its key here where the job signs.

    That asks the chain, and contracts of strangers: never to be called in a transaction of the database.

    Raises :class:`~api.errors.NoSuchThing` for what is somebody else's, :class:`~api.errors.KeyElsewhere`, and what
    :func:`api.service.mistakes.refuse` and :func:`api.service.wishes.refuse` do.
    """
    uploads, jobs, kind = Uploads.of(service), Jobs.of(service), KINDS[request.kind]
    for upload in request.uploads():
        uploads.get(upload, account)
    for other in request.jobs():
        made = jobs.get(other)
        if made.account != account:
            raise NoSuchThing("there is no such job")
        if isinstance(request, Mint) and made.over and request.file not in (path.name for path in files(service, made)):
            raise NoSuchThing(f"file: job {other} has made no {request.file!r}")
    if kind.signs:
        keys.require(service.home, account)
    mistakes.refuse(service, account, request)
    wishes.refuse(service, request)


def submit(service: Service, account: Address | None, request: Request) -> Job:
    """Ask for a job that may be asked for; this changes the database, and asks nobody else. Raises as
    :meth:`Jobs.submit` does."""
    said = request.model_dump(mode="json", exclude={"kind"})
    return Jobs.of(service).submit(account, request.kind, said, underway.same(request))


def retry(service: Service, job: Job) -> Job:
    """Have a job done once more, as :meth:`Jobs.retry` does, where the account is not after the same already. What the
    job itself has sent stops nobody: it is looked after first.

    Raises as :meth:`~api.service.underway.Underway.refuse` does too.
    """
    request = underway.asked(job)
    underway.Underway(service).refuse(job.account, request, job)
    return Jobs.of(service).retry(job.id, underway.same(request))


def cancel(service: Service, id: str) -> Job:  # noqa: A002
    """Ask for a job's end, as :meth:`Jobs.cancel` does; where it has come to that, its uploads go at once."""
    job = Jobs.of(service).cancel(id)
    spend(service, job, job.state)
    return job


def answer(service: Service, job: Job, number: int, said: Mapping[str, str]) -> None:
    """Take a wallet's answer, as :meth:`~api.service.wallets.Wallets.answer` does."""
    spend(service, job, Wallets(service.database).answer(job, number, said, service.now().timestamp()))


def spend(service: Service, job: Job, state: State) -> None:
    """Drop what a job has done with, now that it is in this state: its uploads, and what was to be heard meanwhile."""
    if state != "running":
        previews.clear(folder(service, job))
    kind = KINDS[job.kind]
    if state in kind.spends:
        for upload in kind.request.model_validate({"kind": kind.name, **job.request}).uploads():
            Uploads.of(service).drop(upload)


def seen(service: Service, account: Address | None, id: str) -> Job:  # noqa: A002
    """A job that the account may see: its own, or one that is nobody's. Raises :class:`~api.errors.NoSuchThing`."""
    job = Jobs.of(service).get(id)
    if job.account not in (None, account):
        raise NoSuchThing("there is no such job")
    return job


def folder(service: Service, job: Job) -> Path:
    """Where a job leaves what it makes; not there before it begins."""
    return service.home.folder(FOLDER) / job.id


def files(service: Service, job: Job) -> tuple[Path, ...]:
    """What a job has made so far, by name."""
    place = folder(service, job)
    if not place.is_dir():
        return ()
    return tuple(sorted(path for path in place.iterdir() if path.is_file() and not path.name.startswith(".")))

"""A kind of job: its request, its work, and what the work may cost. And what the work is done with."""

# No postponed annotations: pydantic reads them.

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from api.home import Home
from api.service import keys
from api.service.track_ids import PATTERN, watermark
from ledger.address import Address

if TYPE_CHECKING:
    from ledger.contracts.entries import SubjectKind
    from ledger.keys import Signer
    from ledger.wallet import Wallet

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{22}$")]
"""Of a job or an upload."""
Number = Annotated[int, Field(ge=1, lt=2**53)]
"""Of a dataset or a model."""
Track = Annotated[
    str,
    StringConstraints(pattern=PATTERN),
    AfterValidator(watermark),
    Field(description="Its watermark, 16 hex digits, or its token, decimal; 16 digits alone are the watermark."),
]
"""A track by its watermark in hex; its token is read as that."""
Words = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Amount = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{1,40}(\.[0-9]{1,36})?$"),
    Field(description="Text: decimal ether (not wei, as lists have it), or a token's smallest units."),
]
Percent = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{1,3}(\.[0-9]{1,4})?$"), Field(description="Text, in percent.")
]
Account = Annotated[str, StringConstraints(pattern=r"^0x[0-9A-Fa-f]{40}$")]
Day = Annotated[str, StringConstraints(pattern=r"^(never|[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?)$")]
"""The last day (UTC) or moment of a term, or ``never``."""
File = Annotated[str, StringConstraints(pattern=r"^[^/\\\x00-\x1f]{1,200}$")]
"""The name of a file that a job has made."""
Use = Literal["train", "generate", "commercial"]

GIB: Final = 1 << 30


class Request(BaseModel):
    """What is asked for. What is not known is refused, and not passed over."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    owned: ClassVar[bool] = False
    """Whether the subjects must be the account's."""

    kind: str

    def subjects(self) -> tuple[tuple["SubjectKind", int], ...]:
        """The datasets and models that it is about, which must be there."""
        return ()

    def aim(self) -> str | None:
        """What of an account's one job alone may be after at a time, in a few words; None where several may."""
        return None

    def uploads(self) -> tuple[str, ...]:
        """The uploads that it works on: whoever asks must have sent them."""
        return self._named("upload", "primer")

    def jobs(self) -> tuple[str, ...]:
        """The jobs whose files it works on: they must be those of whoever asks."""
        return self._named("job")

    def _named(self, *fields: str) -> tuple[str, ...]:
        return tuple(value for value in (getattr(self, field, None) for field in fields) if value is not None)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one job may cost: seconds from claim to end, and bytes of address space beyond an idle process's."""

    seconds: float = 600.0
    memory: int | None = 4 * GIB


class Say(Protocol):
    """Tell whoever watches; with a topic in the place of the last of that topic."""

    def __call__(self, kind: str, content: Mapping[str, Any], topic: str | None = None) -> None:
        """Say it."""


@dataclass(frozen=True)
class Context:
    """What a job is done with, in its own process.

    Attributes:
        account: who asked; None for what needs no account.
        folder: what the job leaves, for whoever may see it; of an earlier try too.
        uploads, jobs: where those of everybody lie, each under its id.
        now: the time that records bear; it stands still where the account's wallet signs, since what is made again
            must be what was signed. ``clock`` goes on.
        note: what an earlier try wrote down before it acted.
        write_down: keeps such a note before this try acts.
        wallet: the way to the account's own wallet.
    """

    home: Home
    account: Address | None
    folder: Path
    uploads: Path
    jobs: Path
    now: Callable[[], datetime]
    clock: Callable[[], datetime]
    say: Say
    write_down: Callable[[Mapping[str, Any]], None]
    note: Mapping[str, Any] | None = field(default=None, repr=False)
    wallet: "Wallet | None" = field(default=None, repr=False)

    def signer(self) -> "Signer":
        """The account's key, out of this home, or its wallet. Raises as :func:`api.service.keys.opened`."""
        return keys.opened(self.home, self.account, self.wallet)

    def progress(self, phase: str, done: int, total: int | None) -> None:
        """How far a phase is; one event for each phase, which takes the place of the last."""
        self.say("progress", {"phase": phase, "done": done, "total": total}, topic=phase)


@dataclass(frozen=True)
class Kind:
    """A kind of job by its name. ``run`` gives the outcome as one object; run again, it finds what is done already.

    Attributes:
        request: what it is asked for with.
        scope: what an API token must be allowed; None for what needs no account.
        signs: whether the account's key has to be here.
        long: whether it may take hours.
        spends: the states in which its uploads are of no more use, and are deleted.
    """

    name: str
    request: type[Request]
    run: Callable[[Context, Any], dict[str, Any]]
    scope: str | None = "jobs"
    signs: bool = True
    long: bool = False
    limits: Limits = Limits()
    spends: tuple[str, ...] = ()

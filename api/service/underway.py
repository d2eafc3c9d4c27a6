"""What an account is after already: a job in work, or a transaction that its wallet has sent and no block has yet.

A wallet may hand what it sends to builders of blocks alone; the node hears of it when it is mined. Until then the chain
stands as if nothing had been sent, and whoever asks again would pay twice, or pay for what the contract then refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import BigInteger, Column, Index, String, Table, Text, and_, delete, insert, select, update

from api.errors import RequestConflict
from api.service.database import metadata
from api.service.jobs import Jobs
from api.service.kinds import KINDS
from api.service.patient_wallet import nonce_bound
from api.service.wallets import Wallets

if TYPE_CHECKING:
    from api.service.job import Job
    from api.service.kinds.kind import Request
    from api.service.service import Service
    from ledger.address import Address
    from ledger.chain import Chain
    from ledger.submission import State

OPEN: Final = 86400
"""Seconds after which a transaction that no node knows is taken for lost: private relays give up within minutes."""
OPEN_OF_CONTRACT: Final = 900
"""The same where the account is a contract, whose nonce tells nothing: its wallet may give a hash of its own (of a
Safe's transaction, or of an operation of ERC-4337), which no node ever knows."""
_LATEST: Final = 20
"""So many transactions are looked up for a request, the newest; one look takes a node up to three answers."""
_OVER: Final = -1
"""In the place of a nonce: looked up no more. It stays, as a page that waits for it tells of it again and again."""
MOST: Final = 100
"""Most of an account that are remembered; the oldest make room."""

_aims = Table(
    "aims",
    metadata,
    Column("account", String(42), primary_key=True),
    Column("hash", String(66), primary_key=True),
    Column("aim", Text, nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("told", BigInteger, nullable=False),
)
Index("aims_of", _aims.c.account, _aims.c.told)


@dataclass(frozen=True, slots=True)
class _Sent:
    tx: str
    nonce: int | None
    told: float
    job: str | None


class Underway:
    """What accounts of a service are after. An aim is in the words of :meth:`~api.service.kinds.Request.aim`."""

    def __init__(self, service: Service) -> None:
        self._service, self._database = service, service.database

    def refuse(self, account: Address | None, request: Request, retried: Job | None = None) -> None:
        """Let a request through, unless the account is after the same with more than the job that is ``retried``.

        Raises :class:`~api.errors.RequestConflict` with the job or the transaction, and what the chain does where it
        has to be asked and does not answer.
        """
        from ledger.submission import State

        aim = request.aim()
        if aim is None or account is None:
            return
        Jobs.of(self._service).refuse_second(account, request.kind, _others(aim, retried))
        sent = sorted(self._sent(account, request.kind, aim, retried), key=lambda one: one.told, reverse=True)
        if not sent:
            return
        over, now = [], self._service.now().timestamp()
        with self._service.home.reading() as ledger:
            for one in sent[:_LATEST]:
                state = _state(ledger.chain, account, one, now)
                if state is State.PENDING:
                    where = "" if one.job is None else f", for job {one.job}"
                    raise RequestConflict(
                        f"your wallet has sent {one.tx} for this{where}, and it is in no block yet; wait until it is, "
                        "or speed it up or cancel it in the wallet, before you ask again"
                    )
                if one.job is None and state is not State.MINED:  # a block may be taken back
                    over.append(one.tx)
        if over:
            with self._database.changing() as connection:
                mine = and_(_aims.c.account == str(account), _aims.c.hash.in_(over))
                connection.execute(update(_aims).where(mine).values(nonce=_OVER))

    def remember(self, chain: Chain, account: Address, tx: str, aim: str) -> None:
        """Remember what a transaction is for that the account's wallet has just sent; once more changes nothing."""
        mine, now = _aims.c.account == str(account), int(self._service.now().timestamp())
        with self._database.reading() as connection:  # it is told again and again while it waits
            if connection.execute(select(_aims.c.hash).where(mine, _aims.c.hash == tx)).first():
                return
        nonce = nonce_bound(chain, account, tx)
        with self._database.changing() as connection:
            kept = select(_aims.c.told).where(mine).order_by(_aims.c.told.desc()).offset(MOST - 1).limit(1)
            oldest = max(now - OPEN, connection.execute(kept).scalar() or 0)
            connection.execute(delete(_aims).where(mine, (_aims.c.told <= oldest) | (_aims.c.hash == tx)))
            row = {"account": str(account), "hash": tx, "aim": aim, "nonce": nonce, "told": now}
            connection.execute(insert(_aims).values(row))

    def _sent(self, account: Address, kind: str, aim: str, retried: Job | None) -> Iterator[_Sent]:
        since, wallets = self._service.now().timestamp() - OPEN, Wallets(self._database)
        for job in Jobs.of(self._service).ended(account, kind, since, _LATEST):
            if _others(aim, retried)(job):
                for heard in wallets.heard(job):
                    if heard.kind == "send" and "hash" in heard.answer:
                        yield _Sent(heard.answer["hash"], heard.nonce, heard.at, job.id)
        asked = select(_aims).where(
            _aims.c.account == str(account), _aims.c.aim == aim, _aims.c.told > since, _aims.c.nonce != _OVER
        )
        with self._database.reading() as connection:
            rows = connection.execute(asked).all()
        yield from (_Sent(row.hash, row.nonce, row.told, None) for row in rows)


def asked(job: Job) -> Request:
    """What a job was asked for with."""
    return KINDS[job.kind].request.model_validate({"kind": job.kind, **job.request})


def same(request: Request) -> Callable[[Job], bool] | None:
    """Whether a job is after the same as a request; None where any number of them may be."""
    aim = request.aim()
    return None if aim is None else _after(aim)


def _after(aim: str) -> Callable[[Job], bool]:
    return lambda job: asked(job).aim() == aim


def _others(aim: str, retried: Job | None) -> Callable[[Job], bool]:
    return lambda job: (retried is None or job.id != retried.id) and asked(job).aim() == aim


def _state(chain: Chain, account: Address, sent: _Sent, now: float) -> State | None:
    """How far a transaction is; None where it cannot be mined any more."""
    from ledger.errors import NotFound, TransactionDropped
    from ledger.submission import State

    try:
        return chain.status(sent.tx).state
    except TransactionDropped:
        return None
    except NotFound:
        if sent.told <= now - OPEN_OF_CONTRACT and chain.is_contract(account):
            return None
        return State.PENDING if sent.nonce is None or chain.passed(account) <= sent.nonce else None

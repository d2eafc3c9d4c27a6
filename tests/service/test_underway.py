"""Nobody pays twice for what their wallet has sent and no block has yet, and nobody waits for what never comes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from api.errors import RequestConflict
from api.service import asking, underway
from api.service.database import Database
from api.service.job import Job
from api.service.jobs import Jobs
from api.service.kinds.licensing import LICENSE
from api.service.leases import Leases
from api.service.underway import OPEN, OPEN_OF_CONTRACT, Underway
from api.service.wallets import Wallets
from ledger.address import Address
from ledger.chain import Chain
from ledger.errors import NotFound
from ledger.submission import State
from tests.http.signing_in import Clock

ANNA = Address(b"\x0a" * 20)
SENDING = {"chainId": "0x5", "to": str(ANNA), "data": "0x01", "value": "0x3", "gas": "0x5208", "nonce": "0x7"}
ASKED: dict[str, Any] = {"subject": "dataset", "id": 1, "uses": ["train"]}
REQUEST = LICENSE.request.model_validate({"kind": "license", **ASKED})


class Node:
    """A node that has heard of hardly a transaction, and counts what it is asked."""

    def __init__(self) -> None:
        self.asked, self.mined = 0, 7
        self.states: dict[str, State] = {}
        self.contracts: set[Address] = set()

    def status(self, tx: str) -> SimpleNamespace:
        self.asked += 1
        if tx not in self.states:
            raise NotFound(tx)
        return SimpleNamespace(state=self.states[tx])

    def passed(self, account: Address) -> int:
        self.asked += 1
        return self.mined

    nonce = passed

    def is_contract(self, account: Address) -> bool:
        self.asked += 1
        return account in self.contracts


class Desk:
    """Somebody's jobs, as far as their wallet has to do with them."""

    def __init__(self, database: Database) -> None:
        self.database, self.now, self.node = database, Clock(), Node()
        self.settings, self.home = SimpleNamespace(quota=8, upload=1 << 28), self
        self.jobs, self.wallets = Jobs(database, self.now), Wallets(database)

    @contextlib.contextmanager
    def reading(self) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(chain=self.node)

    @property
    def underway(self) -> Underway:
        return Underway(self)  # type: ignore[arg-type]

    def asks(self, **answer: str) -> Job:
        """A job that asked the wallet to send something, and was answered."""
        job = self.jobs.submit(ANNA, "license", ASKED)
        claim = Leases(self.database, self.now).claim("w", 30)
        assert claim is not None
        at = self.now().timestamp()
        self.wallets.ask(claim, "send", SENDING, 1.0, at)
        self.wallets.answer(self.jobs.get(job.id), 1, answer, at)
        return self.jobs.get(job.id)

    def remembered(self) -> int:
        with self.database.reading() as connection:
            return int(connection.execute(text("select count(*) from aims")).scalar_one())

    def retry(self, job: Job) -> Job:
        return asking.retry(self, job)  # type: ignore[arg-type]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(Database.open(f"sqlite:///{tmp_path / 'a.sqlite'}"))
    yield made
    made.database.close()


def test_no_job_is_tried_again_while_what_another_sent_for_the_same_is_in_no_block(desk: Desk) -> None:
    withheld = desk.asks(refused="no")
    sent = desk.asks(hash="0x" + "5c" * 32)
    with pytest.raises(RequestConflict, match=f"job {sent.id} does this already"):
        desk.retry(withheld)
    desk.jobs.cancel(sent.id)
    with pytest.raises(RequestConflict, match=f"for job {sent.id}, and it is in no block yet"):
        desk.retry(withheld)
    assert desk.retry(sent).state == "waiting"  # it looks first for what it has sent itself
    desk.jobs.cancel(sent.id)
    desk.now.pass_by(OPEN)  # nobody will ever mine it
    assert desk.retry(withheld).state == "waiting"


def test_no_job_is_tried_again_while_what_the_wallet_sent_by_itself_is_in_no_block(desk: Desk) -> None:
    withheld = desk.asks(refused="no")
    aim = REQUEST.aim()
    assert aim is not None
    desk.underway.remember(desk.node, ANNA, "0x" + "5c" * 32, aim)  # type: ignore[arg-type]
    with pytest.raises(RequestConflict, match="in no block yet"):
        desk.retry(withheld)


def test_of_all_that_an_account_tells_a_bounded_part_is_remembered_and_looked_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(underway, "MOST", 25)
    aim = REQUEST.aim()
    assert aim is not None
    for number in range(30):
        desk.underway.remember(desk.node, ANNA, f"0x{number:064x}", aim)  # type: ignore[arg-type]
        desk.now.pass_by(1)
    assert desk.remembered() == 25
    with pytest.raises(RequestConflict, match=f"0x{29:064x}"):  # the newest
        desk.underway.refuse(ANNA, REQUEST)
    desk.node.mined, desk.node.asked = 8, 0  # none of them can be mined any more
    desk.underway.refuse(ANNA, REQUEST)
    assert desk.node.asked <= 2 * 20
    desk.node.asked = 0
    desk.underway.remember(desk.node, ANNA, f"0x{29:064x}", aim)  # type: ignore[arg-type]  # a page still waits for it
    desk.underway.refuse(ANNA, REQUEST)
    assert desk.node.asked == 2 * (25 - 20)  # what is known to be over is looked up no more


def test_what_is_in_a_block_that_may_be_taken_back_is_remembered(desk: Desk) -> None:
    aim, tx = REQUEST.aim(), "0x" + "5c" * 32
    assert aim is not None
    desk.underway.remember(desk.node, ANNA, tx, aim)  # type: ignore[arg-type]
    desk.node.states[tx] = State.MINED
    desk.underway.refuse(ANNA, REQUEST)
    del desk.node.states[tx]
    with pytest.raises(RequestConflict, match="in no block yet"):
        desk.underway.refuse(ANNA, REQUEST)
    desk.node.states[tx] = State.FINAL
    desk.underway.refuse(ANNA, REQUEST)
    desk.node.asked = 0
    desk.underway.refuse(ANNA, REQUEST)
    assert desk.node.asked == 0


def test_what_a_job_sent_is_lost_once_others_have_every_nonce_that_it_may_have(desk: Desk) -> None:
    sent = desk.asks(hash="0x" + "5c" * 32)
    desk.jobs.cancel(sent.id)
    for bound, mined in ((None, 9), (8, 8)):  # asked for with 7
        desk.node.mined = mined
        if bound is not None:
            desk.wallets.bound(sent, 1, bound)
        with pytest.raises(RequestConflict, match="in no block yet"):
            desk.underway.refuse(ANNA, REQUEST)
    desk.node.mined = 9
    desk.underway.refuse(ANNA, REQUEST)


def test_a_contract_is_not_locked_out_for_a_day_by_a_hash_that_is_no_transactions(desk: Desk) -> None:
    aim = REQUEST.aim()
    assert aim is not None
    desk.underway.remember(desk.node, ANNA, "0x" + "5c" * 32, aim)  # type: ignore[arg-type]
    desk.jobs.cancel(desk.asks(hash="0x" + "5d" * 32).id)
    desk.node.contracts = {ANNA}
    with pytest.raises(RequestConflict, match="in no block yet"):
        desk.underway.refuse(ANNA, REQUEST)
    desk.now.pass_by(OPEN_OF_CONTRACT)
    desk.node.contracts = set()
    with pytest.raises(RequestConflict, match="in no block yet"):  # whoever has a key may still have it mined
        desk.underway.refuse(ANNA, REQUEST)
    desk.node.contracts = {ANNA}
    desk.underway.refuse(ANNA, REQUEST)


@pytest.mark.parametrize(
    ("code", "contract"), [("", False), ("6000", True), ("ef0100" + "0a" * 20, False)], ids=["key", "code", "EIP-7702"]
)
def test_an_account_with_a_delegation_has_a_key(code: str, contract: bool) -> None:
    network = SimpleNamespace(code=lambda account: bytes.fromhex(code))
    assert Chain.is_contract(SimpleNamespace(_network=network), ANNA) is contract  # type: ignore[arg-type]


def test_what_the_node_hears_of_while_it_is_told_is_not_taken_for_lost(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    aim, tx = REQUEST.aim(), "0x" + "5c" * 32
    assert aim is not None

    def nonce(account: Address) -> int:
        desk.node.states[tx] = State.PENDING
        return 7

    monkeypatch.setattr(desk.node, "nonce", nonce)
    desk.underway.remember(desk.node, ANNA, tx, aim)  # type: ignore[arg-type]
    desk.node.states.clear()  # and has forgotten again
    with pytest.raises(RequestConflict, match="in no block yet"):
        desk.underway.refuse(ANNA, REQUEST)

"""Questions to wallets: each answered once, by what was asked for; nothing waits for a person, and nothing is lost."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import postgresql_server
import pytest
from sqlalchemy import text

from api.errors import LeaseLost, RequestConflict, TooMany, UsageError
from api.home import Home
from api.service import keys
from api.service.accounts import signs_here
from api.service.database import Database
from api.service.jobs import Bounds, Jobs
from api.service.leases import Claim, Leases
from api.service.patient_wallet import Asked, Parting, PatientWallet, Sending, highest_nonce, look_after
from api.service.wallets import PATIENCE, Ask, Heard, Wallets
from api.settings import Settings
from ledger.address import Address
from ledger.chain import Chain
from ledger.errors import KeyUnreachable, Refused, SignatureInvalid
from ledger.signer import LocalSigner
from ledger.signing import sign
from tests.http.signing_in import Clock

ANNA = Address(b"\x0a" * 20)
SIGNATURE, HASH = "0x" + "1b" * 65, "0x" + "5c" * 32
SIGNING = {"message": "0x6d"}
SENDING = {"chainId": "0x5", "to": str(ANNA), "data": "0x01", "value": "0x3", "gas": "0x5208", "nonce": "0x7"}


@dataclass
class Person:
    """Somebody with a wallet."""

    key: LocalSigner
    signed: list[bytes] = field(default_factory=list)

    def sign(self, message: bytes) -> bytes:
        self.signed.append(message)
        return self.key.sign_message(message)

    def send(self, chain_id: int, to: Address | None, data: bytes, value: int, gas: int) -> str:
        raise AssertionError("nobody should have asked")


class Desk:
    """One job, its table of questions, and the worker that has it."""

    def __init__(self, database: str) -> None:
        self.clock = Clock()
        self.database = Database.open(database)
        self.jobs = Jobs(self.database, self.clock, Bounds(account=2))
        self.leases = Leases(self.database, self.clock)
        self.wallets = Wallets(self.database)
        self.id = self.jobs.submit(ANNA, "withdraw", {"id": 1}).id
        self.claim = self.claimed()

    def claimed(self) -> Claim:
        claim = self.leases.claim("worker", 30)
        assert claim is not None
        return claim

    @property
    def time(self) -> float:
        return self.clock().timestamp()

    def ask(self, kind: str = "sign") -> int:
        """Ask, as the job's try does at its end; the number of the question."""
        assert self.wallets.ask(self.claim, kind, SENDING if kind == "send" else SIGNING, 7.5, self.time) == "asking"  # type: ignore[arg-type]
        return self.open().number

    def answer(self, number: int, **said: str) -> str:
        return self.wallets.answer(self.job(), number, said, self.time)

    def open(self) -> Ask:
        found = self.wallets.open(self.job())
        assert found is not None
        return found

    def job(self):
        return self.jobs.get(self.id)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(f"sqlite:///{tmp_path / 'a.sqlite'}")
    yield made
    made.database.close()


def test_a_job_goes_on_once_its_question_is_answered(desk: Desk) -> None:
    assert desk.wallets.open(desk.job()) is None
    number = desk.ask()
    asked = desk.open()
    assert (asked.number, asked.kind, asked.content) == (number, "sign", SIGNING)
    job = desk.job()
    assert (job.state, job.tries) == ("asking", 0)
    assert desk.leases.claim("worker", 30) is None  # no worker has it, or comes back to it
    assert desk.answer(number, signature=SIGNATURE) == "waiting"
    assert desk.wallets.open(desk.job()) is None
    with pytest.raises(RequestConflict):
        desk.answer(number, signature=SIGNATURE)
    desk.claim = desk.claimed()
    assert desk.job().tries == 1  # that somebody was asked counts for none
    assert desk.wallets.heard(desk.job()) == (
        Heard("sign", SIGNING, {"signature": SIGNATURE}, 7.5, desk.time, current=True, nonce=None),
    )
    said = [event.content["state"] for event in desk.jobs.events(desk.id)]
    assert said == ["waiting", "running", "asking", "waiting", "running"]


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("sign", {"hash": HASH}),
        ("send", {"signature": SIGNATURE}),
        ("sign", {"signature": SIGNATURE[:-2]}),
        ("sign", {"signature": SIGNATURE + "00"}),
        ("send", {"hash": HASH.upper()}),
        ("sign", {"signature": SIGNATURE, "refused": "no"}),
        ("sign", {}),
    ],
)
def test_an_answer_to_something_else_is_refused_and_the_question_stays(
    desk: Desk, kind: str, answer: dict[str, str]
) -> None:
    number = desk.ask(kind)
    with pytest.raises(UsageError):
        desk.answer(number, **answer)
    assert desk.open().number == number


def test_a_no_ends_the_job_at_once_and_it_can_be_tried_again(desk: Desk) -> None:
    number = desk.ask("send")
    assert desk.answer(number, refused="x" * 5000) == "failed"
    problem = desk.job().problem
    assert problem is not None
    assert (problem["title"], problem["status"]) == ("KeyWithheld", 403)
    assert problem["detail"] == f"the wallet said no: {'x' * 200}"
    assert desk.jobs.retry(desk.id).state == "waiting"
    desk.claim = desk.claimed()
    assert [one.current for one in desk.wallets.heard(desk.job())] == [False]
    assert desk.ask("send") == number + 1


def test_many_questions_one_after_the_other(desk: Desk) -> None:
    for kind, answer in (("sign", "signature"), ("send", "hash"), ("sign", "signature")):
        desk.answer(desk.ask(kind), **{answer: HASH if answer == "hash" else SIGNATURE})
        desk.claim = desk.claimed()
    assert [(one.kind, one.current) for one in desk.wallets.heard(desk.job())] == [
        ("sign", True),
        ("send", True),
        ("sign", True),
    ]
    assert desk.leases.finish(desk.claim, {}) == "done"


def test_a_worker_that_has_lost_the_job_asks_nothing(desk: Desk) -> None:
    former = desk.claim
    desk.clock.pass_by(31)
    desk.claim = desk.claimed()
    with pytest.raises(LeaseLost):
        desk.wallets.ask(former, "sign", SIGNING, 0.0, 0.0)
    assert desk.wallets.open(desk.job()) is None
    assert desk.ask() == 1


def test_a_job_that_asks_can_be_cancelled_and_what_was_sent_is_told_however_late(desk: Desk) -> None:
    number = desk.ask("send")
    assert desk.jobs.cancel(desk.id).state == "cancelled"
    for late, answer in ((number, {"refused": "no"}), (number, {"signature": SIGNATURE}), (number + 1, {"hash": HASH})):
        with pytest.raises(RequestConflict):
            desk.answer(late, **answer)
    assert desk.answer(number, hash=HASH) == "cancelled"
    with pytest.raises(RequestConflict):
        desk.answer(number, hash="0x" + "5d" * 32)
    desk.jobs.retry(desk.id)
    assert [(one.answer, one.current) for one in desk.wallets.heard(desk.job())] == [({"hash": HASH}, False)]


def test_who_cancels_before_the_question_comes_is_not_asked(desk: Desk) -> None:
    desk.jobs.cancel(desk.id)
    assert desk.wallets.ask(desk.claim, "sign", SIGNING, 0.0, desk.time) == "cancelled"
    assert desk.job().state == "cancelled"


def test_a_try_that_asks_anew_is_told_of_what_was_sent_before(desk: Desk) -> None:
    before = desk.ask("send")
    desk.jobs.cancel(desk.id)
    desk.jobs.retry(desk.id)
    desk.claim = desk.claimed()
    number = desk.ask("send")
    assert desk.answer(before, hash=HASH) == "waiting"
    heard = desk.wallets.heard(desk.job())
    assert [(one.answer, one.current) for one in heard] == [({"hash": HASH}, False), ({"earlier": HASH}, True)]
    with pytest.raises(RequestConflict):
        desk.answer(number, signature=SIGNATURE)


def test_a_try_asks_nothing_once_an_answer_has_come_that_it_has_not_heard(desk: Desk) -> None:
    before = desk.ask("send")
    desk.jobs.cancel(desk.id)
    desk.jobs.retry(desk.id)
    desk.claim = desk.claimed()
    assert desk.wallets.heard(desk.job()) == ()  # with which the try begins
    assert desk.answer(before, hash=HASH) == "running"  # the wallet's window was still open
    assert desk.wallets.ask(desk.claim, "send", SENDING, 7.5, desk.time) == "waiting"
    assert desk.wallets.open(desk.job()) is None
    assert desk.job().tries == 0
    desk.claim = desk.claimed()
    assert [one.answer for one in desk.wallets.heard(desk.job())] == [{"hash": HASH}]
    assert desk.ask("send") == before + 1  # whoever has heard may ask


def test_a_question_that_nobody_answers_runs_out(desk: Desk) -> None:
    number = desk.ask()
    desk.clock.pass_by(PATIENCE - 1)
    assert desk.wallets.expire(desk.time) == ()
    desk.clock.pass_by(2)
    assert [job.id for job in desk.wallets.expire(desk.time)] == [desk.id]
    problem = desk.job().problem
    assert problem is not None
    assert "for 24 hours" in problem["detail"]
    with pytest.raises(RequestConflict):
        desk.answer(number, signature=SIGNATURE)
    desk.jobs.retry(desk.id)
    desk.claim = desk.claimed()
    desk.ask()
    assert desk.wallets.expire(desk.time) == ()  # the old question counts no more


def test_what_asks_without_end_ends(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.service.wallets.MOST", 2)
    for _ in range(2):
        desk.answer(desk.ask(), signature=SIGNATURE)
        desk.claim = desk.claimed()
    assert desk.wallets.ask(desk.claim, "sign", SIGNING, 0.0, desk.time) == "failed"


def test_jobs_that_ask_count_as_their_accounts(desk: Desk) -> None:
    desk.ask()
    desk.jobs.submit(ANNA, "withdraw", {"id": 2})
    with pytest.raises(TooMany):
        desk.jobs.submit(ANNA, "withdraw", {"id": 3})
    assert desk.jobs.count() == {"asking": 1, "waiting": 1}


def test_a_job_that_is_over_asks_nothing_and_its_questions_go_with_it(desk: Desk) -> None:
    desk.answer(desk.ask("send"), hash=HASH)
    job = desk.job()
    desk.leases.finish(desk.claimed(), {})
    assert desk.wallets.open(desk.job()) is None
    desk.jobs.forget(desk.time + 1)
    assert desk.wallets.heard(job) == ()


def test_of_what_was_sent_the_highest_nonce_is_kept_that_it_may_have(desk: Desk, tmp_path: Path) -> None:
    number = desk.ask("send")
    desk.answer(number, hash=HASH)
    asked, noted = int(SENDING["nonce"], 16), []
    for said in (None, asked + 1, asked - 1):
        if said is not None:
            desk.wallets.bound(desk.job(), number, said)
        noted.append(desk.wallets.heard(desk.job())[0].nonce)
    with desk.database.changing() as connection:  # as what an earlier version asked is brought up to this one
        connection.execute(text("update wallet_asks set nonce = -1"))
    noted.append(desk.wallets.heard(desk.job())[0].nonce)
    assert noted == [None, asked + 1, asked, asked]
    away = Home(Settings(home=tmp_path, instrument=None, rpc_url="http://127.0.0.1:9"))
    assert highest_nonce(away, ANNA, HASH) is None


@pytest.mark.integration
def test_a_server_keeps_questions_as_a_file_does() -> None:
    with postgresql_server.postgresql() as url:
        desk = Desk(url)
        desk.answer(desk.ask("send"), hash=HASH)
        desk.claim = desk.claimed()
        former = desk.ask("send")
        desk.jobs.cancel(desk.id)
        desk.jobs.retry(desk.id)
        desk.claim = desk.claimed()
        desk.ask()
        assert desk.answer(former, hash=HASH) == "waiting"
        desk.claim = desk.claimed()
        assert [one.current for one in desk.wallets.heard(desk.job())] == [False, False, True]
        desk.ask()
        desk.clock.pass_by(PATIENCE + 1)
        assert [job.id for job in desk.wallets.expire(desk.time)] == [desk.id]
        desk.database.close()


def heard(content: dict[str, str], nonce: int | None = None, *, current: bool = True, **answer: str) -> Heard:
    return Heard("sign" if "message" in content else "send", content, answer, 7.5, 9.0, current, nonce)


def test_what_was_answered_is_not_asked_again(tmp_path: Path) -> None:
    home = Home(Settings(home=tmp_path, instrument=None))
    said = (heard({"message": "0x6d"}, signature=SIGNATURE), heard(SENDING, hash=HASH))
    wallet = PatientWallet(home, ANNA, said, 7.5)
    assert wallet.sign(b"m") == bytes.fromhex(SIGNATURE[2:])
    assert wallet.send(5, ANNA, b"\x01", 3, 21_000) == HASH
    with pytest.raises(Parting) as parting:
        wallet.sign(b"n")
    assert parting.value.over == Asked("sign", {"message": "0x6e"}, 7.5)
    former = PatientWallet(home, ANNA, [heard({"message": "0x6d"}, current=False, signature=SIGNATURE)], 7.5)
    with pytest.raises(Parting):
        former.sign(b"m")  # it was asked for once more, and so is its owner


def test_nothing_is_done_before_it_is_known_what_has_become_of_what_was_sent(tmp_path: Path) -> None:
    with Chain.open_embedded(tmp_path) as chain:
        key = LocalSigner(b"\x0a" * 32)
        chain.fund(key.address, 10**18)
        nonce = chain.nonce(key.address)
        asked = {**SENDING, "nonce": hex(nonce)}
        for current in (True, False):
            with pytest.raises(Parting) as parting:
                look_after(chain, key.address, [heard(asked, current=current, hash=HASH)])
            assert parting.value.over == Sending(HASH, 9.0)
        mined = chain.transact(key, ANNA, b"\x01", value=3)
        look_after(chain, key.address, [heard(asked, nonce, hash=HASH)])  # another took its nonce
        for higher in (nonce + 1, None):  # its wallet may have sent it after the other
            with pytest.raises(Parting):
                look_after(chain, key.address, [heard(asked, higher, hash=HASH)])
        look_after(chain, key.address, [heard(asked, hash=mined.tx), heard(SIGNING, signature=SIGNATURE)])
        other = [heard({**asked, "value": "0x4"}, hash=mined.tx)]
        with pytest.raises(Refused, match="another transaction"):
            look_after(chain, key.address, other)
        look_after(chain, key.address, [heard({**asked, "value": "0x4"}, current=False, hash=mined.tx)])


@pytest.mark.slow
def test_a_wallet_leaves_companions_in_the_home_once_it_has_signed(tmp_path: Path) -> None:
    key, other = LocalSigner(b"\x0a" * 32), LocalSigner(b"\x0b" * 32)
    home = Home(Settings(home=tmp_path, passphrase="correct horse battery", rpc_url="http://127.0.0.1:9"))
    for signer in (keys.opened(home, key.address, None), keys.opened(home, key.address, Person(other))):
        with pytest.raises((KeyUnreachable, SignatureInvalid)):
            sign(b"a record", signer)
    assert home.keystore().names() == ()
    assert len(sign(b"a record", keys.opened(home, key.address, Person(key))).signatures) == 2
    assert home.keystore().names() == (f"wallet-{str(key.address)[2:].lower()}",)
    again = keys.opened(home, key.address, None)
    assert again.companions is not None
    assert not signs_here(home, key.address)  # its companions do; its key is elsewhere still
    early = Person(other)  # companions are wanted before anything is signed, as for a manifest
    assert keys.opened(home, other.address, early).companions is not None
    assert len(early.signed) == 1

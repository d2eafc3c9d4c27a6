"""Questions to wallets: each answered once, by what was asked for, and none of a try that is over."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from api.commands.serve import _workers
from api.errors import LeaseLost, RequestConflict, UsageError
from api.home import Home
from api.service import keys
from api.service.accounts import signs_here
from api.service.database import Database
from api.service.job_process import _await
from api.service.jobs import Jobs
from api.service.leases import Claim, Leases
from api.service.settings import ServiceSettings
from api.service.wallets import Sent, Wallets
from api.settings import Settings
from ledger.address import Address
from ledger.chain import Chain
from ledger.errors import ChainUnreachable, KeyUnreachable, SignatureInvalid
from ledger.signer import LocalSigner
from ledger.signing import sign
from tests.http.signing_in import Clock

ANNA = Address(b"\x0a" * 20)
SIGNATURE, HASH = "0x" + "1b" * 65, "0x" + "5c" * 32


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

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.database = Database.open(f"sqlite:///{folder / 'a.sqlite'}")
        self.jobs, self.leases = Jobs(self.database, self.clock), Leases(self.database, self.clock)
        self.wallets = Wallets(self.database)
        self.id = self.jobs.submit(ANNA, "withdraw", {"id": 1}).id
        self.claim = self.claimed()

    def claimed(self) -> Claim:
        claim = self.leases.claim("worker", 30)
        assert claim is not None
        return claim

    def ask(self, kind: str = "sign") -> int:
        content = {"message": "0x6d"} if kind == "sign" else {"data": "0x", "value": "0x0", "nonce": "0x7"}
        return self.wallets.ask(self.claim, kind, content, 0.0)  # type: ignore[arg-type]

    def job(self):
        return self.jobs.get(self.id)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.database.close()


def test_a_question_is_open_until_it_is_answered(desk: Desk) -> None:
    assert desk.wallets.open(desk.job()) is None
    number = desk.ask()
    asked = desk.wallets.open(desk.job())
    assert asked is not None
    assert (asked.number, asked.kind, asked.content) == (number, "sign", {"message": "0x6d"})
    assert desk.wallets.answered(desk.claim, number) is None
    desk.wallets.answer(desk.job(), number, {"signature": SIGNATURE})
    assert desk.wallets.answered(desk.claim, number) == {"signature": SIGNATURE}
    assert desk.wallets.open(desk.job()) is None
    with pytest.raises(RequestConflict):
        desk.wallets.answer(desk.job(), number, {"signature": SIGNATURE})


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
        desk.wallets.answer(desk.job(), number, answer)
    assert desk.wallets.open(desk.job()) is not None


def test_a_no_is_an_answer_and_its_words_are_bounded(desk: Desk) -> None:
    number = desk.ask("send")
    desk.wallets.answer(desk.job(), number, {"refused": "x" * 5000})
    said = desk.wallets.answered(desk.claim, number)
    assert said == {"refused": "x" * 200}
    assert desk.wallets.sent(desk.job()) == ()


def test_what_was_sent_is_remembered_for_the_next_try(desk: Desk) -> None:
    desk.wallets.answer(desk.job(), desk.ask(), {"signature": SIGNATURE})
    desk.wallets.answer(desk.job(), desk.ask("send"), {"hash": HASH})
    desk.clock.pass_by(31)
    desk.claimed()
    assert desk.wallets.sent(desk.job()) == (Sent(HASH, 7),)


def test_questions_of_a_try_that_is_over_are_not_answered(desk: Desk) -> None:
    number = desk.ask()
    former = desk.claim
    desk.clock.pass_by(31)
    desk.claim = desk.claimed()
    assert desk.wallets.open(desk.job()) is None
    with pytest.raises(RequestConflict):
        desk.wallets.answer(desk.job(), number, {"signature": SIGNATURE})
    with pytest.raises(LeaseLost):
        desk.wallets.ask(former, "sign", {"message": "0x6d"}, 0.0)
    assert desk.ask() == number + 1


def test_what_was_sent_is_told_however_late(desk: Desk) -> None:
    number, signing = desk.ask("send"), desk.ask()
    desk.leases.fail(desk.claim, {"title": "KeyUnreachable"})
    for late, answer in ((number, {"refused": "no"}), (signing, {"hash": HASH}), (signing + 1, {"hash": HASH})):
        with pytest.raises(RequestConflict):
            desk.wallets.answer(desk.job(), late, answer)
    desk.wallets.answer(desk.job(), number, {"hash": HASH})
    assert desk.wallets.sent(desk.job()) == (Sent(HASH, 7),)
    with pytest.raises(RequestConflict):
        desk.wallets.answer(desk.job(), number, {"hash": "0x" + "5d" * 32})


def test_a_try_that_asks_anew_is_told_of_what_was_sent_before(desk: Desk) -> None:
    before = desk.ask("send")
    desk.clock.pass_by(31)
    desk.claim = desk.claimed()
    number = desk.ask("send")
    desk.wallets.answer(desk.job(), before, {"hash": HASH})
    assert desk.wallets.answered(desk.claim, number) == {"earlier": HASH}
    assert desk.wallets.sent(desk.job()) == (Sent(HASH, 7),)


def test_what_no_node_knows_is_not_asked_for_again_before_its_nonce_has_passed(tmp_path: Path) -> None:
    with Chain.open_embedded(tmp_path) as chain:
        key = LocalSigner(b"\x0a" * 32)
        chain.fund(key.address, 10**18)
        sent = Sent(HASH, chain.nonce(key.address))
        with pytest.raises(ChainUnreachable, match=f"{HASH}, which is not mined yet"):
            _await(chain, key.address, sent, 0)
        other = chain.transact(key, ANNA, b"")  # another takes its nonce
        _await(chain, key.address, sent, 0)
        _await(chain, key.address, Sent(other.tx, 9), 0)  # mined, whatever its nonce was thought to be


def test_it_is_known_whether_anybody_looked(desk: Desk) -> None:
    asked = desk.clock().timestamp()
    number = desk.wallets.ask(desk.claim, "sign", {"message": "0x6d"}, asked)
    desk.wallets.open(desk.job())  # as pages that show the job do
    assert not desk.wallets.looked_at(desk.claim, number, asked)
    desk.clock.pass_by(1)
    found = desk.wallets.look(desk.job(), desk.clock().timestamp())
    assert found is not None
    assert found.number == number
    assert desk.wallets.looked_at(desk.claim, number, asked)


@pytest.mark.parametrize(("url", "state"), [("http://127.0.0.1:9", "waiting"), (None, "running")])
def test_one_worker_of_two_never_waits_for_a_wallet(tmp_path: Path, url: str | None, state: str) -> None:
    site = ServiceSettings(database="sqlite://")
    first, second = _workers(Settings(home=tmp_path, rpc_url=url), site, 2)
    desk = Desk(tmp_path)
    desk.leases.release(desk.claim)
    desk.leases.claim("second", 30, second.arguments[2])
    assert desk.job().state == state
    check = desk.jobs.submit(None, "audit", {"upload": "x"})
    found = desk.leases.claim("second", 30, second.arguments[2])
    assert found is not None
    assert found.job.id == check.id
    assert first.arguments[2] == frozenset()
    desk.database.close()


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


def test_another_number_than_the_open_one_is_no_answer(desk: Desk) -> None:
    number = desk.ask()
    with pytest.raises(RequestConflict):
        desk.wallets.answer(desk.job(), number + 1, {"signature": SIGNATURE})


def test_a_job_that_is_over_asks_nothing_and_its_questions_go_with_it(desk: Desk) -> None:
    desk.wallets.answer(desk.job(), desk.ask("send"), {"hash": HASH})
    desk.ask()
    job = desk.job()
    desk.leases.finish(desk.claim, {})
    assert desk.wallets.open(desk.job()) is None
    assert desk.wallets.open(job) is None  # whoever looked before it ended
    desk.jobs.forget(desk.clock().timestamp() + 1)
    assert desk.wallets.sent(job) == ()

"""Messages of EIP-4361: the reference implementation's vectors, a round trip, and signatures of keys and contracts."""

import json
import string
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.address import Address
from ledger.chain import Chain
from ledger.errors import ChainUnreachable, Malformed, SignatureInvalid, SignInInvalid
from ledger.keys import LocalSigner
from ledger.signin import SignIn
from ledger.signing import personal_digest
from tests.conftest import VECTORS
from tests.contract_wallet import creation, factory, keeper, made_by, wallet, wrapped

CASES: dict[str, Any] = json.loads((VECTORS / "eip4361.json").read_text("utf-8"))
NOW = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
SITE = "https://music.example"


def read(fields: dict[str, Any]) -> SignIn:
    resources = fields.get("resources")
    return SignIn(
        domain=fields["domain"],
        address=Address.parse(fields["address"]),
        uri=fields["uri"],
        chain_id=fields["chainId"],
        nonce=fields["nonce"],
        issued_at=fields["issuedAt"],
        statement=fields.get("statement"),
        expires=fields.get("expirationTime"),
        not_before=fields.get("notBefore"),
        request_id=fields.get("requestId"),
        resources=None if resources is None else tuple(resources),
        scheme=fields.get("scheme"),
    )


@contextmanager
def unreachable() -> Iterator[Chain]:
    raise ChainUnreachable("nobody is there")
    yield


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Chain]:
    with Chain.open_embedded(tmp_path) as chain:
        yield chain


@pytest.mark.parametrize("name", CASES["parsing_positive"])
def test_the_reference_reads_and_writes_the_same(name: str) -> None:
    case = CASES["parsing_positive"][name]
    message = SignIn.parse(case["message"])
    assert message == read(case["fields"])
    assert str(message) == case["message"]


@pytest.mark.parametrize("name", CASES["parsing_negative"])
def test_what_the_reference_refuses_is_refused(name: str) -> None:
    with pytest.raises(Malformed):
        SignIn.parse(CASES["parsing_negative"][name])


def test_signatures_of_the_reference_hold() -> None:
    for case in CASES["verification_positive"].values():
        message, signature = read(case), bytes.fromhex(case["signature"][2:])
        message.verify(signature, unreachable)  # a key's signature needs no chain
        moment = datetime.fromisoformat(case["time"]) if "time" in case else NOW
        replace(message, uri=f"https://{message.domain}").check(f"https://{message.domain}", 1, moment)


def test_a_signature_that_the_reference_refuses(here: Chain) -> None:
    case = CASES["verification_negative"]["wrong signature"]
    for signature in (bytes.fromhex(case["signature"][2:]), b"", bytes(65), bytes(5000)):
        with pytest.raises(SignatureInvalid):
            read(case).verify(signature, lambda: nullcontext(here))


@pytest.mark.parametrize("name", ["expired message", "domain binding", "custom time", "not yet valid"])
def test_times_and_places_that_the_reference_refuses(name: str) -> None:
    case = CASES["verification_negative"][name]
    moment = datetime.fromisoformat(case["time"]) if "time" in case else NOW
    with pytest.raises(SignInInvalid):
        read(case).check(f"https://{case.get('domainBinding', case['domain'])}", 1, moment)


@pytest.mark.parametrize("name", ["invalid issuedAt", "invalid notBefore", "invalid expirationTime"])
def test_days_that_no_calendar_has(name: str) -> None:
    with pytest.raises(Malformed, match="calendar"):
        read(CASES["verification_negative"][name])


def message(**changes: Any) -> SignIn:
    plain = SignIn(
        domain="music.example",
        address=Address(bytes(range(20))),
        uri=f"{SITE}/account",
        chain_id=1,
        nonce="0123456789abcdef",
        issued_at="2026-11-26T10:00:00Z",
        expires="2026-11-26T10:05:00Z",
    )
    return replace(plain, **changes)


def test_a_message_for_us_and_now_is_taken() -> None:
    message().check(SITE, 1, NOW)
    message(scheme="https", uri=SITE).check(SITE, 1, NOW)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"domain": "music.example.evil.example"}, "at music.example.evil.example"),
        ({"domain": "user@music.example"}, "user@"),
        ({"domain": "music.example:8443"}, "8443"),
        ({"scheme": "http"}, "not at"),
        ({"uri": "https://music.example.evil.example/"}, "not below"),
        ({"uri": "http://music.example/account"}, "not below"),
        ({"uri": "https://music.example@evil.example/"}, "not below"),
        ({"chain_id": 5}, "chain 5"),
        ({"expires": "2026-11-26T10:00:00Z"}, "before 2026"),
        ({"expires": "2026-11-26T11:59:59+02:00"}, "before 2026"),
        ({"not_before": "2026-11-26T10:00:00.001Z"}, "does not sign in before"),
    ],
)
def test_a_message_for_another_place_or_time_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SignInInvalid, match=said):
        message(**changes).check(SITE, 1, NOW)


TEXT = st.text(string.ascii_letters + string.digits + "-._~:/?#[]@!$&'()*+,;= ", min_size=1, max_size=40)
URIS = st.builds(
    "{}://{}/{}".format,
    st.sampled_from(["https", "ipfs", "did+x"]),
    st.sampled_from(["music.example", "[::1]:80", "u@h:1", ""]),
    st.text(string.ascii_letters + "/~:@%20", max_size=5).filter(lambda text: "%" not in text),
)
TIMES = st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)).map(lambda time: time.isoformat())
MESSAGES = st.builds(
    SignIn,
    domain=st.sampled_from(["music.example", "127.0.0.1:8750", "[2001:db8::1]", "me@here"]),
    address=st.binary(min_size=20, max_size=20).map(Address),
    uri=URIS,
    chain_id=st.integers(0, 2**64),
    nonce=st.text(string.ascii_letters + string.digits, min_size=8, max_size=40),
    issued_at=TIMES,
    statement=st.none() | TEXT,
    expires=st.none() | TIMES,
    not_before=st.none() | TIMES,
    request_id=st.none() | st.text("abc:@~", max_size=9),
    resources=st.none() | st.lists(URIS, max_size=3).map(tuple),
    scheme=st.none() | st.just("https"),
)


@settings(max_examples=40)
@given(MESSAGES)
def test_a_message_reads_as_it_was_written(written: SignIn) -> None:
    assert SignIn.parse(str(written)) == written


@settings(max_examples=40)
@given(MESSAGES, st.data())
def test_what_is_read_is_what_was_signed(written: SignIn, data: st.DataObject) -> None:
    text = str(written)
    place = data.draw(st.integers(0, len(text)))
    altered = text[:place] + data.draw(st.text(max_size=2)) + text[place + data.draw(st.integers(0, 2)) :]
    try:
        parsed = SignIn.parse(altered)
    except Malformed:
        return
    assert str(parsed) == altered


def test_a_contract_says_which_signatures_are_its_own(here: Chain) -> None:
    owner, stranger = LocalSigner.generate(), LocalSigner.generate()
    opened: Callable[[], AbstractContextManager[Chain]] = lambda: nullcontext(here)  # noqa: E731
    written = message(address=wallet(here, owner, keeper(owner.address)))
    digest = personal_digest(str(written).encode())
    written.verify(owner.sign_digest(digest), opened)
    with pytest.raises(SignatureInvalid, match="does not know"):
        written.verify(stranger.sign_digest(digest), opened)
    with pytest.raises(SignatureInvalid, match="does not know"):
        replace(written, nonce="fedcba9876543210").verify(owner.sign_digest(digest), opened)
    with pytest.raises(ChainUnreachable):
        written.verify(owner.sign_digest(digest), unreachable)


def test_a_contract_that_has_yet_to_be_made_says_so_too(here: Chain) -> None:
    owner, stranger = LocalSigner.generate(), LocalSigner.generate()
    opened: Callable[[], AbstractContextManager[Chain]] = lambda: nullcontext(here)  # noqa: E731
    maker, code = factory(here, owner), keeper(owner.address)
    written = message(address=made_by(maker, code))
    digest = personal_digest(str(written).encode())
    good = owner.sign_digest(digest)
    before = here.block_number
    written.verify(wrapped(maker, creation(code), good), opened)
    assert not here.has_code(written.address)
    assert here.block_number == before
    for refused, said in (
        (wrapped(maker, creation(code), stranger.sign_digest(digest)), "does not know"),
        (wrapped(maker, creation(keeper(stranger.address)), good), "does not know"),  # which comes to lie elsewhere
        (wrapped(stranger.address, creation(code), good), "does not know"),
        (wrapped(maker, b"", good), "does not know"),
        (wrapped(maker, creation(code), good)[32:], "not what that has inside"),
        (good, "belongs to|did not sign"),
    ):
        with pytest.raises(SignatureInvalid, match=said):
            written.verify(refused, opened)
    with pytest.raises(SignatureInvalid, match="does not know"):
        replace(written, nonce="fedcba9876543210").verify(wrapped(maker, creation(code), good), opened)
    with pytest.raises(ChainUnreachable):
        written.verify(wrapped(maker, creation(code), good), unreachable)
    here.transact(owner, maker, creation(code))
    assert here.has_code(written.address)
    written.verify(wrapped(maker, creation(code), good), opened)  # made meanwhile
    written.verify(good, opened)


def test_a_contract_that_its_factory_has_yet_to_open_says_so_afterwards(here: Chain) -> None:
    owner = LocalSigner.generate()
    # It says the magic value once something is in its storage, which any call without data puts there.
    runtime = bytes.fromhex("36600a576001600055005b600054631626ba7e60e01b0260005260206000f3")
    written = message(address=wallet(here, owner, runtime))
    with pytest.raises(SignatureInvalid, match="does not know"):
        written.verify(wrapped(owner.address, b"", b"any"), lambda: nullcontext(here))
    written.verify(wrapped(written.address, b"", b"any"), lambda: nullcontext(here))


@pytest.mark.parametrize(
    ("runtime", "said"),
    [
        ("60006000fd", "refuses"),  # reverts
        ("fe", "refuses"),  # stops invalidly, with all its gas
        ("00", "does not know"),  # returns nothing
        ("631626ba7e60005260206000f3", "does not know"),  # the right value in the wrong place
        ("631626ba7e60e01b60005260046000f3", "does not know"),  # too short
        ("631626ba7e60e01b60005260406000f3", "does not know"),  # too long
        ("7f" + "ff" * 32 + "60005260206000f3", "does not know"),
    ],
)
def test_a_contract_that_answers_oddly_signs_nobody_in(here: Chain, runtime: str, said: str) -> None:
    owner = LocalSigner.generate()
    written = message(address=wallet(here, owner, bytes.fromhex(runtime)))
    signature = owner.sign_digest(personal_digest(str(written).encode()))
    with pytest.raises(SignatureInvalid, match=said):
        written.verify(signature, lambda: nullcontext(here))

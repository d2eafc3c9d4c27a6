"""Vouchers: EIP-712 as eth-account and as the deployed contract hash it, alterations, and the form they are sent in."""

import json
import os
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest
from eth_account.messages import _hash_eip191_message, encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from ledger import canonical
from ledger.abi import Interface
from ledger.address import Address
from ledger.chain import Chain
from ledger.deployment import Deployment, deploy
from ledger.digest import Digest
from ledger.errors import ArgumentRefused, MalformedRecord, Reverted, SignatureInvalid
from ledger.keys import LocalSigner
from ledger.voucher import SignedVoucher, Voucher, sign, verify

NOBODY = Address(bytes(20))
CHAIN, TRACKS = 137, Address(bytes(range(20)))
CREATOR = LocalSigner(bytes(range(1, 33)))
SHOP = LocalSigner(bytes(range(2, 34)))
VOUCHER = Voucher(
    claim=Digest.of(b"claim"),
    audio=Digest.of(b"audio"),
    record=Digest.of(b"record"),
    model=7,
    royalty_ppm=50_000,
    creator=CREATOR.address,
    owner=SHOP.address,
    deadline=1_900_000_000,
    content=Digest.of(b"content"),
)
OTHERS: dict[str, Any] = {
    "claim": Digest.of(b"another"),
    "audio": Digest.of(b"another"),
    "record": Digest.of(b"another"),
    "model": 8,
    "royalty_ppm": 50_001,
    "creator": SHOP.address,
    "owner": None,
    "deadline": 1_900_000_001,
    "content": Digest.of(b"another"),
}

digests = st.binary(min_size=32, max_size=32).filter(any).map(Digest)
addresses = st.binary(min_size=20, max_size=20).filter(any).map(Address)
vouchers = st.builds(
    Voucher,
    claim=digests,
    audio=digests,
    record=digests,
    model=st.integers(1, 2**40 - 1),
    royalty_ppm=st.integers(0, 1_000_000),
    creator=addresses,
    owner=st.none() | addresses,
    deadline=st.integers(0, 2**53 - 1),
    content=digests,
)
chain_ids = st.integers(1, 2**53 - 1)


def by_eth_account(voucher: Voucher, chain_id: int, tracks: Address) -> bytes:
    domain = {
        "name": "Stemmata Tracks",
        "version": "1",
        "chainId": chain_id,
        "verifyingContract": str(tracks),
    }
    types = {
        "Voucher": [
            {"name": "claim", "type": "bytes32"},
            {"name": "audio", "type": "bytes32"},
            {"name": "record", "type": "bytes32"},
            {"name": "model", "type": "uint256"},
            {"name": "royaltyPpm", "type": "uint256"},
            {"name": "creator", "type": "address"},
            {"name": "owner", "type": "address"},
            {"name": "deadline", "type": "uint256"},
            {"name": "content", "type": "bytes32"},
        ]
    }
    message = {
        "claim": voucher.claim.raw,
        "audio": voucher.audio.raw,
        "record": voucher.record.raw,
        "model": voucher.model,
        "royaltyPpm": voucher.royalty_ppm,
        "creator": str(voucher.creator),
        "owner": str(voucher.owner or NOBODY),
        "deadline": voucher.deadline,
        "content": voucher.content.raw,
    }
    return bytes(_hash_eip191_message(encode_typed_data(domain, types, message)))


@given(vouchers, chain_ids, addresses)
def test_the_digest_is_eth_accounts(voucher: Voucher, chain_id: int, tracks: Address) -> None:
    assert voucher.digest(chain_id, tracks) == by_eth_account(voucher, chain_id, tracks)


def test_a_wallet_and_a_signer_sign_alike() -> None:
    from eth_account import Account

    signature = sign(VOUCHER, CREATOR, CHAIN, TRACKS)
    theirs = Account.unsafe_sign_hash(by_eth_account(VOUCHER, CHAIN, TRACKS), bytes(range(1, 33)))
    assert signature == bytes(theirs.signature)
    verify(VOUCHER, signature, CHAIN, TRACKS)


def alterations(voucher: Voucher) -> Iterator[Voucher]:
    for field in fields(Voucher):
        yield replace(voucher, **{field.name: OTHERS[field.name]})


def test_any_altered_part_is_noticed() -> None:
    signature = sign(VOUCHER, CREATOR, CHAIN, TRACKS)
    for altered in alterations(VOUCHER):
        with pytest.raises(SignatureInvalid):
            verify(altered, signature, CHAIN, TRACKS)
    with pytest.raises(SignatureInvalid):
        verify(VOUCHER, signature, CHAIN + 1, TRACKS)
    with pytest.raises(SignatureInvalid):
        verify(VOUCHER, signature, CHAIN, CREATOR.address)
    for place in range(65):
        with pytest.raises(SignatureInvalid):
            verify(VOUCHER, flipped(signature, place), CHAIN, TRACKS)
    with pytest.raises(SignatureInvalid):
        verify(VOUCHER, signature[:-1], CHAIN, TRACKS)


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_nobody_else_signs_for_the_creator() -> None:
    with pytest.raises(ArgumentRefused, match=str(CREATOR.address)):
        sign(VOUCHER, SHOP, CHAIN, TRACKS)
    with pytest.raises(SignatureInvalid, match=str(CREATOR.address)):
        verify(VOUCHER, SHOP.sign_digest(VOUCHER.digest(CHAIN, TRACKS)), CHAIN, TRACKS)


@given(vouchers, chain_ids, addresses, st.binary(min_size=65, max_size=65))
def test_a_voucher_that_was_sent_reads_back(voucher: Voucher, chain: int, tracks: Address, signature: bytes) -> None:
    sent = SignedVoucher(voucher, chain, tracks, signature)
    assert SignedVoucher.from_payload(sent.payload()) == sent


def test_a_voucher_that_was_sent_verifies() -> None:
    sent = SignedVoucher(VOUCHER, CHAIN, TRACKS, sign(VOUCHER, CREATOR, CHAIN, TRACKS))
    SignedVoucher.from_payload(sent.payload()).verify()
    with pytest.raises(SignatureInvalid):
        replace(sent, chain_id=1).verify()


ZEROS = "0" * 64


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("type", "urn:stemmata:voucher:v2"),
        ("chainId", 0),
        ("chainId", "137"),
        ("tracks", "0x00"),
        ("tracks", "0x" + CREATOR.address.raw.hex()),
        ("signature", "0x" + "AB" * 65),
        ("signature", "0x" + "ab" * 64),
        ("signature", "ab" * 65),
        ("voucher", []),
        ("more", 1),
        ("voucher.claim", ZEROS),
        ("voucher.audio", ZEROS),
        ("voucher.record", ZEROS),
        ("voucher.claim", "0x" + "ab" * 32),
        ("voucher.content", "ab"),
        ("voucher.content", 1),
        ("voucher.model", 0),
        ("voucher.model", 2**40),
        ("voucher.model", True),
        ("voucher.royaltyPpm", -1),
        ("voucher.royaltyPpm", 1_000_001),
        ("voucher.creator", str(NOBODY)),
        ("voucher.creator", None),
        ("voucher.owner", str(NOBODY)),
        ("voucher.owner", 1),
        ("voucher.deadline", -1),
        ("voucher.deadline", "soon"),
        ("voucher.more", None),
    ],
)
def test_a_faulty_field_is_named(place: str, value: object) -> None:
    sent = json.loads(SignedVoucher(VOUCHER, CHAIN, TRACKS, bytes(65)).payload())
    holder = sent["voucher"] if place.startswith("voucher.") else sent
    holder[place.removeprefix("voucher.")] = value
    with pytest.raises(MalformedRecord, match=f"^{place}:"):
        SignedVoucher.from_payload(canonical.encode(sent))


@pytest.mark.parametrize("name", list(VOUCHER.to_json()))
def test_a_missing_field_is_named(name: str) -> None:
    sent = json.loads(SignedVoucher(VOUCHER, CHAIN, TRACKS, bytes(65)).payload())
    del sent["voucher"][name]
    with pytest.raises(MalformedRecord, match=rf"^voucher\.{name}: missing"):
        SignedVoucher.from_payload(canonical.encode(sent))


def test_another_spelling_is_refused() -> None:
    payload = SignedVoucher(VOUCHER, CHAIN, TRACKS, bytes(65)).payload()
    with pytest.raises(MalformedRecord, match="canonical"):
        SignedVoucher.from_payload(b" " + payload)


def test_a_signature_has_65_bytes() -> None:
    with pytest.raises(MalformedRecord, match=r"^signature: it has 65 bytes, not 64$"):
        SignedVoucher(VOUCHER, CHAIN, TRACKS, bytes(64))


# -- against the deployed contract


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[tuple[Chain, Deployment]]:
    """A chain on which the creator owns model 1, and the shop has money."""
    with Chain.open_embedded(tmp_path_factory.mktemp("chain"), clock=lambda: 1_800_000_000) as chain:
        for signer in (CREATOR, SHOP):
            chain.fund(signer.address, 10**19)
        on = deploy(chain, CREATOR)
        cid = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
        terms = (0, 2**40 - 1, 50_000, 7, 0, NOBODY)
        one, two = Digest.of(b"1"), Digest.of(b"2")
        chain.send(CREATOR, Interface.load("Datasets"), on.datasets, "register", one, two, terms, cid)
        run = (one, two, 20_000, [1], [1_000_000], [], cid)
        chain.send(CREATOR, Interface.load("Models"), on.models, "record", run)
        yield chain, on


def test_the_digest_is_the_contracts(world: tuple[Chain, Deployment]) -> None:
    chain, on = world
    tracks = Interface.load("Tracks")
    for voucher in (VOUCHER, *alterations(VOUCHER)):
        found = chain.call(tracks, on.tracks, "digestOf", voucher.arguments)
        assert found == voucher.digest(chain.chain_id, on.tracks)


@pytest.mark.parametrize("owner", [None, Address(bytes(range(50, 70)))])
def test_the_contract_takes_the_voucher_and_no_other(world: tuple[Chain, Deployment], owner: Address | None) -> None:
    chain, on = world
    tracks = Interface.load("Tracks")
    voucher = replace(VOUCHER, model=1, owner=owner, claim=Digest(os.urandom(32)), audio=Digest(os.urandom(32)))
    signature = sign(voucher, CREATOR, chain.chain_id, on.tracks)

    def refused(voucher: Voucher, signature: bytes) -> None:
        with pytest.raises(SignatureInvalid):
            verify(voucher, signature, chain.chain_id, on.tracks)
        with pytest.raises(Reverted) as error:
            chain.send(SHOP, tracks, on.tracks, "mintByVoucher", voucher.arguments, signature)
        found = tracks.error(error.value.data)
        assert found is not None and found[0] == "SignatureWrong"

    for place in (0, 31, 32, 63, 64):
        refused(voucher, flipped(signature, place))
    for altered in alterations(voucher):
        if altered != voucher:
            refused(altered, signature)
    refused(voucher, sign(voucher, CREATOR, chain.chain_id + 1, on.tracks))
    refused(voucher, sign(voucher, CREATOR, chain.chain_id, on.models))
    chain.send(SHOP, tracks, on.tracks, "mintByVoucher", voucher.arguments, signature)
    track = chain.call(tracks, on.tracks, "idOf", CREATOR.address, voucher.claim)
    assert chain.call(tracks, on.tracks, "ownerOf", track) == (owner or SHOP.address)


def test_a_deadline_is_the_last_second(world: tuple[Chain, Deployment]) -> None:
    chain, on = world
    tracks = Interface.load("Tracks")
    now = replace(VOUCHER, model=1, claim=Digest(os.urandom(32)), audio=Digest(os.urandom(32)), deadline=1_800_000_000)
    late = replace(now, deadline=now.deadline - 1)
    with pytest.raises(Reverted) as error:
        signature = sign(late, CREATOR, chain.chain_id, on.tracks)
        chain.send(SHOP, tracks, on.tracks, "mintByVoucher", late.arguments, signature)
    found = tracks.error(error.value.data)
    assert found is not None and found[0] == "AlreadyOver"
    signature = sign(now, CREATOR, chain.chain_id, on.tracks)
    chain.send(SHOP, tracks, on.tracks, "mintByVoucher", now.arguments, signature)

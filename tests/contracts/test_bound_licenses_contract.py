"""Licenses as tokens (Soulbound.sol): ERC-721 that stays where it is, as ERC-5192 has it."""

import pytest
from eth_utils.crypto import keccak
from world import fresh

from ledger.errors import ArgumentRefused, Reverted

ERC_165 = ("supportsInterface(bytes4)",)
ERC_721 = (
    "balanceOf(address)",
    "ownerOf(uint256)",
    "approve(address,uint256)",
    "getApproved(uint256)",
    "setApprovalForAll(address,bool)",
    "isApprovedForAll(address,address)",
    "transferFrom(address,address,uint256)",
    "safeTransferFrom(address,address,uint256)",
    "safeTransferFrom(address,address,uint256,bytes)",
)
ERC_5192 = ("locked(uint256)",)


def interface_id(functions: tuple[str, ...]) -> bytes:
    """The exclusive or of all selectors (ERC-165)."""
    number = 0
    for function in functions:
        number ^= int.from_bytes(keccak(text=function)[:4])
    return number.to_bytes(4)


@pytest.fixture(scope="module")
def dataset(world):
    return world.dataset()


def token(world, kind: str, id: int, licensee) -> int:
    subject = world.contracts.deployment.datasets if kind == "dataset" else world.contracts.deployment.models
    return world.view("Licenses", "tokenOf", subject, id, licensee.address)


def test_the_standards_are_named(world):
    assert interface_id(ERC_5192).hex() == "b45a3c0e"  # as ERC-5192 says
    assert interface_id(ERC_721).hex() == "80ac58cd"  # as ERC-721 says
    for known in (ERC_165, ERC_721, ERC_5192):
        assert world.view("Licenses", "supportsInterface", interface_id(known)) is True
    for unknown in ("ffffffff", "2a55205a", "780e9d63"):
        assert world.view("Licenses", "supportsInterface", bytes.fromhex(unknown)) is False


def test_a_license_is_a_token_that_is_locked(world, dataset):
    buyer = world.person()
    world.buy(buyer, dataset)
    id = token(world, "dataset", dataset.id, buyer)
    assert world.view("Licenses", "ownerOf", id) == buyer.address
    assert world.view("Licenses", "locked", id) is True
    assert world.view("Licenses", "getApproved", id).raw == bytes(20)
    assert world.view("Licenses", "isApprovedForAll", buyer.address, buyer.address) is False
    assert (world.view("Licenses", "name"), world.view("Licenses", "symbol")) == ("Stemmata Licenses", "STEMLIC")


def test_nobody_passes_a_license_on(world, dataset):
    buyer, other = world.person(), world.person().address
    world.buy(buyer, dataset)
    id = token(world, "dataset", dataset.id, buyer)
    interface, address = world.at("Licenses")
    overloaded = keccak(text="safeTransferFrom(address,address,uint256,bytes)")[:4] + bytes(32 * 4)
    calls = [
        interface.call("transferFrom", buyer.address, other, id),
        interface.call("approve", other, id),
        interface.call("setApprovalForAll", other, True),
        keccak(text="safeTransferFrom(address,address,uint256)")[:4] + bytes(32 * 3),
        overloaded,
    ]
    for call in calls[:3]:
        with pytest.raises(ArgumentRefused, match="stays with its licensee"), world.contracts._on._explained():
            world.chain.transact(buyer, address, call)
    bound = keccak(text="Bound()")[:4]
    for call in calls:
        with pytest.raises(Reverted) as refusal:
            world.chain.transact(buyer, address, call)
        assert refusal.value.data in (bound, b"")
    assert world.view("Licenses", "ownerOf", id) == buyer.address


def test_one_token_holds_all_licenses_of_one_subject(world, dataset):
    buyer = world.person()
    first = world.buy(buyer, dataset)
    again = world.grant(world.holder, dataset, buyer.address, ["generate"])
    assert world.view("Licenses", "balanceOf", buyer.address) == 1
    model = world.model()
    world.grant(world.trainer, model, buyer.address, ["generate"])
    world.buy(buyer, world.dataset())
    assert world.view("Licenses", "balanceOf", buyer.address) == 3
    events = [
        event
        for name in ("Locked", "Transfer")
        for event in world.contracts._on.said("Licenses", name, first.block, again.block)
    ]
    # Made once, and locked from its beginning.
    id = token(world, "dataset", dataset.id, buyer)
    assert [event.arguments["tokenId"] for event in events] == [id, id]
    assert (events[1].arguments["from"].raw, events[1].arguments["to"]) == (bytes(20), buyer.address)


def test_the_number_of_a_token_says_whose_it_is_and_for_what(world):
    who = world.creator
    for id in (1, 77, 2**95 - 1):
        number = id << 160 | int.from_bytes(who.address.raw)
        assert token(world, "dataset", id, who) == number
        assert token(world, "model", id, who) == number | 1 << 255


def test_the_last_second_does_not_end_the_token(world, dataset):
    guest = world.person()
    world.grant(world.holder, dataset, guest.address, until=world.clock.now() + 1)
    world.clock.go_to(world.clock.now() + 2)
    assert not world.contracts.is_licensed("dataset", dataset.id, guest.address, "train")
    assert world.view("Licenses", "ownerOf", token(world, "dataset", dataset.id, guest)) == guest.address


def test_what_is_not_there_has_no_owner(world, dataset):
    stranger = token(world, "dataset", dataset.id, world.person())
    for function in ("ownerOf", "locked", "getApproved"):
        for id in (0, stranger, int.from_bytes(fresh().raw)):
            with pytest.raises(Exception, match=f"no token {id}"):
                world.view("Licenses", function, id)


def test_nobody_is_licensed_at_the_zero_address(world, dataset):
    nobody = type(world.holder.address)(bytes(20))
    with pytest.raises(Reverted) as refusal:
        world.grant(world.holder, dataset, nobody)
    assert world.at("Licenses")[0].error(refusal.value.data)[0] == "ERC721InvalidReceiver"
    with pytest.raises(Reverted):
        world.view("Licenses", "balanceOf", nobody)

"""Rules of Datasets.sol, one by one."""

import base64
import json

import pytest
from world import CID, FOREVER, NO_CURRENCY, WHOLE, fresh, terms

from ledger.address import Address
from ledger.digest import Digest
from ledger.errors import AlreadyRegistered, ArgumentRefused, ConsentWithdrawn, NotFound, NotOwner

TOKEN = Address(bytes(19) + b"\x07")


def test_a_registration_is_kept_with_its_terms(world):
    root, record = fresh(), fresh()
    asked = terms(7, royalty_ppm=123_456, uses=("train", "commercial"), inference="constrained")
    entry = world.contracts.register_dataset(world.holder, root, record, CID, asked)
    assert (entry.root, entry.record, entry.cid) == (root, record, CID)
    assert entry.terms == entry.registered_terms == asked
    assert entry.holder == entry.owner == world.holder.address
    assert entry.consent
    assert entry.time == world.clock.now()
    assert world.contracts.dataset(entry.id) == entry == world.contracts.dataset_by_root(root)
    assert entry in world.contracts.datasets()


def test_ids_are_counted_from_one_without_gaps(world):
    first, second = world.dataset(), world.dataset()
    assert second.id == first.id + 1
    assert world.contracts.dataset(1).id == 1


def test_a_root_is_registered_once_whoever_comes(world):
    taken = world.dataset()
    for signer in (world.holder, world.trainer):
        with pytest.raises(AlreadyRegistered, match=str(taken.root)) as refusal:
            world.contracts.register_dataset(signer, taken.root, fresh(), CID, terms())
        assert refusal.value.id == taken.id


@pytest.mark.parametrize("zero", ["root", "record"])
def test_a_zero_digest_is_refused(world, zero):
    digests = {"root": fresh(), "record": fresh()} | {zero: Digest(bytes(32))}
    with pytest.raises(ArgumentRefused, match="zero bytes"):
        world.contracts.register_dataset(world.holder, digests["root"], digests["record"], CID, terms())


def test_a_royalty_is_at_most_the_whole(world):
    assert world.dataset(terms(royalty_ppm=WHOLE))
    _refused(world, "1000001 ppm", royalty=WHOLE + 1)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("price", -1, "terms"),
        ("price", 2**96, "terms"),
        ("royalty", 2**24, "terms"),
        ("until", 2**40, "terms"),
        ("uses", 8, "uses 8"),
        ("preferences", 3, "preferences 3"),
        ("preferences", 12, "preferences 12"),
        ("preferences", 16, "preferences 16"),
    ],
)
def test_terms_that_do_not_exist_are_refused(world, field, value, said):
    _refused(world, said, **{field: value})


def test_the_largest_terms_fit(world):
    last = 253402300799  # the last second of the year 9999, in which our timestamps end
    asked = terms(2**96 - 1, royalty_ppm=WHOLE, until=last, data_mining="allowed", inference="allowed", currency=TOKEN)
    assert world.dataset(asked).terms == asked


def test_what_is_on_offer_has_not_ended_yet(world):
    now = world.clock.now()
    assert world.dataset(terms(until=now)).terms == terms(until=now)
    _refused(world, f"time {now - 1}", until=now - 1)


def _refused(world, said, price=0, until=FOREVER, royalty=0, uses=1, preferences=0):
    word = (price, until, royalty, uses, preferences, NO_CURRENCY)
    with pytest.raises(ArgumentRefused, match=said):
        world.send(world.holder, "Datasets", "register", fresh(), fresh(), word, CID)
    entry = world.dataset()
    with pytest.raises(ArgumentRefused, match=said):
        world.send(world.holder, "Datasets", "changeTerms", entry.id, word)
    assert world.contracts.dataset(entry.id) == entry


def test_terms_change_and_the_first_ones_stay_on_record(world):
    entry = world.dataset(terms(5))
    for asked in (terms(6, currency=TOKEN), terms(7, uses=()), terms(8, currency=TOKEN, data_mining="constrained")):
        changed = world.contracts.change_dataset_terms(world.holder, entry.id, asked)
        assert changed == world.contracts.dataset(entry.id)
        assert (changed.terms, changed.registered_terms) == (asked, terms(5))
        assert (changed.block, changed.consent) == (entry.block, True)


def test_only_the_owner_changes_terms_and_only_while_consent_stands(world):
    entry = world.dataset()
    with pytest.raises(NotOwner, match=str(world.trainer.address)):
        world.contracts.change_dataset_terms(world.trainer, entry.id, terms(1))
    world.contracts.withdraw_consent(world.holder, entry.id)
    with pytest.raises(ConsentWithdrawn, match=f"dataset {entry.id}"):
        world.contracts.change_dataset_terms(world.holder, entry.id, terms(1))
    assert world.contracts.dataset(entry.id).terms == entry.terms


def test_only_the_owner_withdraws_consent_and_only_once(world):
    entry = world.dataset()
    with pytest.raises(NotOwner, match=str(world.trainer.address)):
        world.contracts.withdraw_consent(world.trainer, entry.id)
    world.contracts.withdraw_consent(world.holder, entry.id)
    assert not world.contracts.dataset(entry.id).consent
    with pytest.raises(ConsentWithdrawn, match=f"dataset {entry.id}"):
        world.contracts.withdraw_consent(world.holder, entry.id)


def test_a_sold_right_is_its_new_owners(world):
    entry = world.dataset()
    buyer = world.person()
    world.give(world.holder, "Datasets", buyer.address, entry.id)
    sold = world.contracts.dataset(entry.id)
    assert (sold.holder, sold.owner) == (world.holder.address, buyer.address)
    for act in (
        lambda by: world.contracts.change_dataset_terms(by, entry.id, terms(1)),
        lambda by: world.contracts.withdraw_consent(by, entry.id),
    ):
        with pytest.raises(NotOwner):
            act(world.holder)
        act(buyer)


@pytest.mark.parametrize("id", [0, 10**6, 2**256 - 1])
def test_what_is_not_there_is_not_found(world, id):
    with pytest.raises(NotFound, match=f"no dataset {id}"):
        world.contracts.dataset(id)
    for act in (
        lambda: world.contracts.withdraw_consent(world.holder, id),
        lambda: world.contracts.change_dataset_terms(world.holder, id, terms()),
        lambda: world.view("Datasets", "tokenURI", id),
    ):
        with pytest.raises(NotFound):
            act()


def test_an_unknown_root_has_no_dataset(world):
    assert world.contracts.dataset_by_root(fresh()) is None


def preferences(world, id: int) -> dict:
    """What ERC-7517 says of a dataset, out of its metadata."""
    head, text = world.view("Datasets", "tokenURI", id).split(",", 1)
    assert head == "data:application/json;base64"
    metadata = json.loads(base64.b64decode(text, validate=True))
    assert metadata["name"] == f"Stemmata dataset {id}"
    token = f"erc721:{world.contracts.deployment.datasets}/{id}".lower()
    assert metadata["license"]["document"] == f"eip155:{world.chain.chain_id}/{token}"
    return metadata["dataMiningPreference"]


@pytest.mark.parametrize(
    ("mining", "inference"), [("notAllowed", "allowed"), ("constrained", "notAllowed"), ("allowed", "constrained")]
)
def test_preferences_are_read_as_erc_7517_spells_them(world, mining, inference):
    entry = world.dataset(terms(data_mining=mining, inference=inference))
    assert preferences(world, entry.id) == {
        "dataMining": mining,
        "aiInference": inference,
        "aiTraining": "constrained",
        "aiGenerativeTraining": "constrained",
    }


def test_training_is_constrained_only_where_a_license_is_for_sale(world):
    entry = world.dataset(terms(uses=("generate", "commercial"), data_mining="allowed", inference="allowed"))
    training = ("aiTraining", "aiGenerativeTraining")
    assert {preferences(world, entry.id)[use] for use in training} == {"notAllowed"}
    on_sale = terms(uses=("train",), data_mining="allowed", inference="allowed")
    world.contracts.change_dataset_terms(world.holder, entry.id, on_sale)
    assert {preferences(world, entry.id)[use] for use in training} == {"constrained"}
    end = world.clock.now() + 10
    world.contracts.change_dataset_terms(world.holder, entry.id, terms(uses=("train",), until=end))
    for time, said in ((end, "constrained"), (end + 1, "notAllowed")):
        world.clock.go_to(time)
        assert {preferences(world, entry.id)[use] for use in training} == {said}
    world.contracts.change_dataset_terms(world.holder, entry.id, on_sale)
    world.contracts.withdraw_consent(world.holder, entry.id)
    assert set(preferences(world, entry.id).values()) == {"notAllowed"}

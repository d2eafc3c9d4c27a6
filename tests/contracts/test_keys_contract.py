"""Rules of Keys.sol: who publishes, who ends a key, and that an end is final and of its own block."""

import pytest
from world import CID, NO_CURRENCY, fresh

from ledger.address import Address
from ledger.cid import Cid
from ledger.digest import Digest
from ledger.errors import ArgumentRefused, KeyEnded, NotOwner

SUCCESSOR = Address(bytes(19) + b"\x07")


def revoke(world, signer, account=None):
    return world.contracts.revoke_key(signer, account or signer.address, fresh(), CID)


def test_companions_are_published_and_found_again(world):
    person, record = world.person(), fresh()
    assert world.contracts.published_keys(person.address) == ()
    entry = world.contracts.publish_keys(person, record, CID)
    assert (entry.account, entry.record, entry.cid) == (person.address, record, CID)
    assert (entry.block, entry.time) == (world.chain.block_number, world.clock.now())
    assert world.contracts.published_keys(person.address) == (entry,)


def test_every_publication_stays_in_order(world):
    person, other = world.person(), world.person()
    entries = []
    for signer in (person, other, person, other, person):
        entries.append(world.contracts.publish_keys(signer, fresh(), str(Cid.of_digest(fresh().raw))))
    assert world.contracts.published_keys(person.address) == tuple(entries[::2])
    assert world.contracts.published_keys(other.address) == tuple(entries[1::2])


def test_a_zero_digest_names_no_record(world):
    person, zero = world.person(), Digest(bytes(32))
    for function, arguments in (
        ("publish", ()),
        ("rotate", (person.address, SUCCESSOR)),
        ("revoke", (person.address,)),
    ):
        with pytest.raises(ArgumentRefused, match="zero bytes"):
            world.send(person, "Keys", function, *arguments, zero, fresh())


def test_a_key_without_an_end_has_none(world):
    assert world.contracts.key_end(world.person().address) is None
    assert world.view("Keys", "endedAt", SUCCESSOR) == 0
    assert world.view("Keys", "successorOf", SUCCESSOR) == NO_CURRENCY


def test_a_revocation_counts_from_its_block(world):
    person, record = world.person(), fresh()
    world.clock.go_to(world.clock.now() + 1000)
    end = world.contracts.revoke_key(person, person.address, record, CID)
    assert (end.account, end.successor, end.by) == (person.address, None, person.address)
    assert (end.record, end.cid) == (record, CID)
    assert (end.block, end.time) == (world.chain.block_number, world.clock.now())
    assert world.view("Keys", "endedAt", person.address) == end.time
    assert world.contracts.key_end(person.address) == end


def test_a_rotation_names_the_successor(world):
    old, new = world.person(), world.person()
    end = world.contracts.rotate_key(old, old.address, new.address, fresh(), CID)
    assert end.successor == new.address == world.view("Keys", "successorOf", old.address)
    assert world.contracts.key_end(new.address) is None
    newest = world.person()
    assert world.contracts.rotate_key(new, new.address, newest.address, fresh(), CID).successor == newest.address
    assert world.contracts.key_end(old.address) == end


def test_an_end_is_final(world):
    old, new, recovery = world.person(), world.person(), world.person()
    world.contracts.name_recovery(old, old.address, recovery.address)
    end = world.contracts.rotate_key(old, old.address, new.address, fresh(), CID)
    world.clock.go_to(world.clock.now() + 1000)
    for again in (
        lambda: revoke(world, old),
        lambda: revoke(world, recovery, old.address),
        lambda: world.contracts.rotate_key(old, old.address, SUCCESSOR, fresh(), CID),
        lambda: world.contracts.publish_keys(old, fresh(), CID),
        lambda: world.contracts.name_recovery(recovery, old.address, SUCCESSOR),
    ):
        with pytest.raises(KeyEnded, match=f"{old.address} ended on 20"):
            again()
    assert world.contracts.key_end(old.address) == end


def test_nobody_else_ends_a_key(world):
    person, stranger = world.person(), world.person()
    with pytest.raises(NotOwner, match=f"{stranger.address} is neither"):
        revoke(world, stranger, person.address)
    with pytest.raises(NotOwner, match=f"{stranger.address} is neither"):
        world.contracts.rotate_key(stranger, person.address, stranger.address, fresh(), CID)
    with pytest.raises(NotOwner, match=f"{stranger.address} is neither"):
        world.contracts.name_recovery(stranger, person.address, stranger.address)
    assert world.contracts.key_end(person.address) is None


def test_a_successor_is_another_key_that_goes_on(world):
    person, over = world.person(), world.person()
    revoke(world, over)
    for unfit in (person.address, over.address, NO_CURRENCY):
        with pytest.raises(ArgumentRefused, match=f"{unfit} will not do"):
            world.contracts.rotate_key(person, person.address, unfit, fresh(), CID)
    assert world.contracts.key_end(person.address) is None


@pytest.mark.parametrize("successor", [None, SUCCESSOR])
def test_a_recovery_ends_a_key_that_was_lost(world, successor):
    lost, recovery = world.person(), world.person()
    assert world.contracts.key_recovery(lost.address) is None
    world.contracts.name_recovery(lost, lost.address, recovery.address)
    assert world.contracts.key_recovery(lost.address) == recovery.address
    if successor is None:
        end = revoke(world, recovery, lost.address)
    else:
        end = world.contracts.rotate_key(recovery, lost.address, successor, fresh(), CID)
    assert (end.by, end.successor) == (recovery.address, successor)
    assert world.contracts.key_end(recovery.address) is None


def test_whoever_stole_a_key_cannot_shut_out_its_recovery(world):
    stolen, recovery, thief = world.person(), world.person(), world.person()
    world.contracts.name_recovery(stolen, stolen.address, recovery.address)
    with pytest.raises(NotOwner):
        world.contracts.name_recovery(stolen, stolen.address, thief.address)
    heir = world.person()
    world.contracts.name_recovery(recovery, stolen.address, heir.address)
    with pytest.raises(NotOwner):
        revoke(world, recovery, stolen.address)
    assert revoke(world, heir, stolen.address).by == heir.address


def test_a_recovery_is_somebody_else(world):
    person = world.person()
    for unfit in (person.address, NO_CURRENCY):
        with pytest.raises(ArgumentRefused, match=f"{unfit} will not do"):
            world.contracts.name_recovery(person, person.address, unfit)
    assert world.contracts.key_recovery(person.address) is None


def test_where_a_record_lies_is_one_raw_block(world):
    person = world.person()
    for cid in (str(Cid.of_dag_pb(b"a folder")), "no cid"):
        with pytest.raises(ArgumentRefused, match="where the record lies"):
            world.contracts.publish_keys(person, fresh(), cid)
        with pytest.raises(ArgumentRefused, match="where the record lies"):
            world.contracts.revoke_key(person, person.address, fresh(), cid)

"""The whole house once: from a dataset to a sale, and the royalties to everybody behind the track."""

import hashlib

import pytest

FOREVER = 2**40 - 1
ETHER = "0x0000000000000000000000000000000000000000"
PRICE = 10**17


def digest(text):
    return "0x" + hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def house(accounts, Datasets, Licenses, Models, Royalties, Tracks, Market):
    maker = accounts[9]
    datasets = maker.deploy(Datasets)
    licenses = maker.deploy(Licenses, datasets, maker.get_deployment_address(maker.nonce + 1))
    models = maker.deploy(Models, datasets, licenses)
    royalties = maker.deploy(Royalties, datasets, models)
    tracks = maker.deploy(Tracks, models, licenses, royalties, ETHER, "")
    return datasets, licenses, models, royalties, tracks, maker.deploy(Market, tracks)


def test_from_recordings_to_royalties(house, accounts):
    datasets, licenses, models, royalties, tracks, market = house
    holder, trainer, buyer = accounts[0], accounts[1], accounts[2]
    terms = (PRICE, FOREVER, 100_000, 1, 0, ETHER)
    datasets.register(digest("root"), digest("record"), terms, "cid", {"from": holder})
    deal = (PRICE, ETHER, FOREVER, 100_000)
    licenses.buy(datasets, 1, 1, deal, digest("license"), digest("block"), {"from": trainer, "value": PRICE})
    assert licenses.due(ETHER, holder) == PRICE
    models.record((digest("weights"), digest("run"), 20_000, [1], [1_000_000], [], "cid"), {"from": trainer})
    work = (digest("claim"), digest("audio"), digest("track"), 1, 50_000)
    tracks.mint(work, digest("envelope"), {"from": trainer})
    track = tracks.idOf(trainer, digest("claim"))
    market.list(track, 10**18, ETHER, FOREVER, {"from": trainer})
    tracks.approve(market, track, {"from": trainer})
    market.buy(track, ETHER, 10**18, {"from": buyer, "value": 10**18})
    assert tracks.ownerOf(track) == buyer
    assert market.due(ETHER, trainer) == 95 * 10**16
    before = holder.balance()
    royalties.pull(track, trainer, 1, ETHER, 2, {"from": buyer})
    assert holder.balance() - before == 5 * 10**15


def test_nothing_is_trained_or_minted_without_a_license(house, accounts):
    datasets, _, models, _, tracks, _ = house
    terms = (PRICE, FOREVER, 0, 1, 0, ETHER)
    datasets.register(digest("root"), digest("record"), terms, "cid", {"from": accounts[0]})
    run = (digest("weights"), digest("run"), 0, [1], [1_000_000], [], "cid")
    with pytest.raises(Exception, match="LicenseMissing"):
        models.record(run, {"from": accounts[1]})
    models.record(run, {"from": accounts[0]})
    with pytest.raises(Exception, match="LicenseMissing"):
        tracks.mint((digest("c"), digest("a"), digest("r"), 1, 0), digest("e"), {"from": accounts[1]})


def test_a_key_ends_once_and_names_its_successor(accounts, Keys):
    keys = accounts[9].deploy(Keys)
    old, new, recovery = accounts[0], accounts[1], accounts[2]
    keys.publish(digest("companions"), digest("block"), {"from": old})
    keys.nameRecovery(old, recovery, {"from": old})
    keys.rotate(old, new, digest("rotation"), digest("block"), {"from": recovery})
    assert keys.successorOf(old) == new
    assert keys.endedAt(old) > 0
    with pytest.raises(Exception, match="KeyOver"):
        keys.revoke(old, digest("revocation"), digest("block"), {"from": old})

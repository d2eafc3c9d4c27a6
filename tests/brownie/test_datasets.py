"""Datasets, as a holder meets it through Brownie."""

import brownie
import pytest

ETHER = "0x" + "00" * 20
ROOT, RECORD = "0x" + "01" * 32, "0x" + "02" * 32
TERMS = ("0.05 ether", 2**40 - 1, 50_000, 1, 0, ETHER)


@pytest.fixture(scope="module")
def datasets(Datasets, accounts):
    return accounts[0].deploy(Datasets)


def test_a_dataset_belongs_to_who_registered_it(datasets, accounts):
    sent = datasets.register(ROOT, RECORD, TERMS, "cid", {"from": accounts[1]})
    assert sent.events["Registered"]["holder"] == accounts[1]
    assert datasets.ownerOf(1) == accounts[1]
    assert datasets.count() == 1


def test_a_root_is_registered_once(datasets, accounts):
    datasets.register(ROOT, RECORD, TERMS, "cid", {"from": accounts[1]})
    with brownie.reverts(revert_pattern="RootTaken: .*, 1"):
        datasets.register(ROOT, RECORD, TERMS, "cid", {"from": accounts[2]})
    assert datasets.count() == 1

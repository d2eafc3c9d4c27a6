"""What a verb costs can be asked before; what it made can be asked after how far it has come."""

import hashlib
import os

import pytest

from ledger.chain import Chain
from ledger.contracts import Contracts, deploy
from ledger.digest import Digest
from ledger.errors import AlreadyRegistered, ArgumentRefused, InsufficientFunds
from ledger.keys import LocalSigner
from ledger.records import Terms
from ledger.submission import State

HOLDER = LocalSigner(hashlib.sha256(b"a holder who asks first").digest())
TERMS = Terms(price=10**17, royalty_ppm=0, uses=("train",))


@pytest.fixture(scope="module")
def contracts(tmp_path_factory):
    with Chain.open_embedded(tmp_path_factory.mktemp("chain")) as chain:
        chain.fund(HOLDER.address, 10**18)
        yield Contracts(chain, deploy(chain, HOLDER))


def test_a_quote_bounds_what_is_spent_and_sends_nothing(contracts):
    chain, root = contracts.chain, Digest(os.urandom(32))
    nonce, before = chain.nonce(HOLDER.address), chain.balance(HOLDER.address)
    quote = contracts.quote(lambda c: c.register_dataset(HOLDER, root, root, "cid", TERMS))
    assert (chain.nonce(HOLDER.address), chain.balance(HOLDER.address)) == (nonce, before)
    assert contracts.dataset_by_root(root) is None
    entry = contracts.register_dataset(HOLDER, root, root, "cid", TERMS)
    assert 0 < before - chain.balance(HOLDER.address) <= quote.most_wei
    assert contracts.status(entry).state is State.FINAL


def test_a_quote_includes_the_price(contracts):
    dataset = contracts.register_dataset(HOLDER, Digest(os.urandom(32)), Digest(os.urandom(32)), "cid", TERMS)
    buyer = LocalSigner.generate()
    contracts.chain.fund(buyer.address, 10**18)
    cid = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
    bought = ("dataset", dataset.id, ["train"], Digest(os.urandom(32)), cid, dataset.terms)
    quote = contracts.quote(lambda c: c.buy_license(buyer, *bought))
    assert quote.most_wei >= 10**17 + quote.gas * quote.fee_per_gas
    with pytest.raises(InsufficientFunds):
        contracts.quote(lambda c: c.buy_license(LocalSigner.generate(), *bought))


def test_a_quote_of_what_would_be_refused_says_why(contracts):
    root = Digest(os.urandom(32))
    contracts.register_dataset(HOLDER, root, root, "cid", TERMS)
    with pytest.raises(AlreadyRegistered, match=str(root)):
        contracts.quote(lambda c: c.register_dataset(HOLDER, root, root, "cid", TERMS))
    with pytest.raises(ArgumentRefused, match="sends no transaction"):
        contracts.quote(lambda c: c.dataset(1))

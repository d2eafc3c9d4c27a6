"""A license is bought on the terms that were shown: in that currency, at that price and share, until then; or not.

And of a track it is told afterwards what was paid.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from api.home import Home
from api.pages import studio
from api.service.kinds.kind import Context
from api.service.kinds.licensing import LICENSE, License
from api.service.kinds.trading import BUY, Buy
from api.settings import Settings
from ledger.address import Address
from ledger.errors import PriceNotMet
from ledger.records import Terms
from tests.service.traded import ANNA, BEN, CARL, DORA, ETHER, Trade
from tests.story import PASSPHRASE

TOKEN = Address(b"\x07" * 20)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    """Two datasets and a model of both; the buyer's key lies in the home."""
    folder = tmp_path_factory.mktemp("home")
    home = Home(Settings(home=folder, instrument=None, passphrase=PASSPHRASE))
    buyer = home.keystore().new("buyer", PASSPHRASE, scrypt_n=2**12)
    with home.ledger() as ledger:
        Trade(ledger.contracts, []).begin()
        ledger.chain.fund(buyer, ETHER)
    return Context(
        home=home,
        account=buyer,
        folder=folder,
        uploads=folder,
        jobs=folder,
        now=lambda: datetime.now(UTC),
        clock=lambda: datetime.now(UTC),
        say=lambda *said, **more: None,
        write_down=lambda content: None,
    )


@pytest.mark.parametrize(
    "changed",
    [
        Terms(price=3, royalty_ppm=50_000, uses=("train",)),
        Terms(price=1, royalty_ppm=50_000, uses=("train",), currency=TOKEN),
        Terms(price=3, royalty_ppm=900_000, uses=("train",), currency=TOKEN),
        Terms(price=3, royalty_ppm=50_000, uses=("train",), currency=TOKEN, until="2099-01-01T00:00:00Z"),
    ],
    ids=["currency", "price", "share", "until"],
)
def test_terms_that_changed_since_they_were_shown_are_not_accepted(context: Context, changed: Terms) -> None:
    with context.home.ledger() as ledger:
        ledger.contracts.change_dataset_terms(ANNA, 1, changed)
    shown = {"price": "3", "currency": str(TOKEN), "share": "5", "until": "never"}
    if changed.currency is None:
        shown["price"] = "0.000000000000000003"  # the same number, of something else
    with pytest.raises(PriceNotMet, match="look again"):
        LICENSE.run(context, License(subject="dataset", id=1, uses=("train",), **shown))
    with context.home.reading() as ledger:
        assert not ledger.contracts.is_licensed("dataset", 1, context.account, "train")


def test_terms_that_are_still_asked_are_accepted(context: Context) -> None:
    until = "2099-12-31T23:59:59Z"
    with context.home.ledger() as ledger:
        ledger.contracts.change_dataset_terms(BEN, 2, Terms(price=3, royalty_ppm=20_000, uses=("train",), until=until))
    terms = {"price": "0.000000000000000003", "currency": "ether", "share": "2", "until": "2099-12-31"}
    done = LICENSE.run(context, License(subject="dataset", id=2, uses=("train",), **terms))
    assert (done["price"], done["share"], done["until"]) == ("0.000000000000000003", "2", until)


def test_the_studio_shows_all_that_a_buyer_agrees_to(context: Context) -> None:
    with context.home.ledger() as ledger:
        offered = Terms(price=3, royalty_ppm=70_000, uses=("generate",), currency=TOKEN)
        ledger.contracts.change_model_terms(CARL, 1, offered)
        (model,) = studio.models(context.home, ledger, [ledger.contracts.model(1)], DORA.address)
    assert model.terms == {"price": "3", "currency": str(TOKEN), "share": "7", "until": "never"}
    form = License(subject="model", id=1, uses=("generate",), **model.terms)
    assert (form.price, form.currency, form.share, form.until) == ("3", str(TOKEN), "7", "never")


def test_a_purchase_that_is_begun_again_tells_what_was_paid(context: Context) -> None:
    with context.home.ledger() as ledger:
        track = Trade(ledger.contracts, []).mint("bought")
        ledger.contracts.list_track(CARL, track, 7)
    notes: list[Mapping[str, Any]] = []
    asked = Buy(track=f"{track:016x}", price="0.000000000000000007")
    done = BUY.run(replace(context, write_down=notes.append), asked)
    again = BUY.run(replace(context, note=notes[-1]), asked)
    assert again["offer"] == done["offer"]
    assert (again["owner"], again["already"]) == (str(context.account), False)
    assert BUY.run(context, asked)["already"]

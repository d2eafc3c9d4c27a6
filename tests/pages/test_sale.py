"""What a page says that everybody gets of a price is what the contracts give them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.home import Home, Ledger
from api.pages import sale
from api.pages.sale import Sale
from api.workflows import market
from ledger.chain import Chain
from ledger.contracts import Contracts, ListingEntry, deploy
from ledger.digest import Digest
from ledger.errors import PriceNotMet
from ledger.shares import Share, ShareTree
from ledger.store import BlockStore
from tests.service.traded import ANNA, BEN, CARL, DORA, Trade, home_of

PRICE = 10**16 + 7
NOW = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """CARL has offered his only track."""
    home = home_of(tmp_path_factory.mktemp("sale") / "home")
    with home.ledger() as ledger:
        trade = Trade(ledger.contracts, [])
        trade.begin()
        ledger.contracts.list_track(CARL, trade.mint("song"), PRICE)
    return home


def shown(home: Home, now: datetime = NOW) -> Sale | None:
    with home.reading() as ledger:
        (track,) = ledger.contracts.tracks()
        return sale.of(ledger, market.show(ledger, f"{track.id:016x}"), now)


def test_nothing_but_what_was_seen_is_paid(home: Home) -> None:
    found = shown(home)
    assert found is not None
    track = f"{found.track.id:016x}"
    for seen in (
        {"price": "0.01"},
        {"currency": str(CARL.address)},
        {"price": found.price, "currency": "0x" + "11" * 20},
    ):
        with pytest.raises(PriceNotMet, match="look again"):
            market.buy(home, track, signer=DORA, **seen)
    with home.reading() as ledger:
        assert ledger.contracts.track(found.track.id).owner == CARL.address


def test_the_parts_are_what_the_contracts_pay(home: Home) -> None:
    found = shown(home)
    assert found is not None
    assert found.units == PRICE
    assert found.settled
    assert (found.price, found.money) == ("0.010000000000000007", "0.010000000000000007 ETH")
    told = [(part.role, part.number, part.payee) for part in found.parts]
    assert told == [
        ("seller", None, CARL.address),
        ("creator", None, CARL.address),
        ("model", 1, CARL.address),
        ("dataset", 1, ANNA.address),
        ("dataset", 2, BEN.address),
    ]
    assert all(re.fullmatch(r"\d+(\.\d)?", part.percent) for part in found.parts)
    assert PRICE - len(found.parts) < sum(part.units for part in found.parts) <= PRICE
    market.buy(home, f"{found.track.id:016x}", signer=DORA, price=found.price, currency="ether")
    with home.reading() as ledger:
        seller, *shares = found.parts
        assert ledger.contracts.due(CARL.address, None, "market") == seller.units
        indices = [share.index for share in ledger.contracts.royalty_shares(found.track.id)]
        assert [ledger.contracts.royalty_due(found.track.id, index) for index in indices] == [
            part.units for part in shares
        ]
    assert shown(home) is None  # nobody can buy it now


def test_what_nobody_can_buy_is_no_sale(home: Home) -> None:
    with home.reading() as ledger:
        (track,) = ledger.contracts.tracks()
        until = int(NOW.timestamp())
        listing = ListingEntry(track.id, CARL.address, PRICE, None, until)
        good = market.Offer(track, listing, live=True, royalty=PRICE // 10)
        assert sale.of(ledger, good, NOW) is not None
        assert sale.of(ledger, good, NOW.replace(second=1)) is None
        assert sale.of(ledger, replace(good, live=False), NOW) is None
        assert sale.of(ledger, replace(good, listing=None), NOW) is None


def test_shares_of_a_price_of_nothing_are_those_of_any(home: Home) -> None:
    with home.reading() as ledger:
        (track,) = ledger.contracts.tracks()
        dear, free = (
            sale.of(
                ledger, market.Offer(track, ListingEntry(track.id, CARL.address, price, None, None), True, part), NOW
            )
            for price, part in ((10**18, 10**18 * track.royalty_ppm // 10**6), (0, 0))
        )
    assert dear is not None and free is not None
    assert [part.percent for part in free.parts] == [part.percent for part in dear.parts]
    assert {part.units for part in free.parts} == {0}


@pytest.mark.slow
def test_shares_that_were_agreed_on_later_are_told(tmp_path: Path) -> None:
    clock = [int(NOW.timestamp())]
    with Chain.open_embedded(tmp_path / "chain", clock=lambda: clock[0]) as chain:
        chain.fund(CARL.address, 10**19)
        contracts = Contracts(chain, deploy(chain, CARL))
        ledger, trade = Ledger(chain, contracts, BlockStore(tmp_path / "content")), Trade(contracts, [])
        trade.begin()
        track = trade.mint("song")
        contracts.list_track(CARL, track, PRICE)

        def settled() -> bool:
            found = sale.of(ledger, market.show(ledger, f"{track:016x}"), NOW)
            assert found is not None
            return found.settled

        assert settled()
        contracts.open_royalties(CARL, contracts.track(track))
        tree = ShareTree([Share("account", DORA.address, 1_000_000)])
        contracts.propose_shares(CARL, track, 0, Digest(tree.root), tree.proof(0))
        assert settled()  # nothing counts yet
        clock[0] += 7 * 86400 + 1
        contracts.adopt_shares(CARL, track)
        assert not settled()

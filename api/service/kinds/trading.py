"""Jobs of the market: offer a track, end the offer, buy one; pull royalties, and fetch income."""

# No postponed annotations: pydantic reads them.

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from api.errors import UsageError
from api.service.kinds import price
from api.service.kinds.kind import Account, Amount, Context, Day, Kind, Request, Track
from api.service.kinds.price import Decimals

if TYPE_CHECKING:
    from api.workflows.market import Offer
    from ledger.address import Address

_MOST_PRICE = 1 << 96
"""The market keeps prices in 96 bits (``contracts/Market.sol``)."""


class List(Request):
    """Offer a track at a fixed price, or change the offer; it stays the account's until it is sold."""

    kind: Literal["list"] = "list"
    track: Track
    price: Amount = Field(examples=["1"])
    currency: Account | None = None
    decimals: Decimals = None
    until: Day = "never"

    def token(self) -> "Address | None":
        """The token that the price is said in. Raises :class:`~api.errors.UsageError`."""
        return price.token_of(self.currency, self.decimals)

    def units(self) -> int:
        """The price in the currency's smallest unit. Raises :class:`~api.errors.UsageError` for one that is none."""
        units = price.units(self.price, self.token(), self.decimals)
        if units >= _MOST_PRICE:
            raise UsageError(f"price {self.price!r}: the market notes less than 2^96 of the smallest unit")
        return units


class Unlist(Request):
    """End an offer of the account's."""

    kind: Literal["unlist"] = "unlist"
    track: Track


class Buy(Request):
    """Buy a track for what is asked; the royalty goes to its account, the rest to the seller."""

    kind: Literal["buy"] = "buy"
    track: Track
    price: Amount | None = Field(default=None, description="Buy at this price or not at all.", examples=["1"])
    currency: Account | Literal["ether"] | None = Field(default=None, description="Buy in it or not at all.")

    def aim(self) -> str:
        """The track."""
        return f"buy {self.track}"


class Pull(Request):
    """Pay out the shares of a track's royalties that the account holds, or everybody's to their holders."""

    kind: Literal["pull"] = "pull"
    track: Track
    currency: Account | None = None
    everybody: bool = False

    def aim(self) -> str:
        """What the track owes in that currency."""
        return f"pull {self.track} {(self.currency or 'ether').lower()}"


class Income(Request):
    """Fetch all that sales of licenses and tracks have credited to the account."""

    kind: Literal["income"] = "income"
    currency: Account | None = None

    def aim(self) -> str:
        """What is credited in that currency."""
        return f"income {(self.currency or 'ether').lower()}"


def _list(context: Context, asked: List) -> dict[str, Any]:
    from api import terms as words
    from api.workflows import market
    from ledger.records import parse_timestamp

    token, end = asked.token(), words.until(asked.until, context.now())
    seconds = None if end is None else int(parse_timestamp(end).timestamp())
    price.require_decimals(context.home, token, asked.decimals)
    units, signer = asked.units(), context.signer()
    return _offer(market.offer(context.home, asked.track, units, signer=signer, currency=token, until=seconds))


def _unlist(context: Context, asked: Unlist) -> dict[str, Any]:
    from api.workflows import market

    return _offer(market.end(context.home, asked.track, signer=context.signer()))


def _buy(context: Context, asked: Buy) -> dict[str, Any]:
    from api.workflows import market

    signer = context.signer()
    with context.home.ledger() as ledger:
        seen = market.show(ledger, asked.track)
    if seen.track.owner != signer.address:
        context.write_down(_offer(replace(seen, live=False)))  # once it is bought, nothing tells for how much
    done = _offer(market.buy(context.home, asked.track, signer=signer, price=asked.price, currency=asked.currency))
    if done["already"] and context.note:  # an earlier try has bought it
        return {**context.note, "owner": done["owner"], "already": False}
    return done


def _offer(found: "Offer") -> dict[str, Any]:
    from api import terms as words

    listing = found.listing
    content: dict[str, Any] = {
        "track": f"{found.track.id:016x}",
        "owner": str(found.track.owner),
        "offer": None,
        "already": found.already,
    }
    if listing is not None:
        content["offer"] = {
            "seller": str(listing.seller),
            "price": words.amount(listing.price, listing.currency),
            "royalty": words.amount(found.royalty, listing.currency),
            "currency": None if listing.currency is None else str(listing.currency),
            "until": None if listing.until is None else words.moment(listing.until),
            "live": found.live,
        }
    return content


def _pull(context: Context, asked: Pull) -> dict[str, Any]:
    from api import terms as words
    from api.workflows import royalties

    token, signer = words.currency(asked.currency), context.signer()
    with context.home.ledger() as ledger:
        account = royalties.show(ledger, asked.track, token)
    due = {
        f"{share.index}": words.amount(units, token)
        for share, units in account.shares
        if units and (asked.everybody or share.payee == signer.address)
    }
    noted = _expected(context, due)
    done = royalties.pull(context.home, asked.track, signer=signer, currency=token, everybody=asked.everybody)
    paid = {f"{share.index}": words.amount(units, token) for share, units in done.paid}
    refused = {f"{share.index}" for share in done.refused}
    # What is not due any more, and was, an earlier try has paid out before it was ended.
    paid = {index: units for index, units in noted.items() if index not in due and index not in refused} | paid
    shares = {f"{share.index}": share for share, _ in account.shares}
    return {
        "track": asked.track,
        "currency": asked.currency,
        "paid": [{"payee": str(shares[index].payee), "amount": units} for index, units in sorted(paid.items())],
        "refused": [str(share.payee) for share in done.refused],
    }


def _income(context: Context, asked: Income) -> dict[str, Any]:
    from api import terms as words
    from api.workflows import income

    token, signer = words.currency(asked.currency), context.signer()
    with context.home.ledger() as ledger:
        credited = income.show(ledger, signer.address, token)
    sources = {"licenses": credited.licenses, "market": credited.market}
    due = {source: words.amount(units, token) for source, units in sources.items() if units}
    noted = _expected(context, due)
    done = income.withdraw(context.home, signer=signer, currency=token)
    fetched = {"licenses": done.licenses, "market": done.market}
    paid = noted | {source: words.amount(units, token) for source, units in fetched.items() if units}
    return {"account": str(done.account), "currency": asked.currency, "licenses": "0", "market": "0", **paid}


def _expected(context: Context, due: Mapping[str, str]) -> dict[str, str]:
    """What is about to be paid out, written down before; what an earlier try expected, and is paid by now, stays."""
    noted = dict(context.note or {})
    expected = {**noted, **due}
    if expected != noted:
        context.write_down(expected)
    return noted


LIST = Kind("list", List, _list, scope="money")
UNLIST = Kind("unlist", Unlist, _unlist, scope="money")
BUY = Kind("buy", Buy, _buy, scope="money")
PULL = Kind("pull", Pull, _pull, scope="money")
INCOME = Kind("income", Income, _income, scope="money")

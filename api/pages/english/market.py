"""Tracks for sale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, str]] = {
    "nav.market": "Market",
    "market.title": "Tracks for sale",
    "market.lead": "Each of these tracks carries its own proof: which model made it, from whose recordings, under "
    "which licenses. Before you pay you see who gets what.",
    "market.none": "Nothing is for sale right now.",
    "market.track": "Track {id}",
    "market.model": "made with model {id}",
    "market.by": "by {creator}",
    "market.listen": "Listen",
    "market.cover": "Picture of the sound of track {id}",
    "offer.title": "Track {id}",
    "offer.price": "Price",
    "offer.royalty": "of which {royalty} are royalties, {percent} %",
    "offer.until": "offered until {until}",
    "offer.split": "Who gets what",
    "offer.split.said": "The contract pays it out in these parts; none of them passes through anybody's hands, and "
    "each is fetched by its owner.",
    "offer.split.settled": "The holders have agreed to share later income in another way than was recorded: the "
    "parts of the royalty may differ, its sum does not.",
    "offer.who": "who",
    "offer.percent": "part",
    "offer.amount": "amount",
    "offer.whole": "together",
    "offer.seller": "the seller",
    "offer.creator": "who made it",
    "offer.model": "holder of model {id}",
    "offer.dataset": "holder of dataset {id}",
    "offer.dataset.titled": "holder of dataset {id}, “{title}”",
    "offer.provenance": "Where it comes from",
    "offer.buy": "Buy it for {money}",
    "offer.buy.said": "You pay this price or nothing: should it have changed meanwhile, nothing is bought.",
    "offer.buy.signin": "Sign in to buy it",
    "offer.own": "This is your own offer.",
    "offer.end": "End the offer",
    "offer.gone": "This track is not for sale now.",
    "offer.unlisted": "This track is yours, and not for sale now.",
    "offer.underway": "See how far that is",
    "offer.underway.list": "It is being put up for sale.",
    "offer.underway.unlist": "Its offer is being ended.",
    "offer.underway.buy": "You are buying it.",
    "offer.token": "The price is in a token (ERC-20) that calls itself “{name}”. Anybody can call a token so: its "
    "address is what counts.",
    "offer.token.unnamed": "The price is in a token (ERC-20) that does not say what it is called. Its address:",
    "offer.token.smallest": "It does not say how many decimals it has: amounts are in its smallest unit.",
    "offer.buy.token": "In two transactions, or one where enough is allowed already: the market is allowed to take "
    "that much of the token, and then it is bought.",
    "sell.title": "Put it up for sale",
    "sell.change": "Change the offer",
    "sell.currency": "Currency: the address of a token (ERC-20), or nothing for ether",
    "sell.currency.said": "The token is asked what it is called and how many decimals it has.",
    "sell.currency.ask": "Ask in this currency",
    "sell.decimals": "It has {count} decimals, as it says itself.",
    "sell.price": "Price, in {currency}",
    "sell.until": "Last day of the offer (UTC); nothing for no end",
    "offer.back": "All tracks for sale",
}

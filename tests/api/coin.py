"""An ERC-20 token on the chain of a home."""

from __future__ import annotations

import json
from pathlib import Path

from api.home import Home
from ledger.abi import Interface
from ledger.address import Address
from ledger.chain import Chain
from ledger.keys import Signer

NOBODY = Address(bytes(20))
COMPILED = Path(__file__).parents[1] / "contracts" / "adversaries.json"


def coin(home: Home, maker: Signer, *rich: Address, amount: int = 10**9) -> Address:
    """A well-behaved token, of which some have plenty."""
    token = _token()
    with home.ledger() as ledger:
        home.fund(ledger, maker)
        address = ledger.chain.create(maker, token)
        for account in rich:
            ledger.chain.send(maker, token, address, "mint", account, amount)
    return address


def named(home: Home, maker: Signer, *rich: Address, symbol: str, decimals: int) -> Address:
    """The same token behind a name: what calls itself ``symbol``, with so many decimals."""
    with home.ledger() as ledger:
        home.fund(ledger, maker)
        return named_on(ledger.chain, maker, *rich, symbol=symbol, decimals=decimals)


def named_on(chain: Chain, maker: Signer, *rich: Address, symbol: str, decimals: int) -> Address:
    """The same on any chain; the maker pays."""
    plain = chain.create(maker, _token())
    said = symbol.encode()
    text = (32).to_bytes(32) + len(said).to_bytes(32) + said.ljust(-len(said) % 32 + len(said), b"\0")
    made = chain.transact(maker, None, speaker(text, decimals.to_bytes(32), plain)).contract
    assert made is not None
    for account in rich:
        chain.send(maker, _token(), made, "mint", account, 10**9)
    return made


def speaker(symbol: bytes, decimals: bytes, otherwise: Address = NOBODY) -> bytes:
    """What creates a contract that answers ``symbol()`` and ``decimals()`` with these bytes, whatever they are.

    Another contract's code answers the rest. It is put together by hand, as the EVM reads it.
    """

    def code(places: dict[str, int]) -> tuple[bytes, dict[str, int]]:
        made, found = bytearray(), {}

        def push(place: str) -> str:
            return f"61{places.get(place, 0):04x}"

        def answer(place: str, size: int) -> str:
            return f"5b 61{size:04x} {push(place)} 6000 39 61{size:04x} 6000 f3"

        for name, text in (
            ("", f"6000 35 60e0 1c 80 6395d89b41 14 {push('symbol')} 57 63313ce567 14 {push('decimals')} 57"),
            ("", f"36 6000 6000 37 6000 6000 36 6000 73{otherwise.raw.hex()} 5a f4 3d 6000 6000 3e {push('well')} 57"),
            ("", "3d 6000 fd"),
            ("well", "5b 3d 6000 f3"),
            ("symbol", answer("said symbol", len(symbol))),
            ("decimals", answer("said decimals", len(decimals))),
            ("said symbol", symbol.hex()),
            ("said decimals", decimals.hex()),
        ):
            found[name] = len(made)
            made += bytes.fromhex(text.replace(" ", ""))
        return bytes(made), found

    _, places = code({})
    runtime, _ = code(places)
    return bytes.fromhex(f"61{len(runtime):04x} 80 600c 6000 39 6000 f3".replace(" ", "")) + runtime


def _token() -> Interface:
    kept = json.loads(COMPILED.read_text("utf-8"))["Token"]
    return Interface("Token", tuple(kept["abi"]), bytes.fromhex(kept["bytecode"]))

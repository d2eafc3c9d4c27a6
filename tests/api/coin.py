"""An ERC-20 token on the chain of a home."""

from __future__ import annotations

import json
from pathlib import Path

from api.home import Home
from ledger.abi import Interface
from ledger.address import Address
from ledger.keys import Signer

COMPILED = Path(__file__).parents[1] / "contracts" / "adversaries.json"


def coin(home: Home, maker: Signer, *rich: Address, amount: int = 10**9) -> Address:
    """A well-behaved token, of which some have plenty."""
    kept = json.loads(COMPILED.read_text("utf-8"))["Token"]
    token = Interface("Token", tuple(kept["abi"]), bytes.fromhex(kept["bytecode"]))
    with home.ledger() as ledger:
        home.fund(ledger, maker)
        address = ledger.chain.create(maker, token)
        for account in rich:
            ledger.chain.send(maker, token, address, "mint", account, amount)
    return address

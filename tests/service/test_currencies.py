"""What currencies are called: one reader asks a token, and a token that does not answer is let be for a while."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.currency import Currency
from api.home import Home
from api.service.currencies import KEPT, UNANSWERED, Currencies
from api.service.database import Database
from api.service.service import Service
from api.service.settings import ServiceSettings
from api.settings import Settings
from ledger.address import Address
from ledger.deployment import NOUNS, Deployment
from tests.scripted_node import Node, fail
from tests.service.conftest import Clock

TOKEN = Address(b"\x0c" * 20)
GAVE_UP = fail({"code": -32000, "message": "execution aborted (timeout = 5s)"})
SYMBOL, DECIMALS = "0x" + b"COIN".ljust(32, b"\0").hex(), "0x" + (6).to_bytes(32).hex()


def says(fields: dict[str, str], _block: str) -> str:
    return SYMBOL if fields["data"] == "0x95d89b41" else DECIMALS


@pytest.fixture
def node() -> Iterator[Node]:
    with Node({"eth_getCode": "0x00", "eth_call": GAVE_UP}) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_token_that_does_not_answer_is_let_be_for_a_minute(
    node: Node, database: Database, clock: Clock, tmp_path: Path
) -> None:
    at = dict.fromkeys(NOUNS, Address(b"\x01" * 20))
    Deployment(chain_id=7, block=1, **at).write(tmp_path / "deployment.json")
    home = Home(Settings(home=tmp_path, passphrase="open sesame", rpc_url=node.url))
    service = Service(home, database, ServiceSettings(database=f"sqlite:///{tmp_path / 'a.sqlite'}"), clock)

    def told() -> tuple[Currency, int]:
        """What a reader is told, and how often the token was asked for it."""
        before = [method for method, _ in node.asked].count("eth_call")
        found = Currencies(service).of(TOKEN)
        return found, [method for method, _ in node.asked].count("eth_call") - before

    nameless, coin = Currency(TOKEN, None, None), Currency(TOKEN, "COIN", 6)
    assert [told(), told()] == [(nameless, 1), (nameless, 0)]
    clock.wait(UNANSWERED)
    meanwhile = []

    def slowly(fields: dict[str, str], block: str) -> str:
        if not meanwhile:
            meanwhile.append(Currencies(service).of(TOKEN))  # another reader, while it is asked
        return says(fields, block)

    node.answers["eth_call"] = slowly
    assert [told(), told(), meanwhile] == [(coin, 2), (coin, 0), [nameless]]
    clock.wait(KEPT)
    node.answers["eth_call"] = GAVE_UP
    assert [told(), told()] == [(coin, 1), (coin, 0)]  # its last word
    clock.wait(UNANSWERED)
    node.answers["eth_call"] = fail({"code": -32000, "message": "out of gas"})
    assert told() == (nameless, 2)
    clock.wait(UNANSWERED)
    assert told() == (nameless, 0)  # that is an answer

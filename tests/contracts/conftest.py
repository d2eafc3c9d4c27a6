"""The worlds in which the contracts are tried: each test on the chain in this process, and again on Ganache."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import ganache_server
import pytest
from world import ETHER, World

from ledger.chain import Chain
from ledger.contracts import Contracts, deploy
from ledger.keys import LocalSigner

BEGINNING = 1_790_000_000


@dataclass
class EmbeddedClock:
    """What the embedded chain is given as its clock."""

    time: int = BEGINNING

    def __call__(self) -> float:
        return self.time

    def now(self) -> int:
        return self.time

    def go_to(self, time: int) -> None:
        self.time = time


@dataclass
class GanacheClock:
    """Ganache's, which stands still (``timestampIncrement`` 0) until a block says otherwise."""

    chain: Chain
    url: str

    def now(self) -> int:
        return self.chain.timestamp(self.chain.block_number)

    def go_to(self, time: int) -> None:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "evm_mine", "params": [time]}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert "error" not in json.load(answer)


@pytest.fixture(scope="session")
def patient_ganache() -> Iterator[tuple[str, LocalSigner]]:
    """A Ganache whose clock the tests move, and somebody there who has plenty."""
    secret = os.urandom(32)
    rich = f"--wallet.accounts=0x{secret.hex()},{10**6 * ETHER}"
    with ganache_server.running(rich, "--miner.timestampIncrement=0", "--chain.time=2026-09-21T14:13:20Z") as url:
        yield url, LocalSigner(secret)


@contextmanager
def _on_embedded(request: pytest.FixtureRequest) -> Iterator[World]:
    folder = request.getfixturevalue("tmp_path_factory").mktemp("chain")
    clock = EmbeddedClock()
    with Chain.open_embedded(folder, clock=clock) as chain:
        yield World(chain, clock, None)


@contextmanager
def _on_ganache(request: pytest.FixtureRequest) -> Iterator[World]:
    url, banker = request.getfixturevalue("patient_ganache")
    with Chain.open_rpc(url) as chain:
        yield World(chain, GanacheClock(chain, url), banker)


CHAINS = {"embedded": _on_embedded, "ganache": _on_ganache}


@pytest.fixture(scope="module", params=["embedded", pytest.param("ganache", marks=pytest.mark.integration)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """New contracts for every file of tests."""
    with CHAINS[request.param](request) as world:
        world.holder, world.trainer, world.creator = (world.person(10 * ETHER) for _ in range(3))
        world.contracts = Contracts(world.chain, deploy(world.chain, world.holder))
        yield world

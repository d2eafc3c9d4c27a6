"""The world in which the contracts are tried: in this process, and new for every file of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from world import ETHER, Clock, World

from ledger.chain import Chain
from ledger.contracts import Contracts, deploy
from ledger.keys import LocalSigner


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    clock = Clock(1_790_000_000)
    with Chain.open_embedded(tmp_path_factory.mktemp("chain"), clock=clock) as chain:
        people = [LocalSigner.generate() for _ in range(3)]
        for signer in people:
            chain.fund(signer.address, ETHER)
        yield World(chain, Contracts(chain, deploy(chain, people[0])), clock, *people)

"""What every test here stands on: a chain with a gas price, set back after each test."""

import pytest
from brownie import network


@pytest.fixture(scope="session", autouse=True)
def _gas_price():
    # Without a price of its own Brownie waits for ever: Ganache has no fee history to guess one from.
    network.gas_price("20 gwei")


@pytest.fixture(autouse=True)
def _afresh(fn_isolation):
    """Each test finds the chain as its module's fixtures left it."""

"""Ganache, for the tests that ask for it."""

from collections.abc import Iterator

import ganache_server
import pytest


@pytest.fixture(scope="session")
def ganache() -> Iterator[str]:
    """The URL of a fresh Ganache."""
    with ganache_server.running() as url:
        yield url

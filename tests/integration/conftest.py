"""Ganache, for the tests that ask for it."""

import shutil
from collections.abc import Iterator

import ganache_server
import pytest


@pytest.fixture(scope="session")
def ganache() -> Iterator[str]:
    """The URL of a fresh Ganache."""
    if shutil.which("node") is None:
        pytest.skip("Node is not installed")
    if not ganache_server.PROGRAM.is_file():
        pytest.skip("ganache is not installed; run: npm ci --prefix contracts")
    server, url = ganache_server.start()
    try:
        ganache_server.wait(server, url)
        yield url
    finally:
        server.kill()
        server.wait()

"""Ganache on a free loopback port."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger.chain import Chain
from ledger.errors import ChainUnreachable

PROGRAM = Path(__file__).parents[1] / "contracts" / "node_modules" / "ganache" / "dist" / "node" / "cli.js"
ETHER = 10**18
RICH = range(101, 104)
"""Private keys, as numbers, whose accounts hold 100 ether each."""


def start(*options: str) -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [shutil.which("node"), str(PROGRAM), "--server.host=127.0.0.1", f"--server.port={port}"]
    command += ["--chain.hardfork=shanghai", "--logging.quiet"]
    command += [f"--wallet.accounts=0x{bytes([number]).hex().rjust(64, '0')},{100 * ETHER}" for number in RICH]
    command += options
    environment = {**os.environ, "NODE_NO_WARNINGS": "1"}
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment), f"http://127.0.0.1:{port}"


def wait(server: subprocess.Popen, url: str) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            Chain.open_rpc(url, timeout=5).close()
            return
        except ChainUnreachable:
            assert server.poll() is None, "ganache ended at once"
            assert time.monotonic() < end, "ganache does not answer"
            time.sleep(0.2)


@contextmanager
def running(*options: str) -> Iterator[str]:
    """The URL of a fresh Ganache; skips the test that asks where there can be none."""
    if shutil.which("node") is None:
        pytest.skip("Node is not installed")
    if not PROGRAM.is_file():
        pytest.skip("ganache is not installed; run: npm ci --prefix contracts")
    server, url = start(*options)
    try:
        wait(server, url)
        yield url
    finally:
        server.kill()
        server.wait()

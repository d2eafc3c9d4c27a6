"""An IPFS node (js-ipfs) and a pinning service, each on a free loopback port; neither is ours."""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

PACKAGE = Path(__file__).parent / "ipfs"
JSIPFS = PACKAGE / "node_modules" / "ipfs" / "src" / "cli.js"
MOCK = PACKAGE / "node_modules" / "mock-ipfs-pinning-service" / "index.js"
TOKEN = "a-token-that-nobody-must-see"


def need(program: Path) -> None:
    """Skip the test that asks where the program cannot run."""
    if shutil.which("node") is None:
        pytest.skip("Node is not installed")
    if not program.is_file():
        pytest.skip("the servers of these tests are not installed; run: npm ci --prefix tests/ipfs")


class Node:
    """js-ipfs in a repository of its own; it may be stopped, killed and started again, at the same address."""

    def __init__(self, folder: Path):
        self.folder, self.process = folder, None
        self._run("init", "--profile", "test")
        path = folder / "config"
        config = json.loads(path.read_text())
        config["Addresses"] |= {"Swarm": []}
        del config["Addresses"]["RPC"]
        path.write_text(json.dumps(config))
        self.start()
        config["Addresses"]["API"] = self.api
        path.write_text(json.dumps(config))

    def start(self) -> None:
        command = ["node", str(JSIPFS), "daemon", "--offline", "--enable-preload=false"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=self._environment)
        said = ""
        for line in self.process.stdout:
            said += line
            if "Daemon is ready" in line:
                break
        else:
            raise AssertionError(f"js-ipfs ended: {said}")
        self.api = re.search(r"HTTP API listening on (/ip4/127.0.0.1/tcp/\d+)/http", said)[1]

    def kill(self) -> None:
        """As a power cut would."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.folder / "repo.lock", ignore_errors=True)  # its own wait for a stale lock is long
        (self.folder / "api").unlink(missing_ok=True)

    @property
    def url(self) -> str:
        return "http://127.0.0.1:" + self.api.rpartition("/")[2]

    def block_file(self, digest: bytes) -> Path:
        """Where js-ipfs keeps a block: flatfs, by its multihash in base32."""
        from base64 import b32encode

        name = b32encode(b"\x12\x20" + digest).decode().rstrip("=")
        return self.folder / "blocks" / name[-3:-1] / f"{name}.data"

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "IPFS_PATH": str(self.folder), "NODE_NO_WARNINGS": "1"}

    def _run(self, *words: str) -> None:
        subprocess.run(
            ["node", str(JSIPFS), *words], env=self._environment, check=True, capture_output=True, timeout=120
        )


@contextmanager
def running(folder: Path) -> Iterator[Node]:
    need(JSIPFS)
    node = Node(folder)
    try:
        yield node
    finally:
        if node.process.poll() is None:
            node.kill()


@contextmanager
def pinning_service() -> Iterator[str]:
    """Its URL; it lets in who says :data:`TOKEN`, and calls a pin what its name begins with, such as ``failed-``."""
    need(MOCK)
    process = subprocess.Popen(
        ["node", str(PACKAGE / "pinning_service.js")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PINNING_TOKEN": TOKEN},
    )
    try:
        url = "http://127.0.0.1:" + process.stdout.readline().split()[-1]
        end = time.monotonic() + 30
        while requests.get(url + "/pins", timeout=5).status_code != 401:
            assert time.monotonic() < end, "the service does not answer"
        yield url
    finally:
        process.kill()
        process.wait()
        process.stdout.close()

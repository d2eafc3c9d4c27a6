"""A whole service on a port of this machine: `stemmata serve --demo`, one worker, and a home with one minted track."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import story

from api.settings import Settings
from api.workflows import generation, instrument, minting


@dataclass(frozen=True)
class Site:
    """The service's address, the home behind it, and what was made there."""

    url: str
    home: Path
    file: Path
    token: int


def with_a_track(folder: Path) -> tuple[Path, Path, int]:
    """A home that begins with the instrument, the file of a track of six seconds that it plays, and its token."""
    settings = Settings.from_environ({"STEMMATA_HOME": str(folder / "home"), "STEMMATA_PASSPHRASE": story.PASSPHRASE})
    home = story.new_home(settings)
    carl = story.new_key(home, "carl")
    instrument.ready(home, creator=carl.address, unlock=lambda: carl, now=story.now)
    track = folder / "track.wav"
    generation.generate(home, 1, seconds=6, seed=5, creator=carl.address, out=track, now=story.now)
    return settings.home, track, minting.mint(home, track, signer=carl).entry.id


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Site]:
    """Such a service, until the statement ends."""
    home, track, token = with_a_track(folder)
    with serving(folder, {"STEMMATA_HOME": str(home), "STEMMATA_PASSPHRASE": story.PASSPHRASE}, "--demo") as url:
        yield Site(url, home, track, token)


@contextlib.contextmanager
def serving(folder: Path, said: Mapping[str, str], *options: str) -> Iterator[str]:
    """The address of a service with one worker over any home, as the environment says it; its log is in the folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("STEMMATA_")}
    environ |= {"STEMMATA_SITE": url, **said}
    command = [sys.executable, "-c", "from api.cli import main; main()"]
    command += ["serve", "--port", str(port), "--workers", "1", *options]
    with (folder / "serve.log").open("w") as log, subprocess.Popen(command, env=environ, stderr=log, stdout=log) as run:
        try:
            _wait(url, run, folder / "serve.log")
            yield url
        finally:
            run.send_signal(signal.SIGTERM)
            run.wait(timeout=60)


def _wait(url: str, run: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        assert run.poll() is None and time.monotonic() < deadline, log.read_text()
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/", timeout=5):
            return
        time.sleep(0.2)

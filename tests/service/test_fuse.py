"""A fuse: what it ends, and when."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from api.service.fuse import Fuse


def test_it_ends_what_nobody_renews_while_its_owner_waits_for_something_else() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        with Fuse(lambda: os.kill(process.pid, signal.SIGKILL), 0.3) as fuse:
            for _ in range(4):
                time.sleep(0.1)
                fuse.renew(time.monotonic())
            assert process.poll() is None
            assert process.wait(timeout=10) == -signal.SIGKILL  # renewed no more
    finally:
        process.kill()
        process.wait()


def test_it_ends_nothing_once_its_owner_is_done() -> None:
    ended: list[int] = []
    with Fuse(lambda: ended.append(1), 0.1):
        pass
    time.sleep(0.2)
    assert not ended

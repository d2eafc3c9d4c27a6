import os
import subprocess
import sys
import time
from fcntl import LOCK_EX, flock
from importlib.util import find_spec
from pathlib import Path

import pytest

from gen.numba_cache import compiled

LOCKS = Path("/proc/locks")


@pytest.mark.slow
@pytest.mark.skipif(not LOCKS.exists(), reason="only Linux tells who waits for a lock")
def test_who_would_compile_waits_for_who_does(tmp_path):
    program = "from gen.numba_cache import librosa; print(librosa().__name__)"
    spec = find_spec("librosa")
    with Path(spec.origin).open("rb") as held:
        flock(held, LOCK_EX)
        other = subprocess.Popen(
            [sys.executable, "-c", program],
            env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        end = time.monotonic() + 60
        while not any(" -> " in line and f" {other.pid} " in line for line in LOCKS.read_text().splitlines()):
            assert time.monotonic() < end
            assert other.poll() is None, "compiled beside another process"
            time.sleep(0.05)
        assert not list(tmp_path.iterdir())
    assert other.communicate(timeout=120)[0] == "librosa\n"
    assert list(tmp_path.rglob("guf-*"))


def test_what_cannot_be_kept_is_compiled_all_the_same():
    double = eval("lambda number: 2 * number")  # of no file, beside which it could be kept
    assert compiled(double)(21) == 42

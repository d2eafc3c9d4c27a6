"""A PostgreSQL server of our own for tests, in a folder that goes with it. Debian's package is called postgresql."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_PASSWORD_NOT_SECRET = "of-a-test"


def _programs() -> Path | None:
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    plain = shutil.which("initdb")
    return max(found, default=None if plain is None else Path(plain).resolve().parent)


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """The URL of an empty database; skips the test where the program is missing. It refuses to run as root, and so root
    becomes nobody for it."""
    programs = _programs()
    if programs is None:
        pytest.skip("needs PostgreSQL (Debian's package postgresql)")
    user = "nobody" if os.geteuid() == 0 else None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="stemmata-pg-") as folder:
        data, password = Path(folder, "data"), Path(folder, "password")
        password.write_text(_PASSWORD_NOT_SECRET)
        if user is not None:
            for path in (Path(folder), password):
                shutil.chown(path, user)

        def run(program: str, *words: str) -> None:
            done = subprocess.run(
                [programs / program, *words], user=user, capture_output=True, text=True, cwd=folder, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr

        run("initdb", "-D", str(data), "-U", "tests", "-A", "scram-sha-256", f"--pwfile={password}", "--no-sync")
        options = f"-h 127.0.0.1 -p {port} -k '' -F"
        run("pg_ctl", "-D", str(data), "-o", options, "-l", str(data / "log"), "-w", "start")
        try:
            yield f"postgresql://tests:{_PASSWORD_NOT_SECRET}@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")

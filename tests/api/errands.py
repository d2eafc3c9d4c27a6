"""Work that does to its process what a file's name says; alone in a file, so that a process of it starts quickly."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any


def errand(path: Path) -> dict[str, Any]:
    """A job that does to its process what the file's name says."""
    match path.name:
        case "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hangs":
            time.sleep(600)
        case "eats":
            return {"size": len(bytearray(1 << 31))}
        case "fails":
            raise ValueError("no such thing")
    return {"done": path.name}


class Stillborn:
    """A job that ends a process before it has begun."""

    def __reduce__(self) -> tuple[Any, ...]:
        return sys.exit, (3,)

    def __call__(self, path: Path) -> dict[str, Any]:
        return {}

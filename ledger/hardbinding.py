"""Hard bindings: the hash by which a manifest holds on to the bytes of its file (C2PA 2.4, section 18.5)."""

from __future__ import annotations

import base64
import hashlib
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_ALGORITHMS = ("sha256", "sha384", "sha512")


def holds(said: Mapping[str, Any] | None, path: Path) -> bool:
    """Whether a file has the hash of a ``c2pa.hash.data`` assertion, but for whatever that leaves out.

    A reader has to refuse one that leaves out more than the manifest itself, since anything may stand there.
    """
    try:
        if said is None or said["alg"] not in _ALGORITHMS:
            return False
        left_out = sorted((int(each["start"]), int(each["length"])) for each in said["exclusions"])
        wanted, hashed, at = base64.b64decode(said["hash"]), hashlib.new(said["alg"]), 0
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            for start, length in left_out:
                hashed.update(content[at:start])
                at = start + length
            hashed.update(content[at:])
    except (LookupError, TypeError, ValueError):
        return False
    return hashed.digest() == wanted

"""Seeds that follow from one seed."""

import hashlib

MOST = (1 << 53) - 1
"""The largest seed: the largest integer that every JSON reader keeps."""


def derived_seed(seed: int, *path: str | int) -> int:
    """Another seed, 0 to MOST, for what a path names: equal for equal seeds and paths, and unlike any other.

    The first 53 bits of SHA-256 over both as text.
    """
    text = "\x00".join(str(part) for part in ("stemmata", seed, *path))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 11

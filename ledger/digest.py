"""SHA-256 digests, of bytes and of files."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from ledger.errors import Malformed

_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A SHA-256 digest (FIPS 180-4), 32 bytes. ``str()`` gives 64 lower-case hex digits."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != 32:
            raise Malformed(f"a SHA-256 digest has 32 bytes, not {len(self.raw)}")

    @classmethod
    def of(cls, data: bytes | memoryview) -> Digest:
        """Digest of bytes in memory."""
        return cls(hashlib.sha256(data).digest())

    @classmethod
    def of_file(cls, path: Path) -> Digest:
        """Digest of a file, read in pieces."""
        with path.open("rb") as file:
            return cls(hashlib.file_digest(file, "sha256").digest())

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read 64 lower-case hex digits, with or without a leading ``0x`` or ``sha256:``."""
        digits = text.removeprefix("0x").removeprefix("sha256:")
        if not _HEX.fullmatch(digits):
            raise Malformed(f"not a SHA-256 digest: {text!r}; expected 64 lower-case hex digits")
        return cls(bytes.fromhex(digits))

    def __str__(self) -> str:
        return self.raw.hex()

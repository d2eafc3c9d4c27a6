"""A reference to content: the CID under which IPFS finds it, and the digest with which anybody can check it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Self

from ledger.cid import Cid, Codec
from ledger.digest import Digest
from ledger.errors import DigestMismatch
from ledger.records import checks
from ledger.records.fields import Fields

_PROFILE = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")


@dataclass(frozen=True)
class ContentRef:
    """Bytes that lie somewhere, named three ways: whoever has them needs ``sha256sum`` alone to check them."""

    cid: Cid
    profile: str
    """How the CID was computed, such as ``unixfs-v1-2025``: the same bytes have other CIDs in other profiles."""
    sha256: Digest
    """Of the very bytes that lie under the CID, as one piece: of the ciphertext where they are encrypted."""

    def __post_init__(self) -> None:
        """Raises ``MalformedRecord``, and ``DigestMismatch`` where a CID of a single block names other bytes."""
        checks.kept("cid", self.cid, Cid)
        checks.form("profile", self.profile, _PROFILE, "a profile's name, such as unixfs-v1-2025")
        checks.kept("sha256", self.sha256, Digest)
        if self.cid.codec is Codec.RAW and self.cid.digest != self.sha256.raw:
            raise DigestMismatch(
                f"the bytes under {self.cid} have the SHA-256 {self.cid.digest.hex()}, not {self.sha256}"
            )

    def to_json(self) -> dict[str, Any]:
        """As in a record."""
        return {"cid": str(self.cid), "profile": self.profile, "sha256": str(self.sha256)}

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Raises ``MalformedRecord`` and ``DigestMismatch``."""
        return cls(cid=fields.cid("cid"), profile=fields.text("profile"), sha256=fields.digest("sha256"))

"""What tokens, accounts and digests are called outside of this project: URIs that anybody can take apart again."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.deployment import Deployment
    from ledger.digest import Digest

NAMESPACE = "urn:stemmata:"
"""Before words of our own."""


@dataclass(frozen=True, slots=True)
class Names:
    """The chain and the contracts by which tokens are named (CAIP-2, CAIP-10, CAIP-19)."""

    chain_id: int
    datasets: Address
    models: Address
    tracks: Address

    @classmethod
    def of(cls, deployment: Deployment) -> Self:
        """Those of a deployment."""
        return cls(deployment.chain_id, deployment.datasets, deployment.models, deployment.tracks)

    def dataset(self, number: int) -> str:
        """A dataset's token."""
        return self._token(self.datasets, number)

    def model(self, number: int) -> str:
        """A model's token."""
        return self._token(self.models, number)

    def track(self, number: int) -> str:
        """A track's token."""
        return self._token(self.tracks, number)

    def account(self, address: Address) -> str:
        """An account on the chain."""
        return f"eip155:{self.chain_id}:{address}"

    def _token(self, contract: Address, number: int) -> str:
        return f"eip155:{self.chain_id}/erc721:{contract}/{number}"


def digest(of: Digest) -> str:
    """A SHA-256 as a URI (RFC 6920)."""
    return "ni:///sha-256;" + base64.urlsafe_b64encode(of.raw).decode().rstrip("=")


def word(value: str | int | bool) -> str:
    """A setting as text, a truth as JSON writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)

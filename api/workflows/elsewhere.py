"""Where content lies elsewhere: the IPFS node, the gateway and the pinning service that the settings name."""

from __future__ import annotations

import contextlib
import ipaddress
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from api.errors import UsageError
from api.home import Home
from ledger.errors import Malformed

if TYPE_CHECKING:
    from ledger.gateway import Gateway
    from ledger.ipfs import IpfsNode
    from ledger.pinning import PinningService

Place = Literal["ipfs", "gateway"]
"""Where content can be read: an IPFS node, or a trustless gateway."""

_INWARD = (".localhost", ".local", ".internal", ".lan", ".home.arpa")  # names that nobody outside can resolve


def node(home: Home, search: float = 0.0) -> IpfsNode:
    """The IPFS node of the settings. Raises :class:`UsageError` where they name none, or not rightly."""
    from ledger.ipfs import IpfsNode

    address = home.settings.ipfs_api
    if address is None:
        raise UsageError("no IPFS node is set: IPFS_API says where its API is, such as /ip4/127.0.0.1/tcp/5001")
    with _usage():
        return IpfsNode(address, auth=home.settings.ipfs_auth, search=search)


def remote(home: Home, place: Place | None, search: float = 0.0) -> IpfsNode | Gateway:
    """The node or the gateway; without a word which, the one that is set, and of both the node."""
    from ledger.gateway import Gateway

    url = home.settings.gateway
    if place == "ipfs" or (place is None and home.settings.ipfs_api is not None):
        return node(home, search)
    if url is None:
        others = "" if place == "gateway" else ", and no IPFS node (IPFS_API)"
        raise UsageError(
            f"no gateway is set{others}: STEMMATA_GATEWAY is its URL, such as https://trustless-gateway.link"
        )
    with _usage():
        return Gateway(url)


def pinning(home: Home) -> PinningService:
    """The pinning service of the settings. Raises :class:`UsageError` as :func:`node` does."""
    from ledger.pinning import PinningService

    url, token = home.settings.pinning, home.settings.pinning_token
    if url is None or token is None:
        lacks = " and ".join(
            name for name, value in (("STEMMATA_PINNING", url), ("STEMMATA_PINNING_TOKEN", token)) if value is None
        )
        raise UsageError(
            f"no pinning service is set: {lacks} missing; "
            "STEMMATA_PINNING is its URL before /pins, STEMMATA_PINNING_TOKEN lets us in"
        )
    with _usage():
        return PinningService(url, token)


def is_public(address: str) -> bool:
    """Whether a multiaddr is one at which strangers can be reached; others tell them how our own network is built."""
    parts = address.split("/")
    for kind, value in itertools.pairwise(parts):
        if kind in ("ip4", "ip6"):
            with contextlib.suppress(ValueError):
                if ipaddress.ip_address(value).is_global:
                    continue
            return False
        if kind.startswith("dns") and (value == "localhost" or value.endswith(_INWARD) or "." not in value):
            return False
    return "ip6zone" not in parts


@contextlib.contextmanager
def _usage() -> Iterator[None]:
    """A setting that cannot be right is the user's to mend."""
    try:
        yield
    except Malformed as error:
        raise UsageError(str(error)) from None

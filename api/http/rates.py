"""How often one network address may ask: token buckets, counted by each process for itself.

A bucket fills at a steady pace up to its size, and each request takes one out. Buckets are few and small, so that
counting costs about as much as one look into a dictionary; they begin full again when a process starts.
"""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from api.errors import TooMany
from api.service.settings import ServiceSettings

_MOST_BUCKETS = 100_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """``burst`` requests at once, and ``per_second`` more in the long run."""

    burst: float
    per_second: float


ALLOWANCES: Mapping[str, Allowance] = {
    "signin": Allowance(60, 1 / 2),
    "audit": Allowance(10, 1 / 30),
}
"""What is allowed beside the ordinary rate, of what costs more than an ordinary request."""


class Rates:
    """The buckets of one process. ``clock`` gives seconds that never go back."""

    def __init__(self, allowances: Mapping[str, Allowance], clock: Callable[[], float] = time.monotonic) -> None:
        self._allowances = allowances
        self._clock = clock
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def take(self, kind: str, who: str) -> None:
        """One request of a kind by somebody. Raises :class:`TooMany`, which says when to come again."""
        allowance, now, key = self._allowances[kind], self._clock(), (kind, who)
        level, then = self._buckets.pop(key, (allowance.burst, now))
        level = min(allowance.burst, level + (now - then) * allowance.per_second)
        allowed = level >= 1
        self._buckets[key] = (level - 1 if allowed else level, now)
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)  # who has not asked for longest, and so has the fullest bucket
        if not allowed:
            after = math.ceil((1 - level) / allowance.per_second)
            raise TooMany(f"too many requests: come again in {after} s", after)


def rates_of(settings: ServiceSettings) -> Rates:
    """The buckets that the settings ask for; ``any`` is that of every request."""
    return Rates({**ALLOWANCES, "any": Allowance(8 * settings.rate, settings.rate)})


def network_address(scope: Mapping[str, Any], proxies: int) -> str:
    """Who is asking, as the network knows them: an address of IPv4, or the first 64 bits of one of IPv6.

    Args:
        scope: of ASGI.
        proxies: how many proxies stand before us. Each adds whom it heard from to the end of ``X-Forwarded-For``, so
            that the entry this far from the end was written by the first of our own; what stands before it is hearsay.
    """
    peer = scope.get("client")
    said = "" if peer is None else str(peer[0])
    if proxies:
        lines = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
        hops = [hop.strip() for line in lines for hop in line.split(",")]
        if len(hops) >= proxies:
            said = hops[-proxies]
    try:
        address = ipaddress.ip_address(said)
    except ValueError:
        return said[:64]
    if isinstance(address, ipaddress.IPv4Address):
        return said
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))


def limited(kind: str) -> Callable[[Request], Awaitable[None]]:
    """A dependency: lets no more requests of a kind through than :data:`ALLOWANCES` says. Raises :class:`TooMany`."""
    if kind not in ALLOWANCES:
        raise ValueError(f"no allowance {kind!r}; there are {', '.join(ALLOWANCES)}")

    async def allowed(request: Request) -> None:
        service, rates = request.app.state.service, request.app.state.rates
        rates.take(kind, network_address(request.scope, service.settings.proxies))

    return allowed

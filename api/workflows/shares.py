"""Shares of a whole, in parts per million."""

from __future__ import annotations

from collections.abc import Sequence


def shares_ppm(weights: Sequence[int]) -> tuple[int, ...]:
    """Split 1,000,000 in proportion to positive integers; what rounding leaves goes to the largest remainders."""
    total = sum(weights)
    shares = [weight * 1_000_000 // total for weight in weights]
    order = sorted(range(len(weights)), key=lambda i: (-(weights[i] * 1_000_000 % total), i))
    for index in order[: 1_000_000 - sum(shares)]:
        shares[index] += 1
    return tuple(shares)

"""Shares of a whole, in parts per million."""

from __future__ import annotations

from collections.abc import Sequence


def shares_ppm(weights: Sequence[int], least: int = 0) -> tuple[int, ...]:
    """Split 1,000,000 in proportion to weights of 0 or more; what rounding leaves goes to the largest remainders.

    Nobody gets less than ``least``: what is missing comes from the largest share.
    """
    total = sum(weights)
    shares = [weight * 1_000_000 // total for weight in weights]
    order = sorted(range(len(weights)), key=lambda i: (-(weights[i] * 1_000_000 % total), i))
    for index in order[: 1_000_000 - sum(shares)]:
        shares[index] += 1
    largest = shares.index(max(shares))
    for index, share in enumerate(shares):
        if share < least:
            shares[largest] -= least - share
            shares[index] = least
    return tuple(shares)

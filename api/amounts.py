"""Prices and shares as people write them, exactly: decimal text to integers and back, never through a float."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation, localcontext

from api.errors import UsageError

WEI_PER_ETHER = 10**18


def wei_from_ether(text: str) -> int:
    """``"0.05"`` ether to wei. Refuses more than 18 decimals, negative amounts and what is no number."""
    return _scaled(text, WEI_PER_ETHER, "price", "ether", None)


def ether_from_wei(wei: int) -> str:
    """Wei to decimal ether without trailing zeros."""
    return _plain(wei, 18)


def units_from_whole(text: str, decimals: int) -> int:
    """``"12.5"`` whole units of a token, each of ``10**decimals`` smallest ones, to those. Refuses what is finer."""
    return _scaled(text, 10**decimals, "price", "whole units of the token", None)


def whole_from_units(units: int, decimals: int) -> str:
    """Smallest units of a token to whole ones, without trailing zeros."""
    return _plain(units, decimals)


def ppm_from_percent(text: str, what: str = "share") -> int:
    """``"2.5"`` percent to parts per million, 0 to 100 with at most 4 decimals; ``what`` it is, for the error."""
    return _scaled(text, 10_000, what, "percent", 100)


def percent_from_ppm(ppm: int) -> str:
    """Parts per million to percent without trailing zeros."""
    return _plain(ppm, 4)


def about_percent(ppm: int) -> str:
    """The same to one decimal, for people to read; what is below 0.1 percent is said exactly."""
    return percent_from_ppm(round(ppm, -3) if ppm >= 1000 else ppm)


def _scaled(text: str, scale: int, what: str, unit: str, limit: int | None) -> int:
    try:
        with localcontext(prec=100):
            amount = Decimal(text)
            scaled = amount * scale
    except InvalidOperation:
        raise UsageError(f"{what} {text!r} is not a number of {unit}") from None
    if not amount.is_finite() or amount < 0 or (limit is not None and amount > limit):
        bound = f"between 0 and {limit}" if limit is not None else "0 or more"
        raise UsageError(f"{what} {text!r}: must be {bound} {unit}")
    if scaled != int(scaled) or int(scaled) >= 2**128:
        raise UsageError(f"{what} {text!r} is finer or larger than can be recorded")
    return int(scaled)


def _plain(amount: int, decimals: int) -> str:
    whole, fraction = divmod(amount, 10**decimals)
    if not decimals:
        return str(whole)
    return f"{whole}.{fraction:0{decimals}d}".rstrip("0").rstrip(".")

"""Text that strangers chose, shown so that it cannot pass for ours."""

from __future__ import annotations


def visible(text: str) -> str:
    """Text with all that could forge lines, steer a terminal or turn the direction of writing escaped."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)

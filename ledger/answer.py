"""What a server sends, read with care: no more bytes than were asked for, and none too late."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ledger.errors import Malformed, NodeUnreachable

PIECE = 1 << 16
"""Bytes taken from the network at a time, at most."""

_LONGEST_WORDS = 300


class Answer(io.RawIOBase):
    """A stream of bytes from ``who``, as a file to read once.

    It has ``patience`` seconds for its next ``quantum`` bytes, again and again: a server that lets a byte drip now and
    then defeats a time-out on the silence between two of them. :class:`~ledger.errors.NodeUnreachable` if it is slower.
    """

    def __init__(self, pieces: Iterator[bytes], who: str, patience: float, quantum: int = 2 << 20):
        self._pieces, self._who, self._patience, self._quantum = pieces, who, patience, quantum
        self._piece = memoryview(b"")
        self._due, self._left = time.monotonic() + patience, quantum

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Some bytes; 0 at the end."""
        while not self._piece:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._note(len(piece))
            self._piece = memoryview(piece)
        some = self._piece[: len(buffer)]
        buffer[: len(some)] = some
        self._piece = self._piece[len(some) :]
        return len(some)

    def whole(self, limit: int) -> bytes:
        """All of it; more than ``limit`` bytes are :class:`~ledger.errors.Malformed` before any more are read."""
        found = bytearray()
        for piece in self._pieces:
            self._note(len(piece))
            found += piece
            if len(found) > limit:
                raise Malformed(f"{self._who} sends more than the {limit} bytes that such an answer can have")
        return bytes(found)

    def _note(self, count: int) -> None:
        now = time.monotonic()
        if now > self._due:
            raise NodeUnreachable(
                f"{self._who} is too slow: it did not send {self._quantum} bytes, or all there were, within "
                f"{self._patience:g} s; what came stays: run the same command again, or use another"
            )
        self._left -= count
        if self._left <= 0:
            self._due, self._left = now + self._patience, self._quantum


def pieces(response: Any) -> Iterator[bytes]:
    """The body of a response of requests, as it comes in: its own iterator waits until a whole piece is there.

    Raises errors of urllib3.
    """
    while piece := response.raw.read1(PIECE, decode_content=True):
        yield piece


def http_url(text: str) -> SplitResult | None:
    """The parts of a URL of http or https that paths can follow; None for anything else, which may hold a password."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    good = parts.scheme in ("http", "https") and parts.hostname and not parts.query and not parts.fragment
    return parts if good else None


def host_of(url: str) -> str:
    """Host and port of a URL for people to read: its path, user and password may be secrets."""
    return urlsplit(url).netloc.rpartition("@")[2]


def words(said: object, *secrets: str | None) -> str:
    """What a server said, as one line that may be shown: short, printable, and without ``secrets``."""
    text = str(said)
    for secret in secrets:
        if secret:
            text = text.replace(secret, "…")
    shown = "".join(sign if sign.isprintable() else " " for sign in text)
    return shown if len(shown) <= _LONGEST_WORDS else shown[:_LONGEST_WORDS] + "…"

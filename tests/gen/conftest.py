"""Fixtures of what makes and marks audio."""

import pytest

from gen.watermark.detect import Search


@pytest.fixture
def decoded(monkeypatch):
    """How many candidates each call has decoded, one after another."""
    decode, counts = Search.decode, []

    def counted(search, chips):
        before = search.decoded
        told = decode(search, chips)
        counts.append(search.decoded - before)
        return told

    monkeypatch.setattr(Search, "decode", counted)
    return counts

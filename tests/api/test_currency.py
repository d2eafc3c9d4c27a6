"""What a token calls itself is shown so that it deceives nobody, and amounts are scaled exactly."""

from __future__ import annotations

from pathlib import Path

import pytest
from coin import NOBODY, speaker
from hypothesis import given
from hypothesis import strategies as st

from api.currency import ETHER, Currency, harmless, unnamed
from api.errors import UsageError
from api.service.kinds.offering import Terms
from ledger.address import Address
from ledger.chain import Chain
from ledger.errors import NotFound
from ledger.keys import LocalSigner
from ledger.tokens import MOST_DECIMALS, MOST_SYMBOL, Told, describe

TOKEN = Address(b"\x12" * 20)
WORD = 32


def abi(text: bytes) -> bytes:
    return WORD.to_bytes(32) + len(text).to_bytes(32) + text.ljust(-len(text) % 32 + len(text), b"\0")


@pytest.mark.slow
def test_a_token_may_answer_anything(tmp_path: Path) -> None:
    maker = LocalSigner((5).to_bytes(32))
    with Chain.open_embedded(tmp_path / "chain") as chain:
        chain.fund(maker.address, 10**18)

        def told(symbol: bytes, decimals: bytes) -> Told:
            made = chain.transact(maker, None, speaker(symbol, decimals)).contract
            assert made is not None
            return describe(chain, made)

        assert told(abi(b"USDC"), (6).to_bytes(32)) == Told("USDC", 6)
        assert told(b"MKR".ljust(32, b"\0"), (18).to_bytes(32)) == Told("MKR", 18)  # as old tokens have it
        assert told(abi(b"x" * 1000), b"\xff" * 32) == Told("x" * MOST_SYMBOL, None)
        assert told(abi(b"\xff\xfe"), bytes(31)) == Told(r"\xff\xfe", None)
        for lying in (b"", b"\x01", b"\xff" * 64, WORD.to_bytes(32) + b"\xff" * 32, bytes(64), bytes(32)):
            assert told(lying, b"") == Told(None, None)
        silent = chain.transact(maker, None, bytes.fromhex("60fe60005360016000f3")).contract  # INVALID, whatever comes
        assert silent is not None
        assert describe(chain, silent) == Told(None, None)
        with pytest.raises(NotFound, match="no contract"):
            describe(chain, NOBODY)


def test_no_word_of_a_token_passes_for_more_than_that() -> None:
    assert Currency(TOKEN, harmless("USDC"), 6).money(12_500_000) == "12.5 “USDC” (0x121212…121212)"
    assert harmless("USD\u20ae0") == r"USD\u20ae0"
    assert harmless("\u202eCDSU") == r"\u202eCDSU"
    assert harmless("US DC”") == r"US\u0020DC\u201d"
    assert harmless("x" * 64) == "x" * 16 + "…"
    assert harmless("x" * 11 + "\n") == "x" * 11 + "…"  # no half of an escape
    assert harmless(None) is None
    assert unnamed(TOKEN).money(5) == "5 (0x121212…121212)"
    assert unnamed(None) == ETHER
    assert ETHER.money(10**17) == "0.1 ETH"


@given(st.text())
def test_a_harmless_word_is_short_and_plain(symbol: str) -> None:
    shown = harmless(symbol)
    assert shown is not None
    assert len(shown) <= 17
    assert all(sign == "…" or (sign.isascii() and sign.isprintable() and sign not in "<>&\"' “”()") for sign in shown)


@given(st.integers(0, 2**96 - 1), st.integers(0, 36))
def test_whole_units_are_read_as_they_are_written(units: int, decimals: int) -> None:
    coin = Currency(TOKEN, None, decimals)
    assert coin.units(coin.amount(units)) == units


def test_what_is_finer_than_a_token_is_refused() -> None:
    for text in ("0.0000001", "-1", "1e", "", "NaN", "9" * 60):
        with pytest.raises(UsageError):
            Currency(TOKEN, None, 6).units(text)
    with pytest.raises(UsageError, match="smallest unit"):
        unnamed(TOKEN).units("1.5")
    assert Currency(TOKEN, None, 0).amount(7) == "7"


def test_a_price_is_as_fine_as_the_finest_token() -> None:
    asked = Terms(id=1, price=f"1.{'0' * 35}1", currency="0x" + "11" * 20, decimals=MOST_DECIMALS)
    assert asked.units() == 10**36 + 1

"""Refusals in the words of our contracts, by contracts that are not ours: any contract may say any bytes."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from ledger.abi import Interface
from ledger.contracts.refusals import explain
from ledger.errors import LedgerError, Reverted

NAMES = sorted(file.stem for file in (Path(__file__).parents[2] / "ledger" / "artifacts").glob("*.json"))

WORDS = (b"\xff" * 32, bytes(32), (32).to_bytes(32), (2**40 - 1).to_bytes(32), b"\x7f" * 32)


@pytest.mark.parametrize("name", NAMES)
def test_a_refusal_that_makes_no_sense_is_an_error_of_the_ledger(name: str) -> None:
    interface = Interface.load(name)
    for selector, word in product(interface._errors, WORDS):
        try:
            meant: Exception = explain(Reverted(selector + word * 20), [interface], {})
        except LedgerError as error:
            meant = error
        assert isinstance(meant, LedgerError)

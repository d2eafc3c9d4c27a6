"""In which tokens an account, or a track, was ever paid, as the directory has it."""

from __future__ import annotations

import pytest

from api.service.database import Database
from api.service.earnings import MOST, Earnings
from api.service.entries import licenses, sales, track_raw
from ledger.address import Address

ETHER = Address(bytes(20))
ANNA, CARL = Address(b"\x0a" * 20), Address(b"\x0c" * 20)
SEEN = {"block": 1, "time": 1, "tx": "0x"}


def token(number: int) -> Address:
    return Address(number.to_bytes(1) * 20)


def sell(database: Database, track: int, seller: Address, *currencies: Address) -> None:
    row = {"track": track_raw(track), "seller": str(seller), "buyer": str(CARL), "price": "1", "royalty": "0", **SEEN}
    with database.changing() as connection:
        connection.execute(sales.insert(), [row | {"currency": str(currency)} for currency in currencies])


def license_(database: Database, payee: Address, currency: Address) -> None:
    row = {"kind": "dataset", "subject": 1, "licensee": str(CARL), "payee": str(payee), "id": 1, "uses": 1, "until": 9}
    digests = {"record": bytes(32), "content": bytes(32)}
    with database.changing() as connection:
        values = {"royalty_ppm": 0, "price": "1", "currency": str(currency)}
        connection.execute(licenses.insert().values(**row, **digests, **values, **SEEN))


def test_every_token_is_told_once_and_ether_is_none(database: Database) -> None:
    earnings = Earnings(database)
    assert earnings.of_account(ANNA) == earnings.of_track(7) == ()
    sell(database, 7, ANNA, ETHER, token(0xB0), token(5), token(0xB0))
    sell(database, 7, CARL, token(3))
    sell(database, 8, ANNA, token(2))
    license_(database, ANNA, token(5))
    license_(database, ANNA, token(0xF4))
    license_(database, ANNA, ETHER)
    assert set(earnings.of_track(7)) == {token(3), token(5), token(0xB0)}
    assert earnings.of_track(8) == (token(2),)
    assert set(earnings.of_account(ANNA)) == {token(2), token(5), token(0xB0), token(0xF4)}
    assert earnings.of_account(CARL) == (token(3),)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_worthless_tokens_without_end_are_not_all_told(database: Database) -> None:
    worthless = [token(number) for number in range(1, 200)]
    sell(database, 7, CARL, *worthless)
    assert len(Earnings(database).of_track(7)) == MOST
    sell(database, 7, CARL, token(0xFF))  # and the next sale's is, whatever they are called
    assert Earnings(database).of_track(7) == (token(0xFF), *worthless[:-MOST:-1])
    sell(database, 7, CARL, token(1))
    assert Earnings(database).of_track(7)[:2] == (token(1), token(0xFF))

"""End a key, on chain and in the home; name who else may; tell the history of one.

A rotation is made of steps that a kill may part: the key that follows is made, the end is registered, companions are
published, names change. The same call finds how far it came and goes on from there.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from api.home import Home, Ledger

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.companions import PublicKeys
    from ledger.contracts import KeyEnd, KeyEntry
    from ledger.keys import Keystore, Signer
    from ledger.records import KeyRecord

NEXT = "@next"
"""What the name of a key ends in while it is about to follow another."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """The outcome of :func:`rotate`: the name, what the old key is called now, and its end, which names the new one."""

    name: str
    former: str
    end: KeyEnd


@dataclass(frozen=True, slots=True)
class Revoked:
    """The outcome of :func:`revoke`; ``already`` where the key had ended before, in whatever way."""

    end: KeyEnd
    already: bool


@dataclass(frozen=True, slots=True)
class History:
    """What chain and store tell of an account's key; instead of a record that does not hold, what is wrong with it."""

    account: Address
    published: tuple[tuple[KeyEntry, PublicKeys | str], ...]
    recovery: Address | None
    end: KeyEnd | None
    ending: KeyRecord | str | None


def rotate(
    home: Home,
    name: str,
    *,
    reason: str,
    now: Callable[[], datetime],
    since: str | None = None,
    by: Signer | None = None,
) -> Rotated:
    """Let a new key follow the key called ``name``, and take its name; the old one stays as ``name@1``, ``name@2`` …

    The end and its successor are registered on chain, in a record that both sign. ``by`` is the old key's recovery,
    where the old key itself cannot sign any more. A key that was made before under ``name@next`` is the one to follow.

    Raises:
        KeyNotFound: there is no such key here.
        KeyEnded: it has ended before, and not for the key that waits under ``name@next``.
        NotOwner: ``by`` is not its recovery.
    """
    keystore, following = home.keystore(), name + NEXT
    with home.changing("rotation"):
        if not keystore.has(name) and not keystore.has(following):
            keystore.address(name)  # says that there is none
        if keystore.has(name) and not _same(keystore, name, following):
            _succeed(home, name, following, reason, now, since, by)
            keystore.rename(name, _former(keystore, name))
        keystore.rename(following, name)
        former = _newest_former(keystore, name)
        with home.ledger() as ledger:
            end = ledger.contracts.key_end(keystore.address(former))
    assert end is not None  # noqa: S101  (names change after the end)
    return Rotated(name, former, end)


def revoke(
    home: Home,
    account: Address,
    *,
    reason: str,
    signer: Signer,
    now: Callable[[], datetime],
    confirm: Callable[[], None],
    since: str | None = None,
) -> Revoked:
    """End a key for good, without a successor; ``confirm`` is called first, unless it has ended, and may raise.

    Raises :class:`NotOwner` unless the signer is the key itself or its recovery.
    """
    from ledger.archive import publish
    from ledger.records import KeyRecord, timestamp

    with home.ledger() as ledger:
        end = ledger.contracts.key_end(account)
        if end is not None:
            return Revoked(end, already=True)
        _require_keeper(ledger, account, signer)
    confirm()
    with home.changing("rotation"), home.ledger() as ledger:
        end = ledger.contracts.key_end(account)
        if end is not None:
            return Revoked(end, already=True)
        record = KeyRecord(account, "revoked", _own(account, signer), None, reason, since, timestamp(now()))
        cid = publish(ledger.store, record, signer)
        home.fund(ledger, signer)
        return Revoked(ledger.contracts.revoke_key(signer, account, record.digest, str(cid)), already=False)


def ends(home: Home, accounts: Sequence[Address]) -> dict[Address, KeyEnd | None] | None:
    """How each key ended, None for one that goes on; None altogether where the chain cannot be asked."""
    from ledger.errors import LedgerError

    if not home.exists:  # a home without a chain has no key that ended
        return dict.fromkeys(accounts)
    try:
        with home.ledger() as ledger:
            return {account: ledger.contracts.key_end(account) for account in accounts}
    except LedgerError:
        return None


def name_recovery(home: Home, account: Address, recovery: Address, *, signer: Signer) -> bool:
    """Name who else may end a key: the key itself names the first, each of them the next. True where it was so before.

    Raises :class:`NotOwner`, :class:`KeyEnded`, and :class:`ArgumentRefused` for the key itself.
    """
    with home.changing("rotation"), home.ledger() as ledger:
        if ledger.contracts.key_recovery(account) == recovery:
            return True
        home.fund(ledger, signer)
        ledger.contracts.name_recovery(signer, account, recovery)
        return False


def history(ledger: Ledger, account: Address) -> History:
    """What is known of an account's key."""
    from ledger.errors import Invalid, Malformed, Unverifiable
    from ledger.keyhistory import KeyHistory

    known = KeyHistory(ledger.contracts, ledger.store)
    published: list[tuple[KeyEntry, PublicKeys | str]] = []
    for entry in known.published(account):
        try:
            published.append((entry, known.companions(entry)))
        except (Invalid, Malformed, Unverifiable) as error:
            published.append((entry, str(error)))
    end = known.end(account)
    ending: KeyRecord | str | None = None
    if end is not None:
        try:
            ending = known.ending(end)
        except (Invalid, Malformed, Unverifiable) as error:
            ending = str(error)
    return History(account, tuple(published), ledger.contracts.key_recovery(account), end, ending)


def _succeed(
    home: Home,
    name: str,
    following: str,
    reason: str,
    now: Callable[[], datetime],
    since: str | None,
    by: Signer | None,
) -> None:
    """The key that follows is made, the end registered, the new companions published; each unless it is done."""
    from ledger.archive import publish
    from ledger.errors import InsufficientFunds, KeyEnded
    from ledger.records import KeyRecord, timestamp

    keystore = home.keystore()
    account = keystore.address(name)
    with home.ledger() as ledger:
        end = ledger.contracts.key_end(account)
        if end is not None and not (keystore.has(following) and end.successor == keystore.address(following)):
            raise KeyEnded(f"the key {name!r} ended in block {end.block}, for good; make a new key under another name")
        if end is None:
            signer = by or home.signer(name)
            _require_keeper(ledger, account, signer)
    if not keystore.has(following):
        keystore.new(following, home.new_passphrase(f"the key that follows {name!r}"))
    successor = home.signer(following)
    with home.ledger() as ledger:
        if end is None:
            record = KeyRecord(
                account=account,
                event="rotated",
                keys=_own(account, signer),
                successor=successor.address,
                reason=reason,
                compromised_since=since,
                created=timestamp(now()),
            )
            cid = publish(ledger.store, record, signer, successor)
            home.fund(ledger, signer)
            ledger.contracts.rotate_key(signer, account, successor.address, record.digest, str(cid))
        # On a network nobody has paid the new account yet: then it publishes before its first record, as any other.
        with contextlib.suppress(InsufficientFunds):
            home.introduce(ledger, successor)


def _require_keeper(ledger: Ledger, account: Address, signer: Signer) -> None:
    """Say before anything is made what the contract would say."""
    from ledger.errors import NotOwner

    if signer.address not in (account, ledger.contracts.key_recovery(account)):
        raise NotOwner(f"{signer.address} is neither {account} nor its recovery, who alone end that key")


def _own(account: Address, signer: Signer) -> PublicKeys | None:
    """The companions that end with a key, where it signs for itself."""
    if signer.address != account or signer.companions is None:
        return None
    return signer.companions.public


def _same(keystore: Keystore, name: str, other: str) -> bool:
    """Whether two names are one key's, as when a kill came between taking the new and leaving the old."""
    return keystore.has(other) and keystore.address(name) == keystore.address(other)


def _former(keystore: Keystore, name: str) -> str:
    """What the key will be called: the first free of ``name@1``, ``name@2`` …, or the one that it has already."""
    for number in itertools.count(1):
        former = f"{name}@{number}"
        if not keystore.has(former) or _same(keystore, name, former):
            return former
    raise AssertionError  # never reached


def _newest_former(keystore: Keystore, name: str) -> str:
    number = next(number for number in itertools.count(1) if not keystore.has(f"{name}@{number}"))
    return f"{name}@{number - 1}"

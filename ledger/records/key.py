"""The Key record: the companion keys that an account has, and the end of the account's own key."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, get_args

from ledger.address import Address
from ledger.companions import PublicKeys
from ledger.digest import Digest
from ledger.errors import DigestMismatch, Malformed, MalformedRecord
from ledger.records import checks
from ledger.records.fields import Fields
from ledger.records.statement import Record

KeyEvent = Literal["published", "rotated", "revoked"]

REASONS = ("compromised", "lost", "superseded", "retired", "unspecified")
"""Why a key ended: somebody else may have it, nobody has it, another follows it, its account is done, or not said."""

_NAMES = ("ml-dsa-65", "x25519", "p-256")


@dataclass(frozen=True)
class KeyRecord(Record):
    """One event in the history of an account's key, signed by the account, or by its recovery where that ends the key.

    A rotation is signed by the successor as well, who so takes on what follows.
    """

    PREDICATE_TYPE: ClassVar[str] = "urn:stemmata:key:v1"
    SUBJECTS: ClassVar[tuple[tuple[str, ...], ...]] = (_NAMES, ("account",))

    account: Address
    event: KeyEvent
    keys: PublicKeys | None
    """The account's companions: published here, or those that end with the key; None where it has none, or who ends
    the key does not know them."""
    successor: Address | None
    """Who goes on: for a rotation."""
    reason: str | None
    """One of ``REASONS``: for an end."""
    compromised_since: str | None
    """When the key may have come into other hands, as whoever ended it believes: for the reason ``compromised``.

    Nothing is decided by it. The chain says when a key ended.
    """
    created: str

    def __post_init__(self) -> None:
        """Raises ``MalformedRecord``."""
        checks.kept("account", self.account, Address)
        checks.choice("event", self.event, get_args(KeyEvent))
        checks.time("created", self.created)
        if self.keys is not None:
            checks.kept("keys", self.keys, PublicKeys)
        elif self.event == "published":
            raise MalformedRecord("keys: none, and yet published")
        if (self.event == "rotated") != (self.successor is not None):
            raise MalformedRecord("successor: a rotation names one, and nothing else does")
        if self.successor is not None:
            checks.kept("successor", self.successor, Address)
            if self.successor == self.account:
                raise MalformedRecord(f"successor: {self.successor} is the account itself")
        if self.event == "published":
            if self.reason is not None:
                raise MalformedRecord("reason: only an end has one")
        else:
            checks.choice("reason", self.reason, REASONS)
        if self.compromised_since is not None:
            if self.reason != "compromised":
                raise MalformedRecord("compromisedSince: goes with the reason compromised alone")
            checks.time("compromisedSince", self.compromised_since)
            checks.order("created", self.created, self.compromised_since, "compromisedSince")

    def subjects(self) -> Mapping[str, Digest]:
        """SHA-256 of each public key; of the account's 20 bytes where there are none."""
        if self.keys is None:
            return {"account": Digest.of(self.account.raw)}
        return {name: Digest.of(key) for name, key in _by_name(self.keys).items()}

    def predicate(self) -> dict[str, Any]:
        """As in the record."""
        keys = None
        if self.keys is not None:
            keys = {name: base64.b64encode(key).decode() for name, key in _by_name(self.keys).items()}
        return {
            "account": str(self.account),
            "event": self.event,
            "keys": keys,
            "successor": None if self.successor is None else str(self.successor),
            "reason": self.reason,
            "compromisedSince": self.compromised_since,
            "created": self.created,
        }

    @classmethod
    def read(cls, subjects: Mapping[str, Digest], predicate: Fields) -> Self:
        """Raises ``MalformedRecord``; ``DigestMismatch`` where a subject is not the digest of its key."""
        event: Any = predicate.text("event")  # the constructor lets three words through
        record = cls(
            account=predicate.address("account"),
            event=event,
            keys=predicate.nullable("keys", lambda name: predicate.object(name, _read_keys)),
            successor=predicate.nullable("successor", predicate.address),
            reason=predicate.nullable("reason", predicate.text),
            compromised_since=predicate.nullable("compromisedSince", predicate.text),
            created=predicate.text("created"),
        )
        expected = record.subjects()
        if subjects.keys() != expected.keys():
            raise MalformedRecord(f"subject: expected the names {', '.join(expected)}")
        for name, digest in expected.items():
            if subjects[name] != digest:
                raise DigestMismatch(f"subject {name}: {subjects[name]} is not the digest of its key, {digest}")
        return record


def _by_name(keys: PublicKeys) -> dict[str, bytes]:
    return dict(zip(_NAMES, (keys.ml_dsa_65, keys.x25519, keys.p256), strict=True))


def _read_keys(fields: Fields) -> PublicKeys:
    ml_dsa_65, x25519, p256 = (_base64(name, fields.text(name)) for name in _NAMES)
    try:
        return PublicKeys(ml_dsa_65, x25519, p256)
    except Malformed as error:
        raise MalformedRecord(str(error)) from None


def _base64(name: str, written: str) -> bytes:
    """Standard base64 (RFC 4648, section 4), in the one spelling that writing gives."""
    try:
        data = base64.b64decode(written, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedRecord(f"{name}: not base64") from None
    if base64.b64encode(data).decode() != written:
        raise MalformedRecord(f"{name}: base64 with stray bits")
    return data

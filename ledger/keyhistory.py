"""Whether a key still counted when a record was registered, and whether the account's co-signature holds.

The chain says when a key ended, and nothing that is put there afterwards makes less of a record than it was: an end
that came later is told in notes, with whatever its own record says, even where that is lost or wrong. Which ML-DSA key
is an account's is told by the newest key record that it had published when the record was registered; one that was
published in the record's own block may have come before or after it, so that either key counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ledger import signing
from ledger.archive import fetch, open_signed
from ledger.errors import DigestMismatch, Invalid, LedgerError, Malformed, SignatureInvalid, Unverifiable
from ledger.findings import Finding, Status
from ledger.records import KeyRecord, parse_timestamp, timestamp

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.companions import PublicKeys
    from ledger.contracts import Contracts, KeyEnd, KeyEntry
    from ledger.envelope import Envelope
    from ledger.store import ContentStore

# What is wrong with a record may be quoted from it, and be of any length.
_LONGEST_DETAIL = 1000
_ML_DSA = "ml-dsa-65:"


class KeyHistory:
    """What the chain and the store know of keys. Each account is asked for once."""

    def __init__(self, contracts: Contracts, store: ContentStore) -> None:
        self._contracts = contracts
        self._store = store
        self._ends: dict[Address, KeyEnd | None] = {}
        self._published: dict[Address, tuple[KeyEntry, ...]] = {}
        self._companions: dict[KeyEntry, PublicKeys] = {}

    def end(self, account: Address) -> KeyEnd | None:
        """How the account's key ended. Raises :class:`ChainUnreachable`."""
        if account not in self._ends:
            self._ends[account] = self._contracts.key_end(account)
        return self._ends[account]

    def published(self, account: Address) -> tuple[KeyEntry, ...]:
        """What the account published, in order. Raises :class:`ChainUnreachable`."""
        if account not in self._published:
            self._published[account] = self._contracts.published_keys(account)
        return self._published[account]

    def companions(self, entry: KeyEntry) -> PublicKeys:
        """The companion keys of a publication. Raises as :func:`ledger.archive.fetch`; :class:`DigestMismatch` also
        where the record tells of another account or event."""
        if entry not in self._companions:
            record = fetch(self._store, KeyRecord, entry.cid, entry.record, entry.account)
            if record.account != entry.account or record.keys is None or record.event != "published":
                raise DigestMismatch(f"record {entry.record} tells of another key than {entry.account} published")
            self._companions[entry] = record.keys
        return self._companions[entry]

    def ending(self, end: KeyEnd) -> KeyRecord:
        """The record of an end, signed by who ended the key and by the successor; raises as :meth:`companions`."""
        record, envelope = open_signed(self._store, KeyRecord, end.cid, end.record, end.by)
        event = "revoked" if end.successor is None else "rotated"
        if (record.account, record.event, record.successor) != (end.account, event, end.successor):
            raise DigestMismatch(f"record {end.record} tells of another end than the chain")
        if end.successor is not None:
            signing.verify(envelope, end.successor)
        return record

    def check(self, subject: str, signer: Address, block: int, envelope: Envelope) -> Iterator[Finding]:
        """Findings about a record that ``signer`` signed and that was registered in ``block``.

        Raises :class:`ChainUnreachable`.
        """
        yield from self.counted(subject, signer, block)
        yield self._cosignature(subject, signer, block, envelope)

    def counted(self, subject: str, signer: Address, block: int) -> Iterator[Finding]:
        """Whether the key of ``signer`` counted in ``block``. Raises :class:`ChainUnreachable`."""
        end = self.end(signer)
        if end is None:
            yield Finding("key", Status.OK, subject, f"the key of {signer} has not ended")
            return
        word = "revoked" if end.successor is None else "rotated"
        ended = f"{word} in block {end.block}, {_written(end.time)}"
        # An end counts from its own block on.
        if block >= end.block:
            detail = f"registered in block {block}, after the key of {signer} was {ended}"
            yield Finding("key", Status.INVALID, subject, detail)
        else:
            yield Finding("key", Status.OK, subject, f"registered in block {block}, while the key of {signer} counted")
        successor = "" if end.successor is None else f"; {end.successor} goes on"
        recovery = "" if end.by == end.account else f" by its recovery {end.by}"
        yield Finding("key", Status.NOTE, subject, f"the key of {signer} was {ended}{recovery}{successor}")
        yield from self._said(subject, end, block)

    def _said(self, subject: str, end: KeyEnd, block: int) -> Iterator[Finding]:
        """What the record of an end adds. It decides nothing, or who ends a key could unsay what it signed."""
        try:
            record = self.ending(end)
        except (Invalid, Malformed, Unverifiable) as error:
            said = f"the record of its end does not hold: {error}"[:_LONGEST_DETAIL]
        else:
            said = f"the reason given is: {record.reason}"
            if record.compromised_since is not None:
                since = int(parse_timestamp(record.compromised_since).timestamp())
                when = "before" if self._contracts.block_time(block) < since else "after"
                said += (
                    f"; who ended it thinks it in other hands since {record.compromised_since}, "
                    f"and this was registered {when} that: which decides nothing"
                )
        yield Finding("key", Status.NOTE, subject, said)

    def _cosignature(self, subject: str, signer: Address, block: int, envelope: Envelope) -> Finding:
        beside = [entry for entry in self.published(signer) if entry.block == block]
        before = [entry for entry in self.published(signer) if entry.block < block]
        counts = next((entry for entry in beside if self._cosigned(entry, envelope)), None)
        if counts is not None:
            status, detail = Status.OK, self._good(counts)
        elif not before:
            status, detail = Status.NOTE, f"none: {signer} had published no ML-DSA key"
            if named := _keyids(envelope):
                detail = self._elsewhere(signer, named, block)
        else:
            try:
                status, detail = self._compared(signer, before[-1], block, envelope)
            except Unverifiable as error:
                status, detail = Status.UNVERIFIABLE, f"the key record of {signer}: {error}"
            except (Invalid, Malformed) as error:
                status, detail = Status.INVALID, f"the key record of {signer}: {error}"
        return Finding("co-signature", status, subject, detail[:_LONGEST_DETAIL])

    def _cosigned(self, entry: KeyEntry, envelope: Envelope) -> bool:
        try:
            return signing.cosignature(envelope, self.companions(entry))
        except (Invalid, Malformed, Unverifiable):
            return False  # the key that was published before decides

    def _good(self, counts: KeyEntry) -> str:
        return f"{self.companions(counts).keyid}, published by {counts.account} in block {counts.block}"

    def _compared(self, signer: Address, counts: KeyEntry, block: int, envelope: Envelope) -> tuple[Status, str]:
        """The co-signature held against the newest of the keys published before. Raises as :meth:`companions`."""
        keys = self.companions(counts)
        try:
            if signing.cosignature(envelope, keys):
                return Status.OK, self._good(counts)
        except SignatureInvalid as error:
            return Status.WARNING, f"wrong: {error}"
        if named := _keyids(envelope):
            return Status.WARNING, self._elsewhere(signer, named, block)
        return Status.WARNING, f"none, although {signer} had published an ML-DSA key in block {counts.block}"

    def _elsewhere(self, signer: Address, named: set[str], block: int) -> str:
        """Where a co-signature's key stands that does not count: replaced before, published later, or nowhere."""
        for entry in self.published(signer):
            try:
                keys = self.companions(entry)
            except LedgerError:
                continue  # whatever its record says, it is not the one that counts
            if keys.keyid in named:
                when = "but replaced since" if entry.block < block else "after this"
                return f"by {keys.keyid}, which {signer} published in block {entry.block}, {when}"
        return f"by {', '.join(sorted(named))}, which {signer} never published"


def _keyids(envelope: Envelope) -> set[str]:
    return {one.keyid for one in envelope.signatures if one.keyid.startswith(_ML_DSA)}


def _written(time: int) -> str:
    return timestamp(datetime.fromtimestamp(time, UTC))

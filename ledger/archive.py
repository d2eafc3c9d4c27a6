"""Records into a content store, and out again only when digest, signature and shape all hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from ledger import anchored, signing, timestamp
from ledger.cid import Cid
from ledger.digest import Digest
from ledger.envelope import MAX_BYTES, Envelope
from ledger.errors import DigestMismatch, MalformedRecord
from ledger.records import DatasetRecord, KeyRecord, LicenseRecord, TrackRecord, TrainingRunRecord, read

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.contracts import TrackEntry
    from ledger.keys import Signer
    from ledger.store import ContentStore

Record = TypeVar("Record", DatasetRecord, LicenseRecord, TrainingRunRecord, TrackRecord, KeyRecord)


def publish(
    store: ContentStore,
    record: DatasetRecord | LicenseRecord | TrainingRunRecord | TrackRecord | KeyRecord,
    signer: Signer,
    *others: Signer,
    authority: str | None = None,
    trust: Sequence[bytes] = (),
) -> Cid:
    """Sign a record and store its envelope; the CID is the envelope's, the record's digest stays its own.

    It does not repeat: a co-signature holds fresh randomness (FIPS 204, hedged), so that the same record signed again
    is another envelope under another CID, as good as the first. Only the digest tells whether two are one record.

    ``others`` sign it as well. ``authority``: the URL of a time-stamp authority, which stamps the signed record
    (:func:`ledger.timestamp.stamp`, whose errors it raises, and which ``trust`` is for).

    Raises :class:`MalformedRecord` for one so long that :func:`fetch` would refuse it: better now than on chain.
    """
    envelope = signing.sign(record.payload(), signer)
    for other in others:
        envelope = signing.countersign(envelope, other)
    if authority is not None:
        envelope = timestamp.stamp(envelope, authority, trust=trust)
    written = envelope.to_bytes()
    if len(written) > MAX_BYTES:
        raise MalformedRecord(
            f"the record is {len(written)} bytes long, signed; no more than {MAX_BYTES} are read: make several of it"
        )
    return store.add_bytes(written)


def fetch(store: ContentStore, kind: type[Record], cid: str, digest: Digest, signer: Address) -> Record:
    """The record of that kind behind a CID; raises as :func:`open_signed`."""
    return open_signed(store, kind, cid, digest, signer)[0]


def fetch_track(store: ContentStore, entry: TrackEntry) -> TrackRecord:
    """The record of a track; raises as :func:`open_signed`, or :func:`ledger.anchored.fetch` if it was not minted."""
    if entry.anchored is not None:
        return anchored.fetch(store, entry.record)
    return fetch(store, TrackRecord, entry.cid, entry.record, entry.creator)


def open_signed(
    store: ContentStore, kind: type[Record], cid: str, digest: Digest, signer: Address
) -> tuple[Record, Envelope]:
    """The record of that kind behind a CID, and the envelope with all its signatures.

    Checked in this order, each with its own error: the blocks are there (:class:`BlockMissing`) and unaltered
    (:class:`DigestMismatch`), the envelope is one, its payload has the digest, ``signer`` signed it
    (:class:`SignatureInvalid`), and it reads as a record of ``kind`` (:class:`MalformedRecord`).
    """
    return open_bytes(store.read_bytes(Cid.parse(cid), limit=MAX_BYTES), kind, cid, digest, signer)


def open_bytes(data: bytes, kind: type[Record], cid: str, digest: Digest, signer: Address) -> tuple[Record, Envelope]:
    """The same of bytes that were read from behind that CID."""
    envelope = Envelope.from_bytes(data)
    found = Digest.of(envelope.payload)
    if found != digest:
        raise DigestMismatch(f"record {found} at {cid} is not the one on chain, {digest}")
    signing.verify(envelope, signer)
    record = read(envelope.payload)
    if not isinstance(record, kind):
        raise MalformedRecord(f"the record at {cid} is a {type(record).__name__}, not a {kind.__name__}")
    return record, envelope

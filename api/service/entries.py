"""The tables of the directory, and how their rows are read as what the contracts know.

Numbers that do not fit 64 bits are kept as decimal text, tokens of tracks as their 8 bytes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Row, String, Table, Text

from api.service.database import metadata
from ledger.address import Address
from ledger.contracts import DatasetEntry, LicenseEntry, ListingEntry, ModelEntry, TrackEntry
from ledger.contracts.words import content_of, end_of, terms_of, uses_of
from ledger.digest import Digest
from ledger.records import Terms

_COUNTED = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts by itself in this type alone


def _seen() -> tuple[Column[Any], ...]:
    """Where an entry came from: its block, that block's time in Unix seconds, and the transaction."""
    return (
        Column("block", BigInteger, nullable=False),
        Column("time", BigInteger, nullable=False),
        Column("tx", String(66), nullable=False),
    )


def _account(name: str) -> Column[Any]:
    return Column(name, String(42), nullable=False)


def _digest(name: str, **words: Any) -> Column[Any]:
    return Column(name, LargeBinary(32), nullable=False, **words)


tracks = Table(
    "tracks",
    metadata,
    Column("number", _COUNTED, primary_key=True),
    Column("id", LargeBinary(8), nullable=False, unique=True),
    _digest("audio", unique=True),
    _digest("claim"),
    _digest("record"),
    Column("cid", String(59), nullable=False),
    Column("model", BigInteger, nullable=False),
    _account("creator"),
    _account("owner"),
    Column("royalty_ppm", Integer, nullable=False),
    Column("sellable", Boolean, nullable=False),  # whether the market may pass it on
    *_seen(),
)
for _column in (tracks.c.owner, tracks.c.creator, tracks.c.model):
    Index(f"tracks_{_column.name}", _column, tracks.c.number)

datasets = Table(
    "datasets",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    _digest("root"),
    _digest("record"),
    Column("cid", Text, nullable=False),
    _account("holder"),
    _account("owner"),
    Column("terms", Text, nullable=False),
    Column("registered_terms", Text, nullable=False),
    Column("consent", Boolean, nullable=False),
    *_seen(),
)
Index("datasets_owner", datasets.c.owner, datasets.c.id)
Index("datasets_holder", datasets.c.holder, datasets.c.id)

models = Table(
    "models",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    _digest("weights"),
    _digest("record"),
    Column("cid", Text, nullable=False),
    _account("trainer"),
    _account("owner"),
    Column("royalty_ppm", Integer, nullable=False),
    Column("datasets", Text, nullable=False),  # pairs of id and share
    Column("parents", Text, nullable=False),
    Column("terms", Text, nullable=False),
    *_seen(),
)
Index("models_owner", models.c.owner, models.c.id)

dues = Table(
    "dues",
    metadata,
    Column("model", BigInteger, primary_key=True, autoincrement=False),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(7), nullable=False),
    Column("holder", BigInteger, nullable=False),
    Column("ppm", Integer, nullable=False),
)
Index("dues_holder", dues.c.kind, dues.c.holder, dues.c.model)

training = Table(
    "training",
    metadata,
    Column("model", BigInteger, primary_key=True, autoincrement=False),
    Column("dataset", BigInteger, primary_key=True, autoincrement=False),
)
Index("training_dataset", training.c.dataset, training.c.model)

licenses = Table(
    "licenses",
    metadata,
    Column("number", _COUNTED, primary_key=True),
    Column("kind", String(7), nullable=False),
    Column("subject", BigInteger, nullable=False),
    _account("licensee"),
    _account("payee"),
    Column("id", BigInteger, nullable=False),
    Column("uses", Integer, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("royalty_ppm", Integer, nullable=False),
    Column("price", Text, nullable=False),
    _account("currency"),
    _digest("record"),
    _digest("content"),
    *_seen(),
)
Index("licenses_subject", licenses.c.kind, licenses.c.subject, licenses.c.number)
Index("licenses_licensee", licenses.c.licensee, licenses.c.number)
Index("licenses_payee", licenses.c.payee, licenses.c.number)

offers = Table(
    "offers",
    metadata,
    Column("number", _COUNTED, primary_key=True),
    Column("track", LargeBinary(8), nullable=False, unique=True),
    _account("seller"),
    Column("price", Text, nullable=False),
    _account("currency"),
    Column("until", BigInteger, nullable=False),
)

Index("offers_seller", offers.c.seller, offers.c.number)

sales = Table(
    "sales",
    metadata,
    Column("number", _COUNTED, primary_key=True),
    Column("track", LargeBinary(8), nullable=False),
    _account("seller"),
    _account("buyer"),
    Column("price", Text, nullable=False),
    _account("currency"),
    Column("royalty", Text, nullable=False),
    *_seen(),
)
for _column in (sales.c.track, sales.c.seller, sales.c.buyer):
    Index(f"sales_{_column.name}", _column, sales.c.number)


@dataclass(frozen=True, slots=True)
class Offer:
    """A track that can be bought now, and what for."""

    listing: ListingEntry
    track: TrackEntry


@dataclass(frozen=True, slots=True)
class Sale:
    """A sale that took place: ``royalty`` of the ``price`` went to the track's account, the rest to the seller."""

    track: int
    seller: Address
    buyer: Address
    price: int
    currency: Address | None
    royalty: int
    block: int
    time: int
    tx: str


@dataclass(frozen=True, slots=True)
class Due:
    """What a model owes of a track's income: ``ppm`` of it to the owner of a dataset or model."""

    kind: str
    holder: int
    ppm: int


def track_id(raw: bytes) -> int:
    """A track's token from its 8 bytes."""
    return int.from_bytes(raw)


def track_raw(id: int) -> bytes:  # noqa: A002
    """The 8 bytes of a track's token; of a number that can be none, bytes that are none."""
    return id.to_bytes(8) if 0 <= id < 1 << 64 else b""


def terms_text(word: dict[str, Any]) -> str:
    """Terms as an event has them."""
    return json.dumps(word, default=str)


def track_of(row: Row[Any]) -> TrackEntry:
    """A row of :data:`tracks`."""
    return TrackEntry(
        id=track_id(row.id),
        claim=Digest(row.claim),
        audio=Digest(row.audio),
        record=Digest(row.record),
        cid=row.cid,
        model=row.model,
        creator=_address(row.creator),
        owner=_address(row.owner),
        royalty_ppm=row.royalty_ppm,
        block=row.block,
        time=row.time,
        tx=row.tx,
    )


def dataset_of(row: Row[Any]) -> DatasetEntry:
    """A row of :data:`datasets`."""
    return DatasetEntry(
        id=row.id,
        root=Digest(row.root),
        record=Digest(row.record),
        cid=row.cid,
        holder=_address(row.holder),
        owner=_address(row.owner),
        terms=_terms(row.terms),
        registered_terms=_terms(row.registered_terms),
        consent=row.consent,
        block=row.block,
        time=row.time,
        tx=row.tx,
    )


def model_of(row: Row[Any]) -> ModelEntry:
    """A row of :data:`models`."""
    return ModelEntry(
        id=row.id,
        weights=Digest(row.weights),
        record=Digest(row.record),
        cid=row.cid,
        trainer=_address(row.trainer),
        owner=_address(row.owner),
        royalty_ppm=row.royalty_ppm,
        datasets=tuple((id, share) for id, share in json.loads(row.datasets)),  # noqa: A001
        parents=tuple(json.loads(row.parents)),
        terms=_terms(row.terms),
        block=row.block,
        time=row.time,
        tx=row.tx,
    )


def license_of(row: Row[Any]) -> LicenseEntry:
    """A row of :data:`licenses`."""
    return LicenseEntry(
        id=row.id,
        subject_kind=row.kind,
        subject_id=row.subject,
        licensee=_address(row.licensee),
        uses=uses_of(row.uses),
        valid_from=row.time,
        valid_until=end_of(row.until),
        royalty_ppm=row.royalty_ppm,
        price=int(row.price),
        currency=_currency(row.currency),
        record=Digest(row.record),
        cid=content_of(row.content),
        block=row.block,
        time=row.time,
        tx=row.tx,
    )


def listing_of(row: Row[Any]) -> ListingEntry:
    """A row of :data:`offers`."""
    seller = _address(row.seller)
    return ListingEntry(track_id(row.track), seller, int(row.price), _currency(row.currency), end_of(row.until))


def sale_of(row: Row[Any]) -> Sale:
    """A row of :data:`sales`."""
    return Sale(
        track=track_id(row.track),
        seller=_address(row.seller),
        buyer=_address(row.buyer),
        price=int(row.price),
        currency=_currency(row.currency),
        royalty=int(row.royalty),
        block=row.block,
        time=row.time,
        tx=row.tx,
    )


def _terms(text: str) -> Terms:
    word = json.loads(text)
    return terms_of(word | {"currency": _address(word["currency"])})


@lru_cache(4096)
def _address(text: str) -> Address:
    """An address that was written here; to look at its checksum takes a while."""
    return Address.parse(text)


def _currency(text: str) -> Address | None:
    address = _address(text)
    return None if address == Address(bytes(20)) else address

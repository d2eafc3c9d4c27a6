"""The directory: what is on chain, as its events tell it, in tables that can be asked in many ways.

:mod:`api.service.follower` fills it. Nothing in it is believed where it matters: whoever is about to act on a right
asks the chain. It can be emptied at any time, and fills again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, Self, TypeVar

from sqlalchemy import Column, ColumnElement, Row, Select, false, select, union_all

from api.service import entries
from api.service.database import Database
from api.service.entries import Due, Offer, Sale
from ledger.contracts import DatasetEntry, LicenseEntry, ModelEntry, TrackEntry

if TYPE_CHECKING:
    from api.service.service import Service
    from ledger.address import Address
    from ledger.contracts.entries import SubjectKind
    from ledger.digest import Digest

T = TypeVar("T")

MOST: Final = 100
"""So many entries a page has at most."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A piece of a list. ``next`` is what the piece after it is asked for with, as ``after``; None at the end."""

    entries: tuple[T, ...]
    next: int | None


_FEW_MODELS: Final = 50


class Directory:
    """The directory in a service's database.

    Lists go from the oldest to the newest, or with ``newest`` the other way round; ``after`` is a page's ``next``, and
    ``most`` how many entries there are in one page, up to :data:`MOST`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def of(cls, service: Service) -> Self:
        """That of a service."""
        return cls(service.database)

    # -- one

    def track(self, id: int) -> TrackEntry | None:  # noqa: A002
        """A track by its token."""
        return self._one(entries.tracks, entries.tracks.c.id, entries.track_raw(id), entries.track_of)

    def by_audio(self, audio: Digest) -> TrackEntry | None:
        """The track whose file has this digest."""
        return self._one(entries.tracks, entries.tracks.c.audio, audio.raw, entries.track_of)

    def by_watermark(self, watermark: bytes) -> TrackEntry | None:
        """The track with these 8 bytes as its watermark."""
        return self._one(entries.tracks, entries.tracks.c.id, watermark, entries.track_of)

    def dataset(self, id: int) -> DatasetEntry | None:  # noqa: A002
        """A dataset by its token."""
        return self._one(entries.datasets, entries.datasets.c.id, id, entries.dataset_of)

    def model(self, id: int) -> ModelEntry | None:  # noqa: A002
        """A model by its token."""
        return self._one(entries.models, entries.models.c.id, id, entries.model_of)

    def offer(self, track: int) -> Offer | None:
        """For what a track can be bought, if at all; whether that has run out is for the caller to see."""
        page = self._offers(_offered().where(entries.offers.c.track == entries.track_raw(track)), None, 1, False)
        return page.entries[0] if page.entries else None

    def dues(self, model: int) -> tuple[Due, ...]:
        """What the tracks of a model owe to others, in order; what its own holder asks is not among them."""
        table = entries.dues
        asked = select(table).where(table.c.model == model).order_by(table.c.place)
        with self._database.reading() as connection:
            return tuple(Due(row.kind, row.holder, row.ppm) for row in connection.execute(asked))

    # -- many

    def tracks(
        self,
        *,
        owner: Address | None = None,
        creator: Address | None = None,
        model: int | None = None,
        dataset: int | None = None,
        after: int | None = None,
        most: int = MOST,
        newest: bool = False,
    ) -> Page[TrackEntry]:
        """Tracks; ``dataset`` names one that their income is owed to."""
        table = entries.tracks
        asked = _where(select(table), (table.c.owner, owner), (table.c.creator, creator), (table.c.model, model))
        if dataset is not None:
            asked = asked.where(self._owing(asked, dataset, after, min(most, MOST) + 1, newest))
        return self._page(asked, table.c.number, entries.track_of, after, most, newest)

    def datasets(
        self,
        *,
        owner: Address | None = None,
        holder: Address | None = None,
        after: int | None = None,
        most: int = MOST,
        newest: bool = False,
    ) -> Page[DatasetEntry]:
        """Datasets; ``holder`` registered them, ``owner`` is paid for them now."""
        table = entries.datasets
        asked = _where(select(table), (table.c.owner, owner), (table.c.holder, holder))
        return self._page(asked, table.c.id, entries.dataset_of, after, most, newest)

    def models(
        self,
        *,
        owner: Address | None = None,
        dataset: int | None = None,
        after: int | None = None,
        most: int = MOST,
        newest: bool = False,
    ) -> Page[ModelEntry]:
        """Models; ``dataset`` names one that they were trained on."""
        table = entries.models
        asked = _where(select(table), (table.c.owner, owner))
        if dataset is not None:
            learned = select(entries.training.c.model).where(entries.training.c.dataset == dataset)
            asked = asked.where(table.c.id.in_(learned))
        return self._page(asked, table.c.id, entries.model_of, after, most, newest)

    def licenses(
        self,
        *,
        dataset: int | None = None,
        model: int | None = None,
        licensee: Address | None = None,
        payee: Address | None = None,
        after: int | None = None,
        most: int = MOST,
        newest: bool = False,
    ) -> Page[LicenseEntry]:
        """Licenses, valid or not, of a dataset or a model; ``payee`` owned the subject when it was issued."""
        table = entries.licenses
        kinds: tuple[tuple[SubjectKind, int | None], ...] = (("dataset", dataset), ("model", model))
        asked = _where(select(table), (table.c.licensee, licensee), (table.c.payee, payee))
        for kind, subject in kinds:
            if subject is not None:
                asked = asked.where(table.c.kind == kind, table.c.subject == subject)
        return self._page(asked, table.c.number, entries.license_of, after, most, newest)

    def offers(
        self,
        *,
        at: int,
        seller: Address | None = None,
        after: int | None = None,
        most: int = MOST,
        newest: bool = False,
    ) -> Page[Offer]:
        """Tracks that can be bought ``at`` a time, in Unix seconds: offered by their owners, and the market may pass
        them on."""
        table = entries.offers
        asked = _where(_offered().where(table.c.until >= at), (table.c.seller, seller))
        return self._offers(asked, after, most, newest)

    def sales(
        self,
        *,
        track: int | None = None,
        seller: Address | None = None,
        buyer: Address | None = None,
        after: int | None = None,
        most: int = MOST,
        newest: bool = False,
    ) -> Page[Sale]:
        """Sales of tracks that took place."""
        table = entries.sales
        token = None if track is None else entries.track_raw(track)
        asked = _where(select(table), (table.c.track, token), (table.c.seller, seller), (table.c.buyer, buyer))
        return self._page(asked, table.c.number, entries.sale_of, after, most, newest)

    # -- asking

    def _one(self, table: Any, column: Column[Any], value: Any, read: Callable[[Row[Any]], T]) -> T | None:
        if isinstance(value, int) and value >= 1 << 63:
            return None
        with self._database.reading() as connection:
            row = connection.execute(select(table).where(column == value)).one_or_none()
        return None if row is None else read(row)

    def _owing(
        self, asked: Select[Any], dataset: int, after: int | None, most: int, newest: bool
    ) -> ColumnElement[bool]:
        """That a track owes to a dataset, or is of the first ``most`` wanted ones of a model that does."""
        table, dues = entries.tracks, entries.dues
        owing = select(dues.c.model).where(dues.c.kind == "dataset", dues.c.holder == dataset)
        with self._database.reading() as connection:
            models = connection.execute(owing.limit(_FEW_MODELS + 1)).scalars().all()
        if not models:
            return false()
        if len(models) > _FEW_MODELS:
            return (table.c.model + 0).in_(owing)  # nearly every track is one: no index is as short as to look at each
        # The first of each model's, which an index has in order: there may be a million, or hardly any.
        if after is not None:
            asked = asked.where(_beyond(table.c.number, after, newest))
        asked = asked.order_by(table.c.number.desc() if newest else table.c.number).limit(most)
        firsts = (select(asked.where(table.c.model == model).subquery().c.number) for model in models)
        return table.c.number.in_(union_all(*firsts))

    def _offers(self, asked: Select[Any], after: int | None, most: int, newest: bool) -> Page[Offer]:
        page = self._page(asked, entries.offers.c.number, entries.listing_of, after, most, newest)
        table = entries.tracks
        wanted = select(table).where(table.c.id.in_([entries.track_raw(listing.track) for listing in page.entries]))
        with self._database.reading() as connection:
            tracks = {track.id: track for track in map(entries.track_of, connection.execute(wanted))}
        found = (Offer(listing, tracks[listing.track]) for listing in page.entries if listing.track in tracks)
        return Page(tuple(found), page.next)

    def _page(
        self,
        asked: Select[Any],
        order: Column[Any],
        read: Callable[[Row[Any]], T],
        after: int | None,
        most: int,
        newest: bool,
    ) -> Page[T]:
        most = min(most, MOST)
        if after is not None:
            asked = asked.where(_beyond(order, after, newest))
        asked = asked.order_by(order.desc() if newest else order).limit(most + 1)
        with self._database.reading() as connection:
            rows = connection.execute(asked).all()
        last = getattr(rows[most - 1], order.name) if len(rows) > most else None
        return Page(tuple(read(row) for row in rows[:most]), last)


def _beyond(order: Column[int], after: int, newest: bool) -> ColumnElement[bool]:
    return order < after if newest else order > after


def _where(asked: Select[Any], *wanted: tuple[Column[Any], Address | int | bytes | None]) -> Select[Any]:
    for column, value in wanted:
        if value is not None:
            asked = asked.where(column == (value if isinstance(value, int | bytes) else str(value)))
    return asked


def _offered() -> Select[Any]:
    """Offers that are good."""
    offer, track = entries.offers, entries.tracks
    good = (track.c.id == offer.c.track) & (track.c.owner == offer.c.seller) & track.c.sellable
    return select(offer).join(track, good)

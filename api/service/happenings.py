"""What each event of the contracts changes in the directory, and how that is taken back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, Integer, LargeBinary, String, Table, Text, and_, delete, select

from api.service import entries
from api.service.database import metadata
from api.service.entries import track_raw
from ledger.abi import Event
from ledger.address import Address
from ledger.contracts.words import content_of

CONTRACTS: Final = ("Datasets", "Models", "Licenses", "Tracks", "Market")
"""Those whose events are followed."""

DEPTH: Final = 4096
"""So many blocks can be taken back; after a deeper reorganisation the directory is filled anew."""

_LONGEST_CID = 200
_MODEL_DUE = 1 << 47

_before = Table(
    "before",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("block", BigInteger, nullable=False, index=True),
    Column("place", String(20), nullable=False),  # a table
    Column("key", Text, nullable=False),
    Column("row", Text),  # None where there was none
)

FOLLOWED: Final = (
    entries.tracks,
    entries.datasets,
    entries.models,
    entries.dues,
    entries.training,
    entries.licenses,
    entries.offers,
    entries.sales,
    _before,
)
"""All tables that are filled from events."""


@dataclass(frozen=True)
class Happening:
    """An event of a contract, with its block's time in Unix seconds."""

    contract: str
    name: str
    event: Event
    time: int


class Book:
    """The tables, open for writing. What a block newer than ``deep`` changes can be taken back."""

    def __init__(self, connection: Connection, deployed: Mapping[Address, str], market: Address, deep: int) -> None:
        """``deployed`` says which address is that of ``dataset`` and which of ``model``."""
        self._connection, self._deep = connection, deep
        self._kinds, self._market = deployed, market
        self._born: dict[tuple[str, int], Address] = {}  # the first owner is told before the token

    def note(self, happening: Happening) -> None:
        """Write down what an event changes; most change nothing here."""
        change = _CHANGES.get((happening.contract, happening.name))
        if change is not None:
            change(self, happening)

    def take_back(self, block: int) -> None:
        """Undo all that blocks after this one changed."""
        late = select(_before).where(_before.c.block > block).order_by(_before.c.number.desc())
        for number, _, place, key, row in self._connection.execute(late).all():
            table = metadata.tables[place]
            self._connection.execute(delete(table).where(_at(table, _read(table, key))))
            if row is not None:
                self._connection.execute(table.insert().values(_read(table, row)))
            self._connection.execute(delete(_before).where(_before.c.number == number))

    def forget(self) -> None:
        """Drop what is too old to be taken back."""
        self._connection.execute(delete(_before).where(_before.c.block <= self._deep))

    # -- one row

    def _add(self, happening: Happening, table: Table, seen: bool = True, **values: Any) -> None:
        if seen:
            values |= {"block": happening.event.block, "time": happening.time, "tx": happening.event.tx}
        key = self._connection.execute(table.insert().values(values)).inserted_primary_key
        columns = [column.name for column in table.primary_key]
        self._remember(happening, table, dict(zip(columns, key or (), strict=True)), None)

    def _set(self, happening: Happening, table: Table, values: Mapping[str, Any], **key: Any) -> None:
        self._remember_row(happening, table, key)
        self._connection.execute(table.update().where(_at(table, key)).values(values))

    def _drop(self, happening: Happening, table: Table, **key: Any) -> None:
        self._remember_row(happening, table, key)
        self._connection.execute(delete(table).where(_at(table, key)))

    def _remember_row(self, happening: Happening, table: Table, key: Mapping[str, Any]) -> None:
        if happening.event.block > self._deep:
            row = self._connection.execute(select(table).where(_at(table, key))).mappings().one_or_none()
            if row is not None:
                self._remember(happening, table, key, dict(row))

    def _remember(
        self, happening: Happening, table: Table, key: Mapping[str, Any], row: Mapping[str, Any] | None
    ) -> None:
        if happening.event.block > self._deep:
            values = {
                "block": happening.event.block,
                "place": table.name,
                "key": _written(key),
                "row": None if row is None else _written(row),
            }
            self._connection.execute(_before.insert().values(values))

    # -- events

    def _first_owner(self, happening: Happening, maker: str) -> str:
        said = happening.event.arguments
        return str(self._born.pop((happening.contract, said["id"]), said[maker]))

    def _registered(self, happening: Happening) -> None:
        said = happening.event.arguments
        terms = entries.terms_text(said["terms"])
        self._add(
            happening,
            entries.datasets,
            id=said["id"],
            root=said["root"],
            record=said["record"],
            cid=_cid(said["cid"]),
            holder=str(said["holder"]),
            owner=self._first_owner(happening, "holder"),
            terms=terms,
            registered_terms=terms,
            consent=True,
        )

    def _recorded(self, happening: Happening) -> None:
        said = happening.event.arguments
        self._add(
            happening,
            entries.models,
            id=said["id"],
            weights=said["weights"],
            record=said["record"],
            cid=_cid(said["cid"]),
            trainer=str(said["trainer"]),
            owner=self._first_owner(happening, "trainer"),
            royalty_ppm=said["royaltyPpm"],
            datasets=json.dumps(list(zip(said["datasets"], said["sharesPpm"], strict=True))),
            parents=json.dumps(said["parents"]),
            terms=entries.terms_text(_NOTHING_OFFERED | {"royaltyPpm": said["royaltyPpm"]}),
        )
        for dataset in said["datasets"]:
            self._add(happening, entries.training, seen=False, model=said["id"], dataset=dataset)
        for place, due in enumerate(said["dues"]):
            kind, rest = ("model" if due & _MODEL_DUE else "dataset"), due & ~_MODEL_DUE
            values = {"kind": kind, "holder": rest & 0x7FFFFFF, "ppm": rest >> 27}
            self._add(happening, entries.dues, seen=False, model=said["id"], place=place, **values)

    def _licensed(self, happening: Happening) -> None:
        said, issue = happening.event.arguments, happening.event.arguments["issue"]
        self._add(
            happening,
            entries.licenses,
            kind=self._kinds[issue["subject"]],
            subject=said["subjectId"],
            licensee=str(said["licensee"]),
            payee=str(issue["payee"]),
            id=said["number"],
            uses=issue["uses"],
            until=issue["until"],
            royalty_ppm=issue["royaltyPpm"],
            price=str(issue["price"]),
            currency=str(issue["currency"]),
            record=said["record"],
            content=said["content"],
        )

    def _minted(self, happening: Happening) -> None:
        said = happening.event.arguments
        self._add(
            happening,
            entries.tracks,
            id=track_raw(said["id"]),
            audio=said["audio"],
            claim=said["claim"],
            record=said["record"],
            cid=content_of(said["content"]),
            model=said["model"],
            creator=str(said["creator"]),
            owner=self._first_owner(happening, "creator"),
            royalty_ppm=said["royaltyPpm"],
            sellable=False,
        )

    def _moved(self, happening: Happening) -> None:
        said = happening.event.arguments
        self._set(happening, entries.tracks, {"cid": content_of(said["content"])}, id=track_raw(said["id"]))

    def _passed_on(self, happening: Happening) -> None:
        said = happening.event.arguments
        token, owner = said["tokenId"], {"owner": str(said["to"])}
        if said["from"] == _NOBODY:
            self._born[happening.contract, token] = said["to"]
        elif happening.contract == "Tracks":  # and whoever was approved is not any more (ERC-721)
            self._set(happening, entries.tracks, owner | {"sellable": False}, id=track_raw(token))
        else:
            self._set(
                happening, entries.datasets if happening.contract == "Datasets" else entries.models, owner, id=token
            )

    def _approved(self, happening: Happening) -> None:
        said = happening.event.arguments
        values = {"sellable": said["approved"] == self._market}
        self._set(happening, entries.tracks, values, id=track_raw(said["tokenId"]))

    def _changed_terms(self, happening: Happening) -> None:
        said = happening.event.arguments
        table = entries.datasets if happening.contract == "Datasets" else entries.models
        self._set(happening, table, {"terms": entries.terms_text(said["terms"])}, id=said["id"])

    def _ended_consent(self, happening: Happening) -> None:
        self._set(happening, entries.datasets, {"consent": False}, id=happening.event.arguments["id"])

    def _listed(self, happening: Happening) -> None:
        said = happening.event.arguments
        track = track_raw(said["track"])
        self._drop(happening, entries.offers, track=track)
        self._add(
            happening,
            entries.offers,
            seen=False,
            track=track,
            seller=str(said["seller"]),
            price=str(said["price"]),
            currency=str(said["currency"]),
            until=said["until"],
        )

    def _unlisted(self, happening: Happening) -> None:
        self._drop(happening, entries.offers, track=track_raw(happening.event.arguments["track"]))

    def _sold(self, happening: Happening) -> None:
        said = happening.event.arguments
        self._unlisted(happening)
        self._add(
            happening,
            entries.sales,
            track=track_raw(said["track"]),
            seller=str(said["seller"]),
            buyer=str(said["buyer"]),
            price=str(said["price"]),
            currency=str(said["currency"]),
            royalty=str(said["royalty"]),
        )


_NOBODY = Address(bytes(20))
_NOTHING_OFFERED = {
    "price": 0,
    "until": 0,
    "royaltyPpm": 0,
    "uses": 0,
    "preferences": 0,
    "currency": str(_NOBODY),
}

_CHANGES: Final[Mapping[tuple[str, str], Callable[[Book, Happening], None]]] = {
    ("Datasets", "Registered"): Book._registered,
    ("Datasets", "Transfer"): Book._passed_on,
    ("Datasets", "TermsChanged"): Book._changed_terms,
    ("Datasets", "ConsentEnded"): Book._ended_consent,
    ("Models", "Recorded"): Book._recorded,
    ("Models", "Transfer"): Book._passed_on,
    ("Models", "TermsChanged"): Book._changed_terms,
    ("Licenses", "Licensed"): Book._licensed,
    ("Tracks", "Minted"): Book._minted,
    ("Tracks", "Transfer"): Book._passed_on,
    ("Tracks", "Approval"): Book._approved,
    ("Tracks", "Moved"): Book._moved,
    ("Market", "Listed"): Book._listed,
    ("Market", "Unlisted"): Book._unlisted,
    ("Market", "Sold"): Book._sold,
}


def _at(table: Table, key: Mapping[str, Any]) -> Any:
    return and_(*(table.c[name] == value for name, value in key.items()))


def _cid(text: str) -> str:
    """What an event says of where a record lies; nothing where that can be no CID: anybody may put anything there."""
    return text if len(text) <= _LONGEST_CID and text.isascii() and text.isprintable() else ""


def _written(row: Mapping[str, Any]) -> str:
    return json.dumps({name: value.hex() if isinstance(value, bytes) else value for name, value in row.items()})


def _read(table: Table, text: str) -> dict[str, Any]:
    binary = {column.name for column in table.c if isinstance(column.type, LargeBinary)}
    return {name: bytes.fromhex(value) if name in binary else value for name, value in json.loads(text).items()}

"""A database that an earlier version made, brought to the shape that its tables have today.

A table that is not there is made by whoever opens the database. The directory fills again from the chain: where one of
its tables is not as it is today, all of them begin anew. To the others a column is added that may be empty, or whose
value the table itself says. What cannot be made up is refused, before anything is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Column, Connection, MetaData, Table, inspect, text
from sqlalchemy.schema import CreateColumn

from api.errors import DatabaseUnusable
from api.service.follower import FILLED

DIRECTORY: Final = frozenset(table.name for table in FILLED)
"""Names of the tables that are filled from the chain alone."""


def renew(connection: Connection, metadata: MetaData) -> None:
    """Change what an earlier version made, and make what is not there.

    Raises :class:`DatabaseUnusable` where a table lacks what cannot be made up, or wants what nobody fills today.
    """
    looked = inspect(connection)
    there = {name: looked.get_columns(name) for name in looked.get_table_names() if name in metadata.tables}
    lacking = {name: _lacking(metadata.tables[name], columns) for name, columns in there.items()}
    odd = {name: _odd(metadata.tables[name], columns) for name, columns in there.items()}
    _require({name: lacking[name] for name in there.keys() - DIRECTORY}, odd)
    if any(name not in there or lacking[name] or odd[name] for name in DIRECTORY):
        metadata.drop_all(connection, [metadata.tables[name] for name in DIRECTORY & there.keys()])
        there = {name: columns for name, columns in there.items() if name not in DIRECTORY}
    quoted = connection.dialect.identifier_preparer
    for name in there:
        for column in lacking[name]:
            line = CreateColumn(column).compile(dialect=connection.dialect)
            connection.execute(text(f"alter table {quoted.quote(name)} add column {line}"))
        for index in metadata.tables[name].indexes:
            index.create(connection, checkfirst=True)
    metadata.create_all(connection)


def _lacking(table: Table, found: list[Any]) -> tuple[Column[Any], ...]:
    """The columns that are not there."""
    names = {one["name"] for one in found}
    return tuple(column for column in table.columns if column.name not in names)


def _odd(table: Table, found: list[Any]) -> tuple[str, ...]:
    """Columns that want a value, and that the table has no more: nobody would say one."""
    return tuple(
        one["name"]
        for one in found
        if one["name"] not in table.columns and not one["nullable"] and one["default"] is None
    )


def _require(lacking: Mapping[str, tuple[Column[Any], ...]], odd: Mapping[str, tuple[str, ...]]) -> None:
    for name, columns in lacking.items():
        for column in columns:
            if column.primary_key or column.unique or not (column.nullable or column.server_default is not None):
                raise DatabaseUnusable(f"table {name!r} has no {column.name!r}, and nobody can say it of what is there")
        if odd[name]:
            raise DatabaseUnusable(f"table {name!r} wants a value for {odd[name][0]!r}, which this version has not")

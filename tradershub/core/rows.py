"""Rows that every order writes, by statements that are put into SQL once.

Django makes the words of each INSERT and UPDATE anew, which takes it longer than the database takes to carry
them out. These two write plain values only: no expressions, no signals, no parents, no many-to-many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from django.db import connection, models

Model = type[models.Model]


def insert(rows: Sequence[models.Model]) -> None:
    """Write new rows of one table with one statement; each gets its id.

    Raises what the database raises: then none is written.
    """
    if not rows:
        return
    model = type(rows[0])
    columns = _columns(model)
    params = [column.stored(column.field.pre_save(row, True)) for row in rows for column in columns]
    with connection.cursor() as cursor:
        cursor.execute(_insert(model, len(rows)), params)
        ids = cursor.fetchall()
    for row, (pk,) in zip(rows, ids, strict=True):
        row.pk, row._state.adding, row._state.db = pk, False, connection.alias


def change(model: Model, where: Mapping[str, Any], changes: Mapping[str, Any]) -> int:
    """Set these fields where those have exactly these values; how many rows were changed.

    Fields by their names, an id by "pk"; a value to be found is never None.
    """
    pairs = [*changes.items(), *where.items()]
    params = [_column(model, name).stored(value) for name, value in pairs]
    with connection.cursor() as cursor:
        cursor.execute(_update(model, tuple(changes), tuple(where)), params)
        return int(cursor.rowcount)


# -- Columns -----------------------------------------------------------------------------------
AS_IT_IS = {
    models.CharField: str,
    models.TextField: str,
    models.BooleanField: bool,
    models.BigAutoField: int,
    models.IntegerField: int,
    models.BigIntegerField: int,
}


class _Column(NamedTuple):
    """field: a foreign key's own. plain: the type whose values the database takes as they are."""

    field: Any
    plain: type | None

    def stored(self, value: Any) -> Any:
        if isinstance(value, models.Model):
            value = getattr(value, self.field.target_field.attname)
        return value if type(value) is self.plain else self._prepared(value)

    def _prepared(self, value: Any) -> Any:
        return self.field.get_db_prep_save(value, connection)


@cache
def _columns(model: Model) -> tuple[_Column, ...]:
    """All but the id."""
    names = [f.name for f in model._meta.local_concrete_fields if not f.primary_key]
    return tuple(_column(model, name) for name in names)


@cache
def _column(model: Model, name: str) -> _Column:
    field = model._meta.pk if name == "pk" else model._meta.get_field(name)
    return _Column(field, AS_IT_IS.get(type(getattr(field, "target_field", field))))


# -- Words -------------------------------------------------------------------------------------
@cache
def _insert(model: Model, count: int) -> str:
    columns = [_quoted(column.field.column) for column in _columns(model)]
    place = f"({', '.join(['%s'] * len(columns))})"
    table, pk = _quoted(model._meta.db_table), _quoted(model._meta.pk.column)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([place] * count)} "  # noqa: S608
        f"RETURNING {pk}"
    )


@cache
def _update(model: Model, changes: tuple[str, ...], where: tuple[str, ...]) -> str:
    places, found = (
        [f"{_quoted(_column(model, name).field.column)} = %s" for name in names]
        for names in (changes, where)
    )
    table = _quoted(model._meta.db_table)
    return f"UPDATE {table} SET {', '.join(places)} WHERE {' AND '.join(found)}"  # noqa: S608


def _quoted(name: str) -> str:
    return f'"{name}"'

"""Queries that every order asks, put into SQL once: to build one anew takes longer than to have it answered."""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import wraps
from typing import Any, NamedTuple, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.signals import connection_created
from django.db.models.base import ModelState
from django.db.models.query import (
    FlatValuesListIterable,
    ModelIterable,
    ValuesListIterable,
    get_related_populators,
)
from django.db.models.sql import UpdateQuery
from django.db.transaction import TransactionManagementError
from django.utils.duration import duration_microseconds

from tradershub.core.fields import to_stored

Row = TypeVar("Row")
STATEMENTS = 500  # kept by a connection; by default 100, and an order asks more than that


class _Blank(models.Expression):
    """Where an argument goes."""

    def __init__(self, name: str) -> None:
        super().__init__(output_field=models.Field())
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        return "%s", [self]


class Change(NamedTuple):
    """Rows that are given other values, in one statement. What comes back is read of them as they are then."""

    rows: models.QuerySet[Any]
    values: Mapping[str, Any]


def prepared(ask: Callable[..., models.QuerySet[Any] | Change]) -> Callable[..., list[Any]]:
    """The rows of the queryset that `ask` makes of its arguments, as a list; its SQL is made at the first call.

    `ask` sees blanks, not values: it may only compare fields with its arguments, and what else it reads is
    read once. Arguments are rows, whole numbers, exact decimals, texts, moments, days and lengths of time, by
    their place; never None or a list, for which SQL has other words. Raises TypeError for others, and where
    `ask` does more with one than to compare it; TransactionManagementError where rows are to be locked outside
    of a transaction.
    Where `ask` makes a Change, an empty list says that no row was as the queryset wants it.
    """
    names = list(inspect.signature(ask).parameters)
    kept: dict[str, _Kept] = {}

    @wraps(ask)
    def rows(*args: Any) -> list[Any]:
        connection = connections[DEFAULT_DB_ALIAS]
        known = kept.get(connection.vendor)
        if known is None:
            known = kept[connection.vendor] = _kept(ask, names)
        values = {n: _plain(v, connection) for n, v in zip(names, args, strict=True)}
        return known.asked(connection, values)

    return rows


class _Kept(NamedTuple):
    """params: of the SQL, the blanks among them. make: what becomes of the rows that the database gives."""

    sql: str
    params: tuple[Any, ...]
    locks: bool
    make: Callable[[list[Any]], list[Any]]

    def asked(self, connection: Any, values: dict[str, Any]) -> list[Any]:
        """The rows by these values."""
        if self.locks and connection.get_autocommit():
            raise TransactionManagementError("Rows are locked in a transaction only")
        params = [values[p.name] if isinstance(p, _Blank) else p for p in self.params]
        with connection.cursor() as cursor:
            cursor.execute(self.sql, params)
            found = cursor.fetchall()
        return self.make(found) if found else []


def _kept(ask: Callable[..., Any], names: list[str]) -> _Kept:
    found = ask(*(_Blank(name) for name in names))
    rows, values = found if isinstance(found, Change) else (found, None)
    compiler = rows.query.get_compiler(DEFAULT_DB_ALIAS)
    sql, params = compiler.as_sql()
    if values:
        sql, params = _as_change(rows, values, compiler)
    used = {param.name for param in params if isinstance(param, _Blank)}
    if missing := set(names) - used:
        raise TypeError(f"{ask.__name__} does more with {min(missing)} than to compare it")
    locks, make = bool(rows.query.select_for_update), MAKERS[rows._iterable_class](compiler)
    return _Kept(sql, tuple(params), locks, _converting(compiler, make))


def _converting(
    compiler: Any, make: Callable[[list[Any]], list[Any]]
) -> Callable[[list[Any]], list[Any]]:
    """What becomes of rows once they are what fields hold, which is known by the kind of the database."""
    converters = compiler.get_converters([column for column, *_ in compiler.select])
    if not converters:
        return make
    return lambda rows: make(list(compiler.apply_converters(rows, converters)))


def _as_change(rows: Any, values: Mapping[str, Any], reads: Any) -> tuple[str, list[Any]]:
    """reads: the compiler of the rows' SELECT, of which the columns come back."""
    query = rows.query.chain(UpdateQuery)
    query.add_update_values(values)
    query.clear_select_clause()
    sql, params = query.get_compiler(DEFAULT_DB_ALIAS).as_sql()
    columns = [column for _, column, _ in reads.select]
    returned = ", ".join(column for column, _ in columns)
    return f"{sql} RETURNING {returned}", [*params, *(p for _, theirs in columns for p in theirs)]


# -- What becomes of a row ---------------------------------------------------------------------
def _models(compiler: Any) -> Callable[[list[Any]], list[Any]]:
    """Django's own parts put it together; what they learn from the columns they learn once."""
    info, columns = compiler.klass_info, compiler.select
    model, fields = info["model"], slice(info["select_fields"][0], info["select_fields"][-1] + 1)
    new = _maker(model, [column.target.attname for column, *_ in columns[fields]])
    related = get_related_populators(info, columns, DEFAULT_DB_ALIAS)
    annotated = list((compiler.annotation_col_map or {}).items())

    def made(row: Any) -> Any:
        found = new(row[fields])
        for populator in related:
            populator.populate(row, found)
        for name, place in annotated:
            setattr(found, name, row[place])
        return found

    return lambda rows: [made(row) for row in rows]


def _maker(model: Any, names: list[str]) -> Callable[[Sequence[Any]], Any]:
    """As Model.from_db makes a row, but all its columns at once: one by one they take ten times as long."""

    def new(values: Sequence[Any]) -> Any:
        made = model.__new__(model)
        made._state = state = ModelState()
        state.adding, state.db = False, DEFAULT_DB_ALIAS
        made.__dict__.update(zip(names, values, strict=True))
        return made

    return new


MAKERS: dict[Any, Callable[[Any], Callable[[list[Any]], list[Any]]]] = {
    ModelIterable: _models,
    ValuesListIterable: lambda _: lambda rows: [tuple(row) for row in rows],
    FlatValuesListIterable: lambda _: lambda rows: [row[0] for row in rows],
}


def connect_signals() -> None:
    """Have each connection to PostgreSQL keep what an order asks."""
    connection_created.connect(_keep_statements, dispatch_uid="tradershub")


def _keep_statements(*, connection: Any, **_: Any) -> None:
    if connection.vendor == "postgresql":
        connection.connection.prepared_max = STATEMENTS


def first(rows: Sequence[Row]) -> Row | None:
    """The first of the rows that a prepared query gave; None without any."""
    return rows[0] if rows else None


def _plain(value: Any, connection: Any) -> Any:
    """The argument as the database's driver takes it."""
    if isinstance(value, models.Model):
        value = value.pk
    if isinstance(value, Decimal):
        return to_stored(value) if connection.vendor == "sqlite" else value
    if isinstance(value, dt.timedelta):
        native = connection.features.has_native_duration_field
        return value if native else duration_microseconds(value)
    if isinstance(value, dt.datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, dt.date):
        return connection.ops.adapt_datefield_value(value)
    if not isinstance(value, str | int):
        raise TypeError(f"Expected a row, a whole number, a text or a time, found {value!r}")
    return str(value) if type(value) is not str and isinstance(value, str) else value

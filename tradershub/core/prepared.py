"""Queries that every order asks, put into SQL once: to build one anew takes longer than to have it answered."""

from __future__ import annotations

import copy
import datetime as dt
import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.signals import connection_created
from django.db.transaction import TransactionManagementError

Row = TypeVar("Row")
STATEMENTS = 500  # kept by a connection; by default 100, and an order asks more than that


class _Blank(models.Expression):
    """Where an argument goes."""

    def __init__(self, name: str) -> None:
        super().__init__(output_field=models.Field())
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        return "%s", [self]


def prepared(ask: Callable[..., models.QuerySet[Any]]) -> Callable[..., list[Any]]:
    """The rows of the queryset that `ask` makes of its arguments, as a list; its SQL is made at the first call.

    `ask` sees blanks, not values: it may only compare fields with its arguments, and what else it reads is
    read once. Arguments are rows, whole numbers, texts, moments and days, by their place; never None or a list,
    for which SQL has other words. Raises TypeError for others, and where `ask` does more with one than to
    compare it; TransactionManagementError where rows are to be locked outside of a transaction.
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
    """rows: the queryset with blanks. params: of the SQL, the blanks among them."""

    rows: Any
    compiler: Any
    sql: str
    params: tuple[Any, ...]
    converters: WeakKeyDictionary[Any, Any]

    @property
    def locks(self) -> bool:
        return bool(self.rows.query.select_for_update)

    def asked(self, connection: Any, values: dict[str, Any]) -> list[Any]:
        """The rows by these values. Django's own iterators read them, from a compiler that has its SQL already."""
        if self.locks and connection.get_autocommit():
            raise TransactionManagementError("Rows are locked in a transaction only")
        params = [values[p.name] if isinstance(p, _Blank) else p for p in self.params]
        compiler = copy.copy(self.compiler)
        compiler.connection, compiler.as_sql = connection, lambda: (self.sql, params)
        compiler.get_converters = lambda columns: self._converters(columns, connection)
        found = self.rows._chain()
        found.query.get_compiler = lambda using: compiler
        return list(found)

    def _converters(self, columns: Any, connection: Any) -> Any:
        """From what that connection's driver gives to what fields hold."""
        if connection not in self.converters:
            compiler = copy.copy(self.compiler)
            compiler.connection = connection
            self.converters[connection] = compiler.get_converters(columns)
        return self.converters[connection]


def _kept(ask: Callable[..., Any], names: list[str]) -> _Kept:
    rows = ask(*(_Blank(name) for name in names))
    compiler = rows.query.get_compiler(DEFAULT_DB_ALIAS)
    sql, params = compiler.as_sql()
    used = {param.name for param in params if isinstance(param, _Blank)}
    if missing := set(names) - used:
        raise TypeError(f"{ask.__name__} does more with {min(missing)} than to compare it")
    return _Kept(rows, compiler, sql, tuple(params), WeakKeyDictionary())


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
    if isinstance(value, dt.datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, dt.date):
        return connection.ops.adapt_datefield_value(value)
    if not isinstance(value, str | int):
        raise TypeError(f"Expected a row, a whole number, a text or a moment, found {value!r}")
    return str(value) if type(value) is not str and isinstance(value, str) else value

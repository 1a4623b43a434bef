"""Rows into one table at once, exact on both databases: few by one statement, many by COPY on PostgreSQL.

A transaction must be open. Rows are tuples in the order of the columns.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import chain, islice, repeat
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, models
from psycopg.types.datetime import TimestamptzLoader

from tradershub.core.fields import SCALE, ExactDecimalField, to_stored
from tradershub.finance.decimals import ZERO

Row = tuple[Any, ...]
Rows = Iterator[Row]
Convert = Callable[[Any], Any]
UNIT = Decimal(1).scaleb(-SCALE)
NUMERIC_END = Decimal(10) ** 15  # numeric(24, 9)
CHUNK = 10_000
FEW = 500
AT_ONCE = (
    50  # rows that one statement takes; for more a table to copy them through is worth its making
)
OFFSET = len("+00:00")


def insert(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Iterable[Row],
    *,
    unique: Sequence[str] = (),
    update: Sequence[str] = (),
) -> None:
    """Insert the rows; one whose `unique` columns are taken is left out, or updates the `update` columns.

    Raises ValidationError for a decimal that the database would not keep exactly.
    """
    rows, few = told_apart(rows)
    if few:
        insert_few(model, columns, list(rows), unique=unique, update=update)
        return
    copies = connection.vendor == "postgresql"
    stored = _stored(model, columns, rows, for_copy=copies)
    table, names = model._meta.db_table, _quoted(columns)
    with connection.cursor() as cursor:
        if copies:
            _copy(cursor, table, names, stored, _conflict(unique, update))
            return
        statement = f"{_into(model, columns, 1)} {_conflict(unique, update)}"
        for chunk in stored:
            cursor.executemany(statement, chunk)


def insert_few(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Sequence[Row],
    *,
    unique: Sequence[str] = (),
    update: Sequence[str] = (),
    returning: Sequence[str] = (),
) -> list[Row]:
    """As `insert`, in one statement. What the `returning` columns of the rows that went in hold comes back."""
    if not rows:
        return []
    statement = f"{_into(model, columns, len(rows))} {_conflict(unique, update)}"
    if returning:
        statement += f" RETURNING {_quoted(returning)}"
    values = chain.from_iterable(chain.from_iterable(_stored(model, columns, rows, for_copy=False)))
    with connection.cursor() as cursor:
        cursor.execute(statement, list(values))
        return list(cursor.fetchall()) if returning else []


def _into(model: type[models.Model], columns: Sequence[str], rows: int) -> str:
    places = ", ".join(["%s"] * len(columns))
    values = ", ".join([f"({places})"] * rows)
    return f"INSERT INTO {model._meta.db_table} ({_quoted(columns)}) VALUES {values}"  # noqa: S608 (our own names)


def _conflict(unique: Sequence[str], update: Sequence[str]) -> str:
    return f"ON CONFLICT ({_quoted(unique)}) DO {_on_conflict(update)}" if unique else ""


def change(model: type[models.Model], columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Set these columns of rows that are there; each row's id stands last in it. Raises as `insert`.

    Django's own puts all rows into one statement of nested cases, and takes many times as long to write it.
    """
    places = ", ".join(f'"{name}" = %s' for name in columns)
    statement = f"UPDATE {model._meta.db_table} SET {places} WHERE id = %s"  # noqa: S608 (our own names)
    with connection.cursor() as cursor:
        for chunk in map(list, _stored(model, [*columns, "id"], rows, for_copy=False)):
            if len(chunk) == 1:  # what executemany sets up for many costs as much again
                cursor.execute(statement, chunk[0])
            else:
                cursor.executemany(statement, chunk)


def told_apart(rows: Iterable[Row]) -> tuple[Iterable[Row], bool]:
    """The rows, and whether they are few enough to go into one statement."""
    rest = iter(rows)
    first = list(islice(rest, AT_ONCE + 1))
    return chain(first, rest), len(first) <= AT_ONCE


def _quoted(names: Sequence[str]) -> str:
    """A column may bear the name of an SQL word, as `values` does."""
    return ", ".join(f'"{name}"' for name in names)


def chunks(values: Iterable[Any], size: int = CHUNK) -> Iterator[list[Any]]:
    """The values in lists of at most that size."""
    rest = iter(values)
    while chunk := list(islice(rest, size)):
        yield chunk


def _on_conflict(update: Sequence[str]) -> str:
    if not update:
        return "NOTHING"
    return "UPDATE SET " + ", ".join(f'"{name}" = excluded."{name}"' for name in update)


def _copy(cursor: Any, table: str, names: str, rows: Iterator[Rows], conflict: str) -> None:
    """Straight into the table, or through another one where some rows may be there already."""
    if not conflict:
        _copy_into(cursor, table, names, rows)
        return
    cursor.execute(f"CREATE TEMPORARY TABLE incoming AS SELECT {names} FROM {table} WITH NO DATA")  # noqa: S608
    _copy_into(cursor, "incoming", names, rows)
    cursor.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM incoming {conflict}")  # noqa: S608
    cursor.execute("DROP TABLE incoming")


def _copy_into(cursor: Any, table: str, names: str, rows: Iterator[Rows]) -> None:
    """As lines of text that are made here, which is quicker than handing over row by row."""
    with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for chunk in rows:
            copy.write("\n".join(map("\t".join, chunk)) + "\n")


def _stored(
    model: type[models.Model], columns: Sequence[str], rows: Iterable[Row], *, for_copy: bool
) -> Iterator[Rows]:
    """The rows as the database takes them, in pieces."""
    converts = [_convert(model, name, for_copy=for_copy) for name in columns]
    wanted = [(n, convert) for n, convert in enumerate(converts) if convert is not None]
    for chunk in chunks(rows):
        yield _converted(chunk, wanted)


def _converted(chunk: list[Row], converts: list[tuple[int, Convert]]) -> Iterator[Row]:
    """The rows with those columns converted, column by column: that is where the loops are fast."""
    parts: list[Any] = list(zip(*chunk, strict=True))
    for n, convert in converts:
        parts[n] = _column(parts[n], convert)
    return zip(*parts, strict=True)


def _column(values: Sequence[Any], convert: Convert) -> Iterable[Any]:
    first = values[0]
    if values[-1] is first and values.count(first) == len(values):  # as the account of all
        return repeat(convert(first), len(values))
    return map(convert, values)


def _convert(model: type[models.Model], name: str, *, for_copy: bool) -> Convert | None:
    """What a value of that column goes through on its way into the database."""
    on_sqlite = connection.vendor == "sqlite"
    field = model._meta.get_field(name)
    if isinstance(field, ExactDecimalField):
        return (_Scaled() if on_sqlite else _Exact(NOTHING if for_copy else None)).__getitem__
    if on_sqlite and isinstance(field, models.DateTimeField):
        return _moment_text
    if on_sqlite and isinstance(field, models.DateField):
        return str
    return _copy_text if for_copy else None


# How COPY reads what it takes for a mark of its own.
ESCAPED = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
NOTHING = r"\N"


def _copy_text(value: str | int | dt.date | None) -> str:
    """The value as a line of COPY holds it."""
    if value is None:
        return NOTHING
    text = str(value)
    return text.translate(ESCAPED) if "\\" in text or not text.isprintable() else text


class _Known(dict[Decimal | None, Any]):
    """What each decimal goes in as, worked out once: most amounts, lots and costs of a column repeat."""

    def __missing__(self, value: Decimal | None) -> Any:
        if len(self) > CHUNK:
            self.clear()
        found = self[value] = self.of(value)
        return found

    def of(self, value: Decimal | None) -> Any:
        raise NotImplementedError


class _Scaled(_Known):
    def of(self, value: Decimal | None) -> int | None:
        return None if value is None else to_stored(value)


class _Exact(_Known):
    """The value as text, where numeric keeps it as it is. nothing: what stands for no value."""

    def __init__(self, nothing: str | None) -> None:
        super().__init__()
        self._nothing = nothing

    def of(self, value: Decimal | None) -> str | None:
        if value is None:
            return self._nothing
        if not value.is_finite() or abs(value) >= NUMERIC_END:
            raise ValidationError(f"{value:f} is too large: expected less than {NUMERIC_END:f}")
        if value and value.quantize(UNIT) != value:
            raise ValidationError(f"{value:f} has more than {SCALE} decimals")
        return str(value)


def _moment_text(value: dt.datetime | None) -> str | None:
    return None if value is None else str(value.astimezone(dt.UTC))[:-OFFSET]


def select(
    model: type[models.Model],
    columns: Sequence[str],
    *,
    where: str,
    params: Sequence[Any],
    order: str = "",
    few: bool = False,
) -> Iterator[Row]:
    """The rows as plain tuples with exact decimals and aware moments, streamed from the database.

    few: there are likely few, which come with one question instead of a cursor's three.
    Model instances, and even values_list with its converters, cost three times as much; so do the
    moments as Django reads them, through Python each, only to name the UTC that they are in.
    """
    ordered = f" ORDER BY {order}" if order else ""
    on_sqlite = connection.vendor == "sqlite"
    names = [_as_text(model, name) for name in columns] if on_sqlite else columns
    statement = f"SELECT {', '.join(names)} FROM {model._meta.db_table} WHERE {where}{ordered}"  # noqa: S608
    reads = [(n, read) for n, name in enumerate(columns) if (read := _read(model, name))]
    if few and not on_sqlite and (rows := _at_once(statement, params)) is not None:
        yield from rows
        return
    with connection.chunked_cursor() as cursor:
        if not on_sqlite:
            cursor.adapters.register_loader("timestamptz", TimestamptzLoader)
        cursor.execute(statement, params)
        while chunk := cursor.fetchmany(2000):
            yield from _converted(chunk, reads) if on_sqlite else chunk


def _at_once(statement: str, params: Sequence[Any]) -> list[Row] | None:
    """The rows, where they are few; None for more of them. On PostgreSQL."""
    with connection.cursor() as cursor:
        cursor.adapters.register_loader("timestamptz", TimestamptzLoader)
        cursor.execute(f"{statement} LIMIT {FEW + 1}", params)
        rows = cursor.fetchall()
    return rows if len(rows) <= FEW else None


def _as_text(model: type[models.Model], name: str) -> str:
    """SQLite keeps moments as text in UTC: read as such, past the slower converter of its driver."""
    is_moment = isinstance(model._meta.get_field(name), models.DateTimeField)
    return f"{name} || '+00:00'" if is_moment else name


def _read(model: type[models.Model], name: str) -> Convert | None:
    """What a value of that column goes through on its way out of SQLite."""
    field = model._meta.get_field(name)
    if isinstance(field, ExactDecimalField):
        return _Unscaled().__getitem__
    if isinstance(field, models.DateTimeField):
        return _moment
    return bool if isinstance(field, models.BooleanField) else None


class _Unscaled(dict[int | None, Decimal | None]):
    """Scaled integer to decimal, each made once: most amounts, lots and costs of a column repeat."""

    def __init__(self) -> None:
        super().__init__({None: None, 0: ZERO})

    def __missing__(self, value: int) -> Decimal:
        if len(self) > CHUNK:
            self.clear()
            self[None], self[0] = None, ZERO
        number = self[value] = Decimal(value).scaleb(-SCALE)
        return number


def _moment(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text)

"""Tables of a page: typed columns over rows that are read page by page, sorted, totalled and exported."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.conf import settings
from django.db.models import F, QuerySet
from django.utils import timezone

from tradershub.core import formats
from tradershub.finance.decimals import ZERO
from tradershub.finance.money import currency_digits

Row = dict[str, Any]
SIZES = (25, 50, 100, 250)
SIZE = 50


@dataclass(frozen=True, slots=True)
class Kind:
    """How a value is written on the page; number: right-aligned and exported as a true number.

    least: the decimals that an export shows at least, by the currency or the tick of the row.
    """

    write: Callable[[Any, Any], str]
    number: bool = False
    least: Callable[[Any], int] = lambda unit: 0
    signed: bool = False
    css: str = ""


def _moment(value: dt.datetime | None, _: str) -> str:
    return formats.UNKNOWN if value is None else f"{timezone.localtime(value):%Y-%m-%d %H:%M:%S}"


def _day(value: dt.date | None, _: str) -> str:
    return formats.UNKNOWN if value is None else f"{value:%Y-%m-%d}"


TEXT = Kind(lambda value, _: str(value or ""))
WORDS = Kind(lambda value, _: str(value or ""), css="words")
MONEY = Kind(formats.money, number=True, least=currency_digits)
PNL = Kind(formats.signed, number=True, least=currency_digits, signed=True)
FLOW = Kind(formats.signed, number=True, least=currency_digits)  # money moved, neither won nor lost
PRICE = Kind(formats.price, number=True, least=lambda tick: formats.places(tick or ZERO))
AVERAGE = Kind(formats.average_price, number=True, least=PRICE.least)
LOTS = Kind(lambda value, _: formats.lots(value), number=True, least=lambda _: 2)
COUNT = Kind(lambda value, _: formats.number(value, 0), number=True)
PERCENT = Kind(lambda value, _: formats.percent(value), number=True)
MOMENT = Kind(_moment, css="nowrap")
DAY = Kind(_day, css="nowrap")
MULTIPLE = Kind(
    lambda value, _: formats.signed_number(value, 2), number=True, least=lambda _: 2, signed=True
)
ACTION = Kind(lambda value, _: str(value), css="nowrap")  # a word that leads to an action


@dataclass(frozen=True, slots=True)
class Column:
    """key: of the row's value. sort: database expression, "" for the key, None where it has none.

    unit: the row's key holding the currency of money or the tick of a price. main: shown on a phone's
    card. shown: unless the person chooses otherwise. link: address of a row. hint: what the heading
    means. reason: why a value is unknown.
    """

    key: str
    label: str
    kind: Kind = TEXT
    sort: str | None = ""
    unit: str = ""
    main: bool = False
    shown: bool = True
    link: Callable[[Row], str] | None = None
    hint: str = ""
    reason: Callable[[Row], str] | None = None

    def unit_of(self, row: Row) -> Any:
        """The currency of the row's money, or the tick of its price."""
        return row.get(self.unit or ("tick" if self.kind in (PRICE, AVERAGE) else "currency"))

    @property
    def order(self) -> str | None:
        return self.key if self.sort == "" else self.sort


@dataclass(frozen=True, slots=True)
class Cell:
    """A value as the page shows it."""

    column: Column
    text: str
    css: str
    link: str = ""
    title: str = ""


class Rows(Protocol):
    """Where a table's rows come from.

    count: up to one more than ROWS_AT_ONCE. question: what the database is asked for them in that order;
    empty for rows at hand, which are never too many to sort. keys and chosen: the ids of all rows in an
    order, and the rows of some of these ids.
    """

    def count(self) -> int: ...

    def count_all(self) -> int: ...

    def question(self, *, order: str, descending: bool) -> str: ...

    def window(self, *, order: str, descending: bool, start: int, stop: int) -> list[Row]: ...

    def stream(self, *, order: str, descending: bool) -> Iterator[Row]: ...

    def keys(self, *, order: str, descending: bool) -> Iterator[int]: ...

    def chosen(self, keys: Sequence[int], *, order: str, descending: bool) -> list[Row]: ...


@dataclass(frozen=True)
class ListRows:
    """Rows at hand; sorted by value, unknown ones last."""

    rows: Sequence[Row]

    def count(self) -> int:
        return len(self.rows)

    def count_all(self) -> int:
        return len(self.rows)

    def question(self, *, order: str, descending: bool) -> str:
        return ""

    def window(self, *, order: str, descending: bool, start: int, stop: int) -> list[Row]:
        return list(self.stream(order=order, descending=descending))[start:stop]

    def stream(self, *, order: str, descending: bool) -> Iterator[Row]:
        if not order:
            return iter(self.rows)
        known = [row for row in self.rows if row.get(order) is not None]
        unknown = [row for row in self.rows if row.get(order) is None]
        known.sort(key=lambda row: row[order], reverse=descending)
        return iter([*known, *unknown])

    def keys(self, *, order: str, descending: bool) -> Iterator[int]:
        raise NotImplementedError("Rows at hand have no keys")

    def chosen(self, keys: Sequence[int], *, order: str, descending: bool) -> list[Row]:
        raise NotImplementedError("Rows at hand have no keys")


@dataclass(frozen=True)
class QueryRows:
    """Rows of a queryset of `.values(...)`; finish adds what is computed to each row.

    known: columns in which no row of this query is empty.
    """

    query: QuerySet[Any, Row]
    finish: Callable[[Row], Row] = lambda row: row
    known: frozenset[str] = frozenset()

    def count(self) -> int:
        return self.query.order_by()[: settings.ROWS_AT_ONCE + 1].count()

    def count_all(self) -> int:
        return self.query.order_by().count()

    def question(self, *, order: str, descending: bool) -> str:
        return repr(self._ordered(order, descending).query.sql_with_params())

    def window(self, *, order: str, descending: bool, start: int, stop: int) -> list[Row]:
        return [self.finish(row) for row in self._ordered(order, descending)[start:stop]]

    def stream(self, *, order: str, descending: bool) -> Iterator[Row]:
        return map(self.finish, self._ordered(order, descending).iterator(chunk_size=2000))

    def keys(self, *, order: str, descending: bool) -> Iterator[int]:
        keys = self._ordered(order, descending).values_list("pk", flat=True)
        return iter(keys.iterator(chunk_size=10_000))

    def chosen(self, keys: Sequence[int], *, order: str, descending: bool) -> list[Row]:
        """In the order of the keys; without those that are no longer there."""
        found = {row["pk"]: row for row in self.query.filter(pk__in=keys).order_by()}
        return [self.finish(found[key]) for key in keys if key in found]

    def _ordered(self, order: str, descending: bool) -> QuerySet[Any, Row]:
        if not order:
            return self.query
        by = F(order)
        if order not in self.known:  # an index serves only the plain order
            first = by.desc(nulls_last=True) if descending else by.asc(nulls_last=True)
        else:
            first = by.desc() if descending else by.asc()
        return self.query.order_by(first, "-pk" if descending else "pk")


@dataclass
class Table:
    """One table of a page.

    totals: rows over the whole filter, one per currency, with the values of some columns; the first
    column shows their `label`. quick_totals: about the same from day figures, for more rows than are
    added up while a person waits. order: the sort without a choice, "-" for descending, which an index
    serves. version: what its rows depend on besides the books of the accounts shown.
    empty: what will stand here; next_step: (label, address) of the one thing to do then.
    """

    key: str
    title: str
    columns: Sequence[Column]
    rows: Rows
    order: str = ""
    totals: Iterable[Row] | Callable[[], Iterable[Row]] = ()
    quick_totals: Callable[[], Iterable[Row]] | None = None
    version: str = ""
    note: str = ""
    empty: str = "Nothing matches these filters."
    next_step: tuple[str, str] | None = None
    css: str = ""
    extra: Row = field(default_factory=dict)

    def column(self, key: str) -> Column | None:
        return next((column for column in self.columns if column.key == key), None)

    def total_rows(self) -> list[Row]:
        return list(self.totals() if callable(self.totals) else self.totals)


def cell(column: Column, row: Row) -> Cell:
    """The row's value in that column, written for a person."""
    value = row.get(column.key)
    kind = column.kind
    unknown = value is None or value == ""
    blank = "" if kind is ACTION else formats.UNKNOWN
    text = blank if unknown else kind.write(value, column.unit_of(row) or "")
    tone = formats.gain_class(text) if kind.signed else ""
    return Cell(
        column,
        text,
        " ".join(filter(None, [kind.css, "num" if kind.number else "", tone])),
        column.link(row) if column.link and not unknown else "",
        column.reason(row) if column.reason and unknown else "",
    )

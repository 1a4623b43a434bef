"""A table as one address shows it: chosen columns, order and page, with the addresses of every change."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from django.conf import settings
from django.http import QueryDict

from tradershub.core import formats
from tradershub.core.models import Build
from tradershub.reports import builds
from tradershub.reports.tables import SIZE, SIZES, Cell, Column, Row, Table, cell

KEYS_TYPE = "q"  # of array: a row's key in 8 bytes
KEY_BYTES = 8


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's head: where it sorts to, and how it is sorted now ("", ascending, descending)."""

    column: Column
    address: str
    sorted: str


@dataclass
class TableView:
    """Parameters of a table in an address: KEY.sort, KEY.page, KEY.cols, and size for all tables.

    Up to ROWS_AT_ONCE rows are sorted and paged as they are asked for. Of more, only the table's own order
    is there at once, up to that row; any other order needs `build`, which a worker makes, and until then
    the beginning of the table's own order stands in.
    """

    table: Table
    params: QueryDict
    remembered_columns: list[str]
    remembered_size: int | None = None
    export_address: str = ""
    build: Build | None = None

    @cached_property
    def columns(self) -> list[Column]:
        wanted = set(self.params.getlist(f"{self.table.key}.cols")) or set(self.remembered_columns)
        chosen = [column for column in self.table.columns if column.key in wanted]
        return chosen or [column for column in self.table.columns if column.shown]

    @property
    def column_choice(self) -> list[tuple[Column, bool]]:
        return [(column, column in self.columns) for column in self.table.columns]

    # -- How many rows there are, and who brings them into order --------------------------------
    @cached_property
    def _counted(self) -> int:
        return self.table.rows.count()

    @property
    def limit(self) -> int:
        """Beyond so many rows a worker is needed."""
        return int(settings.ROWS_AT_ONCE)

    @cached_property
    def is_capped(self) -> bool:
        """Whether there are more rows than are sorted while a person waits."""
        return self._counted > self.limit and bool(self.question)

    @property
    def is_built(self) -> bool:
        return self.build is not None and self.build.is_done

    @property
    def total(self) -> int:
        """How many rows the filter has; where nobody has counted them, one more than the limit."""
        return int(self.build.summary["rows"]) if self.is_built else self._counted

    @property
    def total_words(self) -> str:
        if self.is_capped and not self.is_built:
            return f"over {formats.number(self.limit, 0)}"
        return formats.number(self.total, 0)

    @property
    def question(self) -> str:
        order, descending = self.asked_order
        return self.table.rows.question(order=order, descending=descending)

    @property
    def needs_order(self) -> bool:
        """Whether what is asked for can be shown only in an order that a worker made."""
        if not self.is_capped:
            return False
        is_own = self.asked_sort[0] == self.table.order.lstrip("-")
        return not is_own or self._asked_page > self._pages_at_once

    @property
    def stands_in(self) -> bool:
        """Whether the beginning of the table's own order is shown instead of what is asked for."""
        return self.needs_order and not self.is_built

    @property
    def _pages_at_once(self) -> int:
        return max(1, self.limit // self.size)

    @property
    def told(self) -> builds.Told:
        """How far the worker is."""
        return builds.told(self.build) if self.build else builds.Told()

    # -- Order and page -------------------------------------------------------------------------
    @cached_property
    def size(self) -> int:
        text = self.params.get("size", "")
        wanted = int(text) if text.isdecimal() else self.remembered_size
        return wanted if wanted in SIZES else SIZE

    @property
    def sizes(self) -> tuple[int, ...]:
        return SIZES

    @property
    def pages(self) -> int:
        """Of more rows than were counted there is one more page, which leads to the rest."""
        if self.is_capped and not self.is_built:
            return self._pages_at_once + 1
        return max(1, -(-self.total // self.size))

    @cached_property
    def _asked_page(self) -> int:
        text = self.params.get(f"{self.table.key}.page", "")
        return int(text) if text.isdecimal() and len(text) < 9 else 1

    @property
    def page(self) -> int:
        return 1 if self.stands_in else min(max(1, self._asked_page), self.pages)

    @cached_property
    def asked_sort(self) -> tuple[str, bool]:
        """(column key, descending); "" where the rows keep their own order."""
        wanted = self.params.get(f"{self.table.key}.sort", "")
        column = self.table.column(wanted.lstrip("-"))
        if column is None or column.order is None:
            wanted = self.table.order
        return wanted.lstrip("-"), wanted.startswith("-")

    @property
    def asked_order(self) -> tuple[str, bool]:
        """What the rows are to be sorted by, as their source names it, and whether descending."""
        return self._order_of(self.asked_sort)

    @property
    def sort(self) -> tuple[str, bool]:
        """What is shown: as asked for, or the table's own order standing in."""
        own = self.table.order
        return (own.lstrip("-"), own.startswith("-")) if self.stands_in else self.asked_sort

    def _order_of(self, sort: tuple[str, bool]) -> tuple[str, bool]:
        key, descending = sort
        column = self.table.column(key)
        return (column.order or "") if column else key, descending

    @property
    def asked_words(self) -> str:
        """The order that is asked for, as its heading says it."""
        column = self.table.column(self.asked_sort[0])
        return column.label if column else self.asked_sort[0]

    @cached_property
    def rows(self) -> list[list[Cell]]:
        start = (self.page - 1) * self.size
        order, descending = self._order_of(self.sort)
        if self.build is not None and self.is_built:
            keys = _keys(self.build, start, start + self.size)
            rows = self.table.rows.chosen(keys, order=order, descending=descending)
        else:
            rows = self.table.rows.window(
                order=order, descending=descending, start=start, stop=start + self.size
            )
        return [[cell(column, row) for column in self.columns] for row in rows]

    # -- Totals ---------------------------------------------------------------------------------
    @property
    def has_quick_totals(self) -> bool:
        return self.is_capped and not self.is_built and self.table.quick_totals is not None

    @cached_property
    def totals(self) -> list[list[Cell]]:
        return [self._total_cells(row) for row in self._total_rows()] if self.total else []

    def _total_rows(self) -> list[Row]:
        if self.build is not None and self.is_built:
            return [self._as_typed(row) for row in self.build.summary["totals"]]
        if self.is_capped and self.table.quick_totals is not None:
            return list(self.table.quick_totals())
        return self.table.total_rows()

    def _as_typed(self, row: Row) -> Row:
        """A total row whose numbers were kept as text."""
        numbers = {column.key for column in self.table.columns if column.kind.number}
        return {
            key: Decimal(value) if key in numbers and value is not None else value
            for key, value in row.items()
        }

    def _total_cells(self, row: Row) -> list[Cell]:
        cells = [
            cell(column, row) if column.key in row else Cell(column, "", "blank")
            for column in self.columns
        ]
        if cells and self.columns[0].key not in row:
            cells[0] = Cell(self.columns[0], str(row.get("label", "Total")), "")
        return cells

    @property
    def headings(self) -> list[Heading]:
        return [self._heading(column) for column in self.columns]

    def _heading(self, column: Column) -> Heading:
        if column.order is None:
            return Heading(column, "", "")
        key, descending = self.sort
        state = ("descending" if descending else "ascending") if key == column.key else ""
        prefix = "" if state == "descending" or (not state and not column.kind.number) else "-"
        address = self.address(sort=prefix + column.key, page="")
        return Heading(column, address, state)

    @property
    def first_row(self) -> int:
        return (self.page - 1) * self.size + 1

    @property
    def last_row(self) -> int:
        return min(self.page * self.size, self.total)

    @property
    def previous_page(self) -> str:
        return self.address(page=str(self.page - 1)) if self.page > 1 else ""

    @property
    def next_page(self) -> str:
        return self.address(page=str(self.page + 1)) if self.page < self.pages else ""

    def address(self, **changes: str) -> str:
        """The query of this page with some of the table's parameters changed; "" takes one out."""
        query = self.params.copy()
        for name, value in changes.items():
            full = f"{self.table.key}.{name}"
            query.pop(full, None)
            if value:
                query[full] = value
        return f"?{query.urlencode()}"

    @property
    def export_query(self) -> str:
        query = self.params.copy()
        query.setlist(f"{self.table.key}.cols", [column.key for column in self.columns])
        return query.urlencode()

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """Every other parameter of the address, for forms that change only columns or size."""
        own = {f"{self.table.key}.cols", "size", f"{self.table.key}.page"}
        return [(k, v) for k, values in self.params.lists() if k not in own for v in values]


def _keys(build: Build, start: int, stop: int) -> list[int]:
    keys = array(KEYS_TYPE)
    keys.frombytes(builds.read(build, start * KEY_BYTES, stop * KEY_BYTES))
    return keys.tolist()

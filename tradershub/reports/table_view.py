"""A table as one address shows it: chosen columns, order and page, with the addresses of every change."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.http import QueryDict

from tradershub.reports.tables import (
    COUNTED_AT_MOST,
    SIZE,
    SIZES,
    Cell,
    Column,
    Row,
    Table,
    cell,
)


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's head: where it sorts to, and how it is sorted now ("", ascending, descending)."""

    column: Column
    address: str
    sorted: str


@dataclass
class TableView:
    """Parameters of a table in an address: KEY.sort, KEY.page, KEY.cols, and size for all tables."""

    table: Table
    params: QueryDict
    remembered_columns: list[str]
    remembered_size: int | None = None
    export_address: str = ""

    @cached_property
    def columns(self) -> list[Column]:
        wanted = set(self.params.getlist(f"{self.table.key}.cols")) or set(self.remembered_columns)
        chosen = [column for column in self.table.columns if column.key in wanted]
        return chosen or [column for column in self.table.columns if column.shown]

    @property
    def column_choice(self) -> list[tuple[Column, bool]]:
        return [(column, column in self.columns) for column in self.table.columns]

    @cached_property
    def total(self) -> int:
        """How many rows the filter has; COUNTED_AT_MOST + 1 stands for more."""
        return self.table.rows.count()

    @property
    def is_capped(self) -> bool:
        return self.total > COUNTED_AT_MOST

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
        return max(1, -(-min(self.total, COUNTED_AT_MOST) // self.size))

    @cached_property
    def page(self) -> int:
        text = self.params.get(f"{self.table.key}.page", "")
        wanted = int(text) if text.isdecimal() and len(text) < 9 else 1
        return min(max(1, wanted), self.pages)

    @cached_property
    def sort(self) -> tuple[str, bool]:
        """(column key or database expression, descending); "" where the rows keep their own order."""
        wanted = self.params.get(f"{self.table.key}.sort", "")
        column = self.table.column(wanted.lstrip("-"))
        if column is None or not self.can_sort(column):
            wanted = self.table.order
        return wanted.lstrip("-"), wanted.startswith("-")

    def can_sort(self, column: Column) -> bool:
        """Beyond the limit only the table's own order, which an index serves, stays quick."""
        own = column.key == self.table.order.lstrip("-")
        return column.order is not None and (own or self.total <= self.table.sort_limit)

    @property
    def order(self) -> str:
        """What the rows are sorted by, as their source names it."""
        column = self.table.column(self.sort[0])
        return (column.order or "") if column else self.sort[0]

    @cached_property
    def rows(self) -> list[list[Cell]]:
        start = (self.page - 1) * self.size
        rows = self.table.rows.window(
            order=self.order, descending=self.sort[1], start=start, stop=start + self.size
        )
        return [[cell(column, row) for column in self.columns] for row in rows]

    @cached_property
    def totals(self) -> list[list[Cell]]:
        return [self._total_cells(row) for row in self.table.total_rows()] if self.total else []

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
        if not self.can_sort(column):
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

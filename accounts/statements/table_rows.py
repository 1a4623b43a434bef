"""The rows of a workbook or a delimited text file, as one sequence with the sheet's name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from accounts.statements.base import NotAStatement
from accounts.statements.cells import Cell, csv_rows, sniff, xlsx_rows

MOST_ROWS = 500_000


NOTHING = frozenset(("-", "--", "–", "—", "n/a", "N/A"))


def filled_text(cell: Cell) -> str:
    """What a cell says, '' where it only says that there is nothing."""
    text = cell.text.strip()
    return "" if text in NOTHING else text


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row. number counts from 1 within the sheet, as a spreadsheet program shows it."""

    sheet: str
    number: int
    cells: list[Cell]

    @property
    def texts(self) -> list[str]:
        return [cell.text.strip() for cell in self.cells]

    @property
    def is_blank(self) -> bool:
        return not any(cell.text.strip() for cell in self.cells)


def table_rows(path: Path) -> Iterator[TableRow]:
    """Every row of every sheet. Raises NotAStatement for a file that is no table."""
    kind = sniff(path)
    if kind == "xlsx":
        pairs: Iterator[tuple[str, list[Cell]]] = xlsx_rows(path)
    elif kind == "csv":
        pairs = (("", cells) for cells in csv_rows(path))
    else:
        raise NotAStatement(
            "The file is no table; expected a workbook (XLSX) or delimited text (CSV)."
        )
    sheet, number = None, 0
    for count, (name, cells) in enumerate(pairs):
        if count >= MOST_ROWS:
            raise NotAStatement(f"The table has more than {MOST_ROWS:,} rows; split it.")
        number = number + 1 if name == sheet else 1
        sheet = name
        yield TableRow(name, number, cells)

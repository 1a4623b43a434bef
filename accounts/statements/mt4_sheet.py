"""An MT4 statement that somebody saved as a workbook or as text: the cells that spanned columns are put back.

A spreadsheet program keeps the value of a spanning cell in its first column and leaves the others
empty. The tickets' titles, which hold comments, are lost on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from accounts.statements.cells import Cell, html_rows, sniff
from accounts.statements.mt4_rows import (
    LONGEST_TRADE,
    MONEY_COLUMNS,
    PENDING,
    SIDES,
    starts_with_ticket,
)
from accounts.statements.table_rows import table_rows

WIDE = 8


def page_rows(path: Path) -> Iterator[list[Cell]]:
    """The rows of the statement as its page has them, whatever kind of file it is."""
    if sniff(path) == "html":
        return html_rows(path)
    return respanned(row.cells for row in table_rows(path))


def respanned(rows: Iterable[list[Cell]]) -> Iterator[list[Cell]]:
    """The rows with their spanning cells; empty rows stay, so that numbers of rows do."""
    return (_respan(cells) for cells in rows)


def _respan(cells: list[Cell]) -> list[Cell]:
    filled = [cell for cell in cells if cell.text.strip()]
    if not starts_with_ticket(cells):
        return _layout_row(cells, filled)
    word = " ".join(cells[2].text.lower().split())
    if word in SIDES:
        return cells[:LONGEST_TRADE]
    if PENDING.fullmatch(word):
        rest = " ".join(cell.text.strip() for cell in cells[MONEY_COLUMNS:]).strip()
        return [*cells[:MONEY_COLUMNS], Cell(rest, 4)]
    return filled


def _layout_row(cells: list[Cell], filled: list[Cell]) -> list[Cell]:
    """Sums and comments begin with a wide blank; everything else is labels and figures by turns."""
    blank = next((i for i, cell in enumerate(cells) if cell.text.strip()), 0)
    if blank < WIDE:
        return filled
    is_comment = len(filled) < 3
    return [Cell("", blank), *(cell._replace(colspan=1) for cell in filled[:-1])] + [
        filled[-1]._replace(colspan=3 if is_comment else 1)
    ]

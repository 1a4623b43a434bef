"""Any table of trades or money: suggest how to read its columns, show its rows, read it.

`suggest_file` looks at headings and values, a person answers what they leave open, `preview` shows
the first rows as they would be read, and `read` reads the file. A mapping fits every later file with
the same headings (`Mapping.headings_hash`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from collections.abc import Mapping as Values
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from accounts.statements import base, table_totals
from accounts.statements.base import (
    AccountInfo,
    DealLine,
    NotAStatement,
    OpenPositionLine,
    Refusal,
    Statement,
)
from accounts.statements.cells import Cell
from accounts.statements.columns import Column, Mapping, Question, headings_hash
from accounts.statements.mapped_rows import Lines, read_rows
from accounts.statements.suggestion import suggest
from accounts.statements.table_heads import find_header, heading_score
from accounts.statements.table_rows import TableRow, table_rows

__all__ = [
    "Column",
    "Mapping",
    "Question",
    "first_rows",
    "fits",
    "preview",
    "read",
    "recognise",
    "suggest",
    "suggest_file",
]

FORMAT = "mapped"
READS = frozenset({"xlsx", "csv"})
EVIDENCE = 50_000
CELL_SHOWN = 60
PREVIEW_MARGIN = 200
Line = TypeVar("Line", DealLine, OpenPositionLine)


def recognise(head_rows: Iterable[list[Cell]]) -> bool:
    """Never: a table is read by a mapping that somebody has confirmed."""
    return False


def suggest_file(path: Path, sheet: str = "") -> Mapping:
    """The likeliest mapping of a file: of the sheet that is named, else of the one with the best headings.

    Raises NotAStatement for a file that is no table of trades or money.
    """
    sheets: dict[str, list[TableRow]] = {}
    for row in islice(table_rows(path), EVIDENCE):
        if not sheet or row.sheet == sheet:
            sheets.setdefault(row.sheet, []).append(row)
    if not sheets:
        raise NotAStatement(f"The workbook has no sheet {sheet!r} with rows.")
    return suggest(max(sheets.values(), key=_promise))


def _promise(rows: list[TableRow]) -> tuple[int, int]:
    """How many headings a sheet has, then how many rows."""
    filled = [row for row in rows if not row.is_blank]
    position = find_header(filled)
    return 0 if position is None else heading_score(filled[position]), len(filled)


def fits(path: Path, saved: Iterable[Mapping]) -> list[int]:
    """The places of the saved mappings whose headings the file has, in the order of its rows."""
    waiting: dict[tuple[str, int, str], list[int]] = {}
    for place, mapping in enumerate(saved):
        key = (mapping.sheet, mapping.header_row, mapping.headings_hash)
        waiting.setdefault(key, []).append(place)
    rows = {position for _, position, _ in waiting}
    found: list[int] = []
    for row in islice(table_rows(path), EVIDENCE):
        if row.number - 1 in rows:
            found += waiting.pop((row.sheet, row.number - 1, headings_hash(row.texts)), [])
        if not waiting:
            break
    return found


def first_rows(path: Path, mapping: Mapping, n: int = 20) -> list[list[str]]:
    """The n rows below the headings as the file says them, for the eyes of whoever names its columns."""
    rows = (row for row in table_rows(path) if row.sheet == mapping.sheet)
    first = mapping.header_row + 1
    wide = len(mapping.headings)
    return [
        [text[:CELL_SHOWN] for text in row.texts[:wide]] for row in islice(rows, first, first + n)
    ]


def preview(path: Path, mapping: Mapping, n: int = 20) -> tuple[list[DealLine], list[Refusal]]:
    """The deals of the first n rows as the mapping reads them, and the rows that it refuses."""
    last = mapping.header_row + 1 + n
    rows = (row for row in table_rows(path) if row.sheet == mapping.sheet)
    lines = read_rows(islice(rows, last), mapping)
    return table_totals.in_order(lines.deals), lines.refusals


def read(path: Path, mapping: Mapping | Values[str, Any]) -> Statement:
    """The statement that a file says by a mapping, or by what `Mapping.to_dict` gave.

    Raises NotAStatement while a question of the mapping is open, and where no row can be read.
    """
    mapping = _as_mapping(mapping)
    if mapping.questions:
        raise NotAStatement(
            f"The table cannot be read before this is answered: {mapping.questions[0].text}"
        )
    lines = read_rows(_checked(table_rows(path), mapping), mapping)
    if not lines.deals and lines.refusals:
        raise NotAStatement(f"No row can be read as the mapping says. {lines.refusals[0].reason}")
    return _statement(lines, mapping)


def _as_mapping(mapping: Mapping | Values[str, Any]) -> Mapping:
    if isinstance(mapping, Mapping):
        return mapping
    try:
        return Mapping.from_dict(dict(mapping))
    except ValueError as error:
        raise NotAStatement(str(error)) from error


def _checked(rows: Iterable[TableRow], mapping: Mapping) -> Iterable[TableRow]:
    """The rows; a file whose headings are others than those of the mapping is refused."""
    was_found = False
    for row in rows:
        if row.sheet == mapping.sheet and row.number == mapping.header_row + 1:
            was_found = True
            _refuse_other_headings(row, mapping)
        yield row
    if not was_found:
        raise NotAStatement(
            f"The table has no heading in row {mapping.header_row + 1}, where the mapping expects it."
        )


def _refuse_other_headings(row: TableRow, mapping: Mapping) -> None:
    texts = row.texts
    for column in mapping.columns:
        found = texts[column.index] if column.index < len(texts) else ""
        if found != column.heading:
            raise NotAStatement(
                f"Column {column.index + 1} is headed {found[:40]!r}, the mapping expects {column.heading[:40]!r}; "
                "this table needs a mapping of its own."
            )


def _statement(lines: Lines, mapping: Mapping) -> Statement:
    currency = mapping.currency.upper() or most_common(lines.currencies)
    statement = Statement(
        format=FORMAT,
        account=AccountInfo(number=_account(lines.accounts), currency=currency),
        time_zone=mapping.time_zone,
        deals=in_currency(table_totals.in_order(lines.deals), currency),
        open_positions=in_currency(lines.open_positions, currency),
        refusals=lines.refusals,
        notes=[*mapping.notes, *_remarks(lines)],
    )
    return totalled(statement)


def totalled(statement: Statement) -> Statement:
    """The statement with its totals, its period and what its running balance says.

    The totals are those of the account's currency; `table_totals.by_currency` has the others.
    """
    times = [deal.time_text for deal in statement.deals if deal.entry != base.IN or deal.amount]
    statement.period_from, statement.period_to = (times[0], times[-1]) if times else ("", "")
    statement.our_totals = table_totals.computed(
        [deal for deal in statement.deals if not deal.currency],
        [line for line in statement.open_positions if not line.currency],
    )
    table_totals.follow_balance(statement)
    return statement


def _account(accounts: dict[str, int]) -> str:
    """The account that the rows name, '' where none does. Raises NotAStatement for several."""
    named = list(accounts.items())
    if len(named) > 1:
        (first, first_row), (other, row) = named[:2]
        raise NotAStatement(
            f"Row {row} is of account {other[:40]}, row {first_row} of account {first[:40]}; "
            "expected rows of one account. Split the file by account."
        )
    return named[0][0] if named else ""


def most_common(currencies: Counter[str]) -> str:
    """The currency of most rows, '' where none names one."""
    return next((name for name, _ in currencies.most_common(1)), "")


def in_currency(lines: Iterable[Line], currency: str) -> list[Line]:
    """The lines without the currency where it is the account's."""
    return [line._replace(currency="") if line.currency == currency else line for line in lines]


def _remarks(lines: Lines) -> list[str]:
    remarks = []
    if lines.ended_at:
        remarks.append(
            f"Another table with headings of its own begins in row {lines.ended_at}; it was not read."
        )
    if lines.left_out:
        remarks.append(
            f"{len(lines.left_out)} rows are no bookings and were left out, first row {lines.left_out[0]}."
        )
    if lines.repeated:
        rows = ", ".join(map(str, lines.repeated[:5]))
        remarks.append(
            f"{len(lines.repeated)} rows repeat an earlier one word for word and count once: row {rows}."
        )
    return remarks

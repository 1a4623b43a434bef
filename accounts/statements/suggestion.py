"""Suggest how to read a table from its headings and values; what they leave open is a question."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from accounts.statements.columns import (
    CASH_ROWS,
    COLUMN,
    EXECUTIONS,
    LAYOUTS,
    ROUND_TRIPS,
    Mapping,
    Question,
    asked,
)
from accounts.statements.conventions import with_dates, with_numbers, with_words, with_zone
from accounts.statements.headings import TIME, plain
from accounts.statements.known_exports import known_export
from accounts.statements.suggested_money import (
    amounts_of,
    with_costs,
    with_profit,
    with_withdrawals,
)
from accounts.statements.table_heads import CLOCK, Table, as_table, columns_of, layout_of, shape_of
from accounts.statements.table_rows import TableRow

IDS = ("deal_id", "position_id", "order_id", "buy_id")
NEEDED = {
    ROUND_TRIPS: ("open_time", "close_time", "symbol", "volume", "open_price", "close_price"),
    EXECUTIONS: ("time", "symbol", "volume", "price"),
    CASH_ROWS: ("time",),
}


def suggest(rows: Iterable[TableRow]) -> Mapping:
    """The likeliest mapping of one sheet with the questions that remain.

    Raises NotAStatement where no row looks like headings above a table of trades.
    """
    table = as_table([row for row in rows if not row.is_blank])
    columns = columns_of(table)
    mapping = Mapping(
        layout=layout_of(columns),
        header_row=table.header.number - 1,
        columns=columns,
        sheet=table.header.sheet,
        headings=table.headings,
    )
    steps: tuple[Callable[[Mapping, Table], Mapping], ...] = (
        _with_known_export,
        with_numbers,
        with_dates,
        with_zone,
        with_words,
        with_profit,
        with_costs,
        with_withdrawals,
        _with_missing_columns,
        _with_notes,
    )
    for step in steps:
        mapping = step(mapping, table)
    return mapping


def _with_known_export(mapping: Mapping, table: Table) -> Mapping:
    if not mapping.layout:
        question = Question("layout", "What is one row of this table?", LAYOUTS)
        return asked(mapping, question)
    export = known_export(plain(heading) for heading in table.headings)
    if export is None:
        return mapping
    return replace(mapping, known_as=export.name, notes=export.notes)


def _with_missing_columns(mapping: Mapping, table: Table) -> Mapping:
    options = tuple(f"{i + 1}: {heading}" for i, heading in enumerate(table.headings) if heading)
    missing = [
        target
        for target in NEEDED.get(mapping.layout, ())
        if not _is_given(mapping, target) and not _lacks_openings(mapping, table, target)
    ]
    if mapping.layout != CASH_ROWS and not _has_side(mapping, table):
        missing.append("side")
    if mapping.layout == CASH_ROWS and not any(mapping.has(t) for t in ("amount", "profit", "net")):
        missing.append("amount")
    if mapping.layout == ROUND_TRIPS and not (mapping.has("profit") or mapping.has("net")):
        missing.append("profit")
    questions = [
        Question(COLUMN + target, f"Which column holds the {target.replace('_', ' ')}?", options)
        for target in missing
    ]
    return asked(mapping, *questions)


def _is_given(mapping: Mapping, target: str) -> bool:
    sides = (target.replace("open_", "buy_"), target.replace("close_", "sell_"))
    return mapping.has(target) or (
        target.startswith(("open_", "close_")) and any(mapping.has(s) for s in sides)
    )


def _lacks_openings(mapping: Mapping, table: Table, target: str) -> bool:
    """Whether no column is left that could say when the trades were opened; then their closing stands for it."""
    if target != "open_time" or not mapping.has("close_time"):
        return False
    named = {column.index for column in mapping.columns}
    rest = (i for i in range(len(table.headings)) if i not in named)
    return not any(shape_of(table.texts(i)) in (TIME, CLOCK) for i in rest)


def _has_side(mapping: Mapping, table: Table) -> bool:
    """A column of sides, buy and sell columns, or volumes with signs."""
    signed = any(amount < 0 for amount in amounts_of(mapping, table, "volume")) or any(
        text.startswith("+") for index in mapping.indexes("volume") for text in table.texts(index)
    )
    return mapping.has("side") or mapping.has("buy_price", "sell_price") or signed


def _with_notes(mapping: Mapping, table: Table) -> Mapping:
    notes = list(mapping.notes)
    if mapping.layout == EXECUTIONS and not (mapping.has("profit") or mapping.has("net")):
        notes.append(
            "The table has no profits: of its trades only the costs are booked as money, and the balance "
            "stays without their results. A report with a profit column of the same account has them."
        )
    if mapping.layout == EXECUTIONS and mapping.has("amount"):
        notes.append(
            "The amounts of trades are what changed hands, not results: they are not booked."
        )
    if _lacks_openings(mapping, table, "open_time") and not mapping.has("open_time"):
        notes.append(
            "The table does not say when its trades were opened: the time of closing stands for it."
        )
    if not mapping.time_zone:
        notes.append(
            "The file states no time zone: its times are taken as the broker's server time."
        )
    if mapping.layout != CASH_ROWS and not any(mapping.has(target) for target in IDS):
        notes.append("No column holds ids: a row is known again by its content.")
    return replace(mapping, notes=tuple(notes))

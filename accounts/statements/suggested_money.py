"""Whether a profit column holds the costs too, and which sign costs have: shown by the values, or asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from accounts.statements import base
from accounts.statements.columns import (
    AS_BOOKED,
    COST_POSITIVE,
    GROSS,
    NET,
    OUT_NEGATIVE,
    OUT_POSITIVE,
    Mapping,
    Question,
    asked,
)
from accounts.statements.headings import plain
from accounts.statements.known_exports import known_export
from accounts.statements.table_heads import Table
from accounts.statements.table_rows import TableRow
from accounts.statements.table_values import read_number
from accounts.statements.words import is_outgoing

COSTS = ("commission", "fee")


def with_profit(mapping: Mapping, table: Table) -> Mapping:
    if mapping.has("profit", "net") or not mapping.has("profit"):
        is_net = mapping.has("net") and not mapping.has("profit")
        return replace(mapping, profit_is=NET if is_net else GROSS)
    export = known_export(plain(heading) for heading in table.headings)
    if export and export.profit_is:
        return replace(mapping, profit_is=export.profit_is)
    if not any(
        amounts_of(mapping, table, target) for target in ("swap", "commission", "fee", "tax")
    ):
        return mapping
    heading = plain(next(c.heading for c in mapping.columns if c.target == "profit"))
    if "gross" in heading or "brutto" in heading:
        return mapping
    if running := _profit_by_running_sum(mapping, table):
        return replace(mapping, profit_is=running)
    text = "Does the profit column already contain swap, commission and fees (net), or not (gross)?"
    return asked(mapping, Question("profit_is", text, (GROSS, NET), GROSS))


def with_costs(mapping: Mapping, table: Table) -> Mapping:
    amounts = [amount for target in COSTS for amount in amounts_of(mapping, table, target)]
    if not amounts or min(amounts) < 0:
        return replace(mapping, costs=AS_BOOKED)
    export = known_export(plain(heading) for heading in table.headings)
    if export and export.costs:
        return replace(mapping, costs=export.costs)
    mapping = replace(mapping, costs=COST_POSITIVE)
    text = "All commissions and fees are positive: is a positive one a cost?"
    return asked(mapping, Question("costs", text, (COST_POSITIVE, AS_BOOKED), COST_POSITIVE))


def with_withdrawals(mapping: Mapping, table: Table) -> Mapping:
    word = next(iter(mapping.indexes("side") or mapping.indexes("type")), None)
    money = next((t for t in ("amount", "profit", "net") if mapping.has(t)), "")
    if word is None or not money:
        return mapping
    sign = sign_of_withdrawals(table.body, word, mapping.indexes(money)[0], mapping.decimal)
    if sign == OUT_NEGATIVE:
        return mapping
    note = "All withdrawals of the table are positive: they are booked as money that leaves."
    return replace(mapping, withdrawals=sign, notes=(*mapping.notes, note))


def sign_of_withdrawals(rows: Iterable[TableRow], word: int, money: int, decimal: str) -> str:
    """Positive where every row whose word says that money leaves has a positive amount.

    word, money: the columns of the word and of the amount.
    """
    amounts = []
    for row in rows:
        if max(word, money) < len(row.cells) and is_outgoing(row.cells[word].text):
            try:
                amounts.append(read_number(row.cells[money].text, decimal))
            except ValueError:
                continue
    return OUT_POSITIVE if amounts and min(amounts) > 0 else OUT_NEGATIVE


def amounts_of(mapping: Mapping, table: Table, target: str) -> list[Decimal]:
    """The amounts of a target's columns that are not zero."""
    texts = [text for index in mapping.indexes(target) for text in table.texts(index)]
    found = []
    for text in texts:
        try:
            found.append(read_number(text, mapping.decimal))
        except ValueError:
            continue
    return [amount for amount in found if amount]


def _profit_by_running_sum(mapping: Mapping, table: Table) -> str:
    """gross or net, where a running sum of net results or a balance moves by one of them; '' where it does not tell."""
    target = next((name for name in ("cumulative_net", "balance") if mapping.has(name)), "")
    if not target:
        return ""
    votes = {GROSS: 0, NET: 0}
    rows = [_figures(mapping, row, target) for row in table.body]
    for before, row in zip(rows, rows[1:], strict=False):
        if before is None or row is None:
            continue
        moves = (
            {row[0] - before[0], before[0] - row[0]}
            if target == "balance"
            else {row[0] - before[0]}
        )
        if row[2] and row[1] in moves:
            votes[NET] += 1
        elif row[2] and {row[1] + row[2], row[1] - row[2]} & moves:
            votes[GROSS] += 1
    best = max(votes, key=lambda name: votes[name])
    return best if votes[best] >= 2 and votes[best] > 3 * min(votes.values()) else ""


def _figures(
    mapping: Mapping, row: TableRow, target: str
) -> tuple[Decimal, Decimal, Decimal] | None:
    """The running sum, the profit and the sum of the costs of one row."""
    try:
        running = _sum(mapping, row, (target,))
        costs = _sum(mapping, row, ("swap", "commission", "fee", "tax"))
        return running, _sum(mapping, row, ("profit",)), costs
    except ValueError:
        return None


def _sum(mapping: Mapping, row: TableRow, targets: tuple[str, ...]) -> Decimal:
    texts = [row.cells[i].text for t in targets for i in mapping.indexes(t) if i < len(row.cells)]
    return sum((read_number(text, mapping.decimal) for text in texts if text.strip()), base.ZERO)

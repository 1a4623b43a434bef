"""Totals and gates of a statement that was read from a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from accounts.statements import base
from accounts.statements.base import ZERO, DealLine, OpenPositionLine, Statement

OUTS = (base.OUT, base.OUT_BY, base.IN_OUT)
RESULTS = (base.TRADE, base.ARCHIVE)

Totals = dict[str, Decimal | int]


def computed(deals: Sequence[DealLine], open_positions: Sequence[OpenPositionLine]) -> Totals:
    """The totals of the rows. closed_trades only where rows say which deals close."""
    trades = [deal for deal in deals if deal.kind in RESULTS]
    money = [deal for deal in deals if deal.kind not in (*RESULTS, base.CREDIT)]
    results = [deal.amount for deal in trades if deal.amount]
    totals: Totals = {
        "net_profit": sum(results, ZERO),
        "gross_profit": sum((amount for amount in results if amount > 0), ZERO),
        "gross_loss": sum((amount for amount in results if amount < 0), ZERO),
        "balance_operations": sum((deal.amount for deal in money), ZERO),
        "deposits": _of_kind(deals, base.DEPOSIT),
        "withdrawals": _of_kind(deals, base.WITHDRAWAL),
        "credit": _of_kind(deals, base.CREDIT),
    }
    for name in ("profit", "swap", "commission", "fee"):
        totals[name] = sum((getattr(deal, name) for deal in trades), ZERO)
    if tax := sum((deal.tax for deal in trades), ZERO):
        totals["fee"] += tax
    if any(deal.entry for deal in trades) or not trades:
        totals["closed_trades"] = sum(deal.entry in OUTS for deal in trades)
    if open_positions:
        totals |= _of_open(open_positions)
    return totals


def by_currency(statement: Statement) -> dict[str, Totals]:
    """The totals of each currency where the rows have several, which are never added up."""
    own = statement.account.currency
    deals: dict[str, list[DealLine]] = defaultdict(list)
    held: dict[str, list[OpenPositionLine]] = defaultdict(list)
    for deal in statement.deals:
        deals[deal.currency or own].append(deal)
    for line in statement.open_positions:
        held[line.currency or own].append(line)
    found = sorted({*deals, *held})
    return {name: computed(deals[name], held[name]) for name in found} if len(found) > 1 else {}


def other_currency(statement: Statement) -> str:
    """Why rows in another currency than the account's keep the file out of the books; empty without any."""
    lines = (*statement.deals, *statement.open_positions)
    rows = {line.row: line.currency for line in lines if line.currency}
    if not rows:
        return ""
    row = min(rows)
    rest = f" (the first of {len(rows)} rows in other currencies)" if len(rows) > 1 else ""
    return (
        f"Row {row} is in {rows[row]}{rest}; expected every row in {statement.account.currency}, as "
        "an account has one currency. Import each currency as a file and an account of its own."
    )


def _of_kind(deals: Sequence[DealLine], kind: str) -> Decimal:
    return sum((deal.amount for deal in deals if deal.kind == kind), ZERO)


def _of_open(lines: Sequence[OpenPositionLine]) -> Totals:
    return {
        "open_positions": len(lines),
        "floating": sum((line.profit + line.commission + line.tax for line in lines), ZERO),
        "open_swap": sum((line.swap for line in lines), ZERO),
    }


def follow_balance(statement: Statement) -> None:
    """Check the running balance of the rows, if they have one, and find what was there before them."""
    rows = [d for d in statement.deals if d.balance_after is not None and not d.currency]
    if not rows:
        return
    first, last = rows[0], rows[-1]
    opening = (first.balance_after or ZERO) - first.amount
    statement.our_totals["opening_balance"] = opening
    statement.file_totals.setdefault("balance", last.balance_after or ZERO)
    statement.starts_at_beginning = opening == 0
    gaps = [
        (later.row, (later.balance_after or ZERO) - (earlier.balance_after or ZERO) - later.amount)
        for earlier, later in zip(rows, rows[1:], strict=False)
    ]
    wrong = [(row, gap) for row, gap in gaps if gap]
    if wrong:
        statement.breaks.append(
            f"The running balance moves by {sum(gap for _, gap in wrong)} that no row explains, in {len(wrong)} of "
            f"{len(gaps)} steps, first in row {wrong[0][0]}."
        )


def in_order(deals: Sequence[DealLine]) -> list[DealLine]:
    """By time; within one moment in the order of the file, turned where the file begins with the newest."""
    rows = [
        deal.time_text for deal in sorted(deals, key=lambda deal: deal.row) if deal.entry != base.IN
    ]
    newest_first = len(rows) > 1 and rows[0] > rows[-1]
    sign = -1 if newest_first else 1
    return sorted(deals, key=lambda deal: (deal.time_text, deal.entry != base.IN, sign * deal.row))

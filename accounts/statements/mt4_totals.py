"""What an MT4 statement prints about itself, and the same computed from its rows."""

from __future__ import annotations

from decimal import Decimal

from accounts.statements import base
from accounts.statements.base import ZERO, DealLine, NotAStatement, Statement
from accounts.statements.mt4_rows import Sheet, Ticket
from accounts.statements.numbers import to_decimal
from accounts.statements.words import difference

LABELS = {
    "deposit/withdrawal": "balance_operations",
    "credit facility": "credit",
    "total credit facility": "credit",
    "previous ledger balance": "opening_balance",
    "closed trade p/l": "net_profit",
    "floating p/l": "floating",
    "balance": "balance",
    "equity": "equity",
    "gross profit": "gross_profit",
    "gross loss": "gross_loss",
    "total trades": "closed_trades",
}
# Where a template renames or translates the labels, the shape of the rows and their order remain.
SUMMARY_ORDER = (
    ("balance_operations", "credit"),
    ("net_profit", "floating", ""),
    ("balance", "equity", ""),
)
DETAILS_ORDER = (
    ("gross_profit", "gross_loss", ""),
    ("", ""),
    ("", "", ""),
    ("closed_trades", "", ""),
)
NAMES = {
    "closed_trades": "Total trades",
    "net_profit": "Closed trade P/L",
    "gross_profit": "Gross profit",
    "gross_loss": "Gross loss",
    "profit": "Profit of closed trades",
    "swap": "Swap of closed trades",
    "commission": "Commission of closed trades",
    "fee": "Taxes of closed trades",
    "balance_operations": "Deposit/Withdrawal",
    "credit": "Credit facility",
    "floating": "Floating P/L",
    "opening_balance": "Previous ledger balance",
    "balance": "Balance",
    "equity": "Equity",
}
NEEDED = ("balance_operations", "net_profit", "balance", "equity")

Totals = dict[str, Decimal | int]


def printed(sheet: Sheet) -> Totals:
    """The file's own totals. As MT4 prints them: gross loss positive, open swap in floating.

    Raises NotAStatement where the summary is missing: such a file was cut off.
    """
    texts = _by_order(sheet) | _by_label(sheet)
    if missing := [NAMES[key] for key in NEEDED if not texts.get(key)]:
        raise NotAStatement(
            f"The statement is cut off after row {sheet.rows}: {', '.join(missing)} of its summary "
            "is missing; expected the whole file as the terminal saved it."
        )
    totals: Totals = {key: _figure(key, text) for key, text in texts.items() if text}
    if "closed_trades" in totals:
        totals["closed_trades"] = int(totals["closed_trades"])
    return totals | _printed_sums(sheet)


def _figure(key: str, text: str) -> Decimal:
    try:
        return to_decimal(text)
    except ValueError as error:
        raise NotAStatement(f"Summary, {NAMES[key]}: {error}.") from error


def _printed_sums(sheet: Sheet) -> Totals:
    if not sheet.sums:
        return {}
    commission, tax, swap, profit = sheet.sums[0]
    totals: Totals = {"commission": commission, "swap": swap, "profit": profit}
    return totals | ({"fee": tax} if tax else {})


def _by_label(sheet: Sheet) -> dict[str, str]:
    named = (
        (LABELS.get(label.rstrip(":").strip().lower()), figure)
        for row in sheet.figures
        for label, figure in row
    )
    return {key: figure for key, figure in named if key}


def _by_order(sheet: Sheet) -> dict[str, str]:
    shape = [len(row) for row in sheet.figures]
    start = next((i for i in range(len(shape)) if shape[i : i + 3] == [2, 3, 3]), None)
    if start is None:
        return {}
    rows = sheet.figures[start:]
    order = SUMMARY_ORDER + (DETAILS_ORDER if shape[start + 3 : start + 7] == [3, 2, 3, 3] else ())
    return {
        key: figure
        for keys, row in zip(order, rows, strict=False)
        for key, (_, figure) in zip(keys, row, strict=True)
        if key
    }


def computed(sheet: Sheet, deals: list[DealLine], file_totals: Totals) -> Totals:
    """The same totals from the rows; the balance adds what was there before where that is known."""
    closed = [ticket for ticket in sheet.tickets if ticket.closed_at]
    totals = _of_closed(closed) | _of_money(sheet, deals)
    totals["open_positions"] = len(sheet.tickets) - len(closed)
    totals["floating"] = sum((t.net for t in sheet.tickets if not t.closed_at), ZERO)
    opening = _opening_balance(totals, file_totals)
    if opening >= 0:
        totals["opening_balance"] = opening
    booked = totals["balance_operations"] + totals["net_profit"]
    totals["balance"] = booked + max(opening, ZERO)
    totals["equity"] = totals["balance"] + totals["floating"] + file_totals.get("credit", ZERO)
    return totals


def _opening_balance(ours: Totals, file_totals: Totals) -> Decimal:
    """What was there before the first row; negative where the printed balance is not its end."""
    booked = ours["balance_operations"] + ours["net_profit"]
    return Decimal(file_totals["balance"] - booked)


def _of_closed(closed: list[Ticket]) -> Totals:
    nets = [ticket.net for ticket in closed]
    tax = sum((ticket.tax for ticket in closed), ZERO)
    return {
        "closed_trades": len(closed),
        "net_profit": sum(nets, ZERO),
        "gross_profit": sum((net for net in nets if net > 0), ZERO),
        "gross_loss": -sum((net for net in nets if net < 0), ZERO),
        "profit": sum((ticket.profit for ticket in closed), ZERO),
        "swap": sum((ticket.swap for ticket in closed), ZERO),
        "commission": sum((ticket.commission for ticket in closed), ZERO),
    } | ({"fee": tax} if tax else {})


def _of_money(sheet: Sheet, deals: list[DealLine]) -> Totals:
    amounts = {
        kind: sum((deal.profit for deal in deals if deal.kind == kind), ZERO)
        for kind in (base.DEPOSIT, base.WITHDRAWAL, base.CREDIT)
    }
    rows = (row.amount for row in sheet.money if row.word != base.CREDIT)
    return {
        "balance_operations": sum(rows, ZERO),
        "deposits": amounts[base.DEPOSIT],
        "withdrawals": amounts[base.WITHDRAWAL],
        "credit": amounts[base.CREDIT],
    }


def judge(statement: Statement, last_time: str) -> None:
    """Write down what the rows do not explain, and what was before the first of them."""
    ours, theirs = statement.our_totals, statement.file_totals
    if "fee" in ours or "fee" in theirs:
        ours.setdefault("fee", ZERO)
        theirs.setdefault("fee", ZERO)
    opening = ours.get("opening_balance")
    is_early_end = opening is None and _begins_with_cash(statement)
    statement.starts_at_beginning = opening == 0 or is_early_end
    statement.breaks += [
        difference(NAMES[key], theirs[key], ours[key])
        for key in NAMES
        if key in theirs and theirs[key] != ours[key] and _must_agree(key, statement)
    ]
    if opening is None:
        statement.breaks.append(_why_below_zero(statement, last_time))
    elif opening:
        statement.notes.append(_opening_note(opening, statement, last_time))


def _must_agree(key: str, statement: Statement) -> bool:
    """Credit from before an extract is in no row; a balance off its rows has its own sentence."""
    if key == "credit":
        return statement.starts_at_beginning
    return (
        key not in ("opening_balance", "balance", "equity")
        or "opening_balance" in statement.our_totals
    )


def _begins_with_cash(statement: Statement) -> bool:
    money = [deal for deal in statement.deals if deal.entry != base.IN]
    return bool(money) and money[0].kind != base.TRADE and money[0].profit > 0


def _why_below_zero(statement: Statement, last_time: str) -> str:
    theirs, ours = statement.file_totals["balance"], statement.our_totals["balance"]
    sentence = difference("Balance", theirs, ours)
    return (
        f"{sentence} No opening balance explains this, as it would be below zero: the report "
        f"probably ends ({last_time}) before it was printed ({statement.printed_at or 'unknown'})."
    )


def _opening_note(opening: Decimal | int, statement: Statement, last_time: str) -> str:
    if _begins_with_cash(statement) and statement.deals[0].entry != base.IN:
        # A later deposit may begin an extract as well as the first, so that this refutes nothing.
        return (
            f"The file begins with a deposit and none of its rows needs an earlier one, yet its printed "
            f"balance is {opening} more than its rows give. Either it is of a period that a later deposit "
            "began, or the balance was edited: compare it with the terminal before you book that sum as "
            "an opening balance."
        )
    return (
        f"The history does not begin with the account: {opening} was there before the first row, "
        "found as Balance - Deposit/Withdrawal - Closed P/L. That is right only if the report's "
        f"period reaches to its print: last row {last_time}, printed "
        f"{statement.printed_at or 'unknown'}."
    )

"""The confirmation that an MT5 server sends by e-mail every day or month, as HTML.

Its rows are those of the trade history report in another order of columns: here they are put into that
order and read alike, so that the same deal is known again in either. It prints no running balance; the
ledger balance before and after the rows proves them. Source of the layout: MetaTrader 5 Report API,
standard daily report.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path

from accounts.statements import mt5_totals
from accounts.statements.base import ZERO, AccountInfo, NotAStatement, Statement
from accounts.statements.cells import Cell, html_texts
from accounts.statements.mt5_positions import inferred_openings, margin_mode
from accounts.statements.mt5_rows import ENTRIES, ORDERS, PENDING, SIDES, WORKING, Sheet, scan
from accounts.statements.mt5_values import is_time
from accounts.statements.numbers import to_decimal
from accounts.statements.page_head import company_of, text_above
from accounts.statements.words import difference

FORMAT = "mt5_daily"
READS = frozenset({"html"})
NUMBER = re.compile(r"[^:]*:\s*([0-9]{1,20})")
CURRENCY = re.compile(r"[^:]*:\s*([A-Za-z]{2,10})")
DEAL_CELLS = (13, 14)  # the fourteenth is a cost, which is in the profit already
SHORTEST_ROW = 10
STATE = "placed"
LABELS = {
    "closed trade p/l": "net_profit",
    "fee": "fee",
    "total credit facility": "credit",
    "previous ledger balance": "opening_balance",
    "balance": "balance",
    "equity": "equity",
}
NEEDED = {
    "net_profit": "Closed Trade P/L",
    "opening_balance": "Previous Ledger Balance",
    "balance": "Balance",
}

Totals = dict[str, Decimal | int]


def recognise(head_rows: Iterable[list[Cell]]) -> bool:
    """Whether the first rows are those of a confirmation: its heading, and no trades of MT4 below."""
    rows = [[cell.text for cell in row if not cell.hidden] for row in head_rows]
    return any(map(_is_heading_line, rows)) and not any(map(_is_mt4_row, rows))


def read(path: Path) -> Statement:
    """Everything the file says. Raises NotAStatement if a row that changes money cannot be read."""
    sheet = scan(_rows(path))
    fatal = [refusal for refusal in sheet.refusals if refusal.section not in (ORDERS, WORKING)]
    if fatal:
        raise NotAStatement(fatal[0].reason)
    heading = next(texts for texts in sheet.heading if _is_heading_line(texts))
    statement = Statement(format=FORMAT, account=_account(heading, path, sheet))
    statement.printed_at = heading[-1]
    statement.orders, statement.refusals = sheet.orders, sheet.refusals
    statement.open_positions = sheet.open_positions
    statement.deals = inferred_openings(sheet, sheet.deals, statement.account.margin_mode)
    statement.deals += sheet.deals
    if sheet.deals:
        statement.period_from = sheet.deals[0].time_text
        statement.period_to = sheet.deals[-1].time_text
    _add_totals(statement, sheet)
    return statement


def _rows(path: Path) -> Iterator[list[str]]:
    """The rows as the trade history report has them; the names of columns are left out.

    Raises NotAStatement for a row of a shape that confirmations do not have.
    """
    for number, texts in enumerate(html_texts(path), 1):
        if _begins_like_one(texts):
            if not (row := _in_report_order(texts)):
                raise NotAStatement(
                    f"Row {number}: found {texts[2]!r} in {len(texts)} cells, expected a deal, an order "
                    "or a position as a confirmation has them."
                )
            yield row
        else:
            is_columns = len(texts) >= SHORTEST_ROW and not any(map(_has_digit, texts))
            yield [] if is_columns else texts


def _begins_like_one(texts: list[str]) -> bool:
    return len(texts) >= SHORTEST_ROW and is_time(texts[0]) and texts[1].isdigit()


def _in_report_order(texts: list[str]) -> list[str]:
    """The row in the report's order; empty for one that is no row of a confirmation."""
    time, number, word, size, item, *rest = texts
    is_trade = word.lower() in SIDES
    is_order = "/" in size or word.lower() in PENDING
    if len(texts) in DEAL_CELLS and (rest[3].lower() in ENTRIES if is_trade else not item):
        price, order, comment, entry, *_, commission, fee, swap, profit = rest
        first = [time, number, item, word, entry, size, price, order]
        return [*first, commission, fee, swap, profit, "", comment]
    if len(texts) == SHORTEST_ROW + 1 and (
        is_trade or is_order
    ):  # a position, an order that is done
        return [time, number, item, word, size, *rest]
    if len(texts) == SHORTEST_ROW and is_order:
        return [time, number, item, word, size, *rest[:-1], STATE, rest[-1]]
    return []


def _is_mt4_row(texts: list[str]) -> bool:
    """A ticket with the times of its opening and closing, as servers of MT4 send them."""
    return len(texts) > SHORTEST_ROW + 1 and any(map(is_time, texts[:2])) and is_time(texts[8])


def _is_heading_line(texts: list[str]) -> bool:
    """Account, name, currency and the end of the day."""
    return (
        3 <= len(texts) <= 6
        and is_time(texts[-1])
        and any(NUMBER.fullmatch(text) for text in texts)
        and any(CURRENCY.fullmatch(text) for text in texts[1:])
    )


def _account(heading: list[str], path: Path, sheet: Sheet) -> AccountInfo:
    numbers = (found[1] for text in heading if (found := NUMBER.fullmatch(text)))
    currencies = [found[1] for text in heading if (found := CURRENCY.fullmatch(text))]
    return AccountInfo(
        number=next(numbers),
        currency=currencies[-1],
        name=heading[1].partition(":")[2].strip(),
        broker=company_of(text_above(path)),
        margin_mode=margin_mode("", sheet),
    )


def _add_totals(statement: Statement, sheet: Sheet) -> None:
    theirs = _printed(sheet)
    fee = Decimal(theirs.pop("fee", ZERO))
    opening = Decimal(theirs.pop("opening_balance"))
    ours = mt5_totals.computed(sheet, theirs)
    if ours["net_profit"] != theirs["net_profit"]:  # older templates leave the fees out of it
        theirs["net_profit"] += fee
    change = ours["balance"] - ours["opening_balance"]
    rest = ours["equity"] - ours["balance"]
    balance = opening + change
    ours |= {"opening_balance": opening, "balance": balance, "equity": balance + rest}
    statement.our_totals, statement.file_totals = ours, theirs
    statement.starts_at_beginning = not opening
    statement.breaks = [
        difference(name, theirs[key], ours[key])
        for key, name in mt5_totals.NAMES.items()
        if key in theirs and theirs[key] != ours[key]
    ]


def _printed(sheet: Sheet) -> Totals:
    found: Totals = {}
    for texts in (*sheet.heading, *sheet.figures):
        for label, figure in zip(texts, texts[1:], strict=False):
            key = LABELS.get(label.rstrip(":").strip().lower())
            if key and _has_digit(figure):
                found[key] = _figure(label, figure)
    if missing := [name for key, name in NEEDED.items() if key not in found]:
        raise NotAStatement(
            f"The confirmation is cut off after row {sheet.rows}: {', '.join(missing)} of its summary is "
            "missing; expected the whole file as the broker sent it."
        )
    return found


def _figure(label: str, text: str) -> Decimal:
    try:
        return to_decimal(text)
    except ValueError as error:
        raise NotAStatement(f"Summary, {label} {error}.") from error


def _has_digit(text: str) -> bool:
    return any(letter.isdigit() for letter in text)

"""MetaTrader 4: Statement.htm and DetailedStatement.htm, in any language and code page.

One table: a heading, closed trades, open trades, working orders, a summary, in the detailed kind
statistics. Money of a trade reaches the balance when it closes, so each closed ticket is a closing
deal with all its costs, and the opening deal of its position carries none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from accounts.statements import base, mt4_chains, mt4_totals
from accounts.statements.base import AccountInfo, DealLine, NotAStatement, Statement
from accounts.statements.cells import Cell
from accounts.statements.mt4_rows import (
    CLOSED,
    LONGEST_TRADE,
    MONEY_CELLS,
    MONEY_WORDS,
    PENDING,
    SHORTEST_ORDER,
    SHORTEST_TRADE,
    SIDES,
    TIME,
    MoneyRow,
    Sheet,
    Ticket,
    scan,
    starts_with_ticket,
)
from accounts.statements.mt4_sheet import page_rows
from accounts.statements.page_head import account_of, company_of, text_above
from accounts.statements.words import operation_kind

FORMAT = "mt4"
READS = frozenset({"html", "xlsx", "csv"})
HEADINGS = frozenset({"ticket", "type", "item", "s/l", "t/p", "commission", "swap", "profit"})
TESTER_WORDS = SIDES | {"close", "modify", "delete", "s/l", "t/p", "close at stop", "expire"}
PRINTED = re.compile(r"\d{4} \S{1,20} \d{1,2},? \d{1,2}:\d\d(?::\d\d)?")
COLON = re.compile("[:\uff1a]")  # Chinese and Japanese letters have one of their own
HEADINGS_NEEDED = 6


def recognise(head_rows: Iterable[list[Cell]]) -> bool:
    """Whether the first rows are those of an MT4 statement."""
    rows = [_visible(row) for row in head_rows]
    # A table of the same columns out of a spreadsheet is a statement only below the page's first line.
    is_page = any(cell.colspan > 1 for cells in rows for cell in cells)
    if not is_page:
        return any(_is_first_line([cell for cell in cells if cell.text]) for cells in rows)
    return any(_is_data(cells) or _is_columns(cells) or _is_first_line(cells) for cells in rows)


def refusal_reason(head_rows: Iterable[list[Cell]]) -> str | None:
    """Why another report of MT4 is not the statement of an account; None for everything else."""
    rows = [_visible(row) for row in head_rows]
    if any(_is_tester_row(cells) for cells in rows):
        return (
            "This is a report of the MT4 strategy tester, whose trades never happened; "
            "expected a statement of an account (Statement.htm)."
        )
    if _is_managers(rows):
        return (
            "This is a manager's report over several logins (Closed Trades or Raw Report); "
            "expected the statement of one account (Statement.htm)."
        )
    return None


def read(path: Path) -> Statement:
    """Everything the file says. Raises NotAStatement if it is cut off or a figure is impossible."""
    sheet = scan(page_rows(path))
    sheet.tickets = mt4_chains.with_hedged_volumes(sheet.tickets)
    _refuse_doubles(sheet)
    statement = Statement(format=FORMAT, account=_account(sheet, text_above(path)))
    statement.printed_at = next((text for text in sheet.heading if PRINTED.fullmatch(text)), "")
    statement.orders = sheet.orders
    statement.refusals = sheet.refusals
    _add_deals(statement, sheet)
    statement.file_totals = mt4_totals.printed(sheet)
    statement.our_totals = mt4_totals.computed(sheet, statement.deals, statement.file_totals)
    mt4_totals.judge(statement, statement.period_to or "none")
    return statement


def _refuse_doubles(sheet: Sheet) -> None:
    rows: dict[str, int] = {}
    for number, row in [(line.number, line.row) for line in (*sheet.tickets, *sheet.money)]:
        if (first := rows.setdefault(number, row)) != row:
            raise NotAStatement(
                f"Row {row}: ticket {number} stands in row {first} already; "
                "expected each ticket once."
            )


def _add_deals(statement: Statement, sheet: Sheet) -> None:
    trades = [ticket for ticket in sheet.tickets if not ticket.is_archived]
    groups = mt4_chains.chains(trades)
    deals = [deal for chain in groups for deal in mt4_chains.deals_of(chain)]
    deals += [_archived(t) for t in sheet.tickets if t.is_archived and t.closed_at]
    deals += [_operation(row) for row in sheet.money]
    statement.deals = _in_order(deals)
    statement.open_positions = [
        mt4_chains.open_line(chain, ticket)
        for chain in groups
        for ticket in chain.tickets
        if not ticket.closed_at
    ]
    times = [deal.time_text for deal in statement.deals if deal.entry != base.IN]
    statement.period_from, statement.period_to = (times[0], times[-1]) if times else ("", "")


def _in_order(deals: list[DealLine]) -> list[DealLine]:
    """By time, whatever the terminal's sort; at one moment money, then openings, then closings."""
    ranks = {"": 0, base.IN: 1}
    deals = sorted(deals, key=lambda deal: (deal.time_text, ranks.get(deal.entry, 2)))
    if deals and deals[0].kind == base.CORRECTION and deals[0].profit > 0:
        # OANDA books the first money of a demo account as "ADJUSTMENT".
        deals[0] = deals[0]._replace(kind=base.DEPOSIT)
    return deals


def _archived(ticket: Ticket) -> DealLine:
    return DealLine(
        row=ticket.row,
        section=CLOSED,
        kind=base.ARCHIVE,
        time_text=ticket.closed_at,
        broker_deal_id=ticket.number,
        profit=ticket.profit,
        swap=ticket.swap,
        commission=ticket.commission,
        tax=ticket.tax,
        comment=ticket.comment,
    )


def _operation(row: MoneyRow) -> DealLine:
    is_credit = row.word == base.CREDIT
    return DealLine(
        row=row.row,
        section=CLOSED,
        kind=base.CREDIT if is_credit else operation_kind(row.comment, row.amount),
        time_text=row.time,
        broker_deal_id=row.number,
        profit=row.amount,
        comment=row.comment,
    )


def _account(sheet: Sheet, head: str) -> AccountInfo:
    """Number, currency and leverage by what the values look like, as labels are translated."""
    rest = [text for text in sheet.heading if not PRINTED.fullmatch(text)]
    values = [_value(text) for text in rest]
    number = next((v for v in values if re.fullmatch(r"\d{3,19}", v)), "")
    leverage = next((v for v in values if re.fullmatch(r"1:\d{1,5}", v)), "")
    return AccountInfo(
        number=number or account_of(head),
        currency=_currency(values),
        name=values[1] if len(values) > 1 else "",
        broker=company_of(head),
        leverage=int(leverage[2:]) if leverage else None,
        margin_mode="hedging",
    )


def _value(text: str) -> str:
    """What stands behind the label and its colon; a leverage has one of its own."""
    leverage = re.search(r"1:\d{1,5}$", text)
    return leverage[0] if leverage else "".join(COLON.split(text, maxsplit=1)[1:]).strip()


def _currency(values: list[str]) -> str:
    """A code such as USD, USDT or mBTC; it stands behind the name, which may look like one."""
    codes = [v for v in values if re.fullmatch(r"[A-Za-z]{0,2}[A-Z]{3}[A-Za-z]?", v)]
    return codes[-1] if codes else ""


def _visible(row: list[Cell]) -> list[Cell]:
    return [cell for cell in row if not cell.hidden]


def _texts(cells: list[Cell]) -> list[str]:
    return [" ".join(cell.text.lower().split()) for cell in cells]


def _is_data(cells: list[Cell]) -> bool:
    if not starts_with_ticket(cells) or len(cells) > LONGEST_TRADE:
        return False
    word = _texts(cells)[2]
    if PENDING.fullmatch(word):
        return len(cells) >= SHORTEST_ORDER
    return (word in SIDES and len(cells) >= SHORTEST_TRADE) or (
        word in MONEY_WORDS and len(cells) == MONEY_CELLS
    )


def _is_columns(cells: list[Cell]) -> bool:
    """The English column headings."""
    named = HEADINGS.intersection(text.replace(" ", "") for text in _texts(cells))
    return "ticket" in named and len(named) >= HEADINGS_NEEDED and len(cells) <= LONGEST_TRADE


def _is_first_line(cells: list[Cell]) -> bool:
    """Account, name, currency, leverage and time of print, in any language."""
    return (
        3 <= len(cells) <= 6
        and bool(PRINTED.fullmatch(cells[-1].text.strip()))
        and sum(bool(COLON.search(cell.text)) for cell in cells[:-1]) >= 2
    )


def _is_tester_row(cells: list[Cell]) -> bool:
    """Number, time, word, order number, size, price ...: numbered from 1, unlike tickets."""
    texts = _texts(cells)
    return (
        9 <= len(texts) <= 10
        and bool(re.fullmatch(r"\d{1,7}", texts[0]))
        and bool(TIME.fullmatch(texts[1]))
        and (texts[2] in TESTER_WORDS or bool(PENDING.fullmatch(texts[2])))
        and bool(re.fullmatch(r"\d{1,7}", texts[3]))
    )


def _is_managers(rows: list[list[Cell]]) -> bool:
    """Trades in more columns than an account's statement has, after each ticket a login."""
    wide = [_texts(cells) for cells in rows if len(cells) > LONGEST_TRADE]
    if any(texts[0] in ("ticket", "deal", "order") and texts[1] == "login" for texts in wide):
        return True
    trades = [texts for texts in wide if sum(bool(TIME.fullmatch(text)) for text in texts) > 1]
    logins = {texts[1] for texts in trades if not SIDES.isdisjoint(texts)}
    return len(logins) > 1 and all(re.fullmatch(r"[0-9]{3,12}", login) for login in logins)

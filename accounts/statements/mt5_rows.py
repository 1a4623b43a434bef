"""The rows of an MT5 trade history report, told apart by shape and by the untranslated type words.

Headings are translated, the words `buy`, `balance`, `in`, `out`, `filled` and the like never are, and
every section gives its rows a shape of their own. A heading only says how many columns there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from sys import intern
from typing import NamedTuple

from accounts.statements import base
from accounts.statements import mt5_values as read
from accounts.statements.base import ZERO, DealLine, OpenPositionLine, OrderLine, Refusal
from accounts.statements.mt5_values import BadRow, is_time
from accounts.statements.words import operation_kind

SIDES = frozenset({base.BUY, base.SELL})
PENDING = frozenset(
    f"{side} {kind}" for side in (base.BUY, base.SELL) for kind in ("limit", "stop", "stop limit")
)
ENTRIES = {
    "in": base.IN,
    "out": base.OUT,
    "in/out": base.IN_OUT,
    "inout": base.IN_OUT,
    "out by": base.OUT_BY,
    "out_by": base.OUT_BY,
}
# The first word found in a row's type says what the row is.
MONEY_KINDS = (
    ("compensation credit", base.CREDIT),
    ("credit", base.CREDIT),
    ("compensation", base.COMPENSATION),
    ("commission", base.COMMISSION),
    ("agent", base.COMMISSION),
    ("interest", base.INTEREST),
    ("dividend", base.DIVIDEND),
    ("tax", base.TAX),
    ("bonus", base.BONUS),
    ("charge", base.FEE),
    ("correction", base.CORRECTION),
    ("canceled", base.CORRECTION),
)
BALANCE = "balance"
TYPE_WORDS = SIDES | PENDING | {BALANCE, base.CREDIT}
SHORTEST_ROW = 10
SHORTEST_OPEN = 11
LONGEST_FIGURES = 6
UNKNOWN = "unknown"
DEALS, POSITIONS, ORDERS, OPEN, WORKING = "deals", "positions", "orders", "open", "working"
# Where commission, fee, swap, profit, balance and comment stand, by the number of columns:
# builds of 2016 have no fee; the fifteenth is a cost column that is normally hidden.
DEAL_COLUMNS = {
    13: (8, None, 9, 10, 11, 12),
    14: (8, 9, 10, 11, 12, 13),
    15: (9, 10, 11, 12, 13, 14),
}


class ClosedPosition(NamedTuple):
    """A row of the Positions section: one closed position with all its costs."""

    row: int
    position_id: str
    symbol: str
    side: str
    volume: Decimal
    opened_at: str
    open_price: Decimal
    closed_at: str
    close_price: Decimal
    commission: Decimal
    swap: Decimal
    profit: Decimal


@dataclass(slots=True)
class Sheet:
    """The rows of one report by what they are. figures: other rows, as their non-empty texts."""

    heading: list[list[str]] = field(default_factory=list)
    deals: list[DealLine] = field(default_factory=list)
    positions: list[ClosedPosition] = field(default_factory=list)
    orders: list[OrderLine] = field(default_factory=list)
    open_positions: list[OpenPositionLine] = field(default_factory=list)
    figures: list[list[str]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    unknown_types: dict[str, int] = field(default_factory=dict)
    rows: int = 0


def scan(rows: Iterable[list[str]]) -> Sheet:
    """Sort every row into the sheet; what cannot be read becomes a refusal with its reason."""
    sheet = Sheet()
    columns: list[int] = []
    has_gaps = started = False
    for number, row in enumerate(rows, 1):
        sheet.rows = number
        cells = [row[i] if i < len(row) else "" for i in columns] if has_gaps else row
        if len(cells) >= SHORTEST_ROW and is_data(cells):
            started = True
            _sort_in(sheet, number, cells, len(columns) or len(cells))
        elif is_heading(row):
            started, columns = True, [i for i, text in enumerate(row) if text]
            has_gaps = columns[-1] != len(columns) - 1
        elif texts := [text for text in row if text]:
            _sort_rest(sheet, number, texts, started)
    return sheet


def is_data(cells: list[str]) -> bool:
    """Whether the row is one of a section, even if its time is unreadable."""
    if is_time(cells[0]):
        return True
    return cells[1].isdigit() and sum(text != "" for text in cells) > LONGEST_FIGURES


def is_heading(cells: list[str]) -> bool:
    """Whether the row names the columns of a section, in whatever language."""
    texts = [text for text in cells if text]
    return len(texts) >= SHORTEST_ROW and not any(text[-1].isdigit() for text in texts)


def kind_of(cells: list[str]) -> str:
    """The section that a row of this shape belongs to."""
    word, after = cells[3].lower(), cells[4].lower()
    if word in SIDES and after in ENTRIES:
        return DEALS
    if "/" in after or word in PENDING:
        return ORDERS if is_time(cells[8]) else WORKING
    if word in SIDES:
        return POSITIONS if _second_time(cells) else OPEN
    return DEALS


def _sort_in(sheet: Sheet, number: int, cells: list[str], width: int) -> None:
    kind = kind_of(cells)
    try:
        if kind == DEALS:
            sheet.deals.append(_deal(sheet, number, cells, width))
        elif kind == POSITIONS:
            sheet.positions.append(_position(number, cells))
        elif kind == OPEN:
            sheet.open_positions.append(_open_position(number, cells))
        else:
            sheet.orders.append(_order(number, cells, kind))
    except BadRow as error:
        text = " | ".join(cells)[:300]
        sheet.refusals.append(Refusal(number, kind, f"Row {number}: {error}.", text))


def _sort_rest(sheet: Sheet, number: int, texts: list[str], started: bool) -> None:
    if started and (len(texts) > LONGEST_FIGURES or _is_torn(texts)):
        reason = f"Row {number}: found a row of unknown shape, expected whole rows of cells."
        sheet.refusals.append(Refusal(number, UNKNOWN, reason, " | ".join(texts)[:300]))
    else:
        (sheet.figures if started else sheet.heading).append(texts)


def _is_torn(texts: list[str]) -> bool:
    """Whether this is what is left of a row of a section: its time or its type word."""
    return len(texts) > 2 and (is_time(texts[0]) or not TYPE_WORDS.isdisjoint(texts))


def _deal(sheet: Sheet, number: int, cells: list[str], width: int) -> DealLine:
    if width not in DEAL_COLUMNS or len(cells) < width:
        raise BadRow(f"found a deal in {width} columns, expected 13, 14 or 15")
    at_commission, at_fee, at_swap, at_profit, at_balance, at_comment = DEAL_COLUMNS[width]
    word = cells[3].lower()
    is_trade = word in SIDES
    profit = read.money("profit", cells[at_profit])
    comment = cells[at_comment]
    balance = cells[at_balance]
    return DealLine(
        row=number,
        section=DEALS,
        kind=base.TRADE if is_trade else _money_kind(sheet, word, comment, profit),
        time_text=read.moment(cells[0]),
        broker_deal_id=read.identity("deal", cells[1]),
        symbol=intern(cells[2]),
        side=intern(word) if is_trade else "",
        entry=ENTRIES[cells[4].lower()] if is_trade else "",
        volume=read.volume(cells[5]) if is_trade else None,
        price=read.number("price", cells[6]) if is_trade else None,
        profit=profit,
        swap=read.money("swap", cells[at_swap]),
        commission=read.money("commission", cells[at_commission]),
        fee=read.money("fee", cells[at_fee]) if at_fee else ZERO,
        order_id=read.identity("order", cells[7]) if cells[7] else "",
        comment=comment,
        balance_after=read.number("balance", balance) if balance else None,
    )


def _money_kind(sheet: Sheet, word: str, comment: str, amount: Decimal) -> str:
    if word == BALANCE:
        return operation_kind(comment, amount)
    for part, kind in MONEY_KINDS:
        if part in word:
            return kind
    sheet.unknown_types[word] = sheet.unknown_types.get(word, 0) + 1
    return base.CORRECTION


def _position(number: int, cells: list[str]) -> ClosedPosition:
    """The second time is the anchor: a comment that some program unhid may stand before it."""
    at = _second_time(cells)
    figures = [text for text in cells[at + 2 :] if text]
    if len(figures) not in (3, 4):
        raise BadRow(f"found {len(figures)} figures, expected commission, swap and profit")
    return ClosedPosition(
        row=number,
        position_id=read.identity("position", cells[1]),
        symbol=intern(cells[2]),
        side=intern(cells[3].lower()),
        volume=read.volume(cells[at - 4]),
        opened_at=read.moment(cells[0]),
        open_price=read.number("price", cells[at - 3]),
        closed_at=read.moment(cells[at]),
        close_price=read.number("price", cells[at + 1]),
        commission=sum((read.number("commission", text) for text in figures[:-2]), ZERO),
        swap=read.number("swap", figures[-2]),
        profit=read.number("profit", figures[-1]),
    )


def _open_position(number: int, cells: list[str]) -> OpenPositionLine:
    if len(cells) < SHORTEST_OPEN:
        raise BadRow(f"found an open position in {len(cells)} columns, expected {SHORTEST_OPEN}")
    return OpenPositionLine(
        row=number,
        section=OPEN,
        position_ref=read.identity("position", cells[1]),
        symbol=intern(cells[2]),
        side=intern(cells[3].lower()),
        volume=read.volume(cells[4]),
        open_price=read.number("price", cells[5]),
        time_text=read.moment(cells[0]),
        stop_loss=read.level("stop loss", cells[6]),
        take_profit=read.level("take profit", cells[7]),
        market_price=read.level("market price", cells[8]),
        swap=read.money("swap", cells[9]),
        profit=read.money("profit", cells[10]),
        comment=cells[11] if len(cells) > 11 else "",
    )


def _order(number: int, cells: list[str], kind: str) -> OrderLine:
    side, _, order_type = cells[3].lower().partition(" ")
    initial, _, filled = cells[4].partition("/")
    return OrderLine(
        row=number,
        section=kind,
        order_id=read.identity("order", cells[1]),
        symbol=intern(cells[2]),
        type=intern(order_type) if side in SIDES and order_type else "market",
        side=intern(side) if side in SIDES else "",
        volume=read.number("volume", initial),
        filled=read.number("filled volume", filled) if filled.strip() else ZERO,
        state=intern(cells[9].lower()),
        time_text=read.moment(cells[0]),
        done_time_text=read.moment(cells[8]) if kind == ORDERS else "",
        price=None if cells[5].isalpha() else read.level("price", cells[5]),
        stop_loss=read.level("stop loss", cells[6]),
        take_profit=read.level("take profit", cells[7]),
        comment=cells[10] if len(cells) > 10 else "",
    )


def _second_time(cells: list[str]) -> int:
    """Where the close time of a closed position stands; 0 for an open one."""
    if is_time(cells[8]):
        return 8
    return next((i for i in range(9, len(cells)) if is_time(cells[i])), 0)

"""The rows of an MT4 statement, told apart by their cells, as labels are edited and translated.

A row of an order or of money starts with a ticket number, a time and one of the platform's type
words, which are never translated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from accounts.statements.base import BUY, SELL, ZERO, NotAStatement, OrderLine, Refusal
from accounts.statements.cells import Cell
from accounts.statements.numbers import to_decimal, to_id

TICKET = re.compile(r"[0-9]{1,19}|[0-9][.,]?[0-9]*[eE]\+?[0-9]+")
TIME = re.compile(
    r"[12][0-9]{3}([.\-/])[01][0-9]\1[0-3][0-9] [0-2][0-9]:[0-5][0-9](?::[0-5][0-9])?"
)
PENDING = re.compile(r"(buy|sell) (limit|stop)(?: limit)?")
MONEY_WORDS = frozenset({"balance", "credit"})
SIDES = frozenset({BUY, SELL})
TRADE_CELLS = range(12, 15)  # old builds print no taxes, some templates no commission
SHORTEST_TRADE, LONGEST_TRADE = 12, 14
SHORTEST_ORDER = 11
MONEY_CELLS = 5
LONGEST_FIGURES = 7
CLOSE_TIME = 8
MONEY_COLUMNS = 10

CLOSED, OPEN, WORKING, SUMMARY = "closed", "open", "working", "summary"


@dataclass(frozen=True, slots=True)
class Ticket:
    """One ticket of a holding; closed_at is empty while it is open, price is then the market's."""

    row: int
    number: str
    side: str
    opened_at: str
    volume: Decimal
    symbol: str
    open_price: Decimal
    stop_loss: Decimal | None
    take_profit: Decimal | None
    closed_at: str
    price: Decimal
    commission: Decimal
    tax: Decimal
    swap: Decimal
    profit: Decimal
    comment: str = ""

    @property
    def net(self) -> Decimal:
        """What the ticket changed the balance by, or would if it closed at `price`."""
        return self.profit + self.swap + self.commission + self.tax

    @property
    def is_archived(self) -> bool:
        """A broker's pseudo trade: a sum of older trades, without prices or without a volume."""
        return (self.open_price == 0 and self.price == 0) or self.volume == 0


@dataclass(frozen=True, slots=True)
class MoneyRow:
    """A row of type balance or credit; amount positive when it enters the account."""

    row: int
    number: str
    word: str
    time: str
    comment: str
    amount: Decimal


@dataclass(slots=True)
class Sheet:
    """The rows of one file by what they are, in the file's order.

    sums: bare totals (commission, taxes, swap, profit), of closed trades first, then of open ones.
    figures: rows of label and text by turns, as the closing lines and the summary print them.
    """

    heading: list[str] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)
    orders: list[OrderLine] = field(default_factory=list)
    money: list[MoneyRow] = field(default_factory=list)
    sums: list[tuple[Decimal, Decimal, Decimal, Decimal]] = field(default_factory=list)
    figures: list[list[tuple[str, str]]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    rows: int = 0
    has_columns: bool = False


def scan(rows: Iterable[list[Cell]]) -> Sheet:
    """Sort every row into the sheet. Raises NotAStatement for a figure that cannot be one."""
    sheet = Sheet()
    for number, row in enumerate(rows, 1):
        sheet.rows = number
        cells = [cell for cell in row if not cell.hidden]
        if cells:
            _sort_in(sheet, number, _with_ticket_first(cells))
    return sheet


def starts_with_ticket(cells: list[Cell]) -> bool:
    """Whether the row begins as orders and money do: ticket number, time, type word."""
    return (
        len(cells) >= 4
        and bool(TICKET.fullmatch(cells[0].text.strip()))
        and bool(TIME.fullmatch(cells[1].text.strip()))
        and not TIME.fullmatch(cells[2].text.strip())
    )


def _with_ticket_first(cells: list[Cell]) -> list[Cell]:
    """The cells as the terminal orders them; a server's confirmation puts the time first."""
    is_turned = (
        len(cells) >= MONEY_CELLS
        and bool(TIME.fullmatch(cells[0].text.strip()))
        and bool(TICKET.fullmatch(cells[1].text.strip()))
    )
    return [cells[1], cells[0], *cells[2:]] if is_turned else cells


def _sort_in(sheet: Sheet, number: int, cells: list[Cell]) -> None:
    if starts_with_ticket(cells):
        _sort_ticket(sheet, number, cells)
    elif len(cells) >= SHORTEST_TRADE:
        sheet.has_columns = True
    elif _is_comment(cells):
        _add_comment(sheet, number, cells[-1].text.strip())
    elif _is_sums(cells):
        sheet.sums.append(_money(number, cells[1:]))
    elif not sheet.has_columns and len(cells) > 1:
        sheet.heading.extend(cell.text.strip() for cell in cells)
    elif len(cells) <= LONGEST_FIGURES and (pairs := _pairs(cells)):
        sheet.figures.append(pairs)


def _sort_ticket(sheet: Sheet, number: int, cells: list[Cell]) -> None:
    word = " ".join(cells[2].text.lower().split())
    if word in SIDES and len(cells) in TRADE_CELLS:
        sheet.tickets.append(_ticket(number, word, cells))
    elif PENDING.fullmatch(word) and len(cells) >= SHORTEST_ORDER:
        sheet.orders.append(_order(number, word, cells))
    elif len(cells) == MONEY_CELLS:
        sheet.money.append(_money_row(number, word, cells))
    else:
        sheet.refusals.append(_unknown(number, word, cells))


def _unknown(number: int, word: str, cells: list[Cell]) -> Refusal:
    return Refusal(
        row=number,
        section=CLOSED,
        reason=(
            f"Type '{word}' in {len(cells)} cells is no row of an MT4 statement; expected buy, "
            "sell, a pending order of these, balance or credit."
        ),
        text=" | ".join(cell.text.strip() for cell in cells)[:300],
    )


def _ticket(number: int, side: str, cells: list[Cell]) -> Ticket:
    texts = [cell.text.strip() for cell in cells]
    commission, tax, swap, profit = _money(number, cells[MONEY_COLUMNS:])
    return Ticket(
        row=number,
        number=_id(number, texts[0]),
        side=side,
        opened_at=texts[1],
        volume=_not_negative(number, "volume", texts[3]),
        symbol=texts[4],
        open_price=_not_negative(number, "open price", texts[5]),
        stop_loss=_level(number, "stop loss", texts[6]),
        take_profit=_level(number, "take profit", texts[7]),
        closed_at=_time_or_none(number, texts[CLOSE_TIME]),
        price=_not_negative(number, "price", texts[9]),
        commission=commission,
        tax=tax,
        swap=swap,
        profit=profit,
        comment=(cells[0].title or "").strip(),
    )


def _order(number: int, word: str, cells: list[Cell]) -> OrderLine:
    texts = [cell.text.strip() for cell in cells]
    side, _, kind = word.partition(" ")
    done_at = _time_or_none(number, texts[CLOSE_TIME])
    return OrderLine(
        row=number,
        section=CLOSED if done_at else WORKING,
        order_id=_id(number, texts[0]),
        symbol=texts[4],
        type=kind,
        side=side,
        volume=_not_negative(number, "volume", texts[3]),
        filled=ZERO,
        state=_state(texts[-1]) if done_at else "placed",
        time_text=texts[1],
        done_time_text=done_at,
        price=_not_negative(number, "price", texts[5]),
        stop_loss=_level(number, "stop loss", texts[6]),
        take_profit=_level(number, "take profit", texts[7]),
        comment=(cells[0].title or texts[-1]).strip(),
    )


def _state(text: str) -> str:
    return "expired" if "expir" in text.lower() else "canceled"


def _money_row(number: int, word: str, cells: list[Cell]) -> MoneyRow:
    return MoneyRow(
        row=number,
        number=_id(number, cells[0].text),
        word=word,
        time=cells[1].text.strip(),
        comment=cells[3].text.strip() or (cells[0].title or "").strip(),
        amount=read_number(number, "amount", cells[4].text),
    )


def _is_comment(cells: list[Cell]) -> bool:
    """Below an order of a detailed statement: a wide blank, the magic number, the comment."""
    middle = cells[1:-1]
    return (
        len(cells) in (2, 3)
        and _is_wide_blank(cells[0])
        and cells[-1].colspan > 1
        and all(cell.colspan == 1 for cell in middle)
    )


def _add_comment(sheet: Sheet, number: int, comment: str) -> None:
    last = sheet.tickets[-1] if sheet.tickets else None
    if last and comment and last.row == number - 1 and not last.comment:
        sheet.tickets[-1] = replace(last, comment=comment)


def _is_wide_blank(cell: Cell) -> bool:
    return cell.colspan >= 8 and not cell.text.strip()


def _is_sums(cells: list[Cell]) -> bool:
    figures = cells[1:]
    return (
        len(figures) in (2, 3, 4)
        and all(cell.colspan == 1 for cell in figures)
        and _is_wide_blank(cells[0])
        and all(to_decimal_or_none(cell.text) is not None for cell in figures)
    )


def _pairs(cells: list[Cell]) -> list[tuple[str, str]]:
    """Label and figure by turns; a leading wide blank is layout."""
    texts = [cell.text.strip() for cell in (cells[1:] if _is_wide_blank(cells[0]) else cells)]
    if "" in texts[1:-1]:  # a gap between two columns of the summary
        texts = [text for text in texts if text]
    return [
        (label, figure) for label, figure in zip(texts[0::2], texts[1::2], strict=False) if label
    ]


def _money(number: int, cells: list[Cell]) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Commission, taxes, swap, profit; three columns lack the taxes, two the commission too."""
    figures = [read_number(number, "amount", cell.text or "0") for cell in cells]
    if len(figures) == 4:
        return figures[0], figures[1], figures[2], figures[3]
    commission = figures[0] if len(figures) == 3 else ZERO
    return commission, ZERO, figures[-2], figures[-1]


def to_decimal_or_none(text: str) -> Decimal | None:
    """The number a cell shows, None where it shows none."""
    try:
        return to_decimal(text)
    except ValueError:
        return None


def read_number(number: int, what: str, text: str) -> Decimal:
    """The figure of a cell; NotAStatement names the row and what was found."""
    try:
        return to_decimal(text)
    except ValueError as error:
        raise NotAStatement(f"Row {number}, {what}: {error}.") from error


def _id(number: int, text: str) -> str:
    try:
        return to_id(text)
    except ValueError as error:
        raise NotAStatement(f"Row {number}, ticket: {error}.") from error


def _not_negative(number: int, what: str, text: str) -> Decimal:
    value = read_number(number, what, text)
    if value < 0:
        raise NotAStatement(f"Row {number}: the {what} is {value}, expected none below zero.")
    return value


def _level(number: int, what: str, text: str) -> Decimal | None:
    """A stop or target price; the platform prints 0 for none."""
    return (_not_negative(number, what, text) or None) if text else None


def _time_or_none(number: int, text: str) -> str:
    if text and not TIME.fullmatch(text):
        raise NotAStatement(
            f"Row {number}: the close time is '{text[:40]}', expected YYYY.MM.DD HH:MM:SS."
        )
    return text

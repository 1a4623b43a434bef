"""Rows of a table become deals as a mapping says; a row that cannot is refused, with its reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from accounts.statements import base
from accounts.statements.base import BUY, SELL, DealLine, OpenPositionLine, Refusal
from accounts.statements.columns import (
    CASH_ROWS,
    EXECUTIONS,
    IGNORE,
    OUT_POSITIVE,
    ROUND_TRIPS,
    Mapping,
)
from accounts.statements.headings import plain
from accounts.statements.mapped_row import (
    Row,
    fingerprint,
    money_of,
    short_id,
    side_by_sign,
    symbol_of,
    volume_of,
)
from accounts.statements.mapped_trips import Trip, named, read_trip
from accounts.statements.numbers import shown
from accounts.statements.table_heads import is_heading_row
from accounts.statements.table_rows import TableRow
from accounts.statements.words import (
    is_outgoing,
    known_kind,
    operation_kind,
    opposite,
    side_of,
)

CASH_TRADE = re.compile(
    r"(open|close) (buy|sell) ([0-9]+(?:\.[0-9]+)?)(?:/[0-9.]+)? @ ([0-9]+(?:\.[0-9]+)?)",
    re.IGNORECASE,
)
ORDER = re.compile(r"(?:^|[ _])order|limit|stop|cancel|reject|expire", re.IGNORECASE)
POSITION = re.compile(r"position #?(\d+)", re.IGNORECASE)
ENTRIES = {
    "in": base.IN,
    "open": base.IN,
    "entry": base.IN,
    "out": base.OUT,
    "close": base.OUT,
    "exit": base.OUT,
    "in/out": base.IN_OUT,
    "inout": base.IN_OUT,
    "out by": base.OUT_BY,
    "out_by": base.OUT_BY,
}
MONEY_TARGETS = ("amount", "profit", "net", "swap", "commission", "fee", "tax")
MONEY_KINDS = frozenset(
    (
        *(base.DEPOSIT, base.WITHDRAWAL, base.CREDIT, base.BONUS, base.TRANSFER, base.INTEREST),
        *(base.SWAP, base.COMMISSION, base.FEE, base.DIVIDEND, base.TAX),
        *(base.CORRECTION, base.COMPENSATION, base.ARCHIVE),
    )
)


@dataclass(slots=True)
class Lines:
    """What the rows of one table say.

    left_out: rows without time, symbol and amount, and rows to be ignored. accounts: each account
    that the rows name, with the first row that does. currencies: how many rows are in each.
    ended_at: the row with which another table begins, 0 without one.
    """

    deals: list[DealLine] = field(default_factory=list)
    trips: list[Trip] = field(default_factory=list)
    open_positions: list[OpenPositionLine] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    left_out: list[int] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    accounts: dict[str, int] = field(default_factory=dict)
    currencies: Counter[str] = field(default_factory=Counter)
    ended_at: int = 0


def read_rows(rows: Iterable[TableRow], mapping: Mapping, section: str = "") -> Lines:
    """The lines of the rows below the mapping's heading, in the order of the file."""
    lines = Lines()
    places = {column.target: mapping.indexes(column.target) for column in mapping.columns}
    for source in rows:
        if source.sheet != mapping.sheet or source.number <= mapping.header_row + 1:
            continue
        if mapping.headings and is_heading_row(source):
            if tuple(source.texts)[: len(mapping.headings)] != mapping.headings:
                lines.ended_at = source.number
                break
        elif not source.is_blank:
            _read_row(lines, Row(mapping, places, source, section or mapping.layout))
    _add_trips(lines)
    _make_unique(lines)
    return lines


def _read_row(lines: Lines, row: Row) -> None:
    meaning = _meaning(row)
    if meaning == IGNORE or _is_blank(row) or _is_order(row):
        lines.left_out.append(row.number)
        return
    for account in row.parts("account"):
        lines.accounts.setdefault(account, row.number)
    try:
        if meaning in (BUY, SELL, base.TRADE, "") and row.mapping.layout != CASH_ROWS:
            _read_trade(lines, row, "" if meaning == base.TRADE else meaning)
        else:
            lines.deals.append(_cash_row(row, meaning))
    except ValueError as error:
        text = " | ".join(row.source.texts)[:300]
        lines.refusals.append(Refusal(row.number, row.section, f"Row {row.number}: {error}.", text))
        return
    if row.currency:
        lines.currencies[row.currency] += 1


def _is_blank(row: Row) -> bool:
    """A row of totals or remarks: a single cell, or no time of its own."""
    if sum(bool(text) for text in row.source.texts) < 2:
        return True
    times = ("time", "open_time", "close_time", "buy_time", "sell_time")
    return not any(row.text(target) for target in times)


def _is_order(row: Row) -> bool:
    """An order beside the fills of a table: it has no price and moves no money."""
    if row.mapping.layout != EXECUTIONS or not ORDER.search(row.text("type")):
        return False
    return not any(row.text(target) for target in ("price", "balance", *MONEY_TARGETS))


def _meaning(row: Row) -> str:
    """buy, sell, ignore, a kind of money row, or '' where no column says it."""
    word = " ".join((row.text("side") or row.text("type")).lower().split())
    if not word:
        return ""
    return dict(row.mapping.words).get(word) or side_of(word) or known_kind(word) or word


def _read_trade(lines: Lines, row: Row, side: str) -> None:
    if side not in (BUY, SELL, ""):
        raise ValueError(f"found type {shown(side)}, expected one that the mapping knows")
    if row.mapping.layout == ROUND_TRIPS:
        lines.trips.append(read_trip(row, side))
    else:
        lines.deals.append(_execution(row, side))


def _execution(row: Row, side: str) -> DealLine:
    return DealLine(
        row=row.number,
        section=row.section,
        kind=base.TRADE,
        time_text=row.time("time"),
        broker_deal_id=short_id(row.identity("deal_id")),
        symbol=symbol_of(row),
        side=side_by_sign(row, side),
        entry=ENTRIES.get(row.text("entry").lower(), ""),
        volume=volume_of(row),
        price=row.needed("price"),
        position_ref=row.identity("position_id"),
        order_id=row.identity("order_id"),
        comment=row.text("comment"),
        balance_after=row.optional("balance"),
        currency=row.currency,
        **money_of(row),
    )


def _cash_row(row: Row, meaning: str) -> DealLine:
    """Money without a holding, or a purchase or sale whose comment says what was traded."""
    comment = row.text("comment")
    money = _cash_of(row)
    if row.mapping.withdrawals == OUT_POSITIVE and _says_out(row, meaning):
        money["profit"] = -money["profit"]
    times = ("time", "close_time", "open_time", "sell_time", "buy_time")
    time = row.time(next(target for target in times if row.text(target)))
    deal = DealLine(
        row=row.number,
        section=row.section,
        kind=base.TRADE,
        time_text=time,
        broker_deal_id=short_id(row.identity("deal_id") or row.identity("order_id")),
        symbol=row.text("symbol"),
        comment=comment or row.text("type"),
        balance_after=row.optional("balance"),
        currency=row.currency,
        **money,
    )
    if traded := CASH_TRADE.fullmatch(comment):
        return _cash_trade(deal, traded)
    kind = _kind(row, meaning, deal.amount)
    named_position = POSITION.search(comment)
    return deal._replace(kind=kind, position_ref=named_position[1] if named_position else "")


def _cash_of(row: Row) -> dict[str, Decimal]:
    """The money of a cash row: its amount beside its costs, or its costs where the amount is their sum."""
    if not any(row.text(target) for target in MONEY_TARGETS):
        raise ValueError("the row has no amount, expected one as it is money")
    money = money_of(row)
    if not row.text("amount"):
        return money
    amount, booked = row.amount("amount"), sum(money.values(), base.ZERO)
    if booked and booked == amount:
        return money
    costs = booked - money["profit"] if "net" in plain(row.heading("amount")).split() else base.ZERO
    return money | {"profit": amount - costs}


def _cash_trade(deal: DealLine, traded: re.Match[str]) -> DealLine:
    side = traded[2].lower()
    is_opening = traded[1].lower() == "open"
    volume = Decimal(traded[3])
    if not volume or not deal.symbol:
        raise ValueError(f"found {shown(traded[0])}, expected a volume and a symbol")
    return deal._replace(
        side=side if is_opening else opposite(side),
        entry=base.IN if is_opening else base.OUT,
        volume=volume,
        price=Decimal(traded[4]),
    )


def _kind(row: Row, meaning: str, amount: Decimal) -> str:
    """The kind of a money row; a sign that contradicts the word is refused, never turned."""
    word = row.text("side") or row.text("type")
    if meaning and meaning not in MONEY_KINDS:
        raise ValueError(f"found type {shown(word)}, expected one that the mapping knows")
    kind = meaning or operation_kind(row.text("comment"), amount)
    if kind not in (base.DEPOSIT, base.WITHDRAWAL):
        return kind
    if _says_out(row, meaning) and amount > 0:
        is_turned = row.mapping.withdrawals == OUT_POSITIVE
        found, expected = (-amount, "positive") if is_turned else (amount, "negative")
        raise ValueError(
            f"found {found} as {shown(word)}, expected a {expected} amount for money that leaves"
        )
    return base.WITHDRAWAL if amount < 0 else base.DEPOSIT


def _says_out(row: Row, meaning: str) -> bool:
    """Whether the row's word says that money leaves the account."""
    word = row.text("side") or row.text("type")
    return meaning == base.WITHDRAWAL or (meaning == base.DEPOSIT and is_outgoing(word))


def _make_unique(lines: Lines) -> None:
    """Leave out rows that repeat another whole; tell apart different rows that share an id."""
    uses = Counter(deal.broker_deal_id for deal in lines.deals if deal.broker_deal_id)
    seen: dict[str, set[str]] = {}
    kept = []
    for deal in lines.deals:
        if uses[deal.broker_deal_id] < 2:
            kept.append(deal)
            continue
        content = fingerprint(deal._replace(row=0))
        known = seen.setdefault(deal.broker_deal_id, set())
        if content in known:
            lines.repeated.append(deal.row)
            continue
        name = f"{deal.broker_deal_id}@{content}" if known else deal.broker_deal_id
        known.add(content)
        kept.append(deal._replace(broker_deal_id=name))
    lines.deals = kept


def _add_trips(lines: Lines) -> None:
    for trip in named(lines.trips):
        lines.deals.extend(deal for deal in (trip.opening, trip.closing) if deal)
        if trip.held:
            lines.open_positions.append(trip.held)

"""Rows of a table become deals as a mapping says; a row that cannot is refused by itself, with its reason."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from accounts.statements import base
from accounts.statements.base import BUY, SELL, ZERO, DealLine, OpenPositionLine, Refusal
from accounts.statements.columns import CASH_ROWS, COST_POSITIVE, IGNORE, NET, ROUND_TRIPS, Mapping
from accounts.statements.numbers import shown
from accounts.statements.table_rows import TableRow
from accounts.statements.table_values import ONLY_CLOCK, in_utc, read_number, read_time
from accounts.statements.words import is_outgoing, known_kind, operation_kind, opposite, side_of

CASH_TRADE = re.compile(
    r"(open|close) (buy|sell) ([0-9]+(?:\.[0-9]+)?)(?:/[0-9.]+)? @ ([0-9]+(?:\.[0-9]+)?)",
    re.IGNORECASE,
)
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
LONGEST_ID = 36
MONEY_KINDS = frozenset(
    (
        *(base.DEPOSIT, base.WITHDRAWAL, base.CREDIT, base.BONUS, base.TRANSFER, base.INTEREST),
        *(base.SWAP, base.COMMISSION, base.FEE, base.DIVIDEND, base.TAX),
        *(base.CORRECTION, base.COMPENSATION, base.ARCHIVE),
    )
)


@dataclass(frozen=True, slots=True)
class Trip:
    """One round trip: its two deals, and the id that the table gives it."""

    ticket: str
    opening: DealLine
    closing: DealLine


@dataclass(slots=True)
class Lines:
    """What the rows of one table say. left_out: rows without time, symbol and amount, and rows to be ignored."""

    deals: list[DealLine] = field(default_factory=list)
    trips: list[Trip] = field(default_factory=list)
    open_positions: list[OpenPositionLine] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    left_out: list[int] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    accounts: Counter[str] = field(default_factory=Counter)
    currencies: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Row:
    """One row through the eyes of a mapping. Every reading raises ValueError with the target it concerns."""

    mapping: Mapping
    source: TableRow
    section: str

    @property
    def number(self) -> int:
        return self.source.number

    def text(self, target: str) -> str:
        return " ".join(self.parts(target))

    def parts(self, target: str) -> list[str]:
        cells = self.source.cells
        indexes = (index for index in self.mapping.indexes(target) if index < len(cells))
        return [text for index in indexes if (text := cells[index].text.strip())]

    def amount(self, target: str) -> Decimal:
        """The sum of the target's columns; 0 where they are empty."""
        return sum((self._number(target, text) for text in self.parts(target)), ZERO)

    def optional(self, target: str) -> Decimal | None:
        parts = self.parts(target)
        return self._number(target, parts[0]) if parts else None

    def needed(self, target: str) -> Decimal:
        value = self.optional(target)
        if value is None:
            raise ValueError(f"the {named(target)} is empty, expected a number")
        return value

    def cost(self, target: str) -> Decimal:
        """A commission or fee, negative when it is paid."""
        amount = self.amount(target)
        return -amount if self.mapping.costs == COST_POSITIVE else amount

    def time(self, target: str) -> str:
        """The moment in the file's zone, in UTC where the value states its offset."""
        parts = self.parts(target)
        if len(parts) == 2 and ONLY_CLOCK.fullmatch(parts[0]):
            parts.reverse()
        try:
            text, offset = read_time(" ".join(parts), self.mapping.date_order)
        except ValueError as error:
            raise ValueError(f"{named(target)}: {error}") from error
        if offset is not None and self.mapping.time_zone != "UTC":
            raise ValueError(
                f"{named(target)}: found an offset from UTC, expected times without one as in other rows"
            )
        return in_utc(text, offset)

    def _number(self, target: str, text: str) -> Decimal:
        index = next(iter(self.mapping.indexes(target)), 0)
        kind = self.source.cells[index].kind if index < len(self.source.cells) else ""
        try:
            return read_number(text, "." if kind == "number" else self.mapping.decimal)
        except ValueError as error:
            raise ValueError(f"{named(target)}: {error}") from error


def named(target: str) -> str:
    """A target in words."""
    return target.replace("_", " ")


def read_rows(rows: Iterable[TableRow], mapping: Mapping, section: str = "") -> Lines:
    """The lines of the rows below the mapping's heading, in the order of the file."""
    lines = Lines()
    for source in rows:
        if (
            source.sheet == mapping.sheet
            and source.number > mapping.header_row + 1
            and not source.is_blank
        ):
            _read_row(lines, Row(mapping, source, section or mapping.layout))
    _add_trips(lines)
    _make_unique(lines)
    return lines


def _read_row(lines: Lines, row: Row) -> None:
    meaning = _meaning(row)
    if meaning == IGNORE or _is_blank(row):
        lines.left_out.append(row.number)
        return
    try:
        if meaning in (BUY, SELL, "") and row.mapping.layout != CASH_ROWS:
            _read_trade(lines, row, meaning)
        else:
            lines.deals.append(_cash_row(row, meaning))
    except ValueError as error:
        text = " | ".join(row.source.texts)[:300]
        lines.refusals.append(Refusal(row.number, row.section, f"Row {row.number}: {error}.", text))
        return
    lines.accounts.update(row.parts("account"))
    lines.currencies.update(row.parts("currency"))


def _is_blank(row: Row) -> bool:
    """A row of totals or remarks: no time of its own."""
    times = ("time", "open_time", "close_time", "buy_time", "sell_time")
    return not any(row.text(target) for target in times)


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
        _read_trip(lines, row, side)
    else:
        lines.deals.append(_execution(row, side))


def _money(row: Row) -> dict[str, Decimal]:
    """Profit without costs, and each cost with its sign."""
    costs = {
        "swap": row.amount("swap"),
        "commission": row.cost("commission"),
        "fee": row.cost("fee"),
        "tax": row.amount("tax"),
    }
    is_net = row.mapping.profit_is == NET or not row.mapping.has("profit")
    result = row.amount("profit") if row.mapping.has("profit") else row.amount("net")
    has_result = row.mapping.has("profit") or row.mapping.has("net")
    profit = result - sum(costs.values()) if is_net and has_result else result
    return {"profit": profit} | costs


def _volume(row: Row) -> Decimal:
    volume = abs(row.needed("volume"))
    if not volume:
        raise ValueError("the volume is 0, expected a traded one")
    return volume


def _symbol(row: Row) -> str:
    symbol = row.text("symbol")
    if not symbol:
        raise ValueError("the symbol is empty, expected what was traded")
    return symbol


def _by_sign(row: Row, side: str) -> str:
    """The side, which a table without a column for it shows by the sign of the volume."""
    if side:
        return side
    return SELL if row.needed("volume") < 0 else BUY


def _execution(row: Row, side: str) -> DealLine:
    return DealLine(
        row=row.number,
        section=row.section,
        kind=base.TRADE,
        time_text=row.time("time"),
        broker_deal_id=_short(row.text("deal_id")),
        symbol=_symbol(row),
        side=_by_sign(row, side),
        entry=ENTRIES.get(row.text("entry").lower(), ""),
        volume=_volume(row),
        price=row.needed("price"),
        position_ref=row.text("position_id"),
        order_id=row.text("order_id"),
        comment=row.text("comment"),
        balance_after=row.optional("balance"),
        currency=row.text("currency"),
        **_money(row),
    )


def _read_trip(lines: Lines, row: Row, side: str) -> None:
    legs = (
        _crossed_legs(row) if row.mapping.has("buy_price", "sell_price") else _plain_legs(row, side)
    )
    opened, closed, opened_price, closed_price, side = legs
    ticket = _short(
        row.text("deal_id") or row.text("position_id") or row.text("order_id") or _fill_ids(row)
    )
    position = row.text("position_id") or ticket
    opening = DealLine(
        row=row.number,
        section=row.section,
        kind=base.TRADE,
        time_text=opened,
        symbol=_symbol(row),
        side=side,
        entry=base.IN,
        volume=_volume(row),
        price=opened_price,
        position_ref=position,
        comment=row.text("comment"),
        currency=row.text("currency"),
    )
    if not closed:
        lines.open_positions.append(_still_open(row, opening, ticket))
        lines.trips.append(Trip(ticket, opening, opening))
        return
    closing = replace(
        opening,
        time_text=closed,
        side=opposite(side),
        entry=base.OUT,
        price=closed_price,
        balance_after=row.optional("balance"),
        **_money(row),
    )
    lines.trips.append(Trip(ticket, opening, closing))


def _plain_legs(row: Row, side: str) -> tuple[str, str, Decimal, Decimal | None, str]:
    opened = row.time("open_time")
    closed = row.time("close_time") if row.text("close_time") else ""
    price = row.needed("close_price") if closed else row.optional("close_price")
    return opened, closed, row.needed("open_price"), price, _by_sign(row, side)


def _crossed_legs(row: Row) -> tuple[str, str, Decimal, Decimal, str]:
    """Columns for the purchase and the sale: sold before bought is a short position."""
    bought = (row.time("buy_time"), row.text("buy_id").zfill(20), row.needed("buy_price"))
    sold = (row.time("sell_time"), row.text("sell_id").zfill(20), row.needed("sell_price"))
    if bought[:2] <= sold[:2]:
        return bought[0], sold[0], bought[2], sold[2], BUY
    return sold[0], bought[0], sold[2], bought[2], SELL


def _fill_ids(row: Row) -> str:
    ids = [text for text in (row.text("buy_id"), row.text("sell_id")) if text]
    return "-".join(ids)


def _still_open(row: Row, opening: DealLine, ticket: str) -> OpenPositionLine:
    money = _money(row)
    return OpenPositionLine(
        row=row.number,
        section=row.section,
        position_ref=opening.position_ref or ticket,
        symbol=opening.symbol,
        side=opening.side,
        volume=opening.volume or ZERO,
        open_price=opening.price or ZERO,
        time_text=opening.time_text,
        market_price=row.optional("close_price"),
        profit=money["profit"],
        swap=money["swap"],
        commission=money["commission"] + money["fee"],
        tax=money["tax"],
        comment=opening.comment,
    )


def _cash_row(row: Row, meaning: str) -> DealLine:
    """Money without a holding, or a purchase or sale whose comment says what was traded."""
    comment = row.text("comment")
    money = _money(row) | ({"profit": row.amount("amount")} if row.text("amount") else {})
    time = row.time(
        next(target for target in ("time", "close_time", "open_time") if row.text(target))
    )
    deal = DealLine(
        row=row.number,
        section=row.section,
        kind=base.TRADE,
        time_text=time,
        broker_deal_id=_short(row.text("deal_id") or row.text("order_id")),
        symbol=row.text("symbol"),
        comment=comment or row.text("type"),
        balance_after=row.optional("balance"),
        currency=row.text("currency"),
        **money,
    )
    if traded := CASH_TRADE.fullmatch(comment):
        return _cash_trade(deal, traded)
    kind = _kind(row, meaning, deal.amount)
    named_position = POSITION.search(comment)
    return replace(deal, kind=kind, position_ref=named_position[1] if named_position else "")


def _cash_trade(deal: DealLine, traded: re.Match[str]) -> DealLine:
    side = traded[2].lower()
    is_opening = traded[1].lower() == "open"
    volume = Decimal(traded[3])
    if not volume or not deal.symbol:
        raise ValueError(f"found {shown(traded[0])}, expected a volume and a symbol")
    return replace(
        deal,
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
    if is_outgoing(word) and amount > 0:
        raise ValueError(
            f"found {amount} as {shown(word)}, expected a negative amount for money that leaves"
        )
    return base.WITHDRAWAL if amount < 0 else base.DEPOSIT


def _short(text: str) -> str:
    """An id that fits with what is added to it; a longer one by its fingerprint."""
    return text if len(text) <= LONGEST_ID else _fingerprint(text)


def _fingerprint(*parts: object) -> str:
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:16]


def _add_trips(lines: Lines) -> None:
    """Name the deals of the round trips so that a later export of the same rows names them alike."""
    seen: Counter[str] = Counter()
    for trip in sorted(lines.trips, key=lambda trip: (trip.closing.time_text, trip.ticket)):
        key = trip.ticket or f"row-{_content(trip)}"
        seen[key] += 1
        again = f"@{_content(trip)}" if seen[key] > 1 and trip.ticket else ""
        ref = trip.opening.position_ref or (key if seen[key] == 1 else f"{key}-{seen[key]}")
        for deal, part in ((trip.opening, "open"), (trip.closing, "close")):
            name = f"{trip.ticket}:{part}{again}" if trip.ticket else ""
            if part == "open" or trip.closing is not trip.opening:
                lines.deals.append(replace(deal, broker_deal_id=name, position_ref=ref))


def _content(trip: Trip) -> str:
    first, last = trip.opening, trip.closing
    return _fingerprint(
        *(first.symbol, first.side, first.volume, first.time_text, first.price),
        *(last.time_text, last.price, last.profit),
    )


def _make_unique(lines: Lines) -> None:
    """A row that repeats another whole is left out; an id that stands for two different rows is told apart."""
    seen: dict[str, set[str]] = {}
    kept = []
    for deal in lines.deals:
        content = _fingerprint(replace(deal, row=0))
        known = seen.setdefault(deal.broker_deal_id, set()) if deal.broker_deal_id else set()
        if content in known:
            lines.repeated.append(deal.row)
            continue
        name = f"{deal.broker_deal_id}@{content}" if known else deal.broker_deal_id
        known.add(content)
        kept.append(replace(deal, broker_deal_id=name))
    lines.deals = kept

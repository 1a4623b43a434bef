"""Rows that hold a whole round trip become an opening and a closing deal, named alike in every export."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from accounts.statements import base
from accounts.statements.base import BUY, SELL, ZERO, DealLine, OpenPositionLine
from accounts.statements.mapped_row import (
    Row,
    fingerprint,
    money_of,
    short_id,
    side_by_sign,
    symbol_of,
    volume_of,
)
from accounts.statements.words import opposite


@dataclass(frozen=True, slots=True)
class Trip:
    """One round trip and the id that the table gives it; without a closing deal it is still open."""

    ticket: str
    opening: DealLine
    closing: DealLine | None = None
    held: OpenPositionLine | None = None

    @property
    def content(self) -> str:
        """A fingerprint of what was traded."""
        first, last = self.opening, self.closing or self.opening
        return fingerprint(
            *(first.symbol, first.side, first.volume, first.time_text, first.price),
            *(last.time_text, last.price, last.profit),
        )


def read_trip(row: Row, side: str) -> Trip:
    """The round trip of one row. Raises ValueError with what cannot be read."""
    is_crossed = row.has("buy_price", "sell_price")
    opened, closed, opened_price, closed_price, side = (
        _crossed_legs(row) if is_crossed else _plain_legs(row, side)
    )
    ticket = _ticket(row)
    opening = DealLine(
        row=row.number,
        section=row.section,
        kind=base.TRADE,
        time_text=opened,
        symbol=symbol_of(row),
        side=side,
        entry=base.IN,
        volume=volume_of(row),
        price=opened_price,
        position_ref=row.identity("position_id") or ticket,
        comment=row.text("comment"),
        currency=row.currency,
        inferred=not (is_crossed or row.has("open_time")),
    )
    if not closed:
        return Trip(ticket, opening, held=_still_open(row, opening))
    closing = opening._replace(
        time_text=closed,
        side=opposite(side),
        entry=base.OUT,
        price=closed_price,
        balance_after=row.optional("balance"),
        inferred=False,
        **money_of(row),
    )
    return Trip(ticket, opening, closing)


def named(trips: Iterable[Trip]) -> list[Trip]:
    """The trips with the ids and references of their deals, as a later export of the same rows names them."""
    seen: Counter[str] = Counter()
    found = []
    for trip in sorted(
        trips, key=lambda trip: ((trip.closing or trip.opening).time_text, trip.ticket)
    ):
        key = trip.ticket or f"row-{trip.content}"
        seen[key] += 1
        again = f"@{trip.content}" if seen[key] > 1 else ""
        ref = trip.opening.position_ref or (f"{key}-{seen[key]}" if again else key)
        found.append(_with_names(trip, ref, again))
    return found


def _with_names(trip: Trip, ref: str, again: str) -> Trip:
    names = {
        part: f"{trip.ticket}:{part}{again}" if trip.ticket else "" for part in ("open", "close")
    }
    return replace(
        trip,
        opening=trip.opening._replace(broker_deal_id=names["open"], position_ref=ref),
        closing=trip.closing
        and trip.closing._replace(broker_deal_id=names["close"], position_ref=ref),
        held=trip.held and trip.held._replace(position_ref=ref),
    )


def _ticket(row: Row) -> str:
    fills = "-".join(text for text in (row.identity("buy_id"), row.identity("sell_id")) if text)
    return short_id(
        row.identity("deal_id") or row.identity("position_id") or row.identity("order_id") or fills
    )


def _plain_legs(row: Row, side: str) -> tuple[str, str, Decimal, Decimal | None, str]:
    closed = row.time("close_time") if row.text("close_time") else ""
    opened = row.time("open_time") if row.has("open_time") else closed
    price = row.needed("close_price") if closed else row.optional("close_price")
    return opened, closed, row.needed("open_price"), price, side_by_sign(row, side)


def _crossed_legs(row: Row) -> tuple[str, str, Decimal, Decimal, str]:
    """Columns for the purchase and the sale: sold before bought is a short position."""
    bought = (row.time("buy_time"), row.identity("buy_id").zfill(20), row.needed("buy_price"))
    sold = (row.time("sell_time"), row.identity("sell_id").zfill(20), row.needed("sell_price"))
    if bought[:2] <= sold[:2]:
        return bought[0], sold[0], bought[2], sold[2], BUY
    return sold[0], bought[0], sold[2], bought[2], SELL


def _still_open(row: Row, opening: DealLine) -> OpenPositionLine:
    money = money_of(row)
    return OpenPositionLine(
        row=row.number,
        section=row.section,
        position_ref=opening.position_ref,
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
        currency=opening.currency,
    )

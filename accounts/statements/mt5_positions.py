"""How an account holds positions, and the openings that its report proves but does not show."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal

from accounts.statements import base, mt5_totals
from accounts.statements.base import ZERO, DealLine
from accounts.statements.clock import server_time
from accounts.statements.mt5_matching import CLOSINGS, begins_at_zero
from accounts.statements.mt5_rows import OPEN, POSITIONS, ClosedPosition, Sheet
from accounts.statements.words import opposite
from tradershub.finance.decimals import quantise

HEDGING, NETTING = "hedging", "netting"
PRICE_UNKNOWN = "Price not in the file; that of the first row"
MOST_DIGITS = 9  # decimals of a price in the books


def margin_mode(stated: str, sheet: Sheet) -> str:
    """'hedging' or 'netting' as the file states or its rows prove it; empty where they do not."""
    if stated:
        return stated
    if any(deal.entry == base.IN_OUT for deal in sheet.deals):
        return NETTING
    is_whole = begins_at_zero(sheet.deals)
    if is_whole and _closes_several_at_once(sheet.deals):
        return NETTING
    symbols = [line.symbol for line in sheet.open_positions]
    if len(set(symbols)) < len(symbols):
        return HEDGING
    return HEDGING if any(_opposing_entries(sheet.deals, is_whole=is_whole)) else ""


def inferred_openings(sheet: Sheet, deals: list[DealLine], mode: str) -> list[DealLine]:
    """The openings that lie before the first row, at the prices that the report gives them.

    Of a position closed in part before it, what the rows close. They move no money: what they cost
    is in the opening balance.
    """
    if mode == NETTING:
        return list(_netted_openings(sheet))
    known = {deal.order_id for deal in sheet.deals if deal.entry in (base.IN, base.IN_OUT)}
    closed = defaultdict(lambda: ZERO)
    for deal in deals:
        if deal.entry in CLOSINGS and deal.position_ref:
            closed[deal.position_ref] += deal.volume or ZERO
    missing = [
        _opening_of(p)._replace(volume=closed.get(p.position_id, p.volume))
        for p in sheet.positions
        if p.position_id not in known
    ]
    missing += [
        _opening(
            row=line.row,
            section=OPEN,
            ref=line.position_ref,
            symbol=line.symbol,
            side=line.side,
            volume=line.volume + closed[line.position_ref],
            price=line.open_price,
            time=line.time_text,
        )
        for line in sheet.open_positions
        if line.position_ref not in known
    ]
    return sorted(missing, key=lambda deal: (deal.time_text, deal.row))


def _closes_several_at_once(deals: Iterable[DealLine]) -> bool:
    """Whether one deal closes more than any entry before it opened, as a hedging account's cannot.

    Entries by one order are the parts of one position.
    """
    opened: dict[tuple[str, str, str], Decimal] = defaultdict(lambda: ZERO)
    largest: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for deal in deals:
        volume = deal.volume or ZERO
        if deal.entry == base.IN:
            order = (deal.symbol, deal.side, deal.order_id)
            opened[order] += volume
            side = (deal.symbol, deal.side)
            largest[side] = max(largest[side], opened[order])
        elif deal.entry == base.OUT and volume > largest[deal.symbol, opposite(deal.side)]:
            return True
    return False


def _opposing_entries(deals: Iterable[DealLine], *, is_whole: bool) -> Iterator[bool]:
    """Whether an entry goes against what is held, which a netting account cannot do.

    is_whole: the history begins with the account. What an extract held before it is not known; there an
    entry counts only if the row of its symbol before it was one of the other side.
    """
    held: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for deal in deals:
        if deal.kind == base.TRADE:
            signed = _signed(deal)
            before = held[deal.symbol]
            yield deal.entry == base.IN and before * signed < 0
            held[deal.symbol] = before + signed if is_whole else signed * (deal.entry == base.IN)


def _signed(deal: DealLine) -> Decimal:
    volume = deal.volume or ZERO
    return volume if deal.side == base.BUY else -volume


def _netted_openings(sheet: Sheet) -> Iterator[DealLine]:
    """Per symbol, what must have been held before the first row for the deals to end where they do.

    A report lists the positions of the day it was printed; one whose rows end earlier proves nothing.
    """
    if begins_at_zero(sheet.deals) or _ends_early(sheet):
        return
    missing: dict[str, Decimal] = defaultdict(lambda: ZERO)
    rows: dict[str, list[DealLine]] = defaultdict(list)
    for line in sheet.open_positions:
        missing[line.symbol] += line.volume if line.side == base.BUY else -line.volume
    for deal in sheet.deals:
        if deal.kind == base.TRADE:
            missing[deal.symbol] -= _signed(deal)
            rows[deal.symbol].append(deal)
    shown = _earliest_positions(sheet)
    for symbol, volume in missing.items():
        if volume:
            side = base.BUY if volume > 0 else base.SELL
            held = _held_before(rows[symbol], shown.get(symbol), side, abs(volume))
            yield held._replace(side=side, volume=abs(volume), position_ref="", order_id="")


def _held_before(
    rows: list[DealLine], shown: DealLine | None, side: str, volume: Decimal
) -> DealLine:
    """The opening of what was held before the first of these rows, which are all of its symbol.

    shown: the earliest position of the symbol in the report; what was held is that one only if it was
    there before the rows. Else it was closed or reversed since, and nothing says its price.
    """
    if shown and (not rows or (shown.side == side and shown.time_text < rows[0].time_text)):
        if shown.section == OPEN:
            return shown._replace(price=_price_before(rows, shown, volume))
        return shown
    first = rows[0]
    opening = _opening(
        row=first.row,
        section=first.section,
        ref="",
        symbol=first.symbol,
        side=side,
        volume=volume,
        price=first.price or ZERO,
        time=_second_before(first.time_text),
    )
    return opening._replace(comment=PRICE_UNKNOWN)


def _price_before(rows: list[DealLine], shown: DealLine, volume: Decimal) -> Decimal | None:
    """The average price before these rows, which brought it to that of the open position.

    Only what adds to a holding moves its average; after the rows it is share * price before + added.
    """
    share, added, held = Decimal(1), ZERO, volume
    for deal in rows:
        lots = deal.volume or ZERO
        if deal.side == shown.side:
            share, added = (
                share * held / (held + lots),
                (added * held + (deal.price or ZERO) * lots) / (held + lots),
            )
        held += lots if deal.side == shown.side else -lots
        if held <= 0:  # the rows deny that it was one position all the while
            return shown.price
    if share == 1 or shown.price is None:
        return shown.price
    before = quantise((shown.price - added) / share, MOST_DIGITS)
    return before if before > 0 else shown.price


def _second_before(time_text: str) -> str:
    at = server_time(time_text)
    return f"{at - dt.timedelta(seconds=1):%Y.%m.%d %H:%M:%S}" if at else time_text


def _ends_early(sheet: Sheet) -> bool:
    """Whether the summary or an open position shows that rows follow the last one."""
    if not sheet.deals:
        return False
    last = sheet.deals[-1]
    if any(line.time_text > last.time_text for line in sheet.open_positions):
        return True
    printed = mt5_totals.printed(sheet)
    if "balance" not in printed or last.balance_after is None:
        return False
    without_credit = last.balance_after - printed.get("credit", ZERO)
    return printed["balance"] not in (last.balance_after, without_credit)


def _earliest_positions(sheet: Sheet) -> dict[str, DealLine]:
    """By symbol, the opening of the position that the report shows to be the oldest."""
    lines = [_opening_of(p) for p in sheet.positions]
    lines += [
        _opening(
            row=line.row,
            section=OPEN,
            ref=line.position_ref,
            symbol=line.symbol,
            side=line.side,
            volume=line.volume,
            price=line.open_price,
            time=line.time_text,
        )
        for line in sheet.open_positions
    ]
    return {line.symbol: line for line in sorted(lines, key=lambda d: d.time_text, reverse=True)}


def _opening_of(p: ClosedPosition) -> DealLine:
    return _opening(
        row=p.row,
        section=POSITIONS,
        ref=p.position_id,
        symbol=p.symbol,
        side=p.side,
        volume=p.volume,
        price=p.open_price,
        time=p.opened_at,
    )


def _opening(
    *,
    row: int,
    section: str,
    ref: str,
    symbol: str,
    side: str,
    volume: Decimal,
    price: Decimal,
    time: str,
) -> DealLine:
    return DealLine(
        row=row,
        section=section,
        kind=base.TRADE,
        time_text=time,
        symbol=symbol,
        side=side,
        entry=base.IN,
        volume=volume,
        price=price,
        position_ref=ref,
        order_id=ref,
        inferred=True,
    )

"""What follows from the deals of an account, compared with what is stored, and mended.

Symbol by symbol in one pass over the deals, as plain tuples: memory is bounded by the busiest symbol.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Q, QuerySet

from accounts import bulk, figures, kept, positions
from accounts.calendar import Calendar
from accounts.models import Account, DayFigures, Deal, Position
from accounts.progress import UNWATCHED, Progress
from tradershub.core.prepared import first, prepared

STEPS_BACK = 20
NO_SYMBOL = 0  # as a symbol's id, where rows are matched by it
Rows = list[tuple[Any, ...]]
# Nothing is derived from a deal that was reversed, nor from its reversal.
VALID = """
    AND reverses_id IS NULL
    AND NOT EXISTS (SELECT 1 FROM accounts_deal AS later WHERE later.reverses_id = accounts_deal.id)"""


class Span(NamedTuple):
    """From when on the positions, and from which day on the figures, of a symbol can have changed."""

    positions_from: dt.datetime
    days_from: dt.date
    days_from_moment: dt.datetime

    @property
    def deals_from(self) -> dt.datetime:
        return min(self.positions_from, self.days_from_moment)


class Group(NamedTuple):
    """One symbol's deals, and what is stored of it."""

    deals: Rows
    positions: Rows
    days: Rows


def bring_up(
    account: Account,
    *,
    symbols: Collection[int | None] | None,
    since: dt.datetime | None = None,
    check: bool = False,
    progress: Progress = UNWATCHED,
) -> list[str]:
    """Compare what follows from the deals with what is stored; one sentence a difference.

    symbols: None are all; a None among them names the rows without one. since: as in `booking.derive`.
    check: only say it, change nothing.
    """
    words: list[str] = []
    calendar = Calendar.of(account)
    for group, span in _groups(account, symbols, since, calendar):
        held = positions.compare(
            positions.position_rows(_fills(group.deals, span), mode=account.mode), group.positions
        )
        days = figures.compare(
            figures.day_rows(_of_days(group.deals, span), calendar=calendar), group.days
        )
        words += held.words + days.words
        if not check:
            positions.store(account, held)
            figures.store(account, days)
            if held.words or days.words:
                kept.forget(account)
        progress.advance(len(group.deals))
    return words


def _fills(deals: Rows, span: Span | None) -> Rows:
    if span is None:
        return deals
    return [deal for deal in deals if deal[figures.AT] >= span.positions_from]


def _of_days(deals: Rows, span: Span | None) -> Rows:
    if span is None:
        return deals
    return [deal for deal in deals if deal[figures.AT] >= span.days_from_moment]


def _groups(
    account: Account,
    symbols: Collection[int | None] | None,
    since: dt.datetime | None,
    calendar: Calendar,
) -> Iterator[tuple[Group, Span | None]]:
    """First the rows without a symbol, then a symbol at a time."""
    wanted = {None} if symbols is None else symbols
    for symbol in sorted(wanted, key=lambda symbol: symbol or NO_SYMBOL):
        span = _span(account, symbol, since, calendar) if since and symbols is not None else None
        clause = "symbol_id IS NULL" if symbol is None else f"symbol_id = {int(symbol)}"
        for group in _read(account, clause, span):
            yield group, span
    if symbols is None:
        for group in _read(account, "symbol_id IS NOT NULL", None):
            yield group, None


def _read(account: Account, symbol_clause: str, span: Span | None) -> Iterator[Group]:
    where, mine = f"account_id = %s AND {symbol_clause}", [account.pk]
    limits = [("", []), ("", []), ("", [])] if span is None else _limits(span)
    (later_deals, at), (later_held, opened), (later_days, day) = limits
    deals = bulk.select(
        Deal,
        figures.DEAL_COLUMNS,
        where=where + later_deals + VALID,
        params=mine + at,
        order="symbol_id, at",
        few=span is not None,
    )
    held = bulk.select(
        Position,
        ("id", *positions.COLUMNS),
        where=where + later_held,
        params=mine + opened,
        order="symbol_id",
        few=span is not None,
    )
    days = bulk.select(
        DayFigures,
        ("id", *figures.COLUMNS),
        where=where + later_days,
        params=mine + day,
        order="symbol_id",
        few=span is not None,
    )
    for rows in _side_by_side((deals, figures.SYMBOL), (held, 1), (days, 1)):
        yield Group(*rows)


def _limits(span: Span) -> list[tuple[str, list[Any]]]:
    """What narrows deals, positions and day figures down to the span."""
    moment, day = connection.ops.adapt_datetimefield_value, connection.ops.adapt_datefield_value
    return [
        (" AND at >= %s", [moment(span.deals_from)]),
        (" AND opened_at >= %s", [moment(span.positions_from)]),
        (" AND day >= %s", [day(span.days_from)]),
    ]


def _side_by_side(*streams: tuple[Iterator[tuple[Any, ...]], int]) -> Iterator[list[Rows]]:
    """The rows of each stream that share a symbol; each is sorted by it and says where it stands."""
    groups = [groupby(rows, key=itemgetter(column)) for rows, column in streams]
    heads = [next(group, None) for group in groups]
    while any(heads):
        first = min(head[0] or NO_SYMBOL for head in heads if head)
        mine = [head is not None and (head[0] or NO_SYMBOL) == first for head in heads]
        yield [list(h[1]) if h and m else [] for h, m in zip(heads, mine, strict=True)]
        heads = [
            next(group, None) if m else head
            for group, head, m in zip(groups, heads, mine, strict=True)
        ]


def position_then(
    account: Account, symbol: int, ref: str, at: dt.datetime
) -> positions.PositionRow | None:
    """The position (positions.COLUMNS) that the symbol's deals up to the moment make; None before its opening."""
    deals = bulk.select(
        Deal,
        figures.DEAL_COLUMNS,
        where=f"account_id = %s AND symbol_id = %s AND at <= %s {VALID}",
        params=[account.pk, symbol, connection.ops.adapt_datetimefield_value(at)],
    )
    made = positions.position_rows(deals, mode=account.mode)
    return next((row for row in made if row[1] == ref), None)


def _span(account: Account, symbol: int | None, since: dt.datetime, calendar: Calendar) -> Span:
    day = calendar.day_of(since)
    starts_at = calendar.bounds(day)[0]
    if symbol is None:
        return Span(since, day, starts_at)
    moment = since
    for _ in range(STEPS_BACK):
        earlier = first(_touched_before(account, symbol, moment))
        if earlier is None:
            return Span(moment, day, starts_at)
        moment = earlier
    return None


@prepared
def _touched_before(account: Account, symbol: int, moment: dt.datetime) -> QuerySet[Any]:
    """When the first position was opened that began before the moment and that later deals can concern.

    That is one still open then, and one that a later deal names. All others are over, and stay as they are.
    """
    before = Position.objects.filter(account=account, symbol=symbol, opened_at__lt=moment)
    later = Deal.objects.filter(account=account, symbol=symbol, at__gte=moment)
    concerned = (
        Q(closed_at__isnull=True)
        | Q(closed_at__gte=moment)
        | Q(ref__in=later.values("position_ref"))
        | Q(ref__in=later.values("key"))
    )
    opened = before.filter(concerned).order_by("opened_at")
    return opened.values_list("opened_at", flat=True)[:1]

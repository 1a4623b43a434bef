"""What a strategy holds: the open positions that its orders made, and how much of them is its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Case, F, Min, Q, QuerySet, Sum, When

from accounts.calendar import Calendar
from accounts.models import Account, Deal, Position
from accounts.valuation import state_of
from tradershub.core.fields import LotsField
from tradershub.finance.decimals import ZERO
from tradershub.finance.sides import Side
from trading.models import Order


class Holding(NamedTuple):
    """lots: of the position that are the strategy's, positive."""

    position: Position
    side: Side
    lots: Decimal

    @property
    def signed(self) -> Decimal:
        """Long positive."""
        return self.lots if self.side == "buy" else -self.lots


def held_by(strategy: str, account: Account, symbols: Collection[int]) -> list[Holding]:
    """The strategy's open holdings in those symbols, oldest first; empty where it holds nothing."""
    rows = Position.objects.filter(account=account, symbol__in=symbols, open_volume__gt=0)
    positions = list(rows.select_related("symbol").order_by("opened_at", "id"))
    if account.mode == Account.Mode.NETTING:
        found = (_share(strategy, position) for position in positions)
    else:
        mine = _made_by(strategy, account, positions)
        found = (
            Holding(p, p.side, p.open_volume) for p in positions if (p.symbol_id, p.ref) in mine
        )
    return [holding for holding in found if holding.lots > ZERO]


def strategies_of(position: Position) -> list[str]:
    """The keys of the strategies whose orders opened the position or added to it."""
    deals = Deal.objects.filter(
        account=position.account_id,
        symbol=position.symbol_id,
        kind=Deal.Kind.TRADE,
        side=position.side,
        at__gte=position.opened_at,
    )
    if position.account.mode == Account.Mode.HEDGING:
        deals = deals.filter(position_ref=position.ref)
    numbers = deals.exclude(broker_order_id="").values("broker_order_id")
    ours = Q(client_order_id__in=deals.values("client_order_id"))
    orders = Order.objects.filter(
        ours | Q(broker_order_id__in=numbers), account=position.account_id
    )
    keys = orders.exclude(strategy="").order_by("strategy").values_list("strategy", flat=True)
    return list(keys.distinct())


def _made_by(
    strategy: str, account: Account, positions: list[Position]
) -> set[tuple[int | None, str]]:
    """Symbol and ref of the positions that an order of the strategy opened."""
    deals = Deal.objects.filter(
        account=account, kind=Deal.Kind.TRADE, position_ref__in=[p.ref for p in positions]
    )
    opened = deals.filter(entry=Deal.Entry.IN).exclude(client_order_id="")
    named = list(opened.values_list("symbol_id", "position_ref", "client_order_id"))
    ids = {client_order_id for _, _, client_order_id in named}
    ours = set(
        Order.objects.filter(strategy=strategy, client_order_id__in=ids).values_list(
            "client_order_id", flat=True
        )
    )
    return {(symbol, ref) for symbol, ref, client_order_id in named if client_order_id in ours}


def _share(strategy: str, position: Position) -> Holding:
    """Of a netted position: what the strategy's own fills since it opened sum up to, at most all of it.

    Those of before are over, whoever closed them: a stop at the broker and a person leave no order of the
    strategy.
    """
    orders = Order.objects.filter(
        strategy=strategy, account=position.account_id, symbol=position.symbol_id
    )
    deals = Deal.objects.filter(
        _deals_of(orders),
        account=position.account_id,
        symbol=position.symbol_id,
        kind=Deal.Kind.TRADE,
        at__gte=position.opened_at,
    )
    total = deals.aggregate(total=Sum(SIGNED, output_field=LotsField()))["total"] or ZERO
    own = total if position.side == "buy" else -total
    return Holding(position, position.side, min(max(own, ZERO), position.open_volume))


SIGNED = Case(When(side="buy", then=F("volume")), default=-F("volume"), output_field=LotsField())


def _deals_of(orders: QuerySet[Order]) -> Q:
    """The deals of these orders: by our id, or by the broker's number where it told them without."""
    named = orders.exclude(broker_order_id="").values("broker_order_id")
    ours = Q(client_order_id__in=orders.values("client_order_id"))
    return ours | Q(client_order_id="", broker_order_id__in=named)


def traded_by(account: Account, *, at: dt.datetime) -> list[str]:
    """The keys of the strategies that may hold something on the account, or traded on its trading day."""
    calendar = Calendar.of(account)
    held = Position.objects.filter(account=account, open_volume__gt=0)
    first = held.aggregate(first=Min("opened_at"))["first"] or at
    since = calendar.bounds(calendar.day_of(min(first, at)))[0]
    orders = Order.objects.filter(account=account, filled__gt=0).exclude(strategy="")
    orders = orders.filter(Q(done_at=None) | Q(done_at__gte=since))
    return list(orders.order_by("strategy").values_list("strategy", flat=True).distinct())


def result_of_day(strategy: str, account: Account, *, at: dt.datetime) -> Decimal | None:
    """The strategy's profit and loss of the account's trading day, in the account's currency.

    What its orders' deals booked, with what others closed of its positions (a stop at the broker, a person),
    and the whole floating result of what it still holds; None where that is not known.
    """
    calendar = Calendar.of(account)
    since = calendar.bounds(calendar.day_of(at))[0]
    trades = Deal.objects.filter(account=account, kind=Deal.Kind.TRADE)
    own = _deals_of(Order.objects.filter(account=account, strategy=strategy))
    by_others = ZERO
    if account.mode == Account.Mode.HEDGING:
        refs = trades.filter(own).exclude(position_ref="").values("position_ref")
        own |= Q(position_ref__in=refs)
    else:
        by_others = _closed_by_others(account, trades, own, since=since)
    booked = trades.filter(own, at__gte=since).aggregate(total=Sum("amount"))["total"] or ZERO
    floating = _floating(strategy, account, at=at)
    return None if floating is None else booked + by_others + floating


def _closed_by_others(
    account: Account, trades: QuerySet[Deal], own: Q, *, since: dt.datetime
) -> Decimal:
    """What deals of others booked since then on lots that the strategy held, on a netting account."""
    held = Position.objects.filter(account=account)
    held = held.filter(Q(closed_at__isnull=True) | Q(closed_at__gte=since)).order_by()
    spans = held.values_list("symbol").annotate(Min("opened_at"), lots=Sum(OPEN))
    marked = trades.filter(reverses=None, reversed_by=None).annotate(
        own=Case(When(own, then=True), default=False)
    )
    found = ZERO
    for symbol, begins, lots in spans:
        deals = marked.filter(symbol=symbol, at__gte=begins).order_by("at", "id")
        rows = list(deals.annotate(lots=SIGNED).values_list("at", "own", "lots", "amount"))
        found += _taken(rows, open_now=lots, since=since)
    return found


OPEN = Case(
    When(side="buy", then=F("open_volume")), default=-F("open_volume"), output_field=LotsField()
)


def _taken(
    rows: Collection[tuple[dt.datetime, bool, Decimal, Decimal]],
    *,
    open_now: Decimal,
    since: dt.datetime,
) -> Decimal:
    """Of deals of others (at, own, signed lots, amount; in order), the parts of the lots that were the strategy's.

    Others' own lots are closed first, as `_share` has it: the strategy holds what it bought, at most all.
    """
    whole, mine, found = open_now - sum((row[2] for row in rows), ZERO), ZERO, ZERO
    for at, is_own, lots, amount in rows:
        was, before = whole, mine
        whole += lots
        mine = _at_most(mine + lots if is_own else mine, whole)
        lost = abs(before) - abs(mine)
        if not is_own and lost > ZERO and at >= since:
            found += amount * lost / min(abs(lots), abs(was))
    return found


def _at_most(lots: Decimal, whole: Decimal) -> Decimal:
    """The lots where they are on the side of the whole, and no more than it; else none. Signed."""
    return max(min(lots, whole), ZERO) if whole > ZERO else min(max(lots, whole), ZERO)


def _floating(strategy: str, account: Account, *, at: dt.datetime) -> Decimal | None:
    valued = {found.position.pk: found for found in state_of(account, at=at).positions}
    symbols = {found.position.symbol_id for found in valued.values()}
    total = ZERO
    for holding in held_by(strategy, account, symbols):
        found = valued.get(holding.position.pk)
        if found is None or found.floating is None:
            return None
        total += (found.floating + found.swap) * holding.lots / holding.position.open_volume
    return total

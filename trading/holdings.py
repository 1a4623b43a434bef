"""What a strategy holds: the open positions that its orders made, and how much of them is its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Case, F, Q, Sum, When

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
    named = orders.exclude(broker_order_id="").values("broker_order_id")
    own_deals = Q(client_order_id__in=orders.values("client_order_id"))
    own_deals |= Q(client_order_id="", broker_order_id__in=named)
    deals = Deal.objects.filter(
        own_deals,
        account=position.account_id,
        symbol=position.symbol_id,
        kind=Deal.Kind.TRADE,
        at__gte=position.opened_at,
    )
    signed = Case(
        When(side="buy", then=F("volume")), default=-F("volume"), output_field=LotsField()
    )
    total = deals.aggregate(total=Sum(signed, output_field=LotsField()))["total"] or ZERO
    own = total if position.side == "buy" else -total
    return Holding(position, position.side, min(max(own, ZERO), position.open_volume))


def result_of_day(strategy: str, account: Account, *, at: dt.datetime) -> Decimal | None:
    """The strategy's profit and loss of the account's trading day, in the account's currency.

    What its orders' deals booked, with closings that the broker made of its positions, and the whole
    floating result of what it still holds; None where that is not known.
    """
    calendar = Calendar.of(account)
    since = calendar.bounds(calendar.day_of(at))[0]
    ids = Order.objects.filter(account=account, strategy=strategy).values("client_order_id")
    trades = Deal.objects.filter(account=account, kind=Deal.Kind.TRADE)
    own = Q(client_order_id__in=ids)
    if account.mode == Account.Mode.HEDGING:
        refs = trades.filter(own).exclude(position_ref="").values("position_ref")
        own |= Q(position_ref__in=refs)
    booked = trades.filter(own, at__gte=since).aggregate(total=Sum("amount"))["total"] or ZERO
    floating = _floating(strategy, account, at=at)
    return None if floating is None else booked + floating


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

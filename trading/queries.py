"""What pages and messages read of orders."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import Deal
from trading.models import Flattening, Lane, Order

LOOK_BACK = dt.timedelta(days=31)  # a deal may be older than our row of its order, after a restore
PATIENCE = dt.timedelta(seconds=30)  # an unknown outcome that lasts longer is told


def in_doubt(user: Any) -> QuerySet[Order]:
    """The person's orders of which nobody knows whether the broker has them, and that a person must see."""
    long = Q(state=Order.State.UNKNOWN, claimed_at__lt=timezone.now() - PATIENCE)
    rows = Order.objects.for_user(user).filter(long | Q(state=Order.State.QUARANTINED))
    return rows.select_related("account", "symbol")


def halted_lanes(user: Any) -> QuerySet[Lane]:
    """The person's accounts whose orders are held up."""
    return Lane.objects.for_user(user).filter(halted=True).select_related("account__broker")


def not_flat(user: Any) -> QuerySet[Flattening]:
    """The person's accounts that are to become flat and are not."""
    rows = Flattening.objects.for_user(user).filter(state__in=Flattening.OPEN)
    return rows.select_related("account__broker")


def deals_of(order: Order) -> QuerySet[Deal]:
    """The executions of the order that are booked."""
    of_it = Q(client_order_id=order.client_order_id)
    if order.broker_order_id:
        of_it |= Q(broker_order_id=order.broker_order_id, client_order_id="")
    deals = Deal.objects.filter(of_it, account=order.account_id, kind=Deal.Kind.TRADE)
    return deals.filter(symbol=order.symbol_id, at__gte=order.received_at - LOOK_BACK)

"""What pages read of orders."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from trading.models import Flattening, Lane, Order

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

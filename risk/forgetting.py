"""What risk has counted and nobody counts on any more: windows that passed, parts given back, old refusals."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from risk.kinds import Kind
from risk.models import Hold, RiskEvent, Usage

BY_THE_DAY = (Kind.LOSS, Kind.STRATEGY_LOSS, Kind.TRADES)  # a counter a window, of a month at most
OF_ORDERS = Q(scope__startswith="parent:") | Q(scope__startswith="closing:")


@transaction.atomic
def forget_old(*, before: dt.datetime) -> int:
    """Delete counters, holds and refusals from before that moment; returns how many rows.

    before: at least two months ago, so that no window reaches back to it. Counters that stand for good keep
    the high and the break they remember; whatever an order still holds stays, however old.
    """
    deleted, _ = _passed(before).delete()
    spent, _ = Hold.objects.filter(left=0, reservation__over_at__lt=before).delete()
    refusals, _ = RiskEvent.objects.filter(at__lt=before).delete()
    return deleted + spent + refusals


def _passed(before: dt.datetime) -> QuerySet[Usage]:
    """Counters that no order asks for any more."""
    later = Hold.objects.filter(usage=OuterRef("pk")).filter(
        Q(reservation__over_at=None) | Q(reservation__over_at__gte=before)
    )
    over = Usage.objects.filter(reserved=0, changed_at__lt=before).exclude(Exists(later))
    return over.filter(OF_ORDERS | Q(limit__kind__in=BY_THE_DAY))

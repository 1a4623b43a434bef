"""What is due is found in the tables: the queue may lose, repeat or reorder every message.

Called every few seconds by the keeper, and safe to be called by anyone at any time.
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import Account
from risk import gate
from tradershub.core.queue import EXECUTION, enqueue
from trading import lanes, pipeline, services
from trading.models import Lane, Order, OrderAttempt, Signal

UNSETTLED = ("waiting", "open", "unknown")
UNDECIDED = dt.timedelta(seconds=5)


def sweep() -> int:
    """Wake every lane with something to do, decide what was left undecided; returns how many woke."""
    for signal in _unread():
        pipeline.run(signal)
    for order in _undecided():
        services.decide(order)
    _let_go()
    due = [account for account in _candidates() if lanes.is_due(account)]
    for account in due:
        enqueue("trading.tasks.pump", account.pk, cluster=EXECUTION, keep_result=False)
    return len(due)


def _unread() -> list[Signal]:
    """Stored and not run: the message that should have woken a worker is lost."""
    since = timezone.now() - UNDECIDED
    rows = Signal.objects.filter(state=Signal.State.RECEIVED, received_at__lt=since)
    return list(rows.select_related("source__owner", "source__strategy").order_by("id")[:100])


def _undecided() -> list[Order]:
    """Received and not judged: who received them ended, or the counters were busy."""
    since = timezone.now() - UNDECIDED
    rows = Order.objects.filter(state=Order.State.RECEIVED, received_at__lt=since)
    return list(rows.select_related("account", "symbol").order_by("id")[:100])


def _let_go() -> None:
    """Orders that many at once were ended still hold what they had reserved."""
    over = Order.objects.filter(holds=True, state__in=Order.OVER)
    for order in over.order_by("id")[:500]:
        with transaction.atomic():
            gate.release(order.client_order_id)
            Order.objects.filter(pk=order.pk).update(holds=False)


def _candidates() -> list[Account]:
    """Accounts with open work that no worker holds now."""
    queued = Order.objects.filter(state=Order.State.QUEUED)
    asked = OrderAttempt.objects.filter(outcome__in=UNSETTLED)
    ids = {pk for rows in (queued, asked) for pk in rows.values_list("account_id", flat=True)}
    held = Lane.objects.filter(account__in=ids, until__gte=Now()).exclude(holder="")
    ids -= set(held.values_list("account_id", flat=True))
    return list(Account.objects.filter(pk__in=ids).select_related("connection", "broker"))

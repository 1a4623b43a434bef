"""What is due is found in the tables: the queue may lose, repeat or reorder every message.

Called every few seconds by the keeper, and safe to be called by anyone at any time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import Account
from brokers.platforms import is_by_hand
from risk import gate
from tradershub.core.clock import due, too_far
from tradershub.core.queue import EXECUTION, enqueue, is_full
from trading import journal, lanes, pipeline, reports, services
from trading.gates import ENTRIES
from trading.models import Lane, Order, OrderAttempt, Signal
from trading.queries import waiting_signals
from trading.states import State

log = structlog.get_logger("trading.sweeper")
Row = TypeVar("Row", Signal, Order)
AWAY = (OperationalError, InterfaceError)  # the database: the whole round is tried again
UNSETTLED = ("waiting", "open", "unknown")
UNDECIDED = dt.timedelta(seconds=5)
MOST_WAITING = 500
GIVEN_UP = dt.timedelta(minutes=10)  # after which what fails at every try is told and ended


def sweep() -> int:
    """Wake every lane with something to do, decide what was left undecided; returns how many woke."""
    _each(_unread(), pipeline.run, give_up=pipeline.give_up)
    _each(waiting_signals()[:MOST_WAITING], pipeline.run, give_up=pipeline.give_up)
    _each(_unapproved(), pipeline.expire)
    _each(_undecided(), services.decide, give_up=_give_up)
    _each(_by_hand(), reports.take_booked)
    _each(_over(), _let_go)
    if is_full(EXECUTION):
        return 0  # nobody takes from the queue, or too slowly: it must not grow by each round
    found = [account for account in _candidates() if lanes.is_due(account)]
    for account in found:
        enqueue("trading.tasks.pump", account.pk, cluster=EXECUTION, keep_result=False)
    return len(found)


def _each(
    rows: Iterable[Row], act: Callable[[Row], None], *, give_up: Callable[[Row], None] | None = None
) -> None:
    """Do it to each; one at which the hub fails holds up neither the others nor the lanes."""
    for row in rows:
        try:
            act(row)
        except AWAY:
            raise
        except journal.Lost as lost:
            log.info("moved_meanwhile", why=lost.message)
        except Exception:
            log.exception("sweep_failed", kind=type(row).__name__, id=row.pk)
            since = (
                getattr(row, "looked_at", None) or row.received_at
            )  # one that waits was well then
            if give_up and since < timezone.now() - GIVEN_UP:
                give_up(row)


def _unread() -> list[Signal]:
    """Stored and not run: the message that should have woken a worker is lost."""
    rows = Signal.objects.filter(_rested(), state=Signal.State.RECEIVED)
    rows = rows.exclude(code=Signal.WAITS)
    return list(rows.select_related("source__owner", "source__strategy").order_by("id")[:100])


def _unapproved() -> list[Signal]:
    """Entries whose time for a person's word is over."""
    rows = Signal.objects.filter(ENTRIES, state=Signal.State.WAITING).order_by("received_at")
    waiting = rows.select_related("source__owner", "source__strategy")[:MOST_WAITING]
    now = timezone.now()
    return [signal for signal in waiting if signal.approve_until and signal.approve_until < now]


def _undecided() -> list[Order]:
    """Received and not judged: who received them ended, or the counters were busy."""
    rows = Order.objects.filter(_rested(), state=Order.State.RECEIVED)
    return list(rows.select_related("account", "symbol").order_by("id")[:100])


def _rested() -> Q:
    """What came some seconds ago, or before the clock was set back."""
    now = timezone.now()
    return due("received_at", now - UNDECIDED, beyond=too_far(now))


def _give_up(order: Order) -> None:
    """Nobody could judge it: it is not sent (T4)."""
    fresh = Order.objects.select_related("account", "symbol").get(pk=order.pk)
    if fresh.state == State.RECEIVED:
        text = "The hub failed to judge it again and again; its log says why"
        journal.move(fresh, State.NOT_SENT, code="FAULT", text=text)


def _over() -> list[Order]:
    """Orders that many at once were ended still hold what they had reserved; one that filled, for its deals."""
    over = Order.objects.filter(holds=True, state__in=Order.OVER)
    comes = over.filter(state=State.FILLED, reduces=False, filled__lt=F("lots"))
    awaited = comes.filter(done_at__gt=timezone.now() - GIVEN_UP)
    return list(over.exclude(pk__in=awaited.values("pk")).order_by("id")[:500])


def _by_hand() -> list[Order]:
    """Orders that a person carries out: nobody else says that he entered something."""
    working = Order.objects.filter(state__in=Order.AT_BROKER)
    platforms = (
        working.order_by().values_list("account__connection__platform", flat=True).distinct()
    )
    mine = working.filter(account__connection__platform__in=[p for p in platforms if is_by_hand(p)])
    return list(mine.select_related("account", "symbol").order_by("id")[:500])


@transaction.atomic
def _let_go(order: Order) -> None:
    gate.release(order.client_order_id)
    Order.objects.filter(pk=order.pk).update(holds=False)


def _candidates() -> list[Account]:
    """Accounts with open work that no worker holds now."""
    queued = Order.objects.filter(state=Order.State.QUEUED)
    asked = OrderAttempt.objects.filter(outcome__in=UNSETTLED)
    ids = {pk for rows in (queued, asked) for pk in rows.values_list("account_id", flat=True)}
    held = Lane.objects.filter(~lanes.is_free(), account__in=ids)
    ids -= set(held.values_list("account_id", flat=True))
    return list(Account.objects.filter(pk__in=ids).select_related("connection", "broker"))

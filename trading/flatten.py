"""Stop: what waits is not sent, in one step however much it is."""

from __future__ import annotations

import datetime as dt

import structlog
from django.db import connection, transaction
from django.db.models import CharField, DateTimeField, F, JSONField, Q, QuerySet, Value
from django.utils import timezone

from risk import kill_switch
from risk.kill_switch import Scope, ScopeKind
from trading.models import Order, OrderAttempt, OrderEvent
from trading.states import State

KILLED = "KILL_SWITCH"
WAITS = (State.RECEIVED.value, State.QUEUED.value)
log = structlog.get_logger("trading.flatten")


@transaction.atomic
def stop_waiting(scope: Scope) -> int:
    """End every entry of the scope that was not sent (T4); exits and cancels stay. Returns how many.

    Their reservations are let go by the sweeper: ten thousand orders end in well under a second.
    """
    waiting = Order.objects.filter(within(scope), state__in=WAITS, reduces=False)
    now, text = timezone.now(), "Stopped before it was sent"
    _note(waiting, at=now, text=text)
    ended = waiting.update(
        state=State.NOT_SENT.value, version=F("version") + 1, code=KILLED, reason=text, done_at=now
    )
    _withdraw(scope)
    if ended:
        log.warning("orders_stopped", scope=str(scope), orders=ended)
    return ended


def within(scope: Scope) -> Q:
    """Orders that a stop of that scope concerns."""
    owner, _, key = scope.key.partition(":")
    match scope.kind:
        case ScopeKind.ALL:
            return Q()
        case ScopeKind.OWNER:
            return Q(account__owner_id=scope.key)
        case ScopeKind.ACCOUNT:
            return Q(account_id=scope.key)
        case ScopeKind.STRATEGY:
            return Q(account__owner_id=owner, strategy=key)
        case ScopeKind.SOURCE:
            return Q(account__owner_id=owner, source=key)


EVENT = ("order_id", "seq", "at", "origin", "target", "rule", "code", "text", "actor", "details")


def _note(waiting: QuerySet[Order], *, at: dt.datetime, text: str) -> None:
    """An event for each, written by the database in one statement."""
    list(
        waiting.select_for_update().values_list("pk")
    )  # they stay as they are until all is written
    words = [State.NOT_SENT.value, "T4", KILLED, text, "kill switch"]
    rows = waiting.order_by().values_list(
        "pk",
        F("version") + 1,
        Value(at, output_field=DateTimeField()),
        "state",
        *(Value(word, output_field=CharField()) for word in words),
        Value({}, output_field=JSONField()),
    )
    select, values = rows.query.sql_with_params()
    table = connection.ops.quote_name(OrderEvent._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({', '.join(EVENT)}) {select}", values)  # noqa: S608 - no value in it


def _withdraw(scope: Scope) -> None:
    """Changes that wait are not asked for any more, and of whole accounts no stops; cancels are."""
    action = OrderAttempt.Action
    changes = Q(action=action.AMEND, order__in=Order.objects.filter(within(scope)))
    if scope.kind not in (ScopeKind.STRATEGY, ScopeKind.SOURCE):
        changes |= Q(action=action.PROTECT, account__in=kill_switch.accounts_in(scope))
    waiting = OrderAttempt.objects.filter(changes, outcome=OrderAttempt.Outcome.WAITING)
    waiting.update(
        outcome=OrderAttempt.Outcome.WITHDRAWN, text="Stopped", answered_at=timezone.now()
    )

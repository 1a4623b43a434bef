"""The counters of allowances: locked in a fixed order, taken by a conditional update, given back.

Usage.reserved is at all times the sum of what is left of its holds.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection
from django.db.models import ExpressionWrapper, F, OuterRef, Q, QuerySet, Subquery, Value
from django.utils import timezone

from risk.allowances import Allowance
from risk.kinds import IN_ORDERS, Kind
from risk.models import Hold, Reservation, Usage
from tradershub.core.fields import SCALE, RateField, largest
from tradershub.core.prepared import Change, first, prepared
from tradershub.core.rows import insert
from tradershub.finance.decimals import ONE, ZERO

SMALLEST = ONE.scaleb(-SCALE)


class Counter(NamedTuple):
    """Which counter: that of a limit carries its id."""

    scope: str
    key: str = ""
    limit_id: int | None = None


@contextmanager
def patience() -> Iterator[None]:
    """Wait no longer for a counter than the settings say. SQLite waits before its transaction begins."""
    if connection.vendor != "postgresql":
        yield
        return
    patient = f"{int(settings.RISK_LOCK_SECONDS * 1000)}ms"
    with connection.cursor() as cursor:
        cursor.execute(GROW_PATIENT, [patient])
        before = cursor.fetchone()[0]
        yield
        cursor.execute(AS_BEFORE, [before])


# PostgreSQL evaluates what is selected from left to right.
GROW_PATIENT = "SELECT current_setting('lock_timeout'), set_config('lock_timeout', %s, true)"
AS_BEFORE = "SELECT set_config('lock_timeout', %s, true)"


def lock(wanted: Iterable[Counter]) -> dict[tuple[str, str], Usage]:
    """The rows of these counters, made where they are missing, locked in one order for everybody."""
    counters = set(wanted)
    places = ", ".join(["(%s, %s, %s)"] * len(counters))
    found = Usage.objects.raw(LOCK.format(places), [part for one in counters for part in one])
    return {(row.scope, row.key): row for row in found}


# A row that is there keeps what it says: to write that locks it, and gives it as it is by now. Sorted by the
# database, whose order of texts is the one in which `_counters_of` locks.
LOCK = """
INSERT INTO risk_usage (scope, key, limit_id, used, reserved, changed_at)
SELECT column1, column2, CAST(column3 AS bigint), 0, 0, CURRENT_TIMESTAMP
FROM (VALUES {}) AS wanted WHERE true ORDER BY column1, column2
ON CONFLICT (scope, key) DO UPDATE SET reserved = risk_usage.reserved
RETURNING id, scope, key, limit_id, used, reserved, since, reference, broken_at, changed_at
"""


def take(
    usage: Usage, allowance: Allowance, *, reservation: Reservation, held: Hold | None
) -> bool:
    """Hold the order's part; False where used + reserved + part would pass the ceiling.

    held: the part that the reservation holds already; it is topped up to the larger of both.
    """
    amount = _up(allowance.amount)
    more = _missing(amount, held)
    used = _up(allowance.used)
    most = _down(allowance.ceiling) - used - more
    if most < ZERO:  # nothing fits, and the part may be more than the database could keep
        return False
    if not _taken(usage, used, more, min(most, largest(connection.vendor))):
        return False
    _hold_more(usage, amount, reservation=reservation, held=held)
    return True


@prepared
def _taken(usage: Usage, used: Decimal, more: Decimal, most: Decimal) -> Change:
    room = Usage.objects.filter(pk=usage, reserved__lte=most)
    more = ExpressionWrapper(more, output_field=RateField())
    return Change(room.values_list("pk"), {"used": used, "reserved": F("reserved") + more})


def top_up(usage: Usage, amount: Decimal, *, reservation: Reservation, held: Hold | None) -> None:
    """Hold at least so much of it, whether there is room or not."""
    amount = _up(amount)
    more = _missing(amount, held)
    Usage.objects.filter(pk=usage.pk).update(reserved=F("reserved") + exact(more))
    _hold_more(usage, amount, reservation=reservation, held=held)


def _missing(amount: Decimal, held: Hold | None) -> Decimal:
    return amount if held is None else max(amount - held.amount, ZERO)


def _hold_more(
    usage: Usage, amount: Decimal, *, reservation: Reservation, held: Hold | None
) -> None:
    if held is None:
        insert([Hold(reservation=reservation, usage=usage, amount=amount, left=amount)])
    elif more := _missing(amount, held):
        Hold.objects.filter(pk=held.pk).update(
            amount=F("amount") + exact(more), left=F("left") + exact(more)
        )


def seed(usage: Usage, kind: Kind | None, parts: Collection[tuple[Reservation, Decimal]]) -> None:
    """Begin a new counter with what orders hold that were reserved before it was there. kind: of its limit."""
    for reservation, amount in parts:
        whole = _up(amount)
        left = whole if kind in IN_ORDERS else _up(whole * (ONE - reservation.consumed))
        insert([Hold(reservation=reservation, usage=usage, amount=whole, left=left)])
        Usage.objects.filter(pk=usage.pk).update(reserved=F("reserved") + exact(left))
        usage.reserved += left
    usage.since = timezone.now()
    Usage.objects.filter(pk=usage.pk).update(since=usage.since)


def holds_of(reservation: Reservation) -> dict[int, Hold]:
    """What the reservation holds, by counter."""
    return {hold.usage_id: hold for hold in _holds(reservation)}


@prepared
def _holds(reservation: Reservation) -> QuerySet[Hold]:
    return Hold.objects.filter(reservation=reservation)


def latch(counter: Counter, *, at: dt.datetime) -> bool:
    """Keep that the limit was found broken in this window; False where that is known."""
    Usage.objects.bulk_create(
        [Usage(scope=counter.scope, key=counter.key, limit_id=counter.limit_id)],
        ignore_conflicts=True,
    )
    rows = Usage.objects.filter(scope=counter.scope, key=counter.key, broken_at=None)
    return bool(rows.update(broken_at=at))


def consume_whole(client_order_id: str, *, lots: Decimal) -> bool:
    """Use all that the order holds; False where so many lots are not all of it, or some were used before."""
    if not _filled_whole(client_order_id, _down(lots), timezone.now()):
        return False
    _use_what_is_left(client_order_id)
    _leave_nothing(client_order_id)
    return True


def consume(reservation: Reservation, *, share: Decimal) -> bool:
    """That share of each part is used; the last one takes what is left. Returns whether this was the last.

    A share is rounded up to what the database keeps, so that three thirds are the whole.
    """
    share = min(_up(share), ONE)
    consumed = min(reservation.consumed + share, ONE)
    for hold in _held(reservation):
        part = hold.left if consumed == ONE else min(hold.left, _used_of(hold, share))
        Hold.objects.filter(pk=hold.pk).update(left=F("left") - exact(part))
        Usage.objects.filter(pk=hold.usage_id).update(
            used=F("used") + exact(part), reserved=F("reserved") - exact(part)
        )
    over_at = timezone.now() if consumed == ONE else None
    Reservation.objects.filter(pk=reservation.pk).update(consumed=consumed, over_at=over_at)
    return consumed == ONE


def _used_of(hold: Hold, share: Decimal) -> Decimal:
    """What a fill of that share, which is not the last, uses of the order's part."""
    kind = hold.usage.limit and hold.usage.limit.kind
    if kind in IN_ORDERS:
        return hold.amount if kind == Kind.TRADES else ZERO
    return _down(hold.amount * share)


def share_of(part: Decimal, whole: Decimal) -> Decimal:
    """As it is kept of what was consumed."""
    return min(_up(part / whole), ONE)


def give_back(client_order_id: str) -> None:
    """What is left of each part is free again."""
    if _let_go(client_order_id, timezone.now()):
        _free_what_is_left(client_order_id)
        _leave_nothing(client_order_id)


@prepared
def _filled_whole(client_order_id: str, lots: Decimal, at: dt.datetime) -> Change:
    unused = _not_over(client_order_id).filter(consumed=ZERO, lots__lte=lots)
    return Change(unused.values_list("pk"), {"consumed": ONE, "over_at": at})


@prepared
def _let_go(client_order_id: str, at: dt.datetime) -> Change:
    return Change(_not_over(client_order_id).values_list("pk"), {"over_at": at})


def _not_over(client_order_id: str) -> QuerySet[Reservation]:
    """Changed or locked before its parts are read: who begins a counter with it keeps it until its part is there."""
    return Reservation.objects.filter(client_order_id=client_order_id, over_at=None)


@prepared
def _use_what_is_left(client_order_id: str) -> Change:
    rows, left = _with_something_left(client_order_id)
    return Change(rows, {"used": F("used") + left, "reserved": F("reserved") - left})


@prepared
def _free_what_is_left(client_order_id: str) -> Change:
    rows, left = _with_something_left(client_order_id)
    return Change(rows, {"reserved": F("reserved") - left})


def _with_something_left(client_order_id: str) -> tuple[QuerySet[Any], Subquery]:
    """The counters of which the order holds a part still, and that part."""
    parts = _parts_left(client_order_id)
    left = Subquery(parts.filter(usage=OuterRef("pk")).values("left"))
    return Usage.objects.filter(pk__in=parts.values("usage")).values_list("pk"), left


@prepared
def _leave_nothing(client_order_id: str) -> Change:
    return Change(_parts_left(client_order_id).values_list("pk"), {"left": ZERO})


def _parts_left(client_order_id: str) -> QuerySet[Hold]:
    return Hold.objects.filter(reservation__client_order_id=client_order_id, left__gt=0)


def hold_again(reservation: Reservation) -> None:
    """What was given back and has not filled is reserved once more, whether there is room or not."""
    rows = Hold.objects.filter(reservation=reservation).select_related("usage__limit")
    for hold in rows.order_by("usage_id"):
        left = _left_of(hold, reservation.consumed)
        more = exact(left - hold.left)
        Usage.objects.filter(pk=hold.usage_id).update(reserved=F("reserved") + more)
        Hold.objects.filter(pk=hold.pk).update(left=left)
    Reservation.objects.filter(pk=reservation.pk).update(over_at=None)


def _left_of(hold: Hold, consumed: Decimal) -> Decimal:
    """What an order of which that share has filled holds of its part."""
    return hold.amount - _used_of(hold, consumed) if consumed else hold.amount


def lock_held(client_order_ids: Collection[str]) -> None:
    """Lock the counters of which these orders hold a part, in the order of everybody."""
    list(_held_by(Q(reservation__client_order_id__in=client_order_ids)))


def reservation_of(client_order_id: str) -> Reservation | None:
    """The reservation that still holds something, locked; None where there is none. Its counters are first."""
    return first(_reserved(client_order_id))


def locked_over(client_order_id: str) -> Reservation | None:
    """The reservation that holds nothing any more and has not filled whole, its counters locked."""
    mine = Reservation.objects.filter(
        client_order_id=client_order_id, over_at__isnull=False, consumed__lt=ONE
    )
    list(_counters_of(Hold.objects.filter(reservation__in=mine)))
    return mine.select_for_update().first()


@prepared
def lock_of(client_order_id: str) -> QuerySet[Usage]:
    """Lock the counters of which the order holds a part."""
    return _held_by(Q(reservation__client_order_id=client_order_id))


def _held_by(theirs: Q) -> QuerySet[Usage]:
    """The counters of their reservations, locked as they are read."""
    return _counters_of(Hold.objects.filter(theirs, reservation__over_at=None))


def _counters_of(holds: QuerySet[Hold]) -> QuerySet[Usage]:
    rows = Usage.objects.filter(pk__in=holds.order_by().values("usage")).order_by("scope", "key")
    return rows.select_for_update().only("pk")


@prepared
def _reserved(client_order_id: str) -> QuerySet[Reservation]:
    return _not_over(client_order_id).select_for_update()


@prepared
def _held(reservation: Reservation) -> QuerySet[Hold]:
    rows = Hold.objects.filter(reservation=reservation, left__gt=0).order_by("usage_id")
    return rows.select_related("usage__limit")


def exact(amount: Decimal) -> Value:
    """The amount as SQL adds it to a column of exact decimals."""
    return Value(amount, output_field=RateField())


def _up(amount: Decimal) -> Decimal:
    return amount.quantize(SMALLEST, rounding=ROUND_CEILING)


def _down(amount: Decimal) -> Decimal:
    return amount.quantize(SMALLEST, rounding=ROUND_FLOOR)

"""Who follows a connection: one holder at a time over all hosts, until the hold runs out by the database's clock."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db.models import DateTimeField, DurationField, ExpressionWrapper, Q, Value
from django.db.models.functions import Now

from brokers.models import Connection
from tradershub.core.clock import APART, due
from trading.models import Lease


def hold(connection: Connection, holder: str) -> bool:
    """Take or renew the hold for LEASE_SECONDS; False while somebody else has it."""
    free = Q(holder=holder) | due("until", Now(), beyond=_end(APART))
    mine = Lease.objects.filter(free, connection=connection)
    if mine.update(holder=holder, until=_end()):
        return True
    # Of two that come first at once the second keeps nothing: the first one's row stands
    Lease.objects.bulk_create(
        [Lease(connection=connection, holder=holder, until=_end())], ignore_conflicts=True
    )
    return Lease.objects.filter(connection=connection, holder=holder).exists()


def release(connection: Connection, holder: str) -> None:
    """Let go, so that another may follow at once."""
    Lease.objects.filter(connection=connection, holder=holder).delete()


def _end(more: dt.timedelta = dt.timedelta()) -> ExpressionWrapper:
    span = dt.timedelta(seconds=settings.LEASE_SECONDS) + more
    end = Now() + Value(span, output_field=DurationField())
    return ExpressionWrapper(end, output_field=DateTimeField())

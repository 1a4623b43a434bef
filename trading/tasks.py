"""What workers are called for. Each may run twice, and does nothing when there is nothing to do."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import structlog
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from accounts import outbox
from accounts.models import Account
from tradershub.core.prepared import first, prepared
from tradershub.core.spans import past, span
from trading import execution, pipeline
from trading.alarms import silent_parts, tell_silence
from trading.models import Signal, SignalSource
from trading.queries import waiting_signals

log = structlog.get_logger("trading.tasks")
MOST_BEFORE = 20
LOOK_EVERY = 0.005  # seconds


def pump(account_id: int) -> None:
    """Look at the account's lane."""
    found = Account.objects.select_related("connection", "broker", "owner").filter(pk=account_id)
    if account := found.first():
        execution.pump(account)


def watch_over() -> int:
    """What the keeper does every moment, for the time when it is not there: alarms told, messages sent."""
    for name, at in silent_parts().items():
        tell_silence(name, at)
    return outbox.send_all()


def run_signal(signal_id: int) -> None:
    """Take a signal as far as it goes without a person, after those of its source that came before it.

    The lane of its first account is worked at once, by the same worker.
    """
    signal = first(_signal(signal_id))
    if signal is None:
        return
    _each(_given_way(signal), before=signal.pk)
    past("wait for a worker", signal.origin, signal.received_at, timezone.now())
    with span("run", signal.origin, signal=signal.pk):
        account = pipeline.run(signal, pumps=True)
    if account:
        execution.pump(account)


@prepared
def _signal(pk: int) -> QuerySet[Signal]:
    rows = Signal.objects.select_related("source__owner", "source__strategy", "rest_of")
    return rows.filter(pk=pk)


def _given_way(signal: Signal) -> list[Signal]:
    """What came before it and is still to be done, after a while for the worker who has it.

    To let him end it takes less than doing it twice.
    """
    until = time.monotonic() + settings.GIVE_WAY_SECONDS
    while (before := _before(signal.source, signal)) and time.monotonic() < until:
        time.sleep(LOOK_EVERY)
    return before


@prepared
def _before(source: SignalSource, signal: Signal) -> QuerySet[Signal]:
    rows = Signal.objects.select_related("source__owner", "source__strategy", "rest_of")
    rows = rows.filter(source=source, state=Signal.State.RECEIVED, pk__lt=signal)
    return rows.exclude(code=Signal.WAITS).order_by("pk")[:MOST_BEFORE]


def look_again(owner_id: int) -> None:
    """An order of the person's has settled: take signals that waited for such as far as they go now."""
    _each(waiting_signals().filter(source__owner=owner_id))


def _each(signals: Iterable[Signal], **context: Any) -> None:
    for signal in signals:
        try:
            pipeline.run(signal)
        except Exception:  # its own worker, or the sweeper, says what became of it
            log.exception("earlier_signal_failed", signal=signal.pk, **context)

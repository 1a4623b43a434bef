"""Faults that are built into the hub to see whether the checker finds them. Nothing of this is in its own code.

PLANT names some: resend, a request without an answer is sent again; no_unique, the tables lose what keeps an order
and a signal single; ack_first, a webhook is answered before it is stored; no_lock, counters are read without a
lock; twice, what a signal asks for is ordered as often as it is run.
"""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
import uuid
from typing import Any

from django.apps import AppConfig


class Planting(AppConfig):
    name = "tests.faults"
    label = "faults"

    def ready(self) -> None:
        for plant in os.environ.get("PLANT", "").split():
            PLANTS[plant]()
        if seconds := float(os.environ.get("CLOCK", "0")):
            _turn_the_clock(dt.timedelta(seconds=seconds))


def _turn_the_clock(by: dt.timedelta) -> None:
    from django.utils import timezone

    right = timezone.now
    timezone.now = lambda: right() + by


def _resend() -> None:
    """On a timeout it is sent once more, as a client library with retries does."""
    from brokers.adapters.errors import OutcomeUnknown
    from trading import execution

    send = execution._send

    def stubborn(adapter: Any, claim: Any) -> Any:
        try:
            return send(adapter, claim)
        except OutcomeUnknown:
            return send(adapter, claim)

    execution._send = stubborn


def _no_unique() -> None:
    """Who finds no signal of that key writes one: the tables lost their say (seeding.drop_unique)."""
    from trading import receiving

    row = receiving._row

    def slowly(*args: Any, **fields: Any) -> Any:
        time.sleep(0.3)  # between the look and the row, so that others look, too
        return row(*args, **fields)

    receiving._row = slowly


def _ack_first() -> None:
    """The answer goes out, and the row is written by a thread that may die with the process."""
    from django.db import connection

    from tradershub.core.failpoints import failpoint
    from trading import receiving

    keep = receiving._keep

    def later(*args: Any) -> Any:
        def store() -> None:
            failpoint("plant.before_store")
            try:
                keep(*args)
            finally:
                connection.close()

        threading.Timer(0.3, store).start()
        source, message, _, now = args
        row = receiving._row(source, message, "none", "0" * 64, now)
        row.pk = 0
        return receiving.Receipt(row, True)

    receiving._keep = later


def _no_lock() -> None:
    """What is left of a limit is read first, thought about, and used later without another look."""
    from django.db.models import F

    from risk import counters, gate
    from risk.models import Hold, Usage
    from trading import pipeline

    run, seen = pipeline.run, {}

    def slowly(signal: Any, **known: Any) -> Any:
        seen.clear()
        seen.update(Usage.objects.values_list("pk", "reserved"))
        time.sleep(1)
        return run(signal, **known)

    def take(usage: Any, allowance: Any, *, reservation: Any) -> bool:
        amount = counters._up(allowance.amount)
        if seen.get(usage.pk, 0) + amount > allowance.ceiling:
            return False
        Usage.objects.filter(pk=usage.pk).update(reserved=F("reserved") + counters.exact(amount))
        Hold.objects.create(reservation=reservation, usage=usage, amount=amount, left=amount)
        return True

    pipeline.run = slowly
    counters.take = take
    gate._still_within = lambda *_: []


def _twice() -> None:
    """A signal that is run again orders again: nothing is found that was done before."""
    from trading import pipeline
    from trading.models import Signal

    run, origin = pipeline.run, pipeline.Origin

    def again(signal: Any, **known: Any) -> Any:
        signal.state = Signal.State.RECEIVED
        return run(signal, **known)

    pipeline.run = again
    pipeline._ended = _always(pipeline._ended)
    pipeline.Origin = lambda kind, name, **more: origin(
        kind, f"{name}:{uuid.uuid4().hex[:8]}", **more
    )


def _always(end: Any) -> Any:
    def ended(*args: Any, **known: Any) -> bool:
        end(*args, **known)
        return True

    return ended


PLANTS = {
    "resend": _resend,
    "no_unique": _no_unique,
    "ack_first": _ack_first,
    "no_lock": _no_lock,
    "twice": _twice,
}

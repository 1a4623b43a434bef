"""Faults that are built into the hub to see whether the checker finds them. Nothing of this is in its own code.

PLANT names some: resend, a request without an answer is sent again; no_unique, the tables lose what keeps an order
and a signal single; ack_first, a webhook is answered before it is stored; no_lock, counters are read without a
lock; twice, what a signal asks for is ordered as often as it is run. Each hits signals of the source that bears
its name, and counters of limits, so that the hub is sound for all others.
"""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from django.apps import AppConfig


class Planting(AppConfig):
    name = "tests.faults"
    label = "faults"

    def ready(self) -> None:
        for plant in os.environ.get("PLANT", "").split():
            PLANTS[plant]()
        if clock := os.environ.get("CLOCK"):
            _follow_the_clock(Path(clock))


def _follow_the_clock(file: Path) -> None:
    """This process is wrong by as many seconds as the file says at the moment."""
    from django.utils import timezone

    right = timezone.now

    def wrong() -> dt.datetime:
        try:
            return right() + dt.timedelta(seconds=float(file.read_text()))
        except FileNotFoundError:
            return right()

    timezone.now = wrong


def _resend() -> None:
    """On a timeout it is sent once more, as a client library with retries does."""
    from brokers.adapters.errors import OutcomeUnknown
    from trading import execution

    send = execution._send

    def stubborn(adapter: Any, claim: Any) -> Any:
        try:
            return send(adapter, claim)
        except OutcomeUnknown:
            if claim.order.strategy != "resend":
                raise
            return send(adapter, claim)

    execution._send = stubborn


def _no_unique() -> None:
    """Who finds no signal of that key writes one: the tables lost their say (seeding.drop_unique)."""
    from trading import receiving

    row = receiving._row

    def slowly(source: Any, *args: Any, **fields: Any) -> Any:
        if source.name == "no_unique":
            time.sleep(0.3)  # between the look and the row, so that others look, too
        return row(source, *args, **fields)

    receiving._row = slowly


def _ack_first() -> None:
    """The answer goes out, and the row is written by a thread that may die with the process."""
    from django.db import connection

    from tradershub.core.failpoints import failpoint
    from trading import receiving

    keep = receiving._keep

    def later(source: Any, message: Any, draft: Any, now: dt.datetime) -> Any:
        def store() -> None:
            failpoint("plant.before_store")
            try:
                keep(source, message, draft, now)
            finally:
                connection.close()

        if source.name != "ack_first":
            return keep(source, message, draft, now)
        threading.Timer(0.3, store).start()
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

    run, take, seen = pipeline.run, counters.take, {}

    def slowly(signal: Any, **known: Any) -> Any:
        if signal.source.name.startswith("no_lock"):
            seen.clear()
            seen.update(Usage.objects.values_list("pk", "reserved"))
            time.sleep(2)
        return run(signal, **known)

    def read_before(usage: Any, allowance: Any, *, reservation: Any, held: Any) -> bool:
        if allowance.limit is None:
            return take(usage, allowance, reservation=reservation, held=held)
        amount = counters._up(allowance.amount)
        if seen.get(usage.pk, 0) + amount > allowance.ceiling:
            return False
        Usage.objects.filter(pk=usage.pk).update(reserved=F("reserved") + counters.exact(amount))
        Hold.objects.create(reservation=reservation, usage=usage, amount=amount, left=amount)
        return True

    pipeline.run = slowly
    counters.take = read_before
    gate.still_within = lambda *_: []


def _twice() -> None:
    """A signal that is run again orders again: nothing is found that was done before."""
    from trading import pipeline
    from trading.models import Signal

    run, ended, origin = pipeline.run, pipeline._ended, pipeline.Origin

    def again(signal: Any, **known: Any) -> Any:
        if signal.source.name == "twice":
            signal.state = Signal.State.RECEIVED
        return run(signal, **known)

    def end(facts: Any, *args: Any, **known: Any) -> bool:
        return ended(facts, *args, **known) or facts.signal.source.name == "twice"

    def anew(kind: str, name: str, **more: Any) -> Any:
        is_twice = name.endswith(":id:twice")
        return origin(kind, f"{name}:{uuid.uuid4().hex[:8]}" if is_twice else name, **more)

    pipeline.run = again
    pipeline._ended = end
    pipeline.Origin = anew


PLANTS = {
    "resend": _resend,
    "no_unique": _no_unique,
    "ack_first": _ack_first,
    "no_lock": _no_lock,
    "twice": _twice,
}

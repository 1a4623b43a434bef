"""A stop with 10,000 orders queued: from the click to its commit, and until none of them waits any more."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from django.contrib.auth import get_user_model
from django.db import connection
from django.utils import timezone

from accounts.models import Account
from benchmarks.measures import Measure, cpu_seconds
from benchmarks.signals import made
from brokers.models import BrokerSymbol
from risk import kill_switch
from risk.models import KillSwitch
from trading.models import Order

QUEUED, ROUNDS, MOST_MS = 10_000, 5, 300


def measure(scale: float) -> list[Measure]:
    account = made(get_user_model().objects.create_superuser("sender"), "bench").account
    symbol = BrokerSymbol.objects.get(broker=account.broker, name="EURUSD")
    count = max(100, int(QUEUED * scale))
    committed: list[float] = []
    cleared: list[tuple[float, float]] = []
    for number in range(ROUNDS):
        queue(account, symbol, count, number)
        begun, cpu = time.perf_counter(), cpu_seconds()
        with patch.object(kill_switch, "_tell", noting(committed, begun)):
            kill_switch.engage(kill_switch.ALL, actor="benchmark", reason="benchmark")
        cleared.append(((time.perf_counter() - begun) * 1000, (cpu_seconds() - cpu) * 1000))
        assert not Order.objects.filter(state=Order.State.QUEUED).exists()
        KillSwitch.objects.update(engaged=False)
    commit, whole = statistics.median(committed), statistics.median(ms for ms, _ in cleared)
    cpu = statistics.median(ms for _, ms in cleared)
    return [
        Measure(
            f"stop with {count} queued, click to commit",
            f"{commit:.0f} ms",
            f"{MOST_MS} ms",
            commit <= MOST_MS,
        ),
        Measure("of it and the queue cleared", f"{whole:.0f} ms ({cpu:.0f} of CPU)", "", True),
    ]


def noting(committed: list[float], begun: float) -> Callable[..., None]:
    """Listeners are told right after the commit: that is when it is noted."""
    tell = kill_switch._tell

    def note(*args: Any) -> None:
        committed.append((time.perf_counter() - begun) * 1000)
        tell(*args)

    return note


def queue(account: Account, symbol: BrokerSymbol, count: int, number: int) -> None:
    now, first = timezone.now(), number * count
    Order.objects.bulk_create(
        Order(
            account=account,
            symbol=symbol,
            client_order_id=f"bench{first + n}",
            origin_kind="benchmark",
            origin_id=str(first + n),
            side="buy",
            lots=1,
            state="queued",
            lane_seq=first + n + 1,
            received_at=now,
        )
        for n in range(count)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

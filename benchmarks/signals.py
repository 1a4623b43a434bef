"""A webhook against the least that one could do; and signals through a running hub to orders on paper."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

import httpx
import psutil
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Q
from django.test import Client, override_settings
from django.utils import timezone
from django_q.models import OrmQ

from accounts.models import Account
from accounts.papers import open_paper_account
from benchmarks.measures import Measure, Rounds
from brokers.models import Quote, VenueEvent
from strategies.models import Strategy
from trading import latency, signals
from trading.models import Order, Signal, SignalSource

CALLS, ROUNDS = 200, 5
ACCOUNTS = (
    4  # each with a strategy and a source of its own, as signals that come together are of several
)
MOST = 2  # times the least that a webhook could do
A_SECOND, SECONDS = 20, 15
WARM_A_SECOND, WARM_SECONDS = 5, 4  # before: what each process reads, imports and connects to once
MEDIAN_MS, SLOWEST_MS = {"postgresql": 60, "sqlite": None}, {"postgresql": 250, "sqlite": 1000}
PATIENCE = 60.0


class Sender(NamedTuple):
    """account: the one to which the strategy of the source is routed."""

    account: Account
    source: SignalSource
    token: str

    @property
    def path(self) -> str:
        return f"{self.source.uid}/{self.token}"


def measure(scale: float) -> list[Measure]:
    owner = get_user_model().objects.create_superuser("sender")
    senders = [made(owner, f"bench-{number}") for number in range(ACCOUNTS)]
    return [*webhook(senders[0], calls=max(20, int(CALLS * scale))), *hub(senders, scale)]


def made(owner: Any, name: str) -> Sender:
    """A paper account with a strategy that is routed to it, and a source that sends to the strategy."""
    account = open_paper_account(
        actor=owner,
        owner=owner,
        name=name,
        currency="USD",
        always_open=True,
        deposit=Decimal(10_000_000),
        leverage=100,
    )
    strategy = Strategy.objects.create(owner=owner, key=name)
    signals.set_route(strategy, account, actor=owner)
    fields = {"name": name, "mode": "live", "strategy": strategy, "burst": 10_000}
    source, token = signals.create_source(actor="benchmark", owner=owner, **fields)
    return Sender(account, source, token)


# -- The door ----------------------------------------------------------------------------------
def webhook(sender: Sender, *, calls: int) -> list[Measure]:
    rounds, client, counter = Rounds(), Client(), iter(range(10**9))

    def send(address: str) -> None:
        for _ in range(calls):
            body = json.dumps(words(f"door-{next(counter)}"))
            answer = client.post(address, body, content_type="application/json")
            assert answer.status_code in (200, 202), answer.content

    with override_settings(ROOT_URLCONF="benchmarks.bare_urls"):
        ours, bare = f"/api/v1/signals/{sender.path}", f"/bare/{sender.path}"
        send(ours), send(bare)  # what is made at the first call
        for _ in range(ROUNDS):
            rounds.add(lambda: send(ours), lambda: send(bare))
    forget()
    return [rounds.measure(f"{calls} signals accepted", most=MOST)]


def forget() -> None:
    """What only came through the door is not to be worked."""
    OrmQ.objects.all().delete()
    Signal.objects.filter(state=Signal.State.RECEIVED).update(state=Signal.State.DRY)


def words(name: str, number: int = 1) -> dict[str, str]:
    """Each of another size: the same order twice within seconds is refused as a duplicate."""
    return {"id": name, "symbol": "EURUSD", "action": "buy", "size": f"{Decimal(number) / 100}"}


# -- The whole way -----------------------------------------------------------------------------
def hub(senders: list[Sender], scale: float) -> list[Measure]:
    accounts = [sender.account for sender in senders]
    with running() as (address, process):
        for account in accounts:
            wait_for(partial(is_followed, account))
        addresses = [f"{address}/api/v1/signals/{sender.path}" for sender in senders]
        send_steadily(addresses, "warm", WARM_A_SECOND, WARM_A_SECOND * WARM_SECONDS)
        wait_for(lambda: not waiting())
        before, count = cpu_of(process), A_SECOND * max(2, int(SECONDS * scale))
        sent = send_steadily(addresses, "way", A_SECOND, count)
        wait_for(lambda: len(recorded(sent)) == len(sent))
        cpu = cpu_of(process) - before
        at_broker, in_books = sorted(placed(sent)), sorted(recorded(sent))
    what = f"{len(at_broker)} signals at {A_SECOND} a second, webhook to"
    vendor = connection.vendor
    return [
        *spread(f"{what} order at the venue", at_broker, MEDIAN_MS[vendor], SLOWEST_MS[vendor]),
        *spread(f"{what} answer in our books", in_books, None, None),
        Measure(
            "CPU of all of the hub's processes",
            f"{cpu / len(sent) * 1000:.0f} ms a signal",
            "",
            True,
        ),
        *steps(accounts),
    ]


def is_followed(account: Account) -> bool:
    quoted = Quote.objects.filter(symbol__broker=account.broker).exists()
    return quoted and account.deals.exists() and not waiting()


def cpu_of(process: psutil.Process) -> float:
    """Seconds that the hub's processes have taken so far, without a database server's."""
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def spread(
    what: str, times: list[float], most_median: int | None, most_slowest: int | None
) -> list[Measure]:
    found = (
        (f"{what}: median", statistics.median(times), most_median),
        (f"{what}: 99 %", times[int(len(times) * 0.99) - 1], most_slowest),
    )
    return [
        Measure(name, f"{ms:.0f} ms", f"{most} ms" if most else "", not most or ms <= most)
        for name, ms, most in found
    ]


def steps(accounts: list[Account]) -> list[Measure]:
    """Where the time goes, by the moments on our own rows."""
    rows = latency.taken(accounts, Q(origin_id__contains="id:way-"))
    spreads = [(step, latency.of_step(rows, step.key)) for step in latency.STEPS]
    return [
        Measure(
            f"of it: {step.label.lower()}",
            f"{found.median:.0f} ms, 95 % {found.p95:.0f} ms, 99 % {found.p99:.0f} ms",
            "",
            True,
        )
        for step, found in spreads
        if found
    ]


@contextmanager
def running() -> Iterator[tuple[str, psutil.Process]]:
    """The hub's own processes on this database: its address, and its first process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "manage.py", "hub", "--port", str(port), "--prepare", "--no-demo"]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tradershub.settings"}
    with subprocess.Popen(
        command,
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(lambda: ready(address))
            yield address, psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=PATIENCE)


def ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health/ready", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def wait_for(is_so: Any) -> None:
    until = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < until, "it did not come to be in time"
        time.sleep(0.1)


def waiting() -> bool:
    """Whether anything is still to be done of what came before."""
    return (
        Order.objects.exclude(state__in=Order.OVER).exists()
        or Signal.objects.filter(state="received").exists()
    )


def send_steadily(addresses: list[str], name: str, a_second: int, count: int) -> dict[str, float]:
    """Send so many signals, so many a second, to each address in turn; the moment of each by its id."""
    sent: dict[str, float] = {}
    begun, first = time.monotonic(), Order.objects.count() + 1

    def send(number: int) -> None:
        time.sleep(max(0.0, begun + number / a_second - time.monotonic()))
        own = f"{name}-{number}"
        sent[own] = timezone.now().timestamp()
        address = addresses[number % len(addresses)]
        answer = client.post(address, json=words(own, number + first))
        assert answer.status_code == 202, answer.text

    with httpx.Client(timeout=10) as client, ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(count)))
    return sent


def recorded(sent: dict[str, float]) -> list[float]:
    """Milliseconds from the first byte of the request until the venue's answer was there to be booked."""
    blocked = Order.objects.filter(state=Order.State.BLOCKED).first()
    assert blocked is None, blocked.reason
    rows = Order.objects.filter(origin_kind="signal", answered_at__isnull=False)
    return since(sent, dict(rows.values_list("origin_id", "answered_at")))


def placed(sent: dict[str, float]) -> list[float]:
    """Milliseconds from the first byte of the request until the venue took the order, by its own journal."""
    taken = VenueEvent.objects.filter(kind="Accepted").values_list("payload", "at")
    at = {payload["order"]["request"]["client_id"]: moment for payload, moment in taken}
    rows = Order.objects.filter(origin_kind="signal").values_list("origin_id", "client_order_id")
    return since(sent, {origin: at[client_id] for origin, client_id in rows if client_id in at})


def since(sent: dict[str, float], moments: dict[str, dt.datetime]) -> list[float]:
    found = {origin.rpartition("id:")[2]: at for origin, at in moments.items()}
    return [(found[name].timestamp() - at) * 1000 for name, at in sent.items() if name in found]

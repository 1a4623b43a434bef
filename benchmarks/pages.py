"""Every list of the admin and every page, with 100,000 and with 1,000,000 deals in 200 accounts."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Account
from benchmarks import books
from benchmarks.measures import Measure, Took, took
from tradershub.core.persons import ADMINISTRATOR
from tradershub.reports import REPORTS

FEW, MANY = 100_000, 1_000_000
OWNERS = 20
TIMES = 3  # the first of them with nothing kept from before
MOST_SECONDS, MOST_RATIO, SHARE = 0.3, 3, 0.95
TABS = ("positions", "trades", "orders", "deals", "statements", "terms", "breaks")
DEALS, POSITIONS = "/accounts/deal/", "/accounts/position/"


@dataclass(slots=True)
class Visit:
    """What each opening of a page took, and how many queries it asks."""

    times: list[Took] = field(default_factory=list)
    queries: int = 0

    def wall(self) -> float:
        return statistics.median(time.wall for time in self.times)

    def cpu(self) -> float:
        return statistics.median(time.cpu for time in self.times)


def measure(scale: float) -> list[Measure]:
    owner = administrator("benchmark")
    books.fill(int(FEW * scale), owner=owner)
    few = visits(owner)
    books.fill(int(MANY * scale), owner=owner)
    many = visits(owner)
    person = books.spread(OWNERS)
    person.groups.add(Group.objects.get(name=ADMINISTRATOR))
    shared = visits(person)
    found = [compared(address, few[address], many[address]) for address in many]
    return [
        *found,
        summary(f"one owner, {SHARE:.0%} of all", many),
        summary(f"one of {OWNERS} owners, {SHARE:.0%} of all", shared),
    ]


def administrator(name: str) -> Any:
    return get_user_model().objects.create_superuser(name)


def visits(person: Any) -> dict[str, Visit]:
    client = signed_in(person)
    found = {address: Visit() for address in addresses(person)}
    for _ in range(TIMES):
        for address, visit in found.items():
            visit.times.append(took(lambda address=address: open_page(client, address)))
    for address, visit in found.items():
        visit.queries = queries(client, address)
    return {generic(address): visit for address, visit in found.items()}


def signed_in(person: Any) -> Client:
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    client.get("/reports/health/")  # what a process does once, at its first page
    return client


def open_page(client: Client, address: str) -> None:
    response = client.get(address, follow=True)
    assert response.status_code == 200, f"{address}: {response.status_code}"


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        client.get(address, follow=True)
    return len(asked)


def addresses(person: Any) -> Iterator[str]:
    """One account stands for all where a page is about one."""
    account = Account.objects.filter(owner=person).latest("pk").pk
    yield from pages(account)
    for model in sorted(admin.site._registry, key=str):
        yield reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    yield from (
        f"{DEALS}?q=20000123",
        f"{DEALS}?o=-9",
        f"{DEALS}?kind__exact=deposit",
        f"{DEALS}?p=15",
    )
    yield from (f"{POSITIONS}?q=10000123", f"{POSITIONS}?o=1")
    yield from (f"/api/v1/{what}" for what in ("accounts", "deals", "positions", "orders"))


def pages(account: int) -> Iterator[str]:
    yield from ("/", "/import/")
    for key in REPORTS:
        if not REPORTS.load(key).about_row:
            yield f"/reports/{key}/?period=all"
    yield from (f"/reports/account/{account}/?tab={tab}" for tab in TABS)
    for period in ("month", "year"):
        yield f"/reports/trades/?period={period}"
        yield f"/reports/equity/?period={period}"
    yield "/reports/trades/?period=all&broker=1"
    yield "/reports/trades/?period=all&trades.sort=-net"


def generic(address: str) -> str:
    head, slash, rest = address.partition("/reports/account/")
    return f"{head}{slash}N/{rest.partition('/')[2]}" if slash else address


def compared(address: str, few: Visit, many: Visit) -> Measure:
    """Ours: at the larger size; the yardstick: the same page at the smaller one."""
    ratio = many.wall() / few.wall()
    return Measure(
        f"{address} ({many.queries} queries)",
        shown(many.wall(), many.cpu()),
        f"{MOST_SECONDS * 1000:.0f} ms, {MOST_RATIO} x",
        many.wall() <= MOST_SECONDS and ratio <= MOST_RATIO,
        yardstick=shown(few.wall(), few.cpu()),
        ratio=f"{ratio:.2f}",
        cpu_ratio=f"{many.cpu() / few.cpu():.2f}",
    )


def shown(wall: float, cpu: float) -> str:
    return f"{wall * 1000:.0f} ms ({cpu * 1000:.0f} of CPU)"


def summary(what: str, found: dict[str, Visit]) -> Measure:
    """The time within which so many of all openings, first ones too, were answered."""
    wall = most_take([time.wall for visit in found.values() for time in visit.times])
    cpu = most_take([time.cpu for visit in found.values() for time in visit.times])
    budget = f"{MOST_SECONDS * 1000:.0f} ms"
    return Measure(what, shown(wall, cpu), budget, wall <= MOST_SECONDS)


def most_take(seconds: list[float]) -> float:
    return sorted(seconds)[math.ceil(len(seconds) * SHARE) - 1]

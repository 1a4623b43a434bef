"""The page of all open positions with 2,000 of them in 200 accounts, each with terms, a price and a stop."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils import timezone

from accounts.models import Position
from benchmarks import books
from benchmarks.measures import Measure, took
from benchmarks.pages import (
    MOST_SECONDS,
    Visit,
    administrator,
    open_page,
    queries,
    shown,
    signed_in,
)
from brokers.models import BrokerSymbol, Instrument, Quote, SymbolTerms
from tradershub.finance.decimals import ONE

FEW, MANY = 200, 2_000
ROUNDS = 7
ADDRESSES = (
    "/reports/positions/",
    "/reports/positions/?positions.sort=-floating",
    "/reports/positions/?symbol=EURUSD",
    "/",
)
LISTED = {  # base, quote and about what one is worth
    "EURUSD": ("EUR", "USD", "1.1"), "GBPUSD": ("GBP", "USD", "1.3"), "USDJPY": ("USD", "JPY", "150"),
    "AUDUSD": ("AUD", "USD", "0.7"), "USDCHF": ("USD", "CHF", "0.9"), "XAUUSD": ("XAU", "USD", "2600"),
    "US30.cash": ("US30", "USD", "43000"), "XAGUSD": ("XAG", "USD", "30"),
}  # fmt: skip


def measure(scale: float) -> list[Measure]:
    owner = administrator("benchmark")
    few = visited(owner, int(FEW * scale))
    many = visited(owner, int(MANY * scale))
    return [
        Measure(
            f"{address} with {int(MANY * scale)} open ({visit.queries} queries)",
            shown(visit.wall(), visit.cpu()),
            f"{MOST_SECONDS * 1000:.0f} ms",
            visit.wall() <= MOST_SECONDS,
            yardstick=f"{shown(few[address].wall(), few[address].cpu())} with {int(FEW * scale)}",
            ratio=f"{visit.wall() / few[address].wall():.2f}",
            cpu_ratio=f"{visit.cpu() / few[address].cpu():.2f}",
        )
        for address, visit in many.items()
    ]


def visited(owner: Any, held: int) -> dict[str, Visit]:
    """How long each page takes with so many positions open."""
    each = max(1, held // books.ACCOUNTS)
    books.fill(books.ACCOUNTS * (2 * each + 5), owner=owner, still_open=each)
    priced()
    client = signed_in(owner)
    found = {address: Visit() for address in ADDRESSES}
    for _ in range(ROUNDS):
        for address, visit in found.items():
            visit.times.append(took(lambda address=address: open_page(client, address)))
    for address, visit in found.items():
        visit.queries = queries(client, address)
    return found


def priced() -> None:
    """Terms and a fresh price for each symbol; a stop for each position."""
    now = timezone.now()
    for symbol in BrokerSymbol.objects.all():
        base, quote, about = LISTED[symbol.name]
        tick = Decimal("0.00001")
        symbol.instrument, _ = Instrument.objects.get_or_create(
            symbol=symbol.name,
            defaults={
                "category": "fx",
                "base": base[:8],
                "quote": quote,
                "tick_size": tick,
                "contract_size": 100,
            },
        )
        symbol.save()
        SymbolTerms.objects.get_or_create(
            symbol=symbol,
            valid_from=dt.date(2020, 1, 1),
            defaults={"contract_size": 100, "tick_size": tick},
        )
        price = Decimal(about)
        Quote.objects.update_or_create(
            symbol=symbol,
            defaults={"bid": price, "ask": price + tick, "at": now, "source": "benchmark"},
        )
    stop = ONE
    Position.objects.filter(open_volume__gt=0).update(stop_loss=stop, first_stop=stop)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

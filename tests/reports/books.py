"""A person with a year of trades at two brokers in three currencies, booked as an import books them."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils import timezone

from accounts import booking
from accounts.figures import snapshot
from accounts.models import Account, Break
from brokers.models import Broker, FxRate, Instrument
from tests.factories import make_account, make_broker, make_symbol
from tradershub.core.models import Preference

D = Decimal
RATES = {"USD": D("1.10"), "JPY": D("160")}


@dataclass
class Books:
    owner: Any
    accounts: list[Account]


def make_instrument(symbol: str = "EURUSD", **fields: Any) -> Instrument:
    fields.setdefault("category", "fx")
    fields.setdefault("base", symbol[:3])
    fields.setdefault("quote", symbol[3:6])
    fields.setdefault("tick_size", D("0.00001"))
    fields.setdefault("contract_size", D(100000))
    return Instrument.objects.get_or_create(symbol=symbol, defaults=fields)[0]


def make_rates(day: dt.date, *, days: int = 400) -> None:
    if FxRate.objects.exists():
        return
    FxRate.objects.bulk_create(
        FxRate(currency=code, day=day - dt.timedelta(days=n), rate=rate + D(n % 7) / 1000)
        for code, rate in RATES.items()
        for n in range(days)
    )


def round_trip(
    symbol: Any,
    ref: str,
    opened: dt.datetime,
    closed: dt.datetime,
    *,
    profit: Decimal,
    **fields: Any,
) -> list[booking.NewDeal]:
    """The two deals of one trade; the profit is booked at its close."""
    shared = {"kind": "trade", "source": "statement", "symbol_id": symbol.pk, "position_ref": ref}
    shared |= {"volume": fields.get("volume", D("0.5")), "price": D("1.10000")}
    first = booking.NewDeal(
        key=f"{ref}i", broker_deal_id=f"{ref}1", at=opened, side="buy", entry="in",
        commission=fields.get("commission", D("-1.50")), **shared,
    )  # fmt: skip
    last = booking.NewDeal(
        key=f"{ref}o", broker_deal_id=f"{ref}2", at=closed, side="sell", entry="out", profit=profit,
        swap=fields.get("swap", D("-0.25")), comment=fields.get("comment", ""), **shared,
    )  # fmt: skip
    return [first, last]


def make_books(owner: Any, *, days: int = 200, per_day: int = 1, seed: int = 7) -> Books:
    """Three accounts with trades up to today, an open position each, marks, one open Break."""
    now = timezone.now().replace(microsecond=0)
    first, second = (
        Broker.objects.filter(name=name).first() or make_broker(name=name)
        for name in ("Northwind Markets", "Harbour FX")
    )
    accounts = [
        make_account(owner=owner, broker=first, number="51001", currency="USD", name="Swing"),
        make_account(owner=owner, broker=first, number="51002", currency="EUR", name="Day trades"),
        make_account(owner=owner, broker=second, number="880014", currency="JPY", name="Tokyo"),
    ]
    Preference.objects.update_or_create(owner=owner, defaults={"base_currency": "EUR"})
    make_rates(now.date())
    for n, account in enumerate(accounts):
        _fill(account, now, days=days, per_day=per_day, random_=random.Random(seed + n))
    Break.objects.create(
        account=accounts[0],
        kind=Break.Kind.TOTAL,
        cause="The file prints a total of 1 250.10, its rows add up to 1 249.10",
        difference=D("1.00"),
    )
    return Books(owner, accounts)


def _fill(
    account: Account, now: dt.datetime, *, days: int, per_day: int, random_: random.Random
) -> None:
    scale = D(150) if account.currency == "JPY" else D(1)
    symbols = [
        make_symbol(account, "EURUSD", instrument=make_instrument("EURUSD")),
        make_symbol(account, "XAUUSD.r", instrument=None),
    ]
    begins = now - dt.timedelta(days=days)
    deals = [
        booking.NewDeal(
            key="deposit", kind="deposit", at=begins, source="statement", profit=D(10000) * scale
        )
    ]
    for n in range(days * per_day):
        opened = begins + dt.timedelta(days=n / per_day, hours=1)
        if opened > now - dt.timedelta(hours=5):
            break
        profit = (D(random_.randint(-9000, 11000)) / 100 * scale).quantize(
            D(1) if scale > 1 else D("0.01")
        )
        closed = opened + dt.timedelta(hours=3, minutes=n % 50)
        deals += round_trip(symbols[n % 2], f"{account.number}{n}", opened, closed, profit=profit)
    ref = f"{account.number}open"
    deals += round_trip(symbols[0], ref, now - dt.timedelta(hours=4), now, profit=D(0))[:1]
    booking.book(account, deals)
    booking.derive(account, symbols=None)
    mark = booking.Mark(
        symbols[0].pk, ref, D("1.10420"), D("42.10") * scale, D("-1.20"), D("1.0950")
    )
    booking.mark(account, [mark], at=now - dt.timedelta(hours=1), source="statement of today")
    snapshot(
        account,
        at=now - dt.timedelta(hours=1),
        source="statement",
        balance=D(10000) * scale,
        equity=D(10040) * scale,
    )

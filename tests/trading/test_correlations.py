"""What an order's instrument has in common with what its account holds, from prices that the hub has."""

import datetime as dt
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.models import Deal, Position
from brokers.models import FxRate, Instrument
from risk.models import Limit
from tests.factories import make_owner, make_symbol
from trading.correlations import correlations_of
from trading.facts import order_facts

D = Decimal
DAYS = 70


@pytest.fixture
def gold(desk):
    """The account is long gold, and traded it on each of the last days; a limit asks how that moves with EURUSD."""
    now = timezone.now()
    instrument, _ = Instrument.objects.get_or_create(
        symbol="XAUUSD", defaults={"category": "metal", "base": "XAU", "quote": "USD"}
    )
    symbol = make_symbol(desk.account, name="GOLD", instrument=instrument)
    Limit.objects.create(kind="correlated", scope="all", value=1, unit="percent")
    Position.objects.create(
        account=desk.account, symbol=symbol, ref="g", side="buy", volume=1, open_volume=1, opened_at=now
    )  # fmt: skip
    for n in range(DAYS):
        at = now - dt.timedelta(days=n)
        up = D(n % 5)
        FxRate.objects.update_or_create(
            currency="USD", day=at.date(), defaults={"rate": D("1.1") + up / 100}
        )
        Deal.objects.create(
            account=desk.account, symbol=symbol, kind="trade", side="buy", volume=1, price=2000 - 10 * up,
            at=at, currency="USD", entry="in", key=f"g{n}", source="live",
        )  # fmt: skip
    return instrument


def test_prices_of_each_day_tell_how_the_two_move_together(desk, gold):
    facts = order_facts(desk.place(), at=timezone.now())
    found = facts.correlations[gold.pk]
    assert D("-1") <= found.r < D("-0.99")
    assert found.n == DAYS - 1


def test_too_little_is_known_of_what_hardly_traded(desk, gold):
    Deal.objects.filter(at__lt=timezone.now() - dt.timedelta(days=50)).delete()
    assert correlations_of(desk.symbol.instrument, desk.account, at=timezone.now()) == {}


def test_the_deals_of_others_say_nothing(desk, gold):
    desk.account.owner = make_owner()
    assert correlations_of(desk.symbol.instrument, desk.account, at=timezone.now()) == {}


def test_nobody_computes_what_no_limit_asks_for(desk, gold):
    Limit.objects.update(enabled=False)
    assert order_facts(desk.place(), at=timezone.now()).correlations is None

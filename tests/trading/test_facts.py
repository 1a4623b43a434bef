"""Rates of an order come from its broker's own quotes where they are of now."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as D

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AccountTerms, BrokerOrder
from brokers.models import BrokerSymbol, FxRate, Quote, SymbolTerms
from tests.desk.papers import PaperTrader
from tradershub.finance.sizing import SizeIn
from trading import journal
from trading.facts import change_facts, order_facts
from trading.models import Order
from trading.preview import preview
from trading.sources.draft import Size

pytestmark = pytest.mark.django_db
LONG_AGO = dt.timedelta(days=100)


class EuroTrader(PaperTrader):
    """An account in EUR: EURUSD at 1.25, GBPUSD at 1.50, USDJPY at 150; references of long ago."""

    def __init__(self):
        super().__init__(currency="EUR")
        for name, price in (("EURUSD", "1.25"), ("GBPUSD", "1.5"), ("USDJPY", "150")):
            self.price(name, price)
        day = timezone.now().date() - LONG_AGO
        for currency, rate in (("USD", "2"), ("GBP", "2"), ("JPY", "2")):
            FxRate.objects.create(currency=currency, day=day, rate=rate)

    def price(self, name, price, *, age=0):
        symbol = BrokerSymbol.objects.get(broker=self.account.broker, name=name)
        at = timezone.now() - dt.timedelta(seconds=age)
        Quote.objects.update_or_create(
            symbol=symbol, defaults={"bid": price, "ask": price, "at": at, "source": "test"}
        )
        return symbol

    def seen(self, symbol, size="1", size_in=SizeIn.LOTS, **asked):
        return preview(
            self.account, symbol=symbol, side="buy", size=Size(D(size), size_in), **asked
        )


@pytest.fixture
def trader():
    return EuroTrader()


def test_a_pair_without_the_accounts_currency_is_judged_by_the_brokers_quotes(trader):
    """1 / 1.25 EUR for a USD; 100,000 GBP of 1.50 USD each are 120,000 EUR, at a leverage of 100 1,200."""
    trader.price("EURUSD", "1.25", age=7)
    found = trader.seen("GBPUSD")
    assert found.verdict.passed, found.verdict.refusal
    rate = found.facts.rate
    assert (rate.value, rate.daily) == (D("0.8"), False)
    assert 7 <= (found.facts.at - rate.at).total_seconds() < 30
    assert found.facts.margin == D(1200)


def test_a_rate_goes_through_another_currency(trader):
    """150 yen a dollar, 1.25 dollars a euro."""
    assert trader.seen("USDJPY").facts.rate.value == 1 / D(150) * D("0.8")


def test_a_size_by_risk_is_computed_with_the_rate_of_now(trader):
    """1 % of 10,000 EUR over 100 points of 10 USD each, 8 EUR: 0.125 lots."""
    found = trader.seen("GBPUSD", "1", SizeIn.PERCENT_RISK, stop_loss=D("1.49"))
    assert found.order.lots == D("0.12")


def test_a_commission_is_converted_with_the_rate_of_now(trader):
    """0.1 % of 150,000 USD, twice, at 0.8."""
    pound = BrokerSymbol.objects.get(broker=trader.account.broker, name="GBPUSD")
    terms = {"commission_scheme": "percent", "commission_rate": "0.1"}
    SymbolTerms.objects.filter(symbol=pound).update(**terms)
    assert trader.seen("GBPUSD").facts.costs == D(240)


def test_where_no_quote_is_of_now_the_reference_is_asked_and_says_its_day(trader):
    trader.price("EURUSD", "1.25", age=600)
    found = trader.seen("GBPUSD")
    assert (found.facts.rate.value, found.facts.rate.daily) == (D("0.5"), True)
    assert found.verdict.refusal.code == "NO_RATE"


def test_an_order_in_the_accounts_own_currency_asks_for_no_rate(trader):
    trader.account.currency = "USD"
    trader.account.save()
    order = trader.seen("GBPUSD").order
    with CaptureQueriesContext(connection) as asked:
        assert order_facts(order, at=timezone.now()).rate.value == 1
    for table in ("brokers_quote", "brokers_fxrate"):
        assert not [one for one in asked if f'FROM "{table}"' in one["sql"]]


def test_orders_at_the_broker_that_are_none_of_ours_are_counted(trader):
    order = journal.open_order(trader.seen("GBPUSD").order, actor="me")
    Order.objects.filter(pk=order.pk).update(broker_order_id="ours")
    other = PaperTrader(name="Elsewhere").account
    for account, number, state in (
        (trader.account, "ours", "working"),
        (trader.account, "foreign", "partial"),
        (trader.account, "another", "working"),
        (trader.account, "over", "filled"),
        (other, "elsewhere", "working"),
    ):
        BrokerOrder.objects.create(
            account=account, broker_order_id=number, symbol=order.symbol, type="limit", side="buy",
            volume=1, state=state, placed_at=timezone.now(),
        )  # fmt: skip
    assert order_facts(order, at=timezone.now()).foreign_working == 2
    assert order_facts(order, at=timezone.now(), again=True).foreign_working is None


def test_margin_is_by_the_leverage_in_force(trader):
    """As above, 120,000 EUR: from yesterday at 50, from tomorrow at 10."""
    today = timezone.now().date()
    for days, leverage in ((-1, 50), (1, 10)):
        AccountTerms.objects.update_or_create(
            account=trader.account,
            valid_from=today + dt.timedelta(days=days),
            defaults={"leverage": leverage},
        )
    AccountTerms.objects.filter(account=trader.account, valid_from=today).delete()
    assert trader.seen("GBPUSD").facts.margin == D(2400)
    AccountTerms.objects.filter(account=trader.account).delete()
    assert order_facts(trader.seen("GBPUSD").order, at=timezone.now()).margin is None


def test_terms_that_are_not_in_force_are_not_known(trader):
    order = trader.seen("GBPUSD").order
    theirs = SymbolTerms.objects.filter(symbol=order.symbol)
    assert order_facts(order, at=timezone.now()).lot_step == theirs.get().lot_step
    BrokerSymbol.objects.filter(pk=order.symbol_id).update(instrument=None)
    unmapped = order_facts(order, at=timezone.now())
    assert (unmapped.lot_step, unmapped.instrument_id) == (None, None)
    theirs.update(valid_from=timezone.now().date() + dt.timedelta(days=1))
    early = order_facts(order, at=timezone.now())
    assert (early.lot_step, early.market.bid) == (None, D("1.5"))


def test_a_change_is_a_persons_whatever_made_the_order(trader):
    now = timezone.now()
    order = Order(
        account=trader.account, symbol=trader.price("EURUSD", "1.25"), side="buy", lots=D(1),
        automatic=True, signal_at=now - LONG_AGO,
    )  # fmt: skip
    facts = change_facts(order, at=now)
    assert (facts.automatic, facts.signal_at) == (False, None)

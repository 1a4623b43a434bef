"""An order before it is asked for."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from django.utils import timezone

from accounts.models import Account
from brokers.connecting import platform_row, switch_platform
from brokers.models import BrokerSymbol, Quote, SymbolTerms
from risk.kinds import Kind, Scope, Unit
from risk.models import Limit, Reservation, RiskEvent, Usage
from tests.desk.papers import PaperTrader
from tradershub.core.errors import BadInput
from tradershub.finance.sizing import SizeIn
from trading import services
from trading.models import Order
from trading.preview import preview
from trading.sources.draft import Size

pytestmark = pytest.mark.django_db


@pytest.fixture
def trader():
    return PaperTrader()


def seen(trader, size="0.5", size_in=SizeIn.LOTS, **asked):
    given = {"symbol": "EURUSD", "side": "buy", "size": Size(D(size), size_in)}
    return preview(trader.account, **given | asked)


def test_a_buy_of_half_a_lot(trader):
    """0.5 lots of 100,000: 1 pip is 5 USD; margin 0.5 x 100,000 x 1.1001 / 100."""
    found = seen(trader, stop_loss=D("1.0951"), take_profit=D("1.1101"))
    assert found.verdict.passed, found.verdict.refusal
    assert (found.order.lots, found.entry) == (D("0.5"), D("1.1001"))
    assert (found.to_stop, found.at_target) == (D(250), D(500))
    assert (found.at_risk, found.r_multiple, found.risk_percent) == (D(250), D(2), D("2.5"))
    assert found.facts.margin == D("550.05")
    assert found.free_after == D("9449.95")
    assert found.spread_cost == D(5)


def test_a_sell_opens_at_the_bid_and_loses_upwards(trader):
    found = seen(trader, side="sell", stop_loss=D("1.105"), take_profit=D("1.09"))
    assert (found.entry, found.to_stop, found.at_target) == (D("1.1"), D(250), D(500))


def test_a_size_by_risk_becomes_lots_rounded_down(trader):
    """1 % of 10,000 USD over 33 pips of 10 USD: 0.303 lots."""
    found = seen(trader, "1", SizeIn.PERCENT_RISK, stop_loss=D("1.0968"))
    assert (found.order.lots, found.at_risk) == (D("0.30"), D(99))


def test_without_a_stop_no_risk_is_claimed(trader):
    found = seen(trader)
    assert (found.to_stop, found.at_risk, found.r_multiple) == (None, None, None)


def test_a_size_by_risk_needs_a_stop_and_room_for_the_least_lots(trader):
    with pytest.raises(BadInput, match="needs a stop"):
        seen(trader, "1", SizeIn.PERCENT_RISK)
    with pytest.raises(BadInput, match="the least is 0.01"):
        seen(trader, "0.001", SizeIn.PERCENT_RISK, stop_loss=D("1.0968"))


def test_a_resting_order_opens_at_its_own_price(trader):
    found = seen(trader, kind="limit", price=D("1.09"), stop_loss=D("1.085"))
    assert (found.entry, found.to_stop) == (D("1.09"), D(250))


def test_a_stop_that_the_market_has_passed_opens_at_the_market(trader):
    """Asked at 1.0805 it would fill at 1.1001: 201 pips of 5 USD, and sized by them."""
    found = seen(trader, kind="stop", price=D("1.0805"), stop_loss=D("1.08"))
    assert (found.entry, found.to_stop, found.facts.margin) == (D("1.1001"), D(1005), D("550.05"))
    sized = seen(
        trader, "1", SizeIn.PERCENT_RISK, kind="stop", price=D("1.0805"), stop_loss=D("1.08")
    )
    assert (sized.order.lots, sized.at_risk) == (D("0.04"), D("80.4"))


def test_a_commission_in_the_quote_currency_is_converted_by_the_symbols_own_price(trader):
    """0.1 % of 0.5 x 100,000 USD, twice: 100 USD; without a reference rate it is not 15,000."""
    yen = BrokerSymbol.objects.get(broker=trader.account.broker, name="USDJPY")
    SymbolTerms.objects.filter(symbol=yen).update(
        commission_scheme="percent", commission_rate="0.1"
    )
    now = {"at": timezone.now(), "source": "test"}
    Quote.objects.update_or_create(symbol=yen, defaults={"bid": "150", "ask": "150", **now})
    assert seen(trader, symbol="USDJPY").facts.costs == D(100)


def test_a_size_beyond_what_the_database_keeps_is_refused_with_its_figures(trader):
    """999,999,999 lots of 100,000 at 1.1001, of which a hundredth is margin: 1,100 billion."""
    refusal = seen(trader, "999999999").verdict.refusal
    assert (refusal.code, refusal.figures["asked"]) == ("MARGIN", "1100099998899.9")
    order = services.place_by_hand(
        trader.account, actor=trader.user, symbol="EURUSD", side="buy", lots=D(999_999_999)
    )
    assert (order.state, order.code) == ("blocked", "MARGIN")


def test_money_asked_and_left_has_the_digits_of_its_currency(trader):
    """20 lots of 99,999.9 at 1.1001, of which a hundredth is margin: 22,001.977998."""
    SymbolTerms.objects.update(contract_size=D("99999.9"))
    refusal = seen(trader, "20").verdict.refusal
    assert refusal.text.startswith(
        "Margin against what is free: 22\u202f001.98 USD asked, 10\u202f000.00 left of 10\u202f000.00 "
        "(0.00 used, 0.00 reserved)"
    )


def test_a_platform_that_is_off_is_named_with_its_reason(trader):
    platform = platform_row(trader.account.connection.platform)
    switch_platform(platform, on=False, actor="root", reason="Five errors in a row")
    refusal = seen(trader).verdict.refusal
    assert refusal.text == "The platform Paper is switched off: Five errors in a row"
    Account.objects.filter(pk=trader.account.pk).update(connection=None)
    assert seen(trader).verdict.refusal.text == "The account has no connection"


def test_what_no_broker_has_is_refused(trader):
    with pytest.raises(BadInput, match="has no symbol"):
        seen(trader, symbol="NOTHING")


def test_risk_says_no_with_its_figures_and_nothing_is_written(trader):
    Limit.objects.create(
        kind=Kind.SYMBOL_LOTS, unit=Unit.LOTS, value=D("0.2"), scope=Scope.ACCOUNT,
        account=trader.account, owner=trader.user,
    )  # fmt: skip
    refusal = seen(trader).verdict.refusal
    assert refusal.rule == "symbol_lots" and "0.2" in str(refusal.figures)
    assert seen(trader, "0.1").verdict.passed
    written = (Order, Reservation, RiskEvent, Usage)
    assert [model.objects.count() for model in written] == [0, 0, 0, 0]

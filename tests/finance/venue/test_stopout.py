from dataclasses import replace
from decimal import Decimal as D

import pytest

from tests.finance.venue.makers import Desk, filled, kinds, of, only, stops
from tradershub.finance.venue import events
from tradershub.finance.venue.events import Code
from tradershub.finance.venue.orders import Reason
from tradershub.finance.venue.rules import Protection, StopOutOrder
from tradershub.finance.venue.symbols import CommissionTerms, Scheme


def desk(**more):
    made = Desk(**more)
    made.quote("EURUSD", "1.10000", "1.10000")
    return made


def closed(found):
    return [deal.position for deal in of(found, events.Filled) if deal.closed]


def test_margin_of_a_pair_quoted_in_the_accounts_currency_stays_at_its_opening_price():
    d = desk()
    d.buy("1")
    d.quote("EURUSD", "1.20000", "1.20000")
    # 100,000 / 100 at 1.10000
    assert d.figures.margin == D("1100.00")


def test_margin_follows_the_mid_where_the_broker_revalues_it():
    d = desk(margin_at_market=True)
    d.buy("1")
    d.quote("EURUSD", "1.20000", "1.20020")
    assert d.figures.margin == D("1200.10")


def test_covered_lots_cost_the_hedged_size():
    d = desk()
    d.buy("3")
    d.sell("1")
    # hedged size 0: two uncovered lots at the longs' price
    assert d.figures.margin == D("2200.00")


def test_equity_is_balance_and_floating():
    d = desk()
    d.buy("1")
    d.quote("EURUSD", "1.10150", "1.10160")
    found = d.figures
    assert (found.floating, found.equity) == (D("150.00"), D("100150.00"))
    assert found.free == D("99050.00")
    assert found.level == D("100150.00") / D("1100.00") * 100


def test_a_margin_call_warns_once_and_is_lifted():
    d = desk(deposit="2000")
    d.buy("1")
    # equity 1,100 = 100 %
    call = only(d.quote("EURUSD", "1.09100", "1.09100"), events.MarginCall)
    assert (call.level, call.equity, call.margin) == (100, D("1100.00"), D("1100.00"))
    assert kinds(d.quote("EURUSD", "1.09090", "1.09090")) == []
    assert kinds(d.quote("EURUSD", "1.09110", "1.09110")) == ["MarginCallLifted"]


def test_stop_out_closes_the_largest_loss_until_the_level_is_higher():
    d = desk(deposit="2600")
    d.quote("USDCHF", "0.90000", "0.90000")
    d.buy("1")
    d.buy("1", "USDCHF")
    # EURUSD loses 1,550: equity 1,050 of margin 1,100 + 1,000 = 50 %
    found = d.quote("EURUSD", "1.08450", "1.08450")
    stopped = only(found, events.StopOut)
    assert (stopped.level, stopped.equity, stopped.margin) == (50, D("1050.00"), D("2100.00"))
    deal = filled(found)
    assert (deal.symbol, deal.reason, deal.profit) == ("EURUSD", Reason.STOP_OUT, D("-1550.00"))
    assert d.position.symbol == "USDCHF"
    assert d.figures.level == D("105")


def test_resting_orders_are_deleted_first_the_largest_reservation_first():
    d = desk(deposit="2000", reserves=True)
    d.buy("1")
    d.buy("0.1", kind="limit", price="1.00000")
    d.buy("0.5", kind="limit", price="1.00000")
    # margin 1,100 + 100 + 500; equity 800 = 47.06 %; without the larger order 66.67 %
    found = d.quote("EURUSD", "1.08800", "1.08800")
    assert only(found, events.Cancelled).code is Code.STOP_OUT
    assert [order.request.lots for order in d.account.orders.values()] == [D("0.1")]
    assert d.position


def test_a_closed_market_is_passed_over():
    d = desk(deposit="2600")
    d.quote("USDCHF", "0.90000", "0.90000")
    d.buy("1")
    d.buy("1", "USDCHF")
    found = d.quote("EURUSD", "1.08000", "1.08000", tradable=False)
    assert [deal.symbol for deal in of(found, events.Filled)] == ["USDCHF"]
    assert d.position.symbol == "EURUSD"


def test_smart_closes_lots_of_the_largest_margin_fair_all_of_it_and_all_everything():
    left = {}
    for rule in (StopOutOrder.SMART, StopOutOrder.FAIR, StopOutOrder.ALL):
        d = desk(deposit="3000", stop_out=rule)
        d.buy("1.5")
        d.buy("0.5")
        # 2 lots lose 2,000: equity 1,000 of margin 2,200 = 45.45 %
        d.quote("EURUSD", "1.09000", "1.09000")
        left[rule] = [position.lots for position in d.account.positions.values()]
    # SMART: at most 1,999.99 of margin at 50 %: 1.81 lots cost 1,991.00
    assert left == {
        StopOutOrder.SMART: [D("1.31"), D("0.5")],
        StopOutOrder.FAIR: [D("0.5")],
        StopOutOrder.ALL: [],
    }


@pytest.mark.parametrize(
    ("protection", "balance"), [(Protection.STOP_OUT, "0.00"), (Protection.NONE, "-8000.00")]
)
def test_a_gap_beyond_the_account_is_compensated_apart_where_it_is_protected(protection, balance):
    d = desk(deposit="2000", protection=protection)
    d.buy("1")
    found = d.quote("EURUSD", "1.00000", "1.00000")
    assert filled(found).profit == D("-10000.00")
    assert d.figures.balance == D(balance)
    compensations = [event.amount for event in of(found, events.Compensation)]
    assert compensations == ([D("8000.00")] if protection is Protection.STOP_OUT else [])


def test_a_hedged_account_is_stopped_only_where_the_rule_says_so():
    for hedged_too in (False, True):
        d = desk(deposit="2000", hedged_too=hedged_too)
        d.buy("1")
        d.sell("1")
        d.quote("EURUSD", "1.09000", "1.12000")
        assert bool(d.account.positions) != hedged_too


def test_withdrawals_are_bounded_by_free_margin_and_balance():
    d = desk(deposit="2000")
    d.buy("1")
    d.quote("EURUSD", "1.10500", "1.10500")
    refused = only(d.do("withdraw", D(1500)), events.Rejected)
    assert refused.message == "amount was 1500, at most 1400.00 can be withdrawn"
    assert kinds(d.do("withdraw", D(1300))) == ["Posted"]
    assert d.figures.balance == 700


def test_credit_counts_towards_equity_and_never_towards_the_balance():
    d = desk(deposit="500")
    d.do("credit", D(700))
    assert (d.figures.balance, d.figures.equity) == (500, 1200)
    assert kinds(d.buy("1"))[-1] == "PositionOpened"


def test_a_stop_across_a_gap_leaves_a_debt_unless_the_account_is_always_protected():
    """MetaTrader compensates what a stop-out leaves, not what a stop loss leaves."""
    for protection, balance in ((Protection.STOP_OUT, -8000), (Protection.ALWAYS, 0)):
        d = desk(deposit="2000", protection=protection)
        d.buy("1", stops=stops(stop_loss="1.09500"))
        assert filled(d.quote("EURUSD", "1.00000", "1.00000")).reason is Reason.STOP_LOSS
        assert d.figures.balance == balance


def test_buys_and_sells_may_cost_what_the_larger_of_both_does():
    d = desk(symbols={"EURUSD": {"larger_leg": True}})
    d.buy("3")
    d.sell("1")
    assert d.figures.margin == D("3300.00")


def test_a_change_of_rules_is_felt_at_once():
    d = desk(deposit="2000")
    d.buy("1")
    found = d.do("change_rules", replace(d.account.rules, leverage=D(20)))
    # equity 2,000 of margin 5,500 = 36.36 %
    assert kinds(found)[:2] == ["RulesChanged", "StopOut"]
    assert not d.account.positions
    with pytest.raises(ValueError, match="expected USD, found EUR"):
        d.do("change_rules", replace(d.account.rules, currency="EUR"))


def test_money_of_other_kinds_is_posted_as_named():
    d = desk(deposit="2000")
    assert only(d.do("post", "interest", D("-1.25")), events.Posted).kind == "interest"
    assert d.figures.balance == D("1998.75")


@pytest.mark.parametrize("order", StopOutOrder)
def test_what_cannot_be_closed_for_lack_of_a_rate_is_left_open(order):
    d = desk(deposit="2000", stop_out=order)
    d.buy("1")
    pounds = CommissionTerms(scheme=Scheme.PER_LOT, rate=D(3), currency="GBP")
    symbols = d.venue.market.symbols
    symbols["EURUSD"] = replace(symbols["EURUSD"], commission=pounds)
    found = d.quote("EURUSD", "1.08000", "1.08000")
    assert kinds(found) == ["MarginCall"]
    symbols["EURUSD"] = replace(symbols["EURUSD"], commission=CommissionTerms())
    assert closed(d.quote("EURUSD", "1.08000", "1.08000"))

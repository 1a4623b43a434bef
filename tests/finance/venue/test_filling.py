from decimal import Decimal as D

from tests.finance.venue.makers import Desk, filled, kinds, of, only, stops
from tradershub.finance.terms import CalcMode, ContractTerms
from tradershub.finance.venue import events
from tradershub.finance.venue.events import Code
from tradershub.finance.venue.symbols import CommissionTerms, Scheme


def desk(**more):
    made = Desk(**more)
    made.quote("EURUSD", "1.10000", "1.10000")
    return made


def test_hedging_opens_another_position_on_each_side():
    d = desk()
    d.buy("1")
    d.sell("1")
    assert [p.side for p in d.account.positions.values()] == ["buy", "sell"]


def test_netting_averages_reduces_and_reverses():
    """Trading Technologies' example (finance.md 2.3), a unit a lot: realised 36.62068966."""
    unit = ContractTerms(
        mode=CalcMode.CFD,
        contract_size=D(1),
        digits=0,
        lot_min=D(1),
        lot_step=D(1),
        profit_digits=9,
    )
    d = Desk(mode="netting", digits=8, symbols={"DAX": {"terms": unit, "quote": "USD"}})
    fills = []
    for side, lots, price in (
        ("buy", "12", "100"), ("buy", "17", "99"), ("sell", "9", "101"), ("sell", "4", "105"),
        ("buy", "3", "103"),
    ):  # fmt: skip
        d.quote("DAX", price, price)
        fills.append(filled(d.submit(side, lots, "DAX")))
    assert round(d.position.price, 8) == D("99.98003630")
    assert sum(deal.profit for deal in fills) == D("36.62068966")
    found = d.sell("30", "DAX")
    deal = filled(found)
    assert (deal.entry, deal.closed, deal.lots) == ("inout", 19, 30)
    assert (d.position.side, d.position.lots, d.position.price) == ("sell", 11, D(103))
    assert kinds(found) == ["Accepted", "Filled", "PositionClosed", "PositionOpened"]


def test_netting_keeps_the_stops_unless_the_new_order_brings_its_own():
    d = desk(mode="netting")
    d.buy("1", stops=stops(stop_loss="1.09000"))
    d.buy("1")
    assert d.position.stop_loss == D("1.09000")
    d.buy("1", stops=stops(stop_loss="1.09500"))
    assert d.position.stop_loss == D("1.09500")


def test_a_named_position_closes_in_part_and_its_swap_leaves_with_the_lots():
    d = desk()
    d.buy("1")
    d.buy("1")
    first, second = d.account.positions
    d.quote("EURUSD", "1.10100", "1.10110")
    assert filled(d.do("close", second, lots=D("0.4"))).profit == D("40.00")
    assert d.account.positions[second].lots == D("0.6")
    assert d.account.positions[first].lots == 1
    refused = only(d.do("close", second, lots=D("0.7")), events.Rejected)
    assert (refused.code, refused.message) == (
        Code.BAD_LOTS,
        f"lots were 0.7, position {second} has 0.6",
    )
    assert only(d.do("close", 999), events.Rejected).code is Code.UNKNOWN_POSITION


def test_close_by_pays_no_spread_and_leaves_the_larger():
    d = desk()
    d.buy("3")
    d.quote("EURUSD", "1.10200", "1.10300")
    d.sell("1")
    long, short = d.account.positions
    found = d.do("close_by", long, short)
    deals = of(found, events.Filled)
    # 100,000 x (1.10200 - 1.10000), once
    assert [deal.profit for deal in deals] == [D("200.00"), D("0.00")]
    assert {deal.entry for deal in deals} == {"out_by"}
    assert (d.position.id, d.position.lots) == (long, 2)


def test_close_by_wants_two_opposite_positions_of_one_symbol():
    d = desk()
    d.buy("1")
    d.buy("1")
    refused = only(d.do("close_by", *d.account.positions), events.Rejected)
    assert refused.message == (
        "expected two opposite positions of one symbol, found buy EURUSD and buy EURUSD"
    )


def test_reduce_only_closes_the_oldest_first_and_never_opens():
    d = desk()
    d.buy("1")
    d.buy("2")
    found = d.sell("5", reduce_only=True)
    assert [deal.lots for deal in of(found, events.Filled)] == [1, 2]
    assert only(found, events.Cancelled).message == "2 lots would have opened a position"
    assert not d.account.positions
    assert only(d.sell("1", reduce_only=True), events.Rejected).code is Code.NOTHING_TO_REDUCE


def test_reduce_only_does_not_reverse_a_netting_position():
    d = desk(mode="netting")
    d.buy("1")
    d.sell("3", reduce_only=True)
    assert not d.account.positions


def test_closing_a_position_cancels_the_orders_that_would_close_it():
    d = desk()
    d.buy("1")
    d.sell("1", kind="limit", price="1.20000", position=d.position.id)
    assert len(d.account.orders) == 1
    found = d.do("close", d.position.id)
    assert only(found, events.Cancelled).code is Code.POSITION_CLOSED


def test_profit_is_converted_at_the_deal_where_the_symbol_itself_converts():
    """finance.md 2.2: long 1.00 USDCHF 0.91000 to 0.91500 / 0.91520, by deal 546.45."""
    d = Desk()
    d.quote("USDCHF", "0.91000", "0.91000")
    d.buy("1", "USDCHF")
    d.quote("USDCHF", "0.91500", "0.91520")
    assert filled(d.do("close", d.position.id)).profit == D("546.45")


def test_profit_is_converted_through_another_pair_at_the_bad_side():
    """100 EUR won on the DAX; EURUSD 1.10000 / 1.10010 sells euro at the bid: 110.00 USD."""
    d = desk()
    d.quote("DAX", "18000.0", "18000.0")
    d.buy("1", "DAX")
    d.quote("DAX", "18100.0", "18101.0")
    d.quote("EURUSD", "1.10000", "1.10010")
    deal = filled(d.do("close", d.position.id))
    assert (deal.profit, deal.rate) == (D("110.00"), D("1.10000"))


def test_a_markup_takes_its_part_of_gains_and_adds_to_losses():
    """OANDA: 100 EUR at mid 1.10000 less 0.5 % = 109.45 USD."""
    d = desk(markup_percent=D("0.5"))
    d.quote("DAX", "18000.0", "18000.0")
    d.buy("1", "DAX")
    d.quote("DAX", "18100.0", "18100.0")
    assert d.figures.floating == D("109.45")
    d.quote("DAX", "17900.0", "17900.0")
    assert d.figures.floating == D("-110.55")


def test_what_cannot_be_converted_is_refused_with_the_missing_rate():
    d = Desk()
    d.quote("DAX", "18000.0", "18001.0")
    refused = only(d.buy("1", "DAX"), events.Rejected)
    assert refused.code is Code.NO_RATE
    assert refused.message.startswith("no rate from EUR to USD at 2026-03-02")


def commission(scheme, rate, **more):
    terms = CommissionTerms(scheme=Scheme(scheme), rate=D(rate), **more)
    return desk(symbols={"EURUSD": {"commission": terms}})


def test_commission_is_charged_to_each_deal_by_its_scheme():
    # 2 lots at 1.10000: 200,000 EUR, 220,000 USD.
    for scheme, rate, charged in (
        ("per_lot", "3.5", "-7.00"),
        ("per_trade", "1.25", "-1.25"),
        ("per_million", "20", "-4.40"),
        ("percent", "0.002", "-4.40"),
        ("basis_points", "0.2", "-4.40"),
        ("points", "1", "-2.00"),
    ):
        d = commission(scheme, rate)
        assert filled(d.buy("2")).commission == D(charged), scheme
        assert d.figures.balance == 100_000 + D(charged)
        assert filled(d.do("close", d.position.id)).commission == D(charged), scheme


def test_commission_at_opening_only_minimum_and_share_of_profit():
    d = commission("per_lot", "7", opening_only=True)
    assert filled(d.buy("1")).commission == D("-7.00")
    assert filled(d.do("close", d.position.id)).commission == 0
    assert filled(commission("basis_points", "0.2", minimum=D(2)).buy("0.5")).commission == -2
    d = commission("share_of_profit", "10")
    d.buy("1")
    d.quote("EURUSD", "1.10100", "1.10100")
    assert filled(d.do("close", d.position.id)).commission == D("-10.00")


def test_commission_in_another_currency_is_converted():
    # 7 EUR at the ask that buys them: 1.10000.
    d = commission("per_lot", "7", currency="EUR")
    assert filled(d.buy("1")).commission == D("-7.70")


def test_deals_tell_the_balance():
    d = commission("per_lot", "3")
    for side in ("buy", "sell", "buy"):
        d.submit(side, "1")
    for position in list(d.account.positions):
        d.do("close", position)
    assert d.figures.balance == 100_000 + sum(deal.money for deal in of(d.log, events.Filled))
    assert d.figures.balance == 100_000 - 6 * 3


def test_reduce_first_closes_the_oldest_then_opens_what_is_left():
    d = desk()
    d.buy("1")
    d.buy("2")
    found = d.sell("5", reduce_first=True)
    assert [(deal.closed, deal.lots) for deal in of(found, events.Filled)] == [
        (1, 1),
        (2, 2),
        (0, 2),
    ]
    assert (d.position.side, d.position.lots) == ("sell", 2)
    assert not d.account.orders

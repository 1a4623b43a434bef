"""OANDA's own examples in the words of all platforms: transactions as deals, orders, trades, contracts."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as D

import pytest

from brokers.adapters.messages import DealKind, Entry, Status, Stops
from brokers.adapters.oanda import _stop_changes
from brokers.adapters.oanda_history import Cursor, read_on, worth
from brokers.adapters.oanda_orders import Closing, ack_of, story_of
from brokers.adapters.oanda_reports import (
    bar_report,
    moment,
    netted,
    quote_report,
    quote_reports,
    symbol_report,
    trade_report,
)

AT = "2026-03-02T09:15:00.123456789Z"
NIGHT = "2026-03-02T22:00:00.000000000Z"


def fill(number, units, *, order="6410", **more):
    return {
        "id": str(number), "batchID": order, "type": "ORDER_FILL", "orderID": order, "time": AT,
        "instrument": "EUR_USD", "units": units, "fullVWAP": "1.10210", "pl": "0.0000",
        "financing": "0.0000", "commission": "0.0000", "reason": "MARKET_ORDER", **more,
    }  # fmt: skip


def deals(*transactions, cursor=""):
    last = int(transactions[-1]["id"])
    return read_on(Cursor.of(cursor), transactions, to=last, currency="USD", now=moment(AT))


# -- Deals -------------------------------------------------------------------------------------
def test_a_fill_that_turns_a_netted_position_is_a_deal_a_trade():
    turned = fill(
        6450, "-500", pl="12.3456", financing="-0.0100", commission="0.5000",
        guaranteedExecutionFee="0.1000", clientOrderID="c7", accountBalance="10011.7356",
        tradesClosed=[
            {"tradeID": "6400", "units": "-100", "price": "1.10210", "realizedPL": "2.0000",
             "financing": "-0.0040"},
            {"tradeID": "6411", "units": "-200", "price": "1.10210", "realizedPL": "10.3456",
             "financing": "-0.0060"},
        ],
        tradeOpened={"tradeID": "6450", "units": "-200", "price": "1.10210"},
    )  # fmt: skip
    found, cursor = deals(turned, cursor="6449 10000")
    assert [(d.deal_id, d.entry, d.lots, d.position_ref) for d in found] == [
        ("6450-6400", Entry.OUT, 100, "6400"),
        ("6450-6411", Entry.OUT, 200, "6411"),
        ("6450-6450", Entry.IN, 200, "6450"),
    ]
    assert [(d.profit, d.swap, d.commission, d.fee) for d in found] == [
        (D("2.0000"), D("-0.0040"), D("-0.1000"), D("-0.0200")),
        (D("10.3456"), D("-0.0060"), D("-0.2000"), D("-0.0400")),
        (D(0), D(0), D("-0.2000"), D("-0.0400")),
    ]
    assert {(d.side, d.client_id, d.symbol) for d in found} == {("sell", "c7", "EUR_USD")}
    assert str(cursor) == "6450 10011.7356"


def test_what_rounding_left_is_in_the_last_trade():
    closed = fill(
        6450, "-200", pl="3.0001",
        tradesClosed=[
            {"tradeID": "1", "units": "-100", "price": "1.1", "realizedPL": "1.5000"},
            {"tradeID": "2", "units": "-100", "price": "1.1", "realizedPL": "1.5000"},
        ],
    )  # fmt: skip
    assert [d.profit for d in deals(closed)[0]] == [D("1.5000"), D("1.5001")]


def test_the_recorded_financing_is_a_swap_of_its_trade():
    recorded = {
        "id": "6502", "type": "DAILY_FINANCING", "time": NIGHT, "financing": "-0.0411",
        "accountBalance": "9999.9589",
        "positionFinancings": [
            {"instrument": "EUR_USD", "financing": "-0.0411",
             "accountFinancingMode": "DAILY_INSTRUMENT",
             "openTradeFinancings": [{"tradeID": "6411", "financing": "-0.0411"}]}
        ],
    }  # fmt: skip
    (deal,) = deals(recorded, cursor="6501 10000.0000")[0]
    assert (deal.kind, deal.swap, deal.position_ref) == (DealKind.SWAP, D("-0.0411"), "6411")
    assert deal.at == dt.datetime(2026, 3, 2, 22, tzinfo=dt.UTC)
    assert deal.broker_time == NIGHT


def test_money_in_and_out_and_dividends_are_what_they_are():
    def transfer(number, amount, reason="CLIENT_FUNDING"):
        row = {"id": str(number), "type": "TRANSFER_FUNDS", "time": AT, "amount": amount}
        return row | {"fundingReason": reason}

    dividend = {
        "id": "9", "type": "DIVIDEND_ADJUSTMENT", "time": AT, "dividendAdjustment": "1.5000",
        "openTradeDividendAdjustments": [{"tradeID": "4", "dividendAdjustment": "1.5000"}],
    }  # fmt: skip
    rows = [transfer(1, "10000.0000"), transfer(2, "-50.0000"), transfer(3, "7", "ADJUSTMENT")]
    found, cursor = deals(*rows, dividend)
    assert [(d.kind, d.amount) for d in found] == [
        (DealKind.DEPOSIT, 10000),
        (DealKind.WITHDRAWAL, -50),
        (DealKind.CORRECTION, 7),
        (DealKind.DIVIDEND, D("1.5")),
    ]
    assert cursor.balance == sum(map(worth, found)) == D("9958.5")


@pytest.mark.parametrize(
    "transaction",
    [
        {"type": "A_TYPE_OF_TOMORROW"},
        {"type": "CLIENT_CONFIGURE"},
        fill(7, "100", tradeOpened={"tradeID": "7", "units": "100"}, bonus="5.0000"),
    ],
)
def test_a_step_of_the_balance_that_nothing_explains_is_a_deal_that_says_so(transaction):
    row = {"time": AT, **transaction, "id": "7", "accountBalance": "105.0000"}
    found, cursor = deals(row, cursor="6 100")
    rest = found[-1]
    assert (rest.deal_id, rest.kind, rest.amount) == ("7-rest", DealKind.CORRECTION, 5)
    assert row["type"] in rest.comment
    assert cursor.balance == 105


def test_a_cursor_without_a_balance_learns_it_and_books_no_difference():
    row = {"id": "7", "type": "A_TYPE_OF_TOMORROW", "time": AT, "accountBalance": "105.0000"}
    assert deals(row, cursor="6") == ((), Cursor(7, D("105.0000")))


# -- Orders ------------------------------------------------------------------------------------
def limit(number, **more):
    return {
        "id": str(number), "batchID": str(number), "type": "LIMIT_ORDER", "time": AT,
        "instrument": "EUR_USD", "units": "1000", "price": "1.09", "timeInForce": "GTC",
        "clientExtensions": {"id": "c1"}, **more,
    }  # fmt: skip


def ended(number, order, reason, batch=None):
    return {
        "id": str(number), "batchID": str(batch or number), "type": "ORDER_CANCEL", "time": NIGHT,
        "orderID": str(order), "reason": reason,
    }  # fmt: skip


def test_of_a_replaced_order_the_newest_counts():
    story = [
        limit(10), ended(12, 10, "CLIENT_REQUEST_REPLACED"),
        limit(13, price="1.08", batchID="12", replacesOrderID="10", reason="REPLACEMENT"),
    ]  # fmt: skip
    order = ack_of(story_of(story, "c1"), currency="USD").order
    assert (order.broker_order_id, order.price, order.status) == ("13", D("1.08"), Status.WORKING)


@pytest.mark.parametrize(
    ("told", "status", "filled"),
    [
        ([ended(12, 10, "TIME_IN_FORCE_EXPIRED")], Status.EXPIRED, 0),
        ([ended(12, 10, "CLIENT_REQUEST")], Status.CANCELLED, 0),
        # It was taken, and could not be filled later.
        ([ended(12, 10, "INSUFFICIENT_MARGIN")], Status.CANCELLED, 0),
        ([ended(11, 10, "INSUFFICIENT_MARGIN", batch=10)], Status.REJECTED, 0),
        ([fill(11, "1000", order="10")], Status.FILLED, 1000),
        ([fill(11, "400", order="10"), ended(12, 10, "INSUFFICIENT_LIQUIDITY", batch=10)],
         Status.CANCELLED, 400),
        ([fill(11, "400", order="10"), limit(12, units="600", reason="REISSUE")],
         Status.PARTIAL, 400),
    ],
)  # fmt: skip
def test_what_became_of_an_order(told, status, filled):
    order = ack_of([limit(10), *told], currency="USD").order
    assert (order.status, order.filled, order.lots) == (status, filled, 1000)


def test_a_refusal_that_oanda_noted_is_found_by_our_id():
    noted = limit(10, type="LIMIT_ORDER_REJECT", rejectReason="PRICE_PRECISION_EXCEEDED")
    order = ack_of(story_of([noted], "c1"), currency="USD").order
    assert (order.status, order.code) == (Status.REJECTED, "PRICE_PRECISION_EXCEEDED")
    assert order.reason == "OANDA refused it: price precision exceeded"


def closing(number, units="400", **more):
    row = limit(number, type="MARKET_ORDER", units=units, tradeClose={"tradeID": "7"})
    del row["clientExtensions"]
    return row | more


def test_a_closing_is_found_by_our_request_else_by_its_trade():
    asked = Closing("7", D(400), after=19)
    for told, found in (
        ([closing(20), closing(21, requestID="c9")], "21"),
        ([closing(20, requestID="426")], "20"),
    ):
        story = story_of(told, "c9", closing=asked)
        order = ack_of(story, currency="USD", client_id="c9").order
        assert (order.broker_order_id, order.client_id) == (found, "c9")


def test_the_closing_of_somebody_else_is_not_taken_for_ours():
    asked = Closing("7", D(400), after=19)
    before, of_less, of_another = closing(19), closing(20, units="-300"), closing(20)
    for told in (before, of_less, of_another | {"tradeClose": {"tradeID": "8"}}):
        assert story_of([told], "c9", closing=asked) == []
    with pytest.raises(ValueError, match="20, 21"):
        story_of([closing(20), closing(21)], "c9", closing=asked)


def test_orders_of_others_tell_nothing_of_ours():
    others = [limit(10, clientExtensions={"id": "c2"}), limit(11, clientExtensions=None)]
    stop = {"id": "12", "type": "STOP_LOSS_ORDER", "requestID": "c1", "tradeID": "7", "time": AT}
    assert story_of([*others, stop, fill(13, "1", order="10")], "c1") == []


# -- Trades ------------------------------------------------------------------------------------
def trade(number, units, price="1.1", **more):
    return {
        "id": str(number), "instrument": "EUR_USD", "price": price, "openTime": AT,
        "initialUnits": units, "currentUnits": units, "unrealizedPL": "1.5000",
        "financing": "-0.0411", **more,
    }  # fmt: skip


STOP = {"stopLossOrder": {"id": "8", "price": "1.05", "type": "STOP_LOSS"}}


def test_a_trade_is_a_position_whose_financing_is_booked_already():
    report = trade_report(trade(7, "-300", **STOP), currency="USD")
    assert (report.ref, report.side, report.lots, report.swap) == ("7", "sell", 300, 0)
    assert report.stops == Stops(stop_loss=D("1.05"))


def test_trades_of_a_netted_symbol_are_one_position_named_like_the_oldest():
    trades = [
        trade(12, "100", "1.12", takeProfitOrder={"price": "1.2"}, **STOP),
        trade(9, "200", "1.1", **STOP),
    ]
    (one,) = netted(trade_report(row, currency="USD") for row in trades)
    assert (one.ref, one.lots, one.profit) == ("9", 300, 3)
    assert one.open_price == D("1.106666667")
    assert one.stops == Stops(stop_loss=D("1.05"))  # the target is not of both
    assert one.differing == {"take_profit"}


def test_only_stops_that_differ_are_asked_for_and_null_ends_one():
    row = trade(7, "100", takeProfitOrder={"price": "1.20"}, **STOP)
    changed = Stops(stop_loss=D("1.0500"), trail=D("0.002"))
    assert _stop_changes(row, changed, "USD") == {
        "takeProfit": None,
        "trailingStopLoss": {"distance": "0.002", "timeInForce": "GTC"},
    }
    assert _stop_changes(row, Stops(stop_loss=D("1.05"), take_profit=D("1.2")), "USD") == {}


# -- The market --------------------------------------------------------------------------------
def test_the_recorded_instrument():
    recorded = {
        "name": "EUR_USD", "type": "CURRENCY", "displayName": "EUR/USD", "pipLocation": -4,
        "displayPrecision": 5, "tradeUnitsPrecision": 0, "minimumTradeSize": "1",
        "maximumTrailingStopDistance": "1.00000", "minimumTrailingStopDistance": "0.00050",
        "maximumPositionSize": "0", "maximumOrderUnits": "100000000", "marginRate": "0.0333",
        "financing": {
            "longRate": "-0.0153", "shortRate": "-0.0026",
            "financingDaysOfWeek": [
                {"dayOfWeek": "MONDAY", "daysCharged": 1}, {"dayOfWeek": "SATURDAY", "daysCharged": 0},
                {"dayOfWeek": "WEDNESDAY", "daysCharged": 3},
            ],
        },
    }  # fmt: skip
    report = symbol_report(recorded)
    terms = report.terms
    assert (report.base, report.quote) == ("EUR", "USD")
    assert (terms.contract_size, terms.lot_min, terms.lot_step, terms.lot_max) == (1, 1, 1, 10**8)
    assert (terms.digits, terms.tick_size, terms.pip_size) == (5, D("0.00001"), D("0.0001"))
    assert terms.margin_rate_buy == D("0.0333")
    assert (report.swap_long, report.swap_short) == (D("-1.53"), D("-0.26"))
    assert report.swap_days == (1, 0, 3, 0, 0, 0, 0)
    plain = symbol_report({k: v for k, v in recorded.items() if k != "financing"})
    assert (plain.swap_mode, plain.swap_days) == ("", ())
    index = symbol_report({**recorded, "name": "SPX500_USD", "type": "CFD"})
    assert (index.base, index.quote) == ("", "USD")


def test_a_price_without_liquidity_is_the_one_for_closing_out():
    price = {
        "instrument": "EUR_USD", "time": AT, "tradeable": False, "bids": [], "asks": [],
        "closeoutBid": "1.10000", "closeoutAsk": "1.10020",
    }  # fmt: skip
    report = quote_report(price)
    assert (report.bid, report.ask, report.tradable) == (D("1.1"), D("1.1002"), False)


@pytest.mark.parametrize(
    "none", [{}, {"closeoutBid": "0", "closeoutAsk": "0"}, {"closeoutBid": ""}]
)
def test_an_instrument_without_a_price_takes_no_others_along(none):
    priced = {"time": AT, "tradeable": True, "closeoutBid": "1.1", "closeoutAsk": "1.2"}
    prices = [{"instrument": "EUR_USD", **priced}, {"instrument": "XAU_USD", "time": AT, **none}]
    assert [report.symbol for report in quote_reports(prices)] == ["EUR_USD"]


def test_times_are_cut_to_microseconds():
    assert moment(AT) == dt.datetime(2026, 3, 2, 9, 15, 0, 123456, tzinfo=dt.UTC)
    with pytest.raises(ValueError, match="with its zone"):
        moment("2026-03-02T09:15:00")


def test_a_candle_is_of_the_bid():
    bid = {"o": "1.1", "h": "1.2", "l": "1.0", "c": "1.15"}
    report = bar_report("EUR_USD", {"time": AT, "volume": 27, "complete": True, "bid": bid})
    assert (report.open, report.high, report.low, report.close) == tuple(map(D, bid.values()))

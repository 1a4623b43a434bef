"""OANDA's simulator: the service as its documents tell it (`docs` of developer.oanda.com)."""

import re
from decimal import Decimal as D
from itertools import pairwise

from tests.brokers.simulators.conftest import HEDGING, NETTING


def ids(reply):
    return [reply["orderCreateTransaction"]["id"], reply["orderFillTransaction"]["id"]]


def types(desk, since=0):
    return [one["type"] for one in desk.get("/transactions/sinceid", id=since)["transactions"]]


# -- Orders ------------------------------------------------------------------------------------
def test_a_market_order_is_created_and_filled_in_one_batch(desk):
    answer = desk.order(units="-1200", client_id="th-1")
    reply = answer.json()
    create, fill = reply["orderCreateTransaction"], reply["orderFillTransaction"]
    assert answer.status_code == 201
    assert answer.headers["Location"].endswith(f"/orders/{create['id']}")
    assert answer.headers["RequestID"]
    assert (create["type"], create["units"], create["timeInForce"]) == (
        "MARKET_ORDER",
        "-1200",
        "FOK",
    )
    assert create["clientExtensions"] == {"id": "th-1"}
    assert fill["orderID"] == create["id"] and fill["batchID"] == create["id"]
    assert (fill["price"], fill["units"], fill["clientOrderID"]) == ("1.10000", "-1200", "th-1")
    assert fill["tradeOpened"]["tradeID"] == fill["id"]
    assert reply["relatedTransactionIDs"] == ids(reply)
    assert reply["lastTransactionID"] == fill["id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", fill["time"])
    assert desk.get(f"/orders/{create['id']}")["order"]["state"] == "FILLED"
    assert desk.get("/orders/@th-1")["order"]["tradeOpenedID"] == fill["id"]


def test_a_netting_account_closes_the_oldest_trades_and_opens_the_rest(desk):
    first, second = desk.filled("1000")["id"], desk.filled("500")["id"]
    fill = desk.filled("-2000")
    assert [one["tradeID"] for one in fill["tradesClosed"]] == [first, second]
    assert fill["tradeOpened"]["units"] == "-500"
    (position,) = desk.get("/openPositions")["positions"]
    assert (position["long"]["units"], position["short"]["units"]) == ("0", "-500")
    assert position["short"]["tradeIDs"] == [fill["id"]]


def test_a_hedging_account_holds_both_sides(desk):
    hedge = desk.at(HEDGING)
    hedge.filled("1000")
    hedge.filled("-400")
    assert hedge.summary["openTradeCount"] == 2
    reduced = hedge.filled("-300", positionFill="REDUCE_ONLY")
    assert reduced["tradeReduced"]["units"] == "-300" and "tradeOpened" not in reduced


def test_a_resting_limit_fills_when_the_market_comes_to_it(desk):
    made = desk.order("LIMIT", price="1.09900", timeInForce="GTC").json()
    order = made["orderCreateTransaction"]["id"]
    assert "orderFillTransaction" not in made
    assert [one["id"] for one in desk.get("/pendingOrders")["orders"]] == [order]
    desk.price("1.09880", "1.09890")
    shown = desk.get(f"/orders/{order}")["order"]
    fill = desk.get(f"/transactions/{shown['fillingTransactionID']}")["transaction"]
    assert (shown["state"], fill["reason"], fill["price"]) == ("FILLED", "LIMIT_ORDER", "1.09890")
    assert fill["batchID"] == fill["id"]


def test_stop_and_if_touched_orders_fire_on_their_sides(desk):
    for kind, units, price in (("STOP", "100", "1.10200"), ("MARKET_IF_TOUCHED", "100", "1.10300")):
        assert desk.order(kind, units=units, price=price).status_code == 201
    desk.price("1.10290", "1.10300")
    assert types(desk)[-2:] == ["ORDER_FILL", "ORDER_FILL"]


def test_orders_on_fill_are_orders_of_their_own_in_the_same_batch(desk):
    reply = desk.order(
        stopLossOnFill={"price": "1.09500"},
        takeProfitOnFill={"price": "1.11000"},
        clientExtensions={"id": "a"},
    ).json()
    create, fill, target, stop = reply["relatedTransactionIDs"]
    shown = desk.get(f"/trades/{fill}")["trade"]
    assert shown["stopLossOrder"]["id"] == stop and shown["takeProfitOrder"]["id"] == target
    made = desk.get("/transactions/idrange", **{"from": target, "to": stop})["transactions"]
    assert {(one["reason"], one["batchID"]) for one in made} == {("ON_FILL", create)}
    desk.price("1.11000", "1.11010")
    assert desk.get(f"/trades/{fill}")["trade"]["state"] == "CLOSED"
    last = desk.transactions[-2:]
    assert (last[0]["reason"], last[1]["reason"]) == ("TAKE_PROFIT_ORDER", "LINKED_TRADE_CLOSED")
    assert last[1]["orderID"] == stop and last[1]["batchID"] == last[0]["batchID"]


def test_a_trailing_stop_follows_the_market(desk):
    trade = desk.filled("1000")["id"]
    reply = desk.order("TRAILING_STOP_LOSS", tradeID=trade, distance="0.00100").json()
    stop = reply["orderCreateTransaction"]["id"]
    desk.price("1.10500", "1.10510")
    assert desk.get(f"/orders/{stop}")["order"]["trailingStopValue"] == "1.10400"
    desk.price("1.10390", "1.10400")
    assert desk.get(f"/trades/{trade}")["trade"]["averageClosePrice"] == "1.10390"


def test_an_order_is_replaced_by_another(desk):
    old = desk.order("LIMIT", price="1.09900", client_id="c").json()["lastTransactionID"]
    body = {"order": {"type": "LIMIT", "instrument": "EUR_USD", "units": "500", "price": "1.09800"}}
    body["order"]["clientExtensions"] = {"id": "c"}
    answer = desk.send("PUT", f"/orders/{old}", body)
    reply = answer.json()
    new = reply["orderCreateTransaction"]
    assert answer.status_code == 201
    assert (new["reason"], new["replacesOrderID"]) == ("REPLACEMENT", old)
    assert reply["orderCancelTransaction"]["replacedByOrderID"] == new["id"]
    assert reply["orderCancelTransaction"]["reason"] == "CLIENT_REQUEST_REPLACED"


def test_cancelling_twice_says_that_the_order_does_not_exist(desk):
    desk.order("LIMIT", price="1.09900", client_id="c")
    assert desk.send("PUT", "/orders/@c/cancel").json()["orderCancelTransaction"]["reason"] == (
        "CLIENT_REQUEST"
    )
    again = desk.send("PUT", "/orders/@c/cancel")
    assert again.status_code == 404
    assert again.json()["orderCancelRejectTransaction"]["rejectReason"] == "ORDER_DOESNT_EXIST"


def test_a_client_id_is_free_again_once_its_order_is_not_pending(desk):
    """The trap: a market order sent again is a second fill."""
    assert desk.filled(client_id="same")["id"] != desk.filled(client_id="same")["id"]
    desk.order("LIMIT", price="1.09900", client_id="rests")
    refused = desk.order("LIMIT", price="1.09900", client_id="rests")
    assert refused.status_code == 400
    assert refused.json()["errorCode"] == "CLIENT_ORDER_ID_ALREADY_EXISTS"
    twice = (
        desk.order(tradeClientExtensions={"id": "t"}),
        desk.order(tradeClientExtensions={"id": "t"}),
    )
    assert twice[1].json()["orderCancelTransaction"]["reason"] == "CLIENT_TRADE_ID_ALREADY_EXISTS"


def test_what_cannot_be_is_rejected_with_its_reason_and_recorded(desk):
    wrong = (
        ({"units": "0.5"}, "UNITS_PRECISION_EXCEEDED"),
        ({"units": "x"}, "UNITS_INVALID"),
        ({"type": "LIMIT"}, "PRICE_MISSING"),
        ({"type": "LIMIT", "price": "1.123456"}, "PRICE_PRECISION_EXCEEDED"),
        ({"timeInForce": "GTC"}, "TIME_IN_FORCE_INVALID"),
        ({"type": "LIMIT", "price": "1.1", "timeInForce": "GTD"},
         "TIME_IN_FORCE_GTD_TIMESTAMP_MISSING"),
        ({"type": "STOP_LOSS", "tradeID": "999", "price": "1"}, "TRADE_DOESNT_EXIST"),
        ({"stopLossOnFill": {"price": "1", "distance": "1"}},
         "STOP_LOSS_ON_FILL_PRICE_AND_DISTANCE_BOTH_SPECIFIED"),
    )  # fmt: skip
    for asked, reason in wrong:
        answer = desk.order(**asked)
        told = answer.json()["orderRejectTransaction"]
        assert (told["rejectReason"], answer.status_code in (400, 404)) == (reason, True)
        assert desk.get(f"/transactions/{told['id']}")["transaction"] == told


def test_what_cannot_be_read_is_not_recorded(desk):
    last = desk.summary["lastTransactionID"]
    for body in ({}, {"order": {"type": "NONE"}}, {"order": {"instrument": "X_Y", "units": "1"}}):
        answer = desk.send("POST", "/orders", body)
        assert answer.status_code == 400 and "errorMessage" in answer.json()
    raw = desk.http.post(f"/v3/accounts/{NETTING}/orders", content=b"{")
    assert raw.status_code == 400
    assert desk.summary["lastTransactionID"] == last


def test_every_request_is_answered_whatever_is_in_it(desk):
    trade = desk.filled("1000")["id"]
    desk.order(clientExtensions=None, stopLossOnFill=None)
    for rubbish in (["a"], {"a": 1}, 1.5, "x", True):
        for name in (
            "type",
            "instrument",
            "units",
            "timeInForce",
            "clientExtensions",
            "stopLossOnFill",
        ):
            assert desk.order(**{name: rubbish}).status_code in (201, 400)
        for path in (
            f"/trades/{trade}/close",
            f"/trades/{trade}/orders",
            "/positions/EUR_USD/close",
        ):
            for body in (rubbish, {"stopLoss": rubbish, "units": rubbish, "longUnits": rubbish}):
                assert desk.send("PUT", path, body).status_code in (200, 400, 404)
    assert len(desk.transactions) == int(desk.summary["lastTransactionID"])


def test_accepted_orders_are_cancelled_at_once_with_their_reasons(desk):
    def reason(**asked):
        return desk.order(**asked).json()["orderCancelTransaction"]["reason"]

    assert reason(priceBound="1.10000") == "BOUNDS_VIOLATION"
    assert reason(units="9000000") == "INSUFFICIENT_MARGIN"
    assert reason(stopLossOnFill={"price": "1.20000"}) == "STOP_LOSS_ON_FILL_LOSS"
    desk.simulator.control.do("POST /halt", {"instrument": "EUR_USD"})
    assert reason() == "MARKET_HALTED"
    (price,) = desk.get("/pricing", instruments="EUR_USD")["prices"]
    assert (price["tradeable"], price["status"]) == (False, "non-tradeable")


def test_good_till_date_and_good_for_day_orders_expire(desk):
    day = desk.order("LIMIT", price="1.0", timeInForce="GFD").json()["lastTransactionID"]
    desk.simulator.broker.roll_over()
    shown = desk.get(f"/orders/{day}")["order"]
    told = desk.get(f"/transactions/{shown['cancellingTransactionID']}")["transaction"]
    assert told["reason"] == "TIME_IN_FORCE_EXPIRED"


# -- Trades and positions ------------------------------------------------------------------------
def test_a_trade_is_closed_in_part_and_then_whole(desk):
    trade = desk.filled("1000")["id"]
    desk.price("1.10110", "1.10120")
    part = desk.send("PUT", f"/trades/{trade}/close", {"units": "300"}).json()
    assert part["orderCreateTransaction"]["tradeClose"] == {"tradeID": trade, "units": "300"}
    assert part["orderFillTransaction"]["tradeReduced"]["realizedPL"] == "0.3000"
    whole = desk.send("PUT", f"/trades/{trade}/close", {"units": "ALL"}).json()
    assert whole["orderFillTransaction"]["reason"] == "MARKET_ORDER_TRADE_CLOSE"
    shown = desk.get(f"/trades/{trade}")["trade"]
    assert (shown["state"], shown["realizedPL"], shown["currentUnits"]) == ("CLOSED", "1.0000", "0")
    assert desk.send("PUT", f"/trades/{trade}/close", {"units": "ALL"}).status_code == 404


def test_too_many_units_close_nothing(desk):
    trade = desk.filled("1000")["id"]
    answer = desk.send("PUT", f"/trades/{trade}/close", {"units": "1001"})
    assert answer.json()["errorCode"] == "CLOSE_TRADE_UNITS_EXCEED_TRADE_SIZE"


def test_a_part_of_a_unit_is_refused_and_closes_nothing(desk):
    trade = desk.filled("1000")["id"]
    for path, units in (
        (f"/trades/{trade}/close", "units"),
        ("/positions/EUR_USD/close", "longUnits"),
    ):
        answer = desk.send("PUT", path, {units: "400.5"})
        assert "UNITS_PRECISION_EXCEEDED" in answer.text
    assert desk.get(f"/trades/{trade}")["trade"]["currentUnits"] == "1000"


def test_dependent_orders_absent_stay_null_go_objects_come(desk):
    trade = desk.filled("1000")["id"]

    def put(**body):
        return desk.send("PUT", f"/trades/{trade}/orders", body).json()

    put(stopLoss={"price": "1.09000"}, takeProfit={"price": "1.12000"})
    changed = put(stopLoss={"price": "1.09500"})
    assert changed["stopLossOrderCancelTransaction"]["reason"] == "CLIENT_REQUEST_REPLACED"
    gone = put(takeProfit=None)
    assert "takeProfitOrderCancelTransaction" in gone and "stopLossOrderTransaction" not in gone
    shown = desk.get(f"/trades/{trade}")["trade"]
    assert shown["stopLossOrder"]["price"] == "1.09500" and "takeProfitOrder" not in shown


def test_a_position_of_several_trades_closes_by_one_order(desk):
    trades = [desk.filled("100")["id"] for _ in range(3)]
    body = {"longUnits": "ALL", "shortUnits": "NONE"}
    reply = desk.send("PUT", "/positions/EUR_USD/close", body).json()
    fill = reply["longOrderFillTransaction"]
    assert [one["tradeID"] for one in fill["tradesClosed"]] == trades
    none = desk.send("PUT", "/positions/EUR_USD/close", body)
    assert none.json()["errorCode"] == "CLOSEOUT_POSITION_DOESNT_EXIST"


# -- Account -----------------------------------------------------------------------------------
def a_day(desk):
    """Orders of every kind, on two accounts, over some nights."""
    for one in (desk, desk.at(HEDGING)):
        one.filled("10000", stopLossOnFill={"distance": "0.00500"})
        one.filled("-4000", instrument="USD_JPY")
        one.order("LIMIT", units="500", price="1.09000")
        one.order(units="nonsense")
        desk.price("1.10400", "1.10410")
        desk.sleep_over()
        one.filled("-12000")
        desk.simulator.control.do("POST /fund", {"account": one.account, "amount": "-50.5"})
        desk.price("1.10000", "1.10010")


def test_replaying_the_transactions_gives_the_balance_without_a_gap(desk):
    a_day(desk)
    for one in (desk, desk.at(HEDGING)):
        balance, told = D(0), one.transactions
        assert [int(t["id"]) for t in told] == list(range(1, len(told) + 1))
        assert all(
            int(a["batchID"]) <= int(b["batchID"]) <= int(b["id"]) for a, b in pairwise(told)
        )
        assert {"DAILY_FINANCING", "TRANSFER_FUNDS", "MARKET_ORDER_REJECT"} <= {
            t["type"] for t in told
        }
        for t in told:
            names = ("pl", "financing", "amount")
            balance += sum((D(t[name]) for name in names if name in t), D(0)) - D(
                t.get("commission", 0)
            )
            assert D(t.get("accountBalance", balance)) == balance
        account = one.summary
        assert D(account["balance"]) == balance
        assert D(account["NAV"]) == balance + D(account["unrealizedPL"])
        assert D(account["marginAvailable"]) == D(account["NAV"]) - D(account["marginUsed"])
        trades = one.get("/openTrades")["trades"]
        assert sum(D(t["unrealizedPL"]) for t in trades) == D(account["unrealizedPL"])


def test_changes_tell_what_the_account_shows(desk):
    before = desk.summary["lastTransactionID"]
    a_day(desk)
    reply = desk.get("/changes", sinceTransactionID=before)
    changes, account = reply["changes"], desk.get("")["account"]
    assert reply["lastTransactionID"] == account["lastTransactionID"]
    assert [one["id"] for one in changes["transactions"]][-1] == account["lastTransactionID"]
    opened = {one["id"] for one in changes["tradesOpened"]}
    closed = {one["id"] for one in changes["tradesClosed"]}
    assert opened - closed == {one["id"] for one in account["trades"]}
    assert {one["id"] for one in reply["state"]["trades"]} == opened - closed
    for bad in ("99999", "0"):
        answer = desk.send("GET", "/changes", params={"sinceTransactionID": bad})
        assert answer.status_code == 416


def test_financing_follows_the_instruments_own_calendar(desk):
    trade = desk.filled("36500")["id"]
    for _ in range(7):
        desk.simulator.broker.roll_over()
    charged = [one for one in desk.transactions if one["type"] == "DAILY_FINANCING"]
    amounts = sorted(D(one["financing"]) for one in charged)
    # 36,500 units at a mid of 1.10005 and 1.53 % a year are 1.6831 a day, three days on Wednesdays.
    assert amounts == [D("-5.0492")] + [D("-1.6831")] * 4
    assert charged[0]["positionFinancings"][0]["openTradeFinancings"][0]["tradeID"] == trade


def test_a_margin_closeout_ends_every_trade(desk):
    desk.simulator.control.do("POST /fund", {"account": NETTING, "amount": "-96000"})
    desk.filled("100000")
    desk.price("1.07700", "1.07710")
    found = desk.transactions
    assert [one["reason"] for one in found if one["type"] == "ORDER_FILL"][-1] == (
        "MARKET_ORDER_MARGIN_CLOSEOUT"
    )
    assert desk.summary["openTradeCount"] == 0


def test_moments_come_as_seconds_where_asked(desk):
    answer = desk.send("GET", "/summary", headers={"Accept-Datetime-Format": "UNIX"})
    assert re.fullmatch(r"\d{10}\.\d{9}", answer.json()["account"]["createdTime"])


def test_candles_begin_on_their_grid_and_the_last_is_open(desk):
    reply = desk.http.get(
        "/v3/instruments/EUR_USD/candles", params={"granularity": "M1", "count": 3, "price": "MBA"}
    ).json()
    candles = reply["candles"]
    assert [one["complete"] for one in candles] == [True, True, False]
    assert all(one["time"][17:19] == "00" for one in candles)
    assert all(D(c["mid"]["l"]) <= D(c["mid"]["o"]) <= D(c["mid"]["h"]) for c in candles)
    assert candles[-1]["bid"]["c"] < candles[-1]["ask"]["c"]
    wrong = {"count": 5001}
    assert desk.http.get("/v3/instruments/EUR_USD/candles", params=wrong).status_code == 400


def test_tokens_accounts_and_methods_are_checked(desk):
    url = f"{desk.simulator.rest.url}/v3/accounts"
    assert desk.http.get(url, headers={"Authorization": "Bearer other"}).status_code == 401
    assert desk.http.get(f"{url}/101-004-0000000-001").status_code == 403
    assert desk.http.delete(f"{url}/{NETTING}/orders").status_code == 405
    assert desk.http.get(f"{url}/{NETTING}/nothing").status_code == 404
    assert desk.http.get(f"{url}/{NETTING}/pricing/stream").status_code == 404
    assert desk.http.get(f"{desk.simulator.stream.url}/v3/accounts").status_code == 404


def test_the_ledger_keeps_each_request_and_each_fill(desk):
    desk.filled(client_id="th-1")
    desk.order("LIMIT", price="1.09000", client_id="th-2")
    desk.order(units="x")
    closing = {"longUnits": "1", "longClientExtensions": {"id": "th-3"}}
    desk.send("PUT", "/positions/EUR_USD/close", closing, headers={"ClientRequestID": "r-3"})
    desk.simulator.control.do(
        "POST /trade",
        {"account": NETTING, "order": {"type": "MARKET", "instrument": "EUR_USD", "units": "7"}},
    )
    _, fill, *requests, closed, closing, by_hand = desk.ledger()
    assert (closed["client_id"], closed["request_id"]) == ("th-3", "r-3")
    assert (closing["client_id"], closing["request_id"]) == ("th-3", "r-3")
    assert (fill["kind"], fill["client_id"], fill["units"]) == ("fill", "th-1", "1000")
    assert [(one["client_id"], one["outcome"]) for one in requests] == [
        ("th-1", "filled"),
        ("th-2", "pending"),
        ("", "rejected"),
    ]
    assert requests[0]["order_id"] == fill["order_id"] and requests[0]["mono"] <= fill["mono"]
    assert by_hand["units"] == "7"

"""The simulator driven by oandapyV20, a client that nobody here wrote."""

import threading

import oandapyV20
import oandapyV20.contrib.requests as bodies
import pytest
from oandapyV20.endpoints import accounts, instruments, orders, positions, pricing, trades
from oandapyV20.endpoints import transactions as told
from oandapyV20.exceptions import V20Error

from tests.brokers.simulators.conftest import NETTING


@pytest.fixture
def client(desk, monkeypatch, settings):
    # The hub's guard over `requests` holds for this client, too, once the channels are imported.
    settings.OUTGOING_ALLOWED = ["127.0.0.0/8"]
    hosts = {"api": desk.simulator.rest.url, "stream": desk.simulator.stream.url}
    monkeypatch.setitem(oandapyV20.oandapyV20.TRADING_ENVIRONMENTS, "practice", hosts)
    with oandapyV20.API(access_token=desk.simulator.token) as api:
        yield api.request


def test_accounts_instruments_and_prices(client):
    assert client(accounts.AccountList())["accounts"][0]["id"] == NETTING
    assert client(accounts.AccountDetails(NETTING))["account"]["balance"] == "100000.0000"
    summary = client(accounts.AccountSummary(NETTING))
    since = {"sinceTransactionID": summary["lastTransactionID"]}
    assert client(accounts.AccountChanges(NETTING, since))["changes"]["transactions"] == []
    names = {"instruments": "EUR_USD,USD_JPY"}
    found = client(accounts.AccountInstruments(NETTING, names))["instruments"]
    assert [one["displayPrecision"] for one in found] == [5, 3]
    prices = client(pricing.PricingInfo(NETTING, names))["prices"]
    assert prices[0]["closeoutAsk"] == "1.10010"
    candles = client(instruments.InstrumentsCandles("EUR_USD", {"count": 5, "granularity": "H1"}))
    assert len(candles["candles"]) == 5
    alias = client(accounts.AccountConfiguration(NETTING, {"alias": "New"}))
    assert alias["clientConfigureTransaction"]["alias"] == "New"


def test_orders_are_placed_replaced_and_cancelled(client):
    def limit(price):
        return bodies.LimitOrderRequest("EUR_USD", units=100, price=price).data

    first = client(orders.OrderCreate(NETTING, limit(1.09)))["orderCreateTransaction"]["id"]
    replaced = client(orders.OrderReplace(NETTING, first, limit(1.08)))
    second = replaced["orderCreateTransaction"]["id"]
    extended = {"clientExtensions": {"id": "mine", "tag": "x"}}
    client(orders.OrderClientExtensions(NETTING, second, extended))
    assert client(orders.OrderDetails(NETTING, "@mine"))["order"]["price"] == "1.08000"
    assert len(client(orders.OrdersPending(NETTING))["orders"]) == 1
    client(orders.OrderCancel(NETTING, second))
    assert client(orders.OrderList(NETTING))["orders"] == []
    with pytest.raises(V20Error) as refused:
        client(orders.OrderCancel(NETTING, second))
    assert refused.value.code == 404


def test_trades_and_positions_are_closed(client):
    market = bodies.MarketOrderRequest("EUR_USD", units=300)
    for _ in range(3):
        client(orders.OrderCreate(NETTING, market.data))
    first, *_ = client(trades.TradesList(NETTING))["trades"]

    client(trades.TradeCRCDO(NETTING, first["id"], {"stopLoss": {"price": "1.09000"}}))
    client(trades.TradeClientExtensions(NETTING, first["id"], {"clientExtensions": {"id": "t"}}))
    shown = client(trades.TradeDetails(NETTING, "@t"))["trade"]
    assert shown["stopLossOrder"]["price"] == "1.09000"
    client(trades.TradeClose(NETTING, first["id"], bodies.TradeCloseRequest(units=100).data))
    assert len(client(trades.OpenTrades(NETTING))["trades"]) == 3
    (held,) = client(positions.OpenPositions(NETTING))["positions"]
    assert held["long"]["units"] == "800"
    body = {"longUnits": "ALL"}
    client(positions.PositionClose(NETTING, "EUR_USD", body))
    (flat,) = client(positions.PositionList(NETTING))["positions"]
    assert flat["long"]["units"] == "0"
    assert client(positions.PositionDetails(NETTING, "EUR_USD"))["position"] == flat


def test_transactions_are_paged_and_found(client):
    client(orders.OrderCreate(NETTING, bodies.MarketOrderRequest("EUR_USD", units=1).data))
    pages = client(told.TransactionList(NETTING, {"pageSize": 2}))
    assert (pages["count"], len(pages["pages"])) == (5, 3)
    found = client(told.TransactionIDRange(NETTING, {"from": 4, "to": 5}))["transactions"]
    assert found == client(told.TransactionsSinceID(NETTING, {"id": 3}))["transactions"]
    assert client(told.TransactionDetails(NETTING, 5))["transaction"] == found[1]
    orders_only = client(told.TransactionIDRange(NETTING, {"from": 1, "to": 5, "type": "ORDER"}))
    assert [one["id"] for one in orders_only["transactions"]] == ["4", "5"]


def test_both_streams(client, desk):
    prices = client(pricing.PricingStream(NETTING, {"instruments": "EUR_USD"}))
    assert next(prices)["bids"][0]["price"] == "1.10000"
    desk.price("1.20000", "1.20010")
    assert next(one for one in prices if one["type"] == "PRICE")["closeoutBid"] == "1.20000"
    events = client(told.TransactionsStream(NETTING))
    assert next(events)["type"] == "HEARTBEAT"
    threading.Timer(0.05, lambda: desk.filled("5")).start()
    assert next(one for one in events if one["type"] == "ORDER_FILL")["units"] == "5"

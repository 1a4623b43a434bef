"""Every way in which the simulator can be told to misbehave, and what it did all the same."""

import json
import threading
import time

import httpx
import pytest

from brokers.simulators.oanda import Simulator
from brokers.simulators.oanda.__main__ import accounts_of
from tests.brokers.simulators.conftest import HEDGING, NETTING, PLAIN


def fills(desk):
    return [one for one in desk.transactions if one["type"] == "ORDER_FILL"]


@pytest.mark.parametrize("do", ["reset", "hang", "truncate"])
def test_the_order_is_accepted_and_the_answer_lost(desk, do):
    desk.fault(do, seconds=0.05)
    with pytest.raises(httpx.TransportError):
        desk.order(client_id="th-1")
    (fill,) = fills(desk)
    assert fill["clientOrderID"] == "th-1"
    assert (desk.ledger()[-1]["outcome"], desk.ledger()[-1]["faults"]) == ("filled", [do])
    assert desk.order().status_code == 201


@pytest.mark.parametrize(
    ("do", "status"), [("status_after", 502), ("html", 200), ("wrong_schema", 201)]
)
def test_the_order_is_accepted_and_the_answer_says_nothing(desk, do, status):
    desk.fault(do)
    answer = desk.order()
    assert answer.status_code == status and "orderFillTransaction" not in answer.text
    assert len(fills(desk)) == 1


@pytest.mark.parametrize("status", [429, 502, 401])
def test_a_refused_request_does_nothing(desk, status):
    desk.fault("refuse", status=status)
    assert desk.order().status_code == status
    assert not fills(desk)
    assert desk.ledger()[-1]["outcome"] == ("unauthorised" if status == 401 else "refused")


def test_a_dropped_request_does_nothing(desk):
    desk.fault("drop")
    with pytest.raises(httpx.TransportError):
        desk.order()
    assert not fills(desk)


@pytest.mark.parametrize("do", ["delay", "delay_after"])
def test_an_answer_can_be_late(desk, do):
    desk.fault(do, seconds=0.1)
    began = time.monotonic()
    assert desk.order().status_code == 201
    assert time.monotonic() - began >= 0.1


def test_orders_are_rejected_or_cancelled_for_any_reason(desk):
    desk.fault("reject", reason="ACCOUNT_LOCKED")
    told = desk.order().json()
    assert told["orderRejectTransaction"]["rejectReason"] == "ACCOUNT_LOCKED"
    desk.fault("cancel", reason="FIFO_VIOLATION")
    told = desk.order().json()
    assert told["orderCancelTransaction"]["reason"] == "FIFO_VIOLATION"
    assert not fills(desk)


def test_orders_fill_in_part(desk):
    desk.fault("partial", share="0.3", count=2)
    fill = desk.filled("1000", timeInForce="IOC")
    assert (fill["units"], fill["requestedUnits"]) == ("300", "1000")
    told = desk.order(timeInForce="FOK").json()
    assert told["orderCancelTransaction"]["reason"] == "INSUFFICIENT_LIQUIDITY"


def test_an_order_is_seen_only_after_a_while(desk):
    before = desk.summary["lastTransactionID"]
    desk.fault("hide", seconds=0.2)
    made = desk.order(client_id="th-1").json()["orderCreateTransaction"]["id"]
    assert desk.send("GET", f"/orders/{made}").json()["errorCode"] == "NO_SUCH_ORDER"
    assert desk.get("/transactions/sinceid", id=before)["transactions"] == []
    assert desk.get("/trades")["lastTransactionID"] == before
    time.sleep(0.2)
    assert desk.get("/orders/@th-1")["order"]["id"] == made
    assert len(desk.get("/transactions/sinceid", id=before)["transactions"]) == 2


def test_the_clients_id_is_lost(desk):
    desk.fault("strip_client_id")
    desk.order(client_id="th-1")
    assert desk.send("GET", "/orders/@th-1").status_code == 404
    assert "clientOrderID" not in fills(desk)[0]
    assert desk.ledger()[-1]["client_id"] == "th-1"


def test_another_account_answers(desk):
    desk.fault("other_account", on="summary")
    assert desk.summary["id"] == HEDGING
    desk.fault("other_account")
    assert desk.order().json()["orderFillTransaction"]["accountID"] == HEDGING
    assert len(fills(desk)) == 1


def test_a_fault_lasts_for_a_time_or_until_it_is_cleared(desk):
    desk.fault("refuse", on="order", status=404, reason="NO_SUCH_ORDER", count=None, lasts=0.1)
    made = desk.order().json()["orderCreateTransaction"]["id"]
    assert desk.send("GET", f"/orders/{made}").json()["errorCode"] == "NO_SUCH_ORDER"
    time.sleep(0.11)
    assert desk.get(f"/orders/{made}")["order"]["id"] == made
    desk.fault("refuse", on="*", status=401, count=None)
    assert [desk.send("GET", "/summary").status_code for _ in range(3)] == [401] * 3
    desk.simulator.control.do("DELETE /faults", {})
    assert desk.send("GET", "/summary").status_code == 200


def test_a_range_is_refused_where_told(desk):
    desk.fault("refuse", on="changes", status=416)
    assert desk.send("GET", "/changes", params={"sinceTransactionID": "1"}).status_code == 416


# -- Streams -----------------------------------------------------------------------------------
def lines(desk, path="/transactions/stream", **params):
    """The stream's lines as they come."""
    url = f"{desk.simulator.stream.url}/v3/accounts/{desk.account}{path}"
    with desk.http.stream("GET", url, params=params) as answer:
        assert answer.status_code == 200
        for line in answer.iter_lines():
            yield json.loads(line)


def later(desk, *orders):
    """Send orders once the stream listens."""
    threading.Timer(0.1, lambda: [desk.order(client_id=one) for one in orders]).start()


def test_the_stream_tells_transactions_and_beats(desk):
    stream = lines(desk)
    beat = next(stream)
    assert (beat["type"], beat["lastTransactionID"]) == ("HEARTBEAT", "3")
    later(desk, "a")
    told = [one for one in (next(stream) for _ in range(6)) if one["type"] != "HEARTBEAT"]
    assert [one["type"] for one in told] == ["MARKET_ORDER", "ORDER_FILL"]


def test_reports_come_twice_and_late(desk):
    desk.fault("duplicate", on="stream_transactions")
    stream = lines(desk)
    next(stream)
    later(desk, "a")
    found = [one for one in (next(stream) for _ in range(6)) if one["type"] != "HEARTBEAT"]
    assert [one["type"] for one in found] == ["MARKET_ORDER", "MARKET_ORDER", "ORDER_FILL"]
    desk.fault("late", on="stream_transactions", seconds=0.2)
    later(desk, "b")
    found = [one for one in (next(stream) for _ in range(8)) if one["type"] != "HEARTBEAT"]
    assert [one["type"] for one in found] == ["ORDER_FILL", "MARKET_ORDER"]


def test_a_stream_is_cut_in_the_middle_of_a_line(desk):
    desk.fault("cut", on="stream_transactions")
    stream = lines(desk)
    next(stream)
    later(desk, "a")
    with pytest.raises((httpx.TransportError, json.JSONDecodeError)):
        list(stream)


def test_a_stream_falls_silent(desk):
    desk.fault("silent", on="stream_pricing*", seconds=0.4)
    began = time.monotonic()
    next(lines(desk, "/pricing/stream", instruments="EUR_USD"))
    assert time.monotonic() - began >= 0.4


# -- Control and process -------------------------------------------------------------------------
def test_the_control_channel_says_what_it_did_not_understand(desk):
    url = desk.simulator.control.url
    for path, body in (
        ("/faults", {"do": "explode"}),
        ("/faults", {"do": "hang", "when": 1}),
        ("/faults", {"do": "hang", "seconds": "long"}),
        ("/faults", {"do": "partial", "share": "half"}),
        ("/fund", {"account": "none", "amount": "1"}),
        ("/prices", {"instrument": "EUR_USD"}),
        ("/nothing", {}),
    ):
        answer = httpx.post(f"{url}{path}", json=body, verify=PLAIN)
        assert answer.status_code == 400 and answer.json()["error"]
    told = httpx.post(f"{url}/faults", json={"do": "delay", "seconds": 0.5}, verify=PLAIN)
    assert told.json()[0]["seconds"] == 0.5
    httpx.delete(f"{url}/faults", verify=PLAIN)
    state = httpx.get(f"{url}/state", verify=PLAIN).json()
    assert set(state["accounts"]) == {NETTING, HEDGING} and state["faults"] == []


def test_it_listens_on_loopback_only_and_reads_accounts():
    with pytest.raises(ValueError, match="loopback only"):
        Simulator(host="192.0.2.1")
    (one,) = accounts_of('[{"id": "101-004-1-001", "currency": "EUR", "hedging": true}]')
    assert (one.currency, one.hedging, one.balance) == ("EUR", True, 100_000)
    with pytest.raises(ValueError, match="expected a list"):
        accounts_of('[{"name": 1}]')

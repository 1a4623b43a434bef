"""What each failure on the way to OANDA says of an order, and what is asked for on the way; nothing leaves here."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from decimal import Decimal as D

import httpx
import pytest

from brokers.adapters.base import Line
from brokers.adapters.errors import KeyRefused, OutcomeUnknown, Rejected, Unavailable
from brokers.adapters.messages import Kind, OrderTicket, Status, Stops, Tier
from brokers.adapters.oanda import OandaAdapter, OandaSettings
from tests.brokers.oanda_bench import Memory

NUMBER = "101-004-1234567-001"
TOKEN = "practice-token-0f3a"
AT = "2026-03-02T09:15:00.123456789Z"
SUMMARY = {
    "account": {
        "id": NUMBER, "currency": "USD", "hedgingEnabled": True, "balance": "10000.0000",
        "NAV": "10000.0000", "marginUsed": "0", "marginAvailable": "10000.0000",
        "marginRate": "0.0333", "alias": "Primary", "dividendAdjustment": "0",
    },
    "lastTransactionID": "6409",
}  # fmt: skip
CREATED = {
    "id": "6410", "batchID": "6410", "type": "MARKET_ORDER", "instrument": "EUR_USD",
    "units": "-1200", "timeInForce": "FOK", "reason": "CLIENT_ORDER", "accountID": NUMBER,
    "clientExtensions": {"id": "c1"}, "time": AT,
}  # fmt: skip
FILLED = {
    "id": "6411", "batchID": "6410", "type": "ORDER_FILL", "orderID": "6410", "accountID": NUMBER,
    "clientOrderID": "c1", "instrument": "EUR_USD", "units": "-1200", "price": "1.10210",
    "fullVWAP": "1.10210", "pl": "0.0000", "financing": "0.0000", "commission": "0.0000",
    "accountBalance": "10000.0000", "reason": "MARKET_ORDER", "time": AT,
    "tradeOpened": {"tradeID": "6411", "units": "-1200", "price": "1.10210"},
}  # fmt: skip
DONE = {"orderCreateTransaction": CREATED, "orderFillTransaction": FILLED}
TICKET = OrderTicket(
    client_id="c1", symbol="EUR_USD", side="sell", lots=D("1200.000"), kind=Kind.MARKET,
    bound=D("1.101800000"), stops=Stops(stop_loss=D("1.10650")), label="mr-1", comment="sig <8812>",
)  # fmt: skip


class Web:
    """Answers GET as told, and everything else with `answer`: (status, body), or what to raise."""

    def __init__(self, answer=(201, DONE)):
        self.answer = answer
        self.sent, self.read, self.opened = [], [], []
        self.reads = {
            "": (200, {"accounts": [{"id": NUMBER, "tags": []}]}),
            "/summary": (200, SUMMARY),
        }

    def client(self, **options):
        self.opened.append(options)
        return httpx.Client(
            base_url=options["base_url"], transport=httpx.MockTransport(self._answer)
        )

    def _answer(self, request):
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        path = request.url.path.removeprefix("/v3/accounts").removeprefix(f"/{NUMBER}")
        if request.method == "GET":
            self.read.append(path)
            answer = self.reads.get(path, (404, {"errorMessage": "nothing"}))
            answer = answer.pop(0) if isinstance(answer, list) else answer
        else:
            self.sent.append((request.method, path, json.loads(request.content)))
            answer = self.answer
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        text = body if isinstance(body, str) else json.dumps(body)
        return httpx.Response(status, text=text)


def made(web=None, *, live=False, secrets=None, **settings):
    web = web or Web()
    line = Line(
        settings=OandaSettings(token="", **settings), number=NUMBER, live=live,
        secrets={"token": TOKEN} if secrets is None else secrets, client=web.client,
    )  # fmt: skip
    return OandaAdapter(line, Memory())


# -- Which failures are ambiguous --------------------------------------------------------------
REJECT = {
    "id": "6410", "type": "MARKET_ORDER_REJECT", "rejectReason": "UNITS_MIMIMUM_NOT_MET",
    "accountID": NUMBER,
}  # fmt: skip
OTHER = {**DONE, "orderFillTransaction": {**FILLED, "accountID": "101-004-1234567-002"}}
TABLE = [
    (httpx.ConnectError("no route"), Unavailable, "unreachable"),
    (httpx.ConnectTimeout("slow"), Unavailable, "unreachable"),
    (httpx.ReadTimeout("slow"), OutcomeUnknown, "no_answer"),
    (httpx.WriteError("cut"), OutcomeUnknown, "no_answer"),
    (httpx.ReadError("reset"), OutcomeUnknown, "no_answer"),
    (httpx.RemoteProtocolError("gone"), OutcomeUnknown, "no_answer"),
    ((500, {"errorMessage": "oops"}), OutcomeUnknown, "500"),
    ((502, "<html>bad gateway</html>"), OutcomeUnknown, "502"),
    ((504, {}), OutcomeUnknown, "504"),
    ((201, "not JSON"), OutcomeUnknown, "201"),
    ((201, "[1]"), OutcomeUnknown, "201"),
    ((201, '{"orderCreateTransaction": {"id": 1e999999999}}'), OutcomeUnknown, "201"),
    ((201, {"lastTransactionID": "6411"}), OutcomeUnknown, "answer"),
    ((200, DONE), OutcomeUnknown, "200"),
    ((302, {}), OutcomeUnknown, "302"),
    ((201, OTHER), OutcomeUnknown, "wrong_account"),
    ((201, {"orderCreateTransaction": {**CREATED, "units": "many"}}), OutcomeUnknown, "answer"),
    ((201, {"result": ["unexpected"], "ok": True}), OutcomeUnknown, "answer"),
    (
        (201, {"orderCreateTransaction": {**CREATED, "clientExtensions": {"id": "c9"}}}),
        OutcomeUnknown,
        "answer",
    ),
    ((400, {"orderRejectTransaction": REJECT}), Rejected, "UNITS_MIMIMUM_NOT_MET"),
    ((404, {"orderRejectTransaction": REJECT}), Rejected, "UNITS_MIMIMUM_NOT_MET"),
    ((400, {"errorMessage": "Invalid value specified for 'instrument'"}), Rejected, "400"),
    ((400, "<html>bad request</html>"), OutcomeUnknown, "400"),
    ((401, {}), KeyRefused, "401"),
    ((403, {"errorMessage": "The provided request was forbidden."}), Unavailable, "403"),
    ((405, {}), Rejected, "405"),
    ((429, "slow down"), Unavailable, "429"),
]


@pytest.mark.parametrize(("answer", "error", "code"), TABLE)
def test_a_failure_says_what_may_have_happened(answer, error, code):
    web = Web(answer)
    with pytest.raises(error) as raised:
        made(web).place(TICKET)
    assert type(raised.value) is error
    assert raised.value.code == code
    assert raised.value.message and TOKEN not in raised.value.message
    assert len(web.sent) == 1  # never a second time


def test_a_refusal_is_told_in_words():
    with pytest.raises(Rejected, match="OANDA refused it: units minimum not met"):
        made(Web((400, {"orderRejectTransaction": REJECT}))).place(TICKET)


@pytest.mark.parametrize(
    ("reason", "status"),
    [("INSUFFICIENT_LIQUIDITY", "cancelled"), ("BOUNDS_VIOLATION", "cancelled")],
)
def test_an_order_that_the_market_did_not_take_was_taken_by_oanda(reason, status):
    end = {**FILLED, "type": "ORDER_CANCEL", "reason": reason}
    answer = {"orderCreateTransaction": CREATED, "orderCancelTransaction": end}
    order = made(Web((201, answer))).place(TICKET).order
    assert (order.status, order.code, order.filled) == (status, reason, 0)


@pytest.mark.parametrize("reason", ["INSUFFICIENT_MARGIN", "MARKET_HALTED", "FIFO_VIOLATION"])
def test_an_order_that_was_ended_at_once_for_a_reason_is_refused(reason):
    end = {**FILLED, "type": "ORDER_CANCEL", "reason": reason}
    answer = {"orderCreateTransaction": CREATED, "orderCancelTransaction": end}
    with pytest.raises(Rejected) as refusal:
        made(Web((201, answer))).place(TICKET)
    assert refusal.value.code == reason


# -- What is sent ------------------------------------------------------------------------------
def test_an_order_goes_out_in_oandas_words():
    web = Web()
    ack = made(web).place(TICKET)
    ids = {"id": "c1", "tag": "mr-1", "comment": "sig  8812 "}
    assert web.sent == [
        (
            "POST",
            "/orders",
            {
                "order": {
                    "type": "MARKET", "instrument": "EUR_USD", "units": "-1200",
                    "timeInForce": "FOK", "positionFill": "DEFAULT", "priceBound": "1.1018",
                    "clientExtensions": ids, "tradeClientExtensions": ids,
                    "stopLossOnFill": {"price": "1.1065", "timeInForce": "GTC"},
                }
            },
        )
    ]  # fmt: skip
    assert (ack.order.status, ack.order.side, ack.order.filled) == (Status.FILLED, "sell", 1200)
    (deal,) = ack.deals
    assert (deal.deal_id, deal.position_ref, deal.price) == ("6411", "6411", D("1.10210"))


def test_what_oanda_has_no_order_for_is_not_sent():
    web = Web()
    for more in ({"kind": Kind.STOP_LIMIT}, {"kind": Kind.LIMIT, "price": None}):
        ticket = OrderTicket(client_id="c2", symbol="EUR_USD", side="buy", lots=D(1), **more)
        with pytest.raises(Rejected):
            made(web).place(ticket)
    assert web.sent == []


def test_an_account_linked_to_mt4_bears_no_ids_and_proves_nothing():
    web = Web((201, {**DONE, "orderCreateTransaction": {**CREATED, "clientExtensions": {}}}))
    web.reads[""] = (200, {"accounts": [{"id": NUMBER, "tags": [], "mt4AccountID": 77}]})
    adapter = made(web)
    adapter.account()
    assert adapter.capabilities.proof is Tier.C
    assert OandaAdapter.capabilities.proof is Tier.A
    ack = adapter.place(TICKET)
    assert "clientExtensions" not in web.sent[0][2]["order"]
    assert "tradeClientExtensions" not in web.sent[0][2]["order"]
    assert ack.order.client_id == "c1"


def test_a_history_without_its_last_transaction_proves_nothing():
    web = Web()
    web.reads["/transactions/idrange"] = (200, {"transactions": [CREATED | {"id": "6408"}]})
    adapter = made(web)
    with pytest.raises(Unavailable, match="6409 is said to be there"):
        adapter.find_by_client_id("c2", since="6407")
    with pytest.raises(Unavailable, match="6409 is said to be there"):
        adapter.deals_since("6407 10000")


def test_a_history_with_a_hole_proves_nothing():
    web = Web()
    shown = [CREATED | {"id": str(number), "time": just_now()} for number in (6407, 6409)]
    web.reads["/transactions/idrange"] = (200, {"transactions": shown})
    with pytest.raises(Unavailable, match="transaction 6408, maybe the one, is not shown yet"):
        made(web).find_by_client_id("c2", since="6406")


def test_a_hole_that_stays_for_an_hour_ends_no_reading():
    web = Web()
    web.reads["/transactions/idrange"] = (
        200, {"transactions": [one | {"time": AT} for one in (FUNDED[0], FUNDED[2])]},
    )  # fmt: skip
    adapter = made(web)
    assert adapter.find_by_client_id("c2", since="6406").found is None
    page = adapter.deals_since("6406 100")
    assert page.cursor == "6409 110" and sum(deal.amount for deal in page.deals) == 10


def just_now():
    return dt.datetime.now(dt.UTC).isoformat()


def funded(number, amount, balance):
    return {
        "id": str(number), "type": "TRANSFER_FUNDS", "time": just_now(), "accountID": NUMBER,
        "amount": amount, "accountBalance": balance, "fundingReason": "CLIENT_FUNDING",
    }  # fmt: skip


FUNDED = [funded(6407, "5", "105"), funded(6408, "7", "112"), funded(6409, "-2", "110")]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (0, 1, 1, 2, 0)])
def test_a_history_out_of_turn_or_told_twice_books_nothing_else(order):
    web = Web()
    web.reads["/transactions/idrange"] = (200, {"transactions": [FUNDED[one] for one in order]})
    page = made(web).deals_since("6406 100")
    assert [(deal.deal_id, deal.amount) for deal in page.deals] == [
        ("6407", 5), ("6408", 7), ("6409", -2),
    ]  # fmt: skip
    assert page.cursor == "6409 110"


def test_money_that_a_transaction_not_shown_yet_moved_is_not_booked_as_anothers():
    web = Web()
    web.reads["/transactions/idrange"] = (200, {"transactions": [FUNDED[0], FUNDED[2]]})
    with pytest.raises(Unavailable, match="transaction 6408 is not shown, and it moved"):
        made(web).deals_since("6406 100")


def test_the_last_look_is_taken_after_all_that_is_read():
    web = Web()
    web.reads["/openTrades"] = (200, {"trades": [], "lastTransactionID": "6409"})
    web.reads["/orders/6400"] = (200, {"order": {"id": "6400"}})
    making = {"transaction": CREATED | {"id": "6400", "batchID": "6400"}}
    web.reads["/transactions/6400"] = (200, making)
    adapter = made(web)
    adapter.account()

    def stopped():
        read.append(len(web.read))
        raise Unavailable("Stopped", code="STOP")

    read, before = [], len(web.read)
    adapter.line = replace(adapter.line, last_look=stopped)
    for act in (lambda: adapter.place(TICKET), lambda: adapter.amend("6400", TICKET)):
        with pytest.raises(Unavailable, match="Stopped"):
            act()
    assert (web.sent, read) == ([], [before, before + 2])


def test_the_time_an_order_may_take_is_that_of_the_line_now():
    web, seen = Web(), []
    adapter = made(web)
    adapter.account()
    client = adapter.web._opened()
    client.event_hooks = {"request": [lambda request: seen.append(request.extensions["timeout"])]}
    adapter.line = replace(adapter.line, deadline=1.5)
    adapter.place(TICKET)
    assert {seen[-1][name] for name in ("connect", "write", "read", "pool")} == {1.5}


# -- Reading -----------------------------------------------------------------------------------
def test_a_reset_of_an_idle_connection_is_read_past_once():
    web = Web()
    web.reads["/summary"] = [httpx.RemoteProtocolError("gone"), (200, SUMMARY)]
    assert made(web).account().balance == 10000
    web.reads["/summary"] = [httpx.ReadError("reset"), httpx.ReadError("reset"), (200, SUMMARY)]
    with pytest.raises(Unavailable, match="cannot be reached"):
        made(web).account()


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"account": {**SUMMARY["account"], "id": "101-004-1234567-002"}}),
        (200, {"account": {}}),
        (200, {"lastTransactionID": "1"}),
        (200, {"account": {**SUMMARY["account"], "balance": "NaN"}, "lastTransactionID": "1"}),
        (200, "<html>"),
        (500, {}),
        (401, {"errorMessage": "Insufficient authorization to perform request."}),
        httpx.ReadTimeout("slow"),
    ],
)
def test_what_cannot_be_read_is_unavailable(answer):
    web = Web()
    web.reads["/summary"] = answer
    with pytest.raises(Unavailable) as raised:
        made(web).account()
    assert raised.value.message and TOKEN not in raised.value.message


def test_a_page_in_the_place_of_an_answer_is_told_in_words():
    web = Web()
    web.reads["/summary"] = (200, "<html>log in</html>")
    with pytest.raises(Unavailable, match="OANDA answered 200 with what cannot be read"):
        made(web).account()


def test_a_token_of_other_accounts_names_them():
    web = Web()
    web.reads[""] = (200, {"accounts": [{"id": "101-004-1234567-009", "tags": []}]})
    with pytest.raises(Unavailable, match="it reaches 101-004-1234567-009"):
        made(web).account()


def test_the_account_is_what_oanda_states():
    report = made().account()
    assert (report.number, report.mode, report.leverage) == (NUMBER, "hedging", 30)
    assert (report.watermark, report.live, report.name) == ("6409", False, "Primary")


# -- Settings ----------------------------------------------------------------------------------
def test_the_environment_decides_the_host_and_nothing_else_does():
    hosts = []
    for environment, live, port in (
        ("practice", False, 0),
        ("live", True, 0),
        ("simulator", False, 8101),
    ):
        web = Web()
        made(web, environment=environment, live=live, port=port).account()
        hosts += [str(options["base_url"]) for options in web.opened]
    assert hosts == [
        "https://api-fxpractice.oanda.com",
        "https://api-fxtrade.oanda.com",
        "http://127.0.0.1:8101",
    ]


@pytest.mark.parametrize(
    ("environment", "live"), [("practice", True), ("live", False), ("simulator", True)]
)
def test_real_money_and_practice_are_never_mixed_up(environment, live):
    with pytest.raises(Unavailable, match="the connection says"):
        made(environment=environment, live=live, port=8101 if environment == "simulator" else 0)


@pytest.mark.parametrize(
    ("environment", "port"), [("practice", 8101), ("live", 443), ("simulator", 0)]
)
def test_only_a_simulator_has_a_port(environment, port):
    with pytest.raises(ValueError, match="port was"):
        OandaSettings(environment=environment, port=port, token="")


def test_without_a_token_nothing_is_opened():
    for token in ("", "two words", "tök"):
        with pytest.raises(Unavailable, match="needs a token"):
            made(secrets={"token": token})


def test_the_rate_that_all_processes_share_is_kept_to(monkeypatch):
    slept = []
    monkeypatch.setattr("brokers.adapters.oanda_line.time.sleep", slept.append)
    adapter = made()
    adapter.session.wait = 0.2
    adapter.account()
    assert slept and set(slept) == {0.2}
    adapter.session.wait = 60
    with pytest.raises(Unavailable, match="too often"):
        adapter.account()

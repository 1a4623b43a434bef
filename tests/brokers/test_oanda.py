"""OANDA's adapter at its simulator: what every platform promises, in both modes, and what goes wrong on the way."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as D

import pytest

from brokers.adapters.errors import OutcomeUnknown, Rejected, Unavailable
from brokers.adapters.messages import DealKind, Duration, Entry, Kind, OrderTicket, Status, Stops
from tests.brokers.adapter_contract import AdapterContract, balance_of
from tests.brokers.oanda_bench import ASK, BID, HEDGING, NETTING, oanda_bench


@pytest.fixture(autouse=True)
def sandbox(settings):
    """The hub's own guard lets nothing but loopback through."""
    settings.SANDBOX = True


class OandaContract(AdapterContract):
    symbol, step = "EUR_USD", D("0.0001")
    bid, ask = BID, ASK
    lots, half, too_small = D(1000), D(500), D("0.5")

    @pytest.fixture
    def bench(self):
        with oanda_bench(self.number) as made:
            yield made


class TestHedging(OandaContract):
    number, currency = HEDGING, "EUR"


class TestNetting(OandaContract):
    number, currency = NETTING, "USD"


@pytest.fixture
def bench():
    with oanda_bench(NETTING) as made:
        yield made


@pytest.fixture
def hedging():
    with oanda_bench(HEDGING) as made:
        yield made


def ticket(client_id="c1", side="buy", lots="1000", **more):
    return OrderTicket(client_id=client_id, symbol="EUR_USD", side=side, lots=D(lots), **more)


def history(adapter):
    found, page = [], adapter.deals_since()
    found += page.deals
    while page.more:
        page = adapter.deals_since(page.cursor)
        found += page.deals
    return found


# -- What goes wrong on the way ----------------------------------------------------------------
AFTER = [
    {"do": "reset"},
    {"do": "status_after", "status": 502},
    {"do": "truncate"},
    {"do": "html"},
    {"do": "wrong_schema"},
    {"do": "other_account"},
]


@pytest.mark.parametrize("fault", AFTER, ids=lambda one: one["do"])
def test_an_order_whose_answer_is_lost_is_found_by_its_id(bench, fault):
    since = bench.adapter.account().watermark
    bench.fault(**fault)
    with pytest.raises(OutcomeUnknown):
        bench.adapter.place(ticket())
    found = bench.adapter.find_by_client_id("c1", since=since).found
    assert (found.order.status, found.order.filled) == (Status.FILLED, 1000)
    assert len(bench.sent("create_order")) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"do": "refuse", "status": 429},
        {"do": "refuse", "status": 401},
        {"do": "refuse", "status": 403},
    ],
    ids=lambda one: str(one["status"]),
)
def test_what_oanda_did_not_take_may_be_sent_again(bench, fault):
    bench.adapter.account()
    bench.fault(**fault)
    with pytest.raises(Unavailable):
        bench.adapter.place(ticket())
    assert bench.adapter.find_by_client_id("c1", since="1").found is None
    assert bench.adapter.place(ticket()).order.status is Status.FILLED


@pytest.mark.parametrize("fault", [{"do": "drop"}, {"do": "refuse", "status": 503}], ids=str)
def test_what_may_have_arrived_and_did_not_is_proved_absent(bench, fault):
    since = bench.adapter.account().watermark
    bench.fault(**fault)
    with pytest.raises(OutcomeUnknown):
        bench.adapter.place(ticket())
    search = bench.adapter.find_by_client_id("c1", since=since)
    assert (search.found, search.watermark) == (None, since)
    assert "order @c1 is unknown" in search.evidence


def test_where_nobody_listens_nothing_was_sent(bench):
    bench.adapter.account()
    bench.simulator.stop()
    bench.adapter.close_session()
    with pytest.raises(Unavailable, match="cannot be reached"):
        bench.adapter.place(ticket())


def test_an_order_that_oanda_does_not_show_yet_is_found_in_the_time_promised(bench):
    bench.fault("hide", seconds=0.1)
    bench.adapter.place(ticket(kind=Kind.LIMIT, price=D("1.09")))

    def found():
        return bench.adapter.find_by_client_id("c1", since="1").found

    assert found() is None
    assert OandaContract().visible(bench.adapter, found).order.status is Status.WORKING


def test_an_answer_without_our_id_is_still_the_answer_to_our_order(bench):
    bench.fault("strip_client_id")
    since = bench.adapter.account().watermark
    order = bench.adapter.place(ticket()).order
    assert (order.client_id, order.status) == ("c1", Status.FILLED)
    found = bench.adapter.find_by_client_id("c1", since=since).found
    assert found.order.broker_order_id == order.broker_order_id


def test_a_lost_refusal_is_told_later(bench):
    since = bench.adapter.account().watermark
    bench.fault("reset")
    with pytest.raises(OutcomeUnknown):
        bench.adapter.place(ticket(lots="0.5"))
    order = bench.adapter.find_by_client_id("c1", since=since).found.order
    assert (order.status, order.code) == (Status.REJECTED, "UNITS_PRECISION_EXCEEDED")


def test_a_part_that_fills_is_kept_where_a_part_was_asked_for(bench):
    bench.fault("partial", share="0.4")
    order = bench.adapter.place(ticket(duration=Duration.IOC)).order
    assert (order.status, order.filled, order.lots) == (Status.CANCELLED, 400, 1000)


@pytest.mark.parametrize("fault", AFTER, ids=lambda one: one["do"])
def test_a_lost_cancel_and_a_lost_change_are_found(bench, fault):
    since = bench.adapter.account().watermark
    working = bench.adapter.place(ticket(kind=Kind.LIMIT, price=D("1.09"))).order
    for act, on in (
        (
            lambda: bench.adapter.amend(
                working.broker_order_id, ticket(kind=Kind.LIMIT, price=D("1.08"))
            ),
            "replace_order",
        ),
        (lambda: bench.adapter.cancel(working.broker_order_id), "cancel_order"),
    ):
        bench.fault(**fault, on=on)
        with pytest.raises(OutcomeUnknown):
            act()
        found = bench.adapter.find_by_client_id("c1", since=since).found.order
        assert found.price == D("1.08")
    assert found.status is Status.CANCELLED


def test_the_rest_of_a_part_filled_order_is_not_changed_and_it_says_why(bench):
    bench.adapter.place(ticket(kind=Kind.LIMIT, price=D("1.09")))
    bench.offer("EUR_USD", "1.0898", "1.0899", "400")
    rest = bench.adapter.find_by_client_id("c1").found.order
    assert (rest.status, rest.filled, rest.lots) == (Status.PARTIAL, 400, 1000)
    with pytest.raises(Rejected, match="filled in part: cancel it") as refusal:
        bench.adapter.amend(rest.broker_order_id, ticket(kind=Kind.LIMIT, price=D("1.08")))
    assert refusal.value.code == "part_filled"
    assert bench.sent("replace_order") == []
    assert bench.adapter.cancel(rest.broker_order_id).order.status is Status.CANCELLED


@pytest.mark.parametrize("number", [HEDGING, NETTING])
def test_a_lost_closing_is_found(number):
    with oanda_bench(number) as bench:
        bench.adapter.place(ticket())
        (held,) = bench.adapter.positions()
        since = bench.adapter.account().watermark
        bench.fault("reset", on="close_*")
        with pytest.raises(OutcomeUnknown):
            bench.adapter.close(held.ref, client_id="c2", lots=D(400))
        found = bench.adapter.find_by_client_id("c2", since=since).found
        assert (found.order.status, found.order.filled) == (Status.FILLED, 400)
        assert [(d.entry, d.lots) for d in found.deals] == [(Entry.OUT, 400)]
        bench.adapter.session.kept.clear()  # as after a backup of before
        assert bench.adapter.find_by_client_id("c2").found == found


def test_a_lost_closing_is_not_answered_with_another_of_its_trade():
    with oanda_bench(HEDGING) as bench:
        bench.adapter.place(ticket())
        (held,) = bench.adapter.positions()
        since = bench.adapter.account().watermark
        bench.adapter.close(held.ref, client_id="c2", lots=D(400))
        bench.fault("drop", on="close_*")
        with pytest.raises(OutcomeUnknown):
            bench.adapter.close(held.ref, client_id="c3", lots=D(400))
        assert bench.adapter.find_by_client_id("c3", since=since).found is None


def test_another_accounts_answer_is_never_handed_on(bench):
    reads = (
        (bench.adapter.account, "summary"),
        (bench.adapter.deals_since, "transactions_between"),
    )
    for read, on in reads:
        bench.adapter.account()
        bench.fault("other_account", on=on)
        with pytest.raises(Unavailable, match="another account"):
            read()


# -- Two modes ---------------------------------------------------------------------------------
def test_a_turn_of_a_netted_position_is_one_order_and_a_deal_a_trade(bench):
    adapter = bench.adapter
    adapter.place(ticket("c1", lots="1000"))
    adapter.place(ticket("c2", lots="500"))
    (held,) = adapter.positions()
    assert (held.lots, held.side) == (1500, "buy")
    ack = adapter.place(ticket("c3", "sell", "2000"))
    assert [(d.entry, d.lots) for d in ack.deals] == [
        (Entry.OUT, 1000), (Entry.OUT, 500), (Entry.IN, 500),
    ]  # fmt: skip
    (turned,) = adapter.positions()
    assert (turned.side, turned.lots, turned.ref) == ("sell", 500, ack.deals[-1].position_ref)


def test_a_netted_position_is_closed_by_the_name_of_any_of_its_trades(bench):
    adapter = bench.adapter
    adapter.place(ticket("c1", lots="1000"))
    (first,) = adapter.positions()
    adapter.place(ticket("c2", lots="500"))
    adapter.place(ticket("c3", "sell", "1000"))  # the first trade is gone
    (held,) = adapter.positions()
    assert held.ref != first.ref
    ack = adapter.close(first.ref, client_id="c4")
    assert (ack.order.client_id, ack.order.filled) == ("c4", 500)
    assert adapter.positions() == []
    with pytest.raises(Rejected):
        adapter.close(first.ref, client_id="c5")


def test_a_netted_position_is_protected_as_a_whole(bench):
    adapter = bench.adapter
    adapter.place(ticket("c1", stops=Stops(take_profit=D("1.2"))))
    adapter.place(ticket("c2", lots="500"))
    ref = adapter.positions()[0].ref
    wanted = Stops(stop_loss=D("1.05"), trail=D("0.01"))
    assert adapter.protect(ref, wanted).stops == wanted
    assert [p.stops for p in adapter.positions()] == [wanted]
    bench.fault("refuse", on="trade_orders", status=400)
    bench.fault("reset", on="trade_orders")
    with pytest.raises((OutcomeUnknown, Rejected)):
        adapter.protect(ref, Stops())


def test_a_hedging_account_holds_both_sides_by_their_own_names(hedging):
    adapter = hedging.adapter
    long = adapter.place(ticket("c1")).deals[0].position_ref
    short = adapter.place(ticket("c2", "sell", "400")).deals[0].position_ref
    assert {(p.ref, p.side, p.lots) for p in adapter.positions()} == {
        (long, "buy", 1000), (short, "sell", 400),
    }  # fmt: skip
    adapter.close(short, client_id="c3")
    assert [p.ref for p in adapter.positions()] == [long]


# -- Money -------------------------------------------------------------------------------------
@pytest.mark.parametrize("number", [HEDGING, NETTING])
def test_financing_stops_and_transfers_are_in_the_deals(number):
    with oanda_bench(number) as bench:
        adapter = bench.adapter
        adapter.place(ticket("c1", lots="100000", stops=Stops(stop_loss=D("1.09"))))
        for _ in range(3):  # over one that charges, whatever day it is
            bench.simulator.broker.roll_over()
        bench.simulator.broker.fund(number, D("-250"), "rent")
        bench.move("EUR_USD", "1.08990", "1.09000")
        assert adapter.positions() == []
        deals = history(adapter)
        kinds = {deal.kind for deal in deals}
        assert kinds == {DealKind.DEPOSIT, DealKind.TRADE, DealKind.SWAP, DealKind.WITHDRAWAL}
        trades = [deal for deal in deals if deal.kind is DealKind.TRADE]
        assert trades[-1].comment == "STOP_LOSS_ORDER" and trades[-1].client_id == ""
        swaps = {deal.position_ref for deal in deals if deal.kind is DealKind.SWAP}
        assert swaps == {trades[0].position_ref}
        assert adapter.account().balance == balance_of(deals)


def test_a_history_is_read_page_by_page(bench, monkeypatch):
    adapter = bench.adapter
    for number in range(4):
        adapter.place(ticket(f"c{number}", "buy" if number % 2 else "sell"))
    whole = history(adapter)
    monkeypatch.setattr("brokers.adapters.oanda.PAGE", 3)
    assert history(adapter) == whole
    assert len([deal for deal in whole if deal.kind is DealKind.TRADE]) == 4
    found = adapter.find_by_client_id("c3", since="1").found
    assert found.order.status is Status.FILLED


# -- The market --------------------------------------------------------------------------------
def test_candles_are_complete_ones_of_the_bid(bench):
    now = dt.datetime.now(dt.UTC)
    bars = bench.adapter.bars("EUR_USD", minutes=5, since=now - dt.timedelta(hours=2))
    assert bars and all(bar.complete for bar in bars)
    assert all(bar.low <= bar.open <= bar.high for bar in bars)
    assert all(bar.at + dt.timedelta(minutes=5) <= now for bar in bars)
    with pytest.raises(Unavailable, match="no candles of 7 minutes"):
        bench.adapter.bars("EUR_USD", minutes=7, since=now)


def test_outside_sandbox_mode_the_guard_lets_nothing_to_loopback(bench, settings):
    settings.SANDBOX = False
    with pytest.raises(Unavailable, match="OUTGOING_ALLOWED does not name it|without TLS"):
        bench.adapter.account()

"""What a venue did is certain or undone, in every process; prices and time do the rest at each tick."""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal as D

import pytest
from django.db import transaction
from django.db.utils import OperationalError

from brokers.adapters.errors import OutcomeUnknown, Rejected, Unavailable
from brokers.adapters.messages import DealKind, Kind, Status
from brokers.adapters.paper import KEPT, SNAPSHOT_EVERY
from brokers.models import Connection, SymbolTerms, VenueEvent, VenueSnapshot
from brokers.papers import change_venue_account, open_venue_account, paper_adapter
from brokers.sessions import PaperSession
from tests.brokers.venues import NUMBER, Bench, Clock, ticket
from tradershub.finance.venue import events
from tradershub.finance.venue.venue import replay

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture
def bench(db, clock, venues_stay):
    return Bench(clock)


@pytest.fixture
def committed(transactional_db, clock):
    """A bench outside of any transaction, where what stays in the process was committed."""
    return Bench(clock)


def numbers(bench):
    rows = VenueEvent.objects.filter(connection=bench.connection).order_by("seq")
    return list(rows.values_list("seq", flat=True))


def kinds(happened):
    return [type(event).__name__ for event in happened]


# -- Certain or undone -------------------------------------------------------------------------
def test_what_cannot_be_kept_did_not_happen(bench, monkeypatch):
    before = numbers(bench)

    def fails(session, happened):
        list(happened)
        raise OperationalError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(PaperSession, "append", fails)
        with pytest.raises(Unavailable):
            bench.adapter.place(ticket("c1"))
    assert numbers(bench) == before
    assert (bench.adapter.positions(), bench.adapter.find_by_client_id("c1").found) == ([], None)
    assert bench.adapter.place(ticket("c1")).order.status is Status.FILLED
    assert numbers(bench) == list(range(1, len(numbers(bench)) + 1))


@pytest.mark.django_db(transaction=True)
def test_a_commit_that_fails_leaves_the_outcome_unknown_and_nothing_behind(committed, monkeypatch):
    lock = PaperSession.lock

    @contextmanager
    def dies_at_the_end(session, name):
        with lock(session, name):
            yield
            raise OperationalError("the connection is gone")

    with monkeypatch.context() as broken:
        broken.setattr(PaperSession, "lock", dies_at_the_end)
        with pytest.raises(OutcomeUnknown):
            committed.adapter.place(ticket("c1"))
    assert committed.adapter.find_by_client_id("c1").found is None
    assert committed.adapter.positions() == []


@pytest.mark.django_db(transaction=True)
def test_a_transaction_undone_around_a_command_undoes_it(committed):
    committed.adapter.account()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        committed.adapter.place(ticket("c1"))
        assert len(committed.adapter.positions()) == 1
        raise ZeroDivisionError
    assert committed.adapter.positions() == []
    committed.adapter.place(ticket("c2"))
    (position,) = committed.restart().positions()
    assert position.client_id == "c2"


def test_a_refusal_is_remembered_and_what_time_did_before_it_too(bench):
    bench.adapter.place(ticket("c1", kind=Kind.LIMIT, price=D("1.09")))
    bench.clock.on(seconds=1)
    bench.requote()
    bench.quote("EURUSD", "1.08", "1.0801")
    with pytest.raises(Rejected, match="least is"):
        bench.adapter.place(ticket("c2", lots="0.001"))
    assert bench.restart().find_by_client_id("c1").found.order.status is Status.FILLED


# -- Other processes ---------------------------------------------------------------------------
def test_a_venue_kept_here_catches_up_with_what_happened_elsewhere(bench):
    bench.adapter.place(ticket("c1"))
    here = KEPT.pop(f"{bench.connection.uid} {NUMBER}")
    bench.restart().place(ticket("c2"))
    KEPT[f"{bench.connection.uid} {NUMBER}"] = here
    assert {p.client_id for p in bench.adapter.positions()} == {"c1", "c2"}
    bench.adapter.place(ticket("c3"))
    assert numbers(bench) == list(range(1, len(numbers(bench)) + 1))


def test_a_restart_goes_on_from_the_snapshot(bench):
    for n in range(80):
        bench.clock.on(seconds=0.5)
        side = "sell" if n % 2 else "buy"
        bench.adapter.place(ticket(f"c{n}", side))
    snapshot = VenueSnapshot.objects.get(connection=bench.connection)
    assert snapshot.seq >= SNAPSHOT_EVERY
    before = (bench.adapter.account(), bench.adapter.positions(), bench.adapter.deals_since())
    after = bench.restart()
    assert (after.account(), after.positions(), after.deals_since()) == before
    with pytest.raises(Rejected):
        after.place(ticket("c0"))
    after.place(ticket("new"))
    session = after.session
    whole = replay(session.market(), session.events(), seed=1).account(NUMBER)
    assert whole == KEPT[session.key].account


def test_the_memory_of_an_account_is_its_own(bench):
    open_venue_account(bench.connection, "P2", currency="USD", deposit=D(500))
    other = Bench(bench.clock)
    bench.adapter.place(ticket("c1"))
    assert other.adapter.positions() == []
    assert other.adapter.find_by_client_id("c1").found is None
    assert [e.account for e in bench.adapter.session.events()] == [NUMBER] * len(numbers(other)) + [
        NUMBER
    ] * 3


def test_an_account_is_opened_once_and_asked_for_by_its_number(bench):
    with pytest.raises(Rejected, match="open already"):
        open_venue_account(bench.connection, NUMBER, currency="USD")
    stranger = paper_adapter(bench.connection, "P9")
    with pytest.raises(Unavailable, match="P9"):
        stranger.account()
    with pytest.raises(Rejected, match="P9"):
        stranger.place(ticket("c1"))


def test_other_terms_hold_at_once(bench):
    change_venue_account(bench.connection, NUMBER, leverage=10, call_level=D(100), stop_level=D(50))
    assert bench.adapter.account().leverage == 10
    with pytest.raises(Rejected, match="margin"):
        bench.adapter.place(ticket("c1", lots="1"))


def test_edited_terms_of_a_symbol_are_read_again(bench):
    bench.adapter.account()
    SymbolTerms.objects.filter(symbol__name="EURUSD").update(lot_min=D("0.5"))
    bench.clock.on(seconds=31)
    bench.requote()
    with pytest.raises(Rejected, match="least is 0.5"):
        bench.adapter.place(ticket("c1"))


def test_a_held_symbol_without_terms_is_said_instead_of_valued(bench):
    bench.adapter.place(ticket("c1"))
    SymbolTerms.objects.filter(symbol__name="EURUSD").delete()
    with pytest.raises(Unavailable, match="EURUSD"):
        bench.restart().account()


# -- Prices ------------------------------------------------------------------------------------
def test_an_old_price_deals_nothing(bench):
    resting = bench.adapter.place(ticket("c1", kind=Kind.LIMIT, price=D("1.05")))
    bench.quote("EURUSD", "1.04", "1.0401")
    bench.clock.on(seconds=61)
    with pytest.raises(Rejected, match="61 s old") as refusal:
        bench.adapter.place(ticket("c2"))
    assert refusal.value.code == "stale_price"
    bench.tick()
    assert bench.adapter.working_orders()[0].broker_order_id == resting.order.broker_order_id
    bench.requote()
    assert "Filled" in kinds(bench.tick())


def test_nobody_is_stopped_out_at_a_price_that_does_not_come_again(db, clock, venues_stay):
    bench = Bench(clock, terms={"swap_mode": "points", "swap_long": "-1500"})
    bench.adapter.place(ticket("c1", lots="5"))
    bench.clock.on(days=1)
    assert kinds(bench.adapter.tick([], clock.at)) == ["SwapCharged", "RolledOver", "MarginCall"]
    assert len(bench.adapter.positions()) == 1
    bench.requote()
    assert "StopOut" in kinds(bench.tick())


def test_a_symbol_that_was_never_quoted_cannot_be_traded(bench):
    bench.broker.symbols.get(name="GER40").last_quote.delete()
    for order in (ticket("c1", symbol="GER40"), limit("c2", symbol="GER40")):
        with pytest.raises(Rejected, match="not been quoted"):
            bench.restart().place(order)


def limit(client_id, **more):
    return ticket(client_id, kind=Kind.LIMIT, price=D("1"), **more)


def test_each_of_several_prices_of_a_symbol_is_met(bench):
    """As the extremes of a bar, between two looks at a file."""
    bench.adapter.place(ticket("c1", kind=Kind.LIMIT, price=D("1.09")))
    bench.clock.on(seconds=1)
    (now,) = bench.adapter.session.quotes(["EURUSD"])
    dip = replace(now, bid=D("1.08"), ask=D("1.0801"), at=bench.clock.at)
    happened = bench.adapter.tick([now, dip, replace(now, at=bench.clock.at)], bench.clock.at)
    assert [e.price for e in happened if isinstance(e, events.Filled)] == [D("1.0801")]


def test_reading_leaves_a_price_to_be_met(bench):
    bench.adapter.place(ticket("c1", kind=Kind.LIMIT, price=D("1.09")))
    bench.clock.on(seconds=1)
    bench.quote("EURUSD", "1.08", "1.0801")
    assert len(bench.adapter.working_orders()) == 1
    assert "Filled" in kinds(bench.tick())
    assert bench.adapter.working_orders() == []


def test_prices_that_changed_together_are_met_together(bench):
    """A hedge over two symbols: whoever took one price first would be stopped out between them."""
    hedged = Bench(bench.clock, deposit="5000")
    hedged.adapter.place(ticket("c1", lots="1"))
    hedged.adapter.place(ticket("c2", "sell", lots="10", symbol="GER40"))
    hedged.clock.on(seconds=1)
    hedged.requote()
    hedged.quote("EURUSD", "1.06000", "1.06010")
    hedged.quote("GER40", "17600.0", "17601.0")
    assert "StopOut" not in kinds(hedged.tick())


def test_lots_on_offer_fill_an_order_piece_by_piece(db, clock, venues_stay):
    bench = Bench(clock, settings={"on_offer": "0.5"})
    ack = bench.adapter.place(ticket("c1", lots="1.2"))
    assert (ack.order.status, ack.order.filled) == (Status.PARTIAL, D("0.5"))
    assert ack.order.average_price == D("1.10010")
    (working,) = bench.adapter.working_orders()
    assert (working.filled, working.average_price) == (D("0.5"), D("1.10010"))
    bench.move("EURUSD", "1.10010", "1.10020")
    bench.move("EURUSD", "1.10020", "1.10030")
    found = bench.adapter.find_by_client_id("c1").found
    assert (found.order.status, found.order.filled) == (Status.FILLED, D("1.2"))
    assert [d.lots for d in found.deals] == [D("0.5"), D("0.5"), D("0.2")]
    left = bench.adapter.place(ticket("c2", lots="2", duration="ioc"))
    assert (left.order.status, left.order.filled) == (Status.CANCELLED, D("0.3"))


def test_slippage_is_that_of_the_connection_now(bench):
    slipping = {"slippage_low": 20, "slippage_high": 20}
    Connection.objects.filter(pk=bench.connection.pk).update(settings=slipping)
    assert bench.reopen().place(ticket("c1")).order.average_price == D("1.10030")


# -- What a tick does --------------------------------------------------------------------------
def test_an_account_with_nothing_to_wait_for_costs_one_question(bench, django_assert_num_queries):
    bench.tick()
    bench.clock.on(seconds=1)
    quotes = bench.adapter.session.quotes()
    with django_assert_num_queries(1):
        assert bench.adapter.tick(quotes, bench.clock.at) == ()


def test_an_idle_account_wakes_for_an_order_of_another_process(bench):
    bench.tick()
    here = KEPT.pop(f"{bench.connection.uid} {NUMBER}")
    bench.restart().place(ticket("c1", kind=Kind.LIMIT, price=D("1.09")))
    KEPT[f"{bench.connection.uid} {NUMBER}"] = here
    assert "Filled" in kinds(bench.move("EURUSD", "1.08", "1.0801"))


def test_an_idle_account_begins_each_trading_day(bench):
    bench.tick()
    at = dt.datetime(2026, 3, 4, 22, 0, 1, tzinfo=dt.UTC)
    bench.clock.at = at
    happened = bench.tick()
    assert [event.day for event in happened] == [dt.date(2026, 3, day) for day in (3, 4, 5)]
    assert bench.tick() == ()


def test_a_margin_call_comes_before_the_stop_out(db, clock, venues_stay):
    bench = Bench(clock, deposit="1300")
    bench.adapter.place(ticket("c1", lots="1"))
    assert "MarginCall" in kinds(bench.move("EURUSD", "1.09750", "1.09760"))
    happened = bench.move("EURUSD", "1.09000", "1.09010")
    assert "StopOut" in kinds(happened)
    assert bench.adapter.positions() == []
    *_, fill = (e for e in happened if isinstance(e, events.Filled))
    assert (fill.price, fill.profit) == (D("1.09000"), D("-1010.00"))
    assert bench.restart().account().balance == D("290.00")
    last = bench.adapter.deals_since().deals[-1]
    assert (last.deal_id, last.comment) == (str(fill.seq), "stop_out")


def test_a_debt_is_made_good_where_the_broker_promises(db, clock, venues_stay):
    bench = Bench(clock, deposit="1300")
    bench.adapter.place(ticket("c1", lots="1"))
    bench.move("EURUSD", "1.05000", "1.05010")
    last = bench.adapter.deals_since().deals[-1]
    assert (last.kind, last.amount) == (DealKind.COMPENSATION, D("3710.00"))
    assert bench.adapter.account().balance == 0


def test_a_night_that_cannot_be_converted_says_so_and_waits(db, clock, venues_stay):
    points = {"swap_mode": "points", "swap_long": "-5"}
    bench = Bench(clock, currency="EUR", terms=points)
    bench.adapter.place(ticket("c1", lots="0.1"))
    bench.broker.symbols.get(name="EURUSD").last_quote.delete()
    clock.on(days=1)
    with pytest.raises(Unavailable, match="EUR"):
        bench.restart().tick([], clock.at)
    bench.quote("EURUSD", "1.1", "1.1001")
    assert "SwapCharged" in kinds(bench.tick())


def test_a_night_costs_its_swap_and_wednesday_three(clock):
    points = {"swap_mode": "points", "swap_long": "-5", "swap_short": "1"}
    bench = Bench(clock, terms=points)
    ref = bench.adapter.place(ticket("c1", lots="1")).order.broker_order_id
    for evening, swap in ((2, "-5.00"), (3, "-10.00"), (4, "-25.00")):
        clock.at = dt.datetime(2026, 3, evening, 22, 0, tzinfo=dt.UTC)
        bench.requote()
        assert "SwapCharged" in kinds(bench.tick())
        assert bench.adapter.positions()[0].swap == D(swap)
    ack = bench.adapter.close(ref, client_id="c2")
    assert ack.deals[0].swap == D("-25.00")
    assert bench.restart().account().balance == D("10000") + D("-25") + ack.deals[0].profit


def test_a_resting_order_ends_with_its_day(bench):
    order = bench.adapter.place(
        ticket("c1", kind=Kind.LIMIT, price=D("1.05"), duration="day")
    ).order.broker_order_id
    bench.clock.at = dt.datetime(2026, 3, 2, 22, 0, tzinfo=dt.UTC)
    assert "Expired" in kinds(bench.tick())
    assert bench.adapter.cancel(order).order.status is Status.EXPIRED


def test_money_moves_and_more_than_is_free_does_not(bench):
    assert bench.adapter.deposit(D(50), comment="gift").kind is DealKind.DEPOSIT
    deal = bench.adapter.withdraw(D(30))
    assert (deal.kind, deal.amount) == (DealKind.WITHDRAWAL, D(-30))
    with pytest.raises(Rejected, match="at most"):
        bench.adapter.withdraw(D(999_999))
    assert bench.restart().account().balance == D(10020)

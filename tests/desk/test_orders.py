"""Orders on their pages: the list, the story, and what a person does with one."""

from __future__ import annotations

import re
from decimal import Decimal as D

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from brokers.adapters.errors import Rejected
from brokers.adapters.paper import PaperAdapter
from tests.desk.papers import PaperTrader
from trading import journal, services
from trading.models import Lane, Order, OrderAttempt
from trading.states import State

pytestmark = pytest.mark.django_db
LIST = "/orders/"


@pytest.fixture
def trader():
    return PaperTrader()


def place(trader, **asked):
    given = {"symbol": "EURUSD", "side": "buy", "lots": D("0.5")}
    order = services.place_by_hand(trader.account, actor=trader.user, **given | asked)
    order.refresh_from_db()
    return order


def resting(trader, **asked):
    return place(trader, kind="limit", price=D("1.09"), **asked)


@pytest.fixture
def waiting(monkeypatch):
    """Nobody works the lanes."""
    monkeypatch.setattr(services, "enqueue", lambda *args, **kwargs: "")


def page(trader, address):
    return trader.said(trader.client.get(address))


# -- The list ----------------------------------------------------------------------------------
def test_it_begins_empty_and_says_what_will_stand_there(trader):
    words = page(trader, LIST)
    assert "refused ones too" in words and "/ticket/" in words


def test_each_order_with_its_state_and_a_way_to_its_story(trader):
    filled, works = place(trader), resting(trader)
    words = page(trader, LIST)
    assert f'"/orders/{filled.pk}/">Buy 0.50 EURUSD<' in words
    assert f'"/orders/{works.pk}/">Buy 0.50 EURUSD limit at 1.09<' in words
    assert "tag-good" in words and "1.10010" in words


def test_a_filled_order_of_a_symbol_unmapped_since_is_listed(trader):
    filled = place(trader)
    type(filled.symbol).objects.update(instrument=None)
    assert "1.1001" in page(trader, LIST)


def test_what_the_story_says_of_the_order_follows_too(trader):
    works = resting(trader)
    lead = re.search(r'<p class="page-lead"[^>]*>', page(trader, f"/orders/{works.pk}/"))
    assert lead and 'id="live-lead" data-live="5"' in lead[0]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=live", ["works"]),
        ("state=over", ["filled"]),
        ("state=filled", ["filled"]),
        ("symbol=eurusd", ["works", "filled"]),
        ("symbol=GBPUSD", []),
        ("account=999", []),
        ("account=x&state=x", ["works", "filled"]),
    ],
)
def test_the_address_narrows_it(trader, query, found):
    orders = {"filled": place(trader), "works": resting(trader)}
    shown = trader.client.get(f"{LIST}?{query}").context["page"]
    assert list(shown) == [orders[name] for name in found]


def test_pages_keep_the_filter(trader, monkeypatch, waiting):
    monkeypatch.setattr("tradershub.desk.orders.PAGE", 1)
    for lots in ("0.5", "0.6"):
        resting(trader, lots=D(lots))
    assert "?state=live&amp;page=2" in page(trader, f"{LIST}?state=live")


def test_the_list_asks_as_much_of_ten_orders_as_of_two(trader, waiting):
    def asked():
        with CaptureQueriesContext(database) as queries:
            trader.client.get(LIST)
        return len(queries)

    for n in range(2):
        resting(trader, lots=D(f"0.1{n}"))
    asked()
    few = asked()
    for n in range(8):
        resting(trader, lots=D(f"0.2{n}"))
    assert asked() == few


def test_a_lane_that_is_held_up_is_told(trader):
    Lane.objects.update_or_create(
        account=trader.account, defaults={"halted": True, "halted_because": "Another's answer"}
    )
    words = page(trader, LIST)
    assert "Another&#x27;s answer" in words and "Let them out again" in words


def test_nobody_finds_anothers(trader):
    order, other = place(trader), PaperTrader(name="Other")
    assert "refused ones too" in page(other, LIST)
    for address in ("", "change", "cancel", "settle"):
        assert other.client.get(f"/orders/{order.pk}/{address}").status_code == 404


# -- The story ---------------------------------------------------------------------------------
def test_the_story_of_a_fill(trader):
    order = place(trader, stop_loss=D("1.09"), take_profit=D("1.12"))
    words = page(trader, f"/orders/{order.pk}/")
    for said in ("What was asked", "1.09000", "queued", "filled", "1. Place", "✓ Passed", "margin"):
        assert said in words, said
    assert order.client_order_id in words and "data-live" in words


def test_the_story_of_a_refusal_has_its_figures(trader):
    order = place(trader, lots=D("500"))
    words = page(trader, f"/orders/{order.pk}/")
    assert order.state == "blocked"
    assert " ".join(order.reason.split()) in words and order.code in words
    [stage] = trader.client.get(f"/orders/{order.pk}/").context["stages"]
    assert not stage.passed and [check.passed for check in stage.checks[:2]] == [False, True]


def test_the_story_has_the_brokers_own_words(trader, monkeypatch):
    def refuses(*args):
        raise Rejected("Market is closed", code="CLOSED")

    monkeypatch.setattr(PaperAdapter, "place", refuses)
    order = place(trader)
    assert order.state == "rejected"
    assert "Market is closed" in page(trader, f"/orders/{order.pk}/")


# -- What a person does ------------------------------------------------------------------------
def test_a_working_order_is_cancelled_after_a_question_with_the_facts(trader):
    order = resting(trader)
    address = f"/orders/{order.pk}/cancel"
    assert "Cancel buy 0.50 EURUSD limit at 1.09 at Practice?" in page(trader, address)
    answer = trader.send(address)
    assert answer["Location"] == f"/orders/{order.pk}/"
    order.refresh_from_db()
    assert order.state == "cancelled"
    assert "cancelled already" in trader.refused(address)


def test_a_working_order_is_changed(trader):
    order = resting(trader)
    address = f"/orders/{order.pk}/change"
    shown = trader.shown(address)
    assert (shown["price"], shown["lots"]) == ("1.09", "0.5")
    assert "distance" not in shown and "expires_at" not in shown
    trader.send(address, price="1.08", stop_loss="1.07")
    order.refresh_from_db()
    assert (order.price, order.stop_loss, order.state) == (D("1.08"), D("1.07"), "working")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "Expected something to change"),
        ({"stop_loss": "1.5"}, "Expected the stop loss of a buy below"),
        ({"price": ""}, "A limit order needs its price"),
    ],
)
def test_a_change_that_cannot_be_stands_beside_the_form(trader, change, said):
    order = resting(trader)
    answer = trader.send(f"/orders/{order.pk}/change", **change)
    assert answer.status_code == 200 and said in trader.said(answer)
    assert not OrderAttempt.objects.filter(action="amend").exists()


def test_a_quarantined_order_is_settled_with_evidence(trader, waiting):
    order = resting(trader)
    for state in (State.SENDING, State.UNKNOWN, State.QUARANTINED):
        journal.move(order, state, text="Nobody knows")
    words = page(trader, f"/orders/{order.pk}/")
    assert "Say what became of it" in words and "Nobody knows" in words
    address = f"/orders/{order.pk}/settle"
    assert "in a sentence" in trader.said(trader.send(address, evidence="no"))
    trader.send(address, evidence="The terminal shows no such order")
    order.refresh_from_db()
    assert order.state == "not_sent"
    assert "not quarantined" in trader.refused(address)


def test_a_viewer_looks_and_does_not_act(trader):
    viewer = PaperTrader("Viewer", name="Seen")
    order = resting(viewer)
    words = page(viewer, f"/orders/{order.pk}/")
    assert "Working" in words and "/cancel" not in words
    assert "New order" not in page(viewer, LIST)
    for act in ("change", "cancel", "settle"):
        for method in ("get", "post"):
            assert getattr(viewer.client, method)(f"/orders/{order.pk}/{act}").status_code == 403
    assert Order.objects.get(pk=order.pk).state == "working"

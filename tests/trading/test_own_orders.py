"""Our orders beside the broker's: what differs is a Break after two looks, and risk counts the larger."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D

import pytest

from brokers.adapters.messages import Search
from brokers.connecting import open_adapter
from risk.kinds import Kind, Scope, Unit
from risk.models import Limit, Usage
from tests.trading.paper import Paper
from tradershub.core.errors import Conflict
from trading import in_doubt, services
from trading.mirroring import look
from trading.tickets import ticket_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(desk, settings):
    settings.MIRROR_HISTORY_SECONDS = 10**6
    made = desk.place("3", kind="limit", price=D("1.05"), stop_loss=D("1.04"))
    desk.pump()
    look(desk.account, desk.adapter)
    made.refresh_from_db()
    return made


def breaks(desk) -> list[tuple[str, list[str]]]:
    """What is said of orders, without their ids, and the details."""
    found = desk.account.breaks.filter(kind="live_order", state="open").order_by("id")
    return [
        (row.cause.partition(" ")[2].partition(" ")[2], row.details.get("rows")) for row in found
    ]


def looked(desk, times: int = 1) -> list[tuple[str, list[str]]]:
    for _ in range(times):
        look(desk.account, desk.adapter)
    return breaks(desk)


def changed_there(desk, order, **terms) -> None:
    as_it_is = {"price": "1.05", "lots": "3", "stops": ["1.04", None]}
    desk.ledger.append(action="amend", order=order.broker_order_id, **(as_it_is | terms))


def test_an_order_that_is_as_in_the_books_is_no_break(desk, order):
    assert looked(desk, 3) == []


def test_other_terms_at_the_broker_are_a_break_after_two_looks_until_they_are_ours(
    desk, order, risk
):
    changed_there(desk, order, price="1.09", lots="30", stops=["1.02", None])
    assert looked(desk) == []
    [(how, rows)] = looked(desk)
    assert how == "works at the broker with other terms than the books have"
    assert rows == [
        "price: broker 1.09, booked 1.05",
        "stop loss: broker 1.02, booked 1.04",
        "lots: broker 30, booked 3",
    ]
    assert risk.larger == {order.client_order_id: D(30)}
    changed_there(desk, order)
    assert looked(desk) == []
    assert desk.account.breaks.get(kind="live_order").state == "closed"


def test_terms_that_risk_less_at_the_broker_are_counted_as_in_the_books(desk, order, risk):
    changed_there(desk, order, lots="2", stops=["1.045", None])
    assert len(looked(desk, 2)) == 1
    assert risk.larger == {}


def test_a_part_that_filled_is_no_other_size(desk, order):
    desk.adapter.fill(order.broker_order_id, "1")
    assert looked(desk, 4) == []


def test_an_order_that_the_broker_neither_lists_nor_finds_is_a_break(desk, order, monkeypatch):
    unknown = Search(found=None, watermark="1", evidence="all of it")
    with monkeypatch.context() as lost:
        lost.setattr(desk.adapter, "working_orders", lambda: [])
        lost.setattr(desk.adapter, "find_by_client_id", lambda client_id, since="": unknown)
        assert looked(desk) == []
        assert looked(desk) == [("works by the books, and the broker does not know it", None)]
    assert looked(desk) == []
    assert desk.state(order) == "working"


def test_a_person_ends_an_order_that_the_broker_does_not_know(desk, order, monkeypatch):
    asked = {"actor": desk.owner, "evidence": "Nothing of it in the broker's own list"}
    with pytest.raises(Conflict, match="not unknown there"):
        in_doubt.settle_by_hand(order, **asked)
    unknown = Search(found=None, watermark="1", evidence="all of it")
    monkeypatch.setattr(desk.adapter, "working_orders", lambda: [])
    monkeypatch.setattr(desk.adapter, "find_by_client_id", lambda client_id, since="": unknown)
    looked(desk, 2)
    in_doubt.settle_by_hand(order, **asked)
    assert desk.state(order) == "cancelled"
    assert looked(desk) == []


def test_an_order_that_is_over_and_works_at_the_broker_is_a_break(desk, order, monkeypatch):
    listed = desk.adapter.working_orders()
    services.cancel(order, actor=desk.owner)
    desk.pump()
    assert desk.state(order) == "cancelled"
    monkeypatch.setattr(desk.adapter, "working_orders", lambda: listed)
    assert looked(desk, 2) == [("is over by the books, and works at the broker", None)]


def test_what_was_answered_a_moment_ago_is_not_compared(desk, order, settings):
    changed_there(desk, order, price="1.06")
    settings.SETTLE_SECONDS = 60
    assert looked(desk, 3) == []
    settings.SETTLE_SECONDS = 0
    assert len(looked(desk, 2)) == 1


def test_what_is_being_changed_is_not_compared(desk, order, settings):
    settings.ORDER_SECONDS = 1000  # it is asked for only then
    services.amend(order, actor=desk.owner, price=D("1.06"))
    desk.ledger.plan("lose")
    desk.pump()
    assert desk.state(order) == "replace_pending"
    assert looked(desk, 3) == []


def test_lots_that_are_more_at_the_broker_take_the_room_of_others(
    monkeypatch, settings, no_queue, tmp_path
):
    settings.QUOTE_SECONDS = settings.LOOK_SECONDS = settings.SETTLE_SECONDS = 0
    settings.DATA_DIR = tmp_path
    paper = Paper(monkeypatch)
    lots = {"kind": Kind.SYMBOL_LOTS, "value": D("0.15"), "unit": Unit.LOTS}
    Limit.objects.create(**lots, scope=Scope.ACCOUNT, owner=paper.owner, account=paper.account)
    order = paper.place(kind="limit", price=D("1.05"))
    adapter = open_adapter(paper.account.connection, paper.account.number)
    adapter.amend(order.broker_order_id, replace(ticket_of(order), lots=D("0.14")))
    for _ in range(3):
        paper.turn()
    usage = Usage.objects.get(limit__kind=Kind.SYMBOL_LOTS)
    assert usage.reserved == D("0.14")
    assert paper.account.breaks.filter(kind="live_order", state="open").count() == 1
    second = paper.place("0.05", kind="limit", price=D("1.04"))
    assert (second.state, second.code) == ("blocked", "SYMBOL_LOTS")
    services.cancel(order, actor=paper.owner)
    paper.pump(order)
    usage.refresh_from_db()
    assert (order.state, usage.reserved) == ("cancelled", 0)

"""A position of an account that the hub trades: what is asked, and what it asks back."""

from __future__ import annotations

import re
from decimal import Decimal as D

import pytest

from accounts.models import Account, Deal, Position
from tests.desk.papers import PaperTrader
from tests.factories import make_account, make_symbol, moment
from trading import services
from trading.ids import Origin
from trading.models import Order, OrderAttempt

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def waiting(monkeypatch):
    """Nobody works the lanes."""
    monkeypatch.setattr(services, "enqueue", lambda *args, **kwargs: "")


@pytest.fixture
def trader():
    return PaperTrader()


@pytest.fixture
def position(trader):
    """Long 0.5 from 1.095; at 1.1 it wins 250 USD."""
    return trader.hold()


def at(position, act=""):
    return f"/positions/{position.pk}/{act}"


def page(trader, address):
    return trader.said(trader.client.get(address))


def test_its_page_has_the_facts_and_the_actions(trader, position):
    words = page(trader, at(position))
    assert "What becomes of buy 0.50 EURUSD at Practice?" in words and "+250.00" in words
    for act in ("close", "stops", "break-even"):
        assert at(position, act) in words


def test_it_is_closed_after_a_question_with_the_facts(trader, position):
    words = page(trader, at(position, "close"))
    assert "Close 0.50 EURUSD at Practice, now +250.00 USD?" in words
    answer = trader.send(at(position, "close"))
    order = Order.objects.get()
    assert answer["Location"] == f"/orders/{order.pk}/"
    assert (order.side, order.lots, order.reduces, order.position_ref) == (
        "sell",
        D("0.5"),
        True,
        "1",
    )
    assert order.state == "queued"
    assert f"/orders/{order.pk}/" in page(trader, at(position))


@pytest.fixture
def one_position(trader):
    """Where all positions of a symbol are one: this stood from 10:00 to 11:00, the second from 12:00 on."""
    Account.objects.update(mode="netting")
    trader.account.refresh_from_db()
    first = {"open_volume": D(0), "closed_at": moment("2026-03-04 11:00")}
    return (
        trader.hold(opened_at=moment("2026-03-04 10:00"), **first),
        trader.hold(opened_at=moment("2026-03-04 12:00"), ref="2"),
    )


def closing(trader, at, n, **fields):
    """A closing as a strategy or a flattening asks for it."""
    order = services.new_order(
        trader.account, origin=Origin("signal", str(n)), symbol=trader.symbol, side="sell",
        lots=D("0.1"), reduces=True, strategy="mr",
    )  # fmt: skip
    given = {"received_at": moment(f"2026-03-04 {at}"), "state": "filled", **fields}
    for name, value in given.items():
        setattr(order, name, value)
    order.save()
    return order


def test_where_all_is_one_its_page_tells_the_closings_asked_for_while_it_stood(
    trader, one_position
):
    early, late = (
        closing(trader, "10:30", 1),
        closing(trader, "12:30", 2, position_ref="of another name", state="blocked"),
    )
    closing(trader, "12:30", 3, reduces=False)
    closing(trader, "12:30", 4, side="buy")
    said = [page(trader, at(position)) for position in one_position]
    listed = [set(re.findall(r"/orders/(\d+)/", words)) for words in said]
    assert listed == [{str(early.pk)}, {str(late.pk)}]


def test_a_closing_that_is_booked_while_it_stood_is_of_it_whatever_our_clock_said(
    trader, one_position
):
    order = closing(trader, "11:01", 1)
    Deal.objects.create(
        account=trader.account, key="9", kind="trade", symbol=trader.symbol, side="sell",
        entry="out", volume=D("0.1"), price=D("1.1"), currency="USD", source="live",
        at=moment("2026-03-04 11:00"), client_order_id=order.client_order_id,
    )  # fmt: skip
    first, second = (page(trader, at(position)) for position in one_position)
    assert f"/orders/{order.pk}/" in first and "None by the hub" in second


def test_its_page_looks_each_second_while_a_closing_without_its_name_is_under_way(
    trader, one_position
):
    _, position = one_position
    assert 'data-live="5"' in page(trader, at(position))
    closing(trader, "12:30", 1, state="received")
    assert 'data-live="1"' in page(trader, at(position))


def test_a_part_is_closed_and_never_more_than_there_is(trader, position):
    trader.send(at(position, "close"), lots="0.2")
    assert Order.objects.get().lots == D("0.2")
    answer = trader.send(at(position, "close"), lots="0.4")
    assert answer.context["form"].errors["lots"] == ["Expected at most 0.3 lots, found 0.4"]
    assert "Expected lots above zero" in trader.said(trader.send(at(position, "close"), lots="-1"))


def test_sent_twice_it_is_closed_once(trader, position):
    asked = trader.shown(at(position, "close"))
    for _ in range(2):
        trader.client.post(at(position, "close"), asked)
    assert Order.objects.count() == 1


def test_stop_and_target_are_set(trader, position):
    Position.objects.update(stop_loss=D("1.09"))
    shown = trader.shown(at(position, "stops"))
    assert (shown["stop_loss"], shown["take_profit"]) == ("1.09", "")
    answer = trader.send(at(position, "stops"), stop_loss="1.097", take_profit="1.12")
    assert answer["Location"] == at(position)
    asked = OrderAttempt.objects.get().asked
    assert (D(asked["stop_loss"]), D(asked["take_profit"])) == (D("1.097"), D("1.12"))
    assert "Stop 1.097, target 1.12" in page(trader, at(position))


def test_what_nobody_changed_on_the_page_is_not_sent(trader, position):
    Position.objects.update(stop_loss=D("1.09"), take_profit=D("1.12"))
    shown = trader.shown(at(position, "stops"))
    Position.objects.update(stop_loss=D("1.097"))  # it follows the market
    trader.client.post(at(position, "stops"), {**shown, "take_profit": ""})
    assert OrderAttempt.objects.get().asked == {"take_profit": None}
    assert "Target removed" in page(trader, at(position))

    answer = trader.send(at(position, "stops"))
    assert "found none" in trader.said(answer)
    assert OrderAttempt.objects.count() == 1


@pytest.mark.parametrize(
    ("side", "field", "level", "said"),
    [
        ("buy", "stop_loss", "1.2", "stop loss of a buy below the market's 1.1, found 1.2"),
        ("buy", "take_profit", "1.05", "take profit of a buy above the market's 1.1, found 1.05"),
        ("sell", "stop_loss", "1.05", "stop loss of a sell above the market's 1.1001, found 1.05"),
        (
            "sell",
            "take_profit",
            "1.2",
            "take profit of a sell below the market's 1.1001, found 1.2",
        ),
    ],
)
def test_levels_that_the_market_has_passed_are_refused(trader, side, field, level, said):
    position = trader.hold(side=side)
    answer = trader.send(at(position, "stops"), **{field: level})
    assert answer.context["form"].errors[field] == [f"Expected the {said}"]
    assert not OrderAttempt.objects.exists()


def test_break_even_moves_the_stop_to_the_opening_price_and_keeps_the_target(trader, position):
    Position.objects.update(take_profit=D("1.12"))
    words = page(trader, at(position, "break-even"))
    assert "Move the stop of buy 0.50 EURUSD at Practice to its opening price 1.095" in words
    trader.send(at(position, "break-even"))
    assert OrderAttempt.objects.get().asked == {"stop_loss": "1.095"}


def test_break_even_of_a_loser_and_of_an_unknown_opening_is_refused(trader):
    assert "does not win" in trader.refused(at(trader.hold(open_price=D("1.2")), "break-even"))
    unknown = trader.hold(ref="2", open_price=None)
    assert "not known" in trader.refused(at(unknown, "break-even"))


def test_an_account_by_hand_is_told_so_and_keeps_its_entry(trader):
    account = make_account(owner=trader.user, name="By hand")
    lots = {"volume": 1, "open_volume": 1, "opened_at": moment("2024-03-04 10:00")}
    position = Position.objects.create(
        account=account, symbol=make_symbol(account), ref="7", side="buy", **lots
    )
    words = page(trader, at(position))
    assert f"/accounts/position/{position.pk}/close" in words and at(position, "close") not in words
    for act in ("close", "stops", "break-even"):
        assert "may not send orders" in trader.refused(at(position, act))
    assert "Break even" not in page(trader, "/reports/positions/")
    traded = trader.hold()
    words = page(trader, "/reports/positions/")
    assert f"/accounts/position/{position.pk}/close" in words and at(traded, "close") in words


def test_the_table_of_positions_leads_to_the_actions(trader, position):
    words = page(trader, "/reports/positions/")
    for act in ("", "close", "stops", "break-even"):
        assert f'"{at(position, act)}"' in words


def test_what_is_closed_is_only_shown(trader, position):
    Position.objects.update(open_volume=0, closed_at=moment("2026-03-04 10:00"), net=D(250))
    words = page(trader, at(position))
    assert "It is closed" in words and at(position, "close") not in words
    assert "closed already" in trader.refused(at(position, "close"))


def test_nobody_acts_on_anothers_and_a_viewer_only_looks(trader, position):
    other, viewer = PaperTrader(name="Other"), PaperTrader("Viewer", name="Seen")
    held = viewer.hold()
    for act in ("", "close", "stops", "break-even"):
        assert other.client.get(at(position, act)).status_code == 404
        assert viewer.client.post(at(held, act)).status_code in (403, 405)
    assert at(held, "close") not in page(viewer, at(held))
    assert not Order.objects.exists()

"""The ticket: a form with its consequences beside it, one question, one order."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from risk import kill_switch
from tests.desk.papers import PaperTrader
from tests.factories import make_account, make_strategy
from trading.models import Order

pytestmark = pytest.mark.django_db
PAGE, NOW, SEND = "/ticket/", "/ticket/now", "/ticket/send"


@pytest.fixture
def trader():
    return PaperTrader()


def fields(trader, **more):
    """The form as it is shown, with half a lot to buy."""
    given = {"side": "buy", "size": "0.5", "stop_loss": "1.0951", "take_profit": "1.1101"}
    return {**trader.shown(PAGE), **given, **more}


def beside(trader, **more):
    return trader.said(trader.client.post(NOW, fields(trader, **more)))


def test_it_begins_with_the_account_its_symbol_with_a_price_and_the_least_lots(trader):
    shown = trader.shown(PAGE)
    assert shown["account"] == str(trader.account.pk)
    assert (shown["symbol"], shown["size"], shown["kind"]) == ("EURUSD", "0.01", "market")
    words = trader.said(trader.client.get(PAGE))
    assert "1.10000 / 1.10010" in words and "spread 1.0 pips" in words


def test_the_address_fills_it_in(trader):
    shown = trader.shown(f"{PAGE}?symbol=EURUSD&size=0.3&stop_loss=1.09&token=stolen")
    assert (shown["size"], shown["stop_loss"]) == ("0.3", "1.09")
    assert shown["token"] != "stolen"


def test_beside_it_stands_what_it_would_be(trader):
    words = beside(trader)
    for figure in ("250.00", "2.50", "550.05", "9 449.95", "+500.00", "2.00 R"):
        assert figure in words.replace("\u202f", " "), figure
    assert "Within every limit" in words


def test_a_size_by_risk_is_shown_in_lots(trader):
    assert ">0.20<" in beside(trader, size="1", size_in="percent_risk")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"size": "-1"}, "Expected a size above zero, found −1"),
        ({"size": "0.001"}, "the least is 0.01"),
        ({"symbol": "NOTHING"}, "has no symbol"),
        ({"stop_loss": "1.2"}, "Expected the stop loss of a buy below"),
        ({"kind": "limit"}, "A limit order needs its price"),
        ({"kind": "limit", "price": "x"}, "Price: Expected a number such as"),
    ],
)
def test_what_cannot_be_is_said_beside_it_and_beside_its_field(trader, more, said):
    assert said in beside(trader, **more)
    page = trader.client.post(PAGE, fields(trader, **more))
    assert page.context["form"].errors and said in trader.said(page)
    assert not Order.objects.exists()


def test_a_price_that_is_old_is_marked_and_refused(trader):
    trader.quote(at=timezone.now() - dt.timedelta(minutes=5))
    words = beside(trader)
    assert "price of 5 min ago" in words and "notice-error" in words


def test_prices_that_the_kind_has_not_are_left_aside(trader):
    asked = fields(trader, price="2", distance="3", expires_at="2020-01-01T00:00:00")
    assert "Within every limit" in trader.said(trader.client.post(NOW, asked))


def test_the_question_has_the_facts_and_sends_the_lots_that_it_showed(trader):
    asked = fields(trader, size="1", size_in="percent_risk")
    question = trader.client.post(PAGE, asked)
    words = trader.said(question)
    assert "Buy 0.20 EURUSD at Practice?" in words and "Send: buy 0.20 EURUSD" in words
    assert "no real money" in words and not Order.objects.exists()
    assert question.context["fixed"]["size"] == "0.2"
    assert question.context["fixed"]["size_in"] == "lots"
    story = trader.client.post(SEND, question.context["fixed"], follow=True)
    order = Order.objects.get()
    assert story.redirect_chain[-1][0] == f"/orders/{order.pk}/"
    assert (order.state, f"{order.lots:f}", f"{order.stop_loss:f}") == (
        "filled", "0.200000000", "1.095100000",
    )  # fmt: skip
    assert order.asked_by == str(trader.user) and not order.automatic


def test_sent_twice_it_is_one_order_and_other_values_are_refused(trader):
    asked = trader.client.post(PAGE, fields(trader)).context["fixed"]
    answers = [trader.client.post(SEND, asked) for _ in range(2)]
    assert answers[0]["Location"] == answers[1]["Location"]
    other = trader.client.post(SEND, asked | {"size": "2"})
    assert "sent before with other values" in trader.said(other)
    assert Order.objects.count() == 1


def test_what_risk_would_refuse_is_not_asked_about(trader):
    kill_switch.engage(kill_switch.of_account(trader.account), actor=trader.user, reason="Enough")
    page = trader.client.post(PAGE, fields(trader))
    assert "notice-error" in trader.said(page) and page.templates[0].name == "desk/ticket.html"


def test_what_risk_refuses_in_the_end_is_told_in_the_orders_story(trader):
    asked = trader.client.post(PAGE, fields(trader)).context["fixed"]
    kill_switch.engage(kill_switch.of_account(trader.account), actor=trader.user, reason="Enough")
    words = trader.said(trader.client.post(SEND, asked))
    assert Order.objects.get().state == "blocked"
    assert "Blocked" in words and "Enough" in words


def test_a_resting_order_with_a_strategy_until_a_time(trader):
    make_strategy(trader.user, "mr-1")
    asked = fields(
        trader, kind="stop_limit", price="1.11", limit_price="1.12", stop_loss="1.10",
        take_profit="1.13", duration="gtd", expires_at="2099-01-01T00:00:00", strategy="mr-1",
    )  # fmt: skip
    question = trader.client.post(PAGE, asked)
    assert "stop limit at 1.11 at Practice" in trader.said(question)
    trader.client.post(SEND, question.context["fixed"])
    order = Order.objects.get()
    assert (order.kind, order.strategy, order.duration) == ("stop_limit", "mr-1", "gtd")
    assert order.expires_at.year in (2098, 2099)


def test_only_accounts_that_may_trade_are_offered(trader):
    make_account(owner=trader.user, name="By hand", may_trade=True)
    other = PaperTrader(name="Other's")
    words = trader.said(trader.client.get(PAGE))
    assert "Practice" in words and "By hand" not in words and "Other" not in words
    asked = fields(trader, account=str(other.account.pk))
    assert "Account: Select a valid choice" in trader.said(trader.client.post(NOW, asked))
    assert trader.client.post(SEND, asked).status_code == 200
    assert not Order.objects.exists()


def test_without_such_an_account_it_says_what_to_do(trader):
    trader.account.may_trade = False
    trader.account.save()
    words = trader.said(trader.client.get(PAGE))
    assert "None of your accounts may trade yet" in words and "/paper/" in words
    assert trader.client.post(PAGE, {"side": "buy"})["Location"] == PAGE


def test_a_viewer_may_not(trader):
    viewer = PaperTrader("Viewer", name="Seen")
    answers = [viewer.client.get(PAGE), *(viewer.client.post(a, {}) for a in (PAGE, NOW, SEND))]
    assert {answer.status_code for answer in answers} == {403}

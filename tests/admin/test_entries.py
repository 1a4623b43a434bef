"""Entries by hand in the admin."""

from __future__ import annotations

import datetime as dt

import pytest
from django.urls import reverse

from accounts import manual
from accounts.models import Account, AccountTerms, BrokerOrder, Deal, Position
from tests.factories import make_account, make_broker, make_owner, make_symbol, moment
from tradershub.core.models import AuditEntry, Preference

pytestmark = pytest.mark.django_db


def at(name, *args, **query):
    address = reverse(f"admin:accounts_{name}", args=args)
    return f"{address}?account={query['account'].pk}" if query else address


@pytest.fixture
def account(trader):
    return make_account(owner=trader.user, name="Mine", currency="USD")


def open_position(account, **fields):
    fields = {"symbol": "EURUSD", "side": "buy", "volume": "1", "price": "1.1", **fields}
    fields.setdefault("at", moment("2024-03-04 10:00"))
    manual.trade(account, actor="me", **fields)
    return Position.objects.get(account=account)


def test_an_account_is_opened_with_its_first_terms(trader):
    broker = make_broker()
    answer = trader.send(
        at("account_add"), broker=broker.pk, number="4711", currency="usd", leverage="100"
    )
    assert answer.status_code == 200
    assert "three letters" in trader.said(answer)
    answer = trader.send(
        at("account_add"), broker=broker.pk, number="4711", currency="USD", leverage="100"
    )
    assert answer.status_code == 302, trader.said(answer)
    account = Account.objects.get(number="4711")
    assert (account.owner, AccountTerms.objects.get(account=account).leverage) == (trader.user, 100)
    assert AuditEntry.objects.filter(action="account.open", owner_id=trader.user.pk).count() == 1


def test_without_a_leverage_an_account_has_no_terms_until_its_platform_says_them(trader):
    broker = make_broker()
    given = {"broker": broker.pk, "number": "4712", "currency": "USD", "leverage": ""}
    answer = trader.send(at("account_add"), **given, stop_out_level="80")
    assert "Expected a leverage with the levels" in trader.said(answer)
    answer = trader.send(at("account_add"), **given)
    assert answer.status_code == 302, trader.said(answer)
    assert not AccountTerms.objects.filter(account__number="4712").exists()


def test_a_closed_broker_is_refused_beside_its_field_and_what_was_typed_stays(trader):
    broker = make_broker(status="closed")
    answer = trader.send(at("account_add"), broker=broker.pk, number="4711", currency="USD")
    form = answer.context["adminform"].form
    assert "is closed: reopen it" in form.errors["broker"][0]
    assert "4711" in trader.said(answer)


def test_a_number_that_is_taken_is_refused_in_a_sentence(trader, account):
    answer = trader.send(
        at("account_add"), broker=account.broker_id, number=account.number, currency="USD"
    )
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors


def test_an_account_is_edited_closed_and_reopened(trader, account):
    answer = trader.send(at("account_change", account.pk), name="Better")
    assert answer.status_code == 302, trader.said(answer)
    assert Account.objects.get().name == "Better"
    position = open_position(account)
    assert "1 position is still open" in trader.refused(at("account_close_this", account.pk))
    assert "is open already" in trader.refused(at("account_reopen_this", account.pk))
    manual.close_position(position, actor="me", price="1.2", profit="10")
    assert trader.send(at("account_close_this", account.pk)).status_code == 302
    assert not Account.objects.get().is_open
    assert "is closed already" in trader.refused(at("account_close_this", account.pk))
    assert trader.send(at("account_reopen_this", account.pk)).status_code == 302
    assert Account.objects.get().is_open


@pytest.mark.parametrize(
    ("kind", "fields", "amount"),
    [
        ("deposit", {"amount": "100.5"}, "100.5"),
        ("withdrawal", {"amount": "40"}, "-40"),
        ("charge", {"kind": "swap", "amount": "-1.25", "symbol": "EURUSD"}, "-1.25"),
        ("trade", {"symbol": "EURUSD", "price": "1.1", "commission": "-3.5"}, "-3.5"),
    ],
)
def test_a_deal_is_entered_with_the_account_and_the_time_filled_in(
    trader, account, kind, fields, amount
):
    answer = trader.send(at(f"deal_{kind}"), **fields)
    assert answer.status_code == 302, trader.said(answer)
    deal = Deal.objects.get()
    assert (deal.account, f"{deal.amount.normalize():f}") == (account, amount)
    assert "Booked in" in trader.said(answer)


def test_the_time_is_the_persons_own(trader, account):
    Preference.objects.create(owner=trader.user, time_zone="America/New_York")
    answer = trader.send(at("deal_deposit"), amount="1", at="2024-03-04T10:00:00")
    assert answer.status_code == 302, trader.said(answer)
    assert Deal.objects.get().at == dt.datetime(2024, 3, 4, 15, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("amount", "ten", "Expected a number such as 1234.50, found"),
        ("amount", "-5", "above zero, found -5"),
        ("amount", "٣", "Expected a number"),
        ("amount", "", "required"),
        ("at", "2999-01-01T00:00", "Expected a time that has passed"),
        ("at", "yesterday", "Expected a day and a time"),
        ("comment", "x" * 301, "at most 300"),
    ],
)
def test_a_refusal_stands_beside_its_field_and_nothing_typed_is_lost(
    trader, account, field, value, words
):
    given = {"amount": "12.34", "comment": "my salary", field: value}
    answer = trader.send(at("deal_deposit"), **given)
    assert answer.status_code == 200
    assert words in answer.context["form"].errors[field][0]
    for name, typed in given.items():
        assert answer.context["form"][name].value() == typed
    assert not Deal.objects.exists()


def test_a_form_sent_twice_books_once(trader, account):
    form = {**trader.shown(at("deal_deposit")), "amount": "5"}
    for _ in range(2):
        assert trader.client.post(at("deal_deposit"), form).status_code == 302
    assert Deal.objects.count() == 1


def test_a_form_sent_again_with_other_values_is_told_apart(trader, account):
    form = {**trader.shown(at("deal_deposit")), "amount": "5"}
    trader.client.post(at("deal_deposit"), form)
    again = trader.client.post(at("deal_deposit"), form | {"amount": "6"})
    assert "sent before with other values" in trader.said(again)
    assert [deal.amount for deal in Deal.objects.all()] == [5]


def test_an_amount_too_large_for_the_database_is_refused_in_a_sentence(trader, account):
    answer = trader.send(at("deal_deposit"), amount="99999999999999.99")
    assert answer.status_code in (200, 302)  # PostgreSQL keeps it
    if answer.status_code == 200:
        assert "the most that the database keeps" in trader.said(answer)


def test_only_own_open_accounts_and_their_symbols_are_offered(trader, account):
    make_account(owner=trader.user, name="Shut One", status="closed")
    theirs = make_account(owner=make_owner(), name="Theirs")
    make_symbol(theirs, "SECRET")
    make_symbol(account, "GOLD")
    page = trader.said(trader.client.get(at("deal_trade", account=theirs)))
    assert "Mine" in page
    assert "GOLD" in page
    for hidden in ("Shut One", "Theirs", "SECRET"):
        assert hidden not in page
    answer = trader.send(at("deal_deposit"), account=theirs.pk, amount="1")
    assert answer.context["form"].errors["account"]


def test_an_order_is_placed_modified_filled_in_parts_and_cancelled(trader, account):
    placed = trader.send(at("brokerorder_add"), symbol="EURUSD", volume="2", price="1.10")
    assert placed.status_code == 302, trader.said(placed)
    order = BrokerOrder.objects.get()
    assert trader.send(at("brokerorder_modify", order.pk), price="1.09").status_code == 302
    shown = trader.shown(at("brokerorder_fill", order.pk))
    assert (shown["volume"], shown["price"]) == ("2", "1.09")
    too_much = trader.send(at("brokerorder_fill", order.pk), volume="3")
    assert "at most the 2 lots" in too_much.context["form"].errors["volume"][0]
    assert trader.send(at("brokerorder_fill", order.pk), volume="0.5").status_code == 302
    order.refresh_from_db()
    assert (order.state, order.price) == ("partial", order.price)
    opened_before = trader.shown(at("brokerorder_fill", order.pk)) | {"volume": "1"}
    assert trader.send(at("brokerorder_cancel", order.pk)).status_code == 302
    late = trader.client.post(at("brokerorder_fill", order.pk), opened_before)
    assert "is cancelled already" in trader.said(late)
    for what in ("modify", "fill", "cancel"):
        assert "is cancelled already" in trader.refused(at(f"brokerorder_{what}", order.pk))


def test_the_stop_and_the_target_of_a_position_end_each_other(trader, account):
    held = open_position(account)
    page = trader.said(trader.client.get(at("brokerorder_add", account=account)))
    assert f'<option value="{held.ref}">buy 1 EURUSD</option>' in page
    closing = {"symbol": "EURUSD", "side": "sell", "volume": "1", "position": held.ref}
    for fields in ({"type": "stop", "price": "1.05"}, {"type": "limit", "price": "1.20"}):
        address = at("brokerorder_add", account=account)
        placed = trader.send(address, **closing, **fields, bracket="exit")
        assert placed.status_code == 302, trader.said(placed)
    assert '<option value="exit">' in trader.said(trader.client.get(address))
    stop, target = BrokerOrder.objects.order_by("id")
    assert trader.send(at("brokerorder_fill", target.pk), profit="10").status_code == 302
    stop.refresh_from_db()
    held.refresh_from_db()
    assert (stop.state, held.is_open) == ("cancelled", False)


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"position": "nonsense"}, "position", "no open position 'nonsense' of EURUSD"),
        ({"symbol": "GOLD"}, "position", "of GOLD"),
        ({"side": "buy"}, "side", "closed by a sell, found buy"),
    ],
)
def test_an_order_closes_only_a_position_that_it_can_close(trader, account, wrong, field, words):
    closing = {"symbol": "EURUSD", "side": "sell", "volume": "1", "price": "1.2"}
    closing |= {"position": open_position(account).ref}
    answer = trader.send(at("brokerorder_add"), **(closing | wrong))
    assert words in answer.context["form"].errors[field][0]
    assert not BrokerOrder.objects.exists()


def test_a_stop_loss_on_the_wrong_side_is_refused_beside_its_field(trader, account):
    fields = {"symbol": "EURUSD", "volume": "2", "price": "1.10", "stop_loss": "1.2"}
    answer = trader.send(at("brokerorder_add"), **fields)
    assert "below the price 1.1" in answer.context["form"].errors["stop_loss"][0]
    assert not BrokerOrder.objects.exists()


def test_a_position_is_closed_in_part_and_whole(trader, account):
    position = open_position(account)
    page = trader.said(trader.client.get(at("position_close", position.pk)))
    assert "Close 1.00 EURUSD in Mine" in page
    part = trader.send(at("position_close", position.pk), volume="0.4", price="1.2", profit="4")
    assert part.status_code == 302, trader.said(part)
    rest = trader.shown(at("position_close", position.pk))
    assert rest["volume"] == "0.6"
    trader.send(at("position_close", position.pk), price="1.2", profit="6")
    position.refresh_from_db()
    assert (position.open_volume, position.net) == (0, 10)
    assert "is closed already" in trader.refused(at("position_close", position.pk))


def test_a_wrong_entry_is_reversed_and_both_stay(trader, account):
    wrong = manual.deposit(account, actor="me", amount="5")
    answer = trader.send(at("deal_reverse", wrong.pk))
    assert answer.status_code == 302, trader.said(answer)
    assert [deal.amount for deal in Deal.objects.order_by("id")] == [5, -5]
    assert "was reversed already" in trader.refused(at("deal_reverse", wrong.pk))


def test_a_form_opened_before_the_books_changed_is_still_refused(trader, account):
    shown = trader.shown(at("account_close_this", account.pk))
    open_position(account)
    late = trader.client.post(at("account_close_this", account.pk), shown)
    assert "1 position is still open" in trader.said(late)
    assert Account.objects.get().is_open


def test_several_entries_are_reversed_from_the_list_and_refusals_counted(trader, account):
    wrong = [manual.deposit(account, actor="me", amount=amount) for amount in ("5", "6")]
    manual.reverse(wrong[0], actor="me")
    chosen = {"action": "reverse_selected", "_selected_action": [deal.pk for deal in wrong]}
    page = trader.client.post(at("deal_changelist"), chosen, follow=True).content.decode()
    assert "1 reversed" in page
    assert "was reversed already" in page


def test_facts_are_read_only(trader, account):
    deal = manual.deposit(account, actor="me", amount="5")
    assert trader.client.post(at("deal_change", deal.pk), {"amount": "6"}).status_code == 403
    assert trader.client.post(at("deal_delete", deal.pk), {"post": "yes"}).status_code == 403
    assert trader.client.post(at("position_add"), {}).status_code == 403

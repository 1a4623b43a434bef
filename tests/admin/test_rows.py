"""The page of one row: figures as people write them, whoever only reads it."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.urls import reverse

from accounts import manual, services
from accounts.models import Account, AccountTerms, Deal
from brokers.models import Instrument, SymbolTerms
from tests.factories import make_account, make_broker, make_owner, make_symbol
from tests.marked import MarkedBooks
from tradershub.core.audit import record
from tradershub.roles import set_up_groups

pytestmark = pytest.mark.django_db
STORED = re.compile(r"\d\.\d{2,}0{4}\b|0E-9")  # nine decimals as the database keeps them


@pytest.fixture
def viewer(client):
    set_up_groups()
    person = User.objects.create_user("ada", is_staff=True)
    person.groups.add(Group.objects.get(name="Viewer"))
    client.force_login(person)
    client.user = person
    return client


@pytest.fixture
def root(client):
    client.user = User.objects.create_superuser("root")
    client.force_login(client.user)
    return client


def shown(client, row):
    place = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    answer = client.get(reverse(place, args=[row.pk]))
    return answer.status_code, answer.content.decode()


def test_a_deal_shows_money_with_cents_and_a_price_with_the_digits_it_has(viewer):
    account = make_account(owner=viewer.user)
    entry = {"symbol": "EURUSD", "side": "buy", "volume": "0.2", "price": "1.10505"}
    manual.withdrawal(account, actor="me", amount="1234.5")
    manual.trade(account, actor="me", **entry)
    assert "\u22121\u202f234.50" in shown(viewer, Deal.objects.get(volume=None))[1]
    page = shown(viewer, Deal.objects.exclude(volume=None).get())[1]
    assert re.search(r">\s*1\.10505\s*<", page)


def test_no_page_of_a_row_shows_the_zeros_of_storage(viewer):
    books, wrong = MarkedBooks(viewer.user), []
    for model, row in books.rows.items():
        if model in admin.site._registry:
            status, page = shown(viewer, row)
            if status >= 500 or (found := STORED.search(page)):
                wrong.append((model._meta.label, status, found))
    assert wrong == []
    assert {Account, AccountTerms, SymbolTerms} <= set(books.rows)


def test_a_form_of_terms_still_takes_its_decimals(client):
    client.force_login(User.objects.create_superuser("root"))
    books = MarkedBooks(User.objects.get())
    status, page = shown(client, books.rows[SymbolTerms])
    assert status == 200
    assert 'name="contract_size"' in page


def detail_actions(client, row):
    page = client.get(change_page(row)).content.decode()
    return set(re.findall(rf"/{row.pk}/(\w+)/\"", page)) - {"change", "history"}


def change_page(row):
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])


def test_a_page_offers_only_what_the_state_of_its_row_allows(root):
    account = make_account(owner=root.user, broker=make_broker())
    assert {"close_this", "enter_trade"} <= detail_actions(root, account)
    services.close_account(account, actor="me")
    assert detail_actions(root, account) == {"reopen_this"}


def test_an_order_that_is_over_and_a_closed_position_offer_nothing(root):
    account = make_account(owner=root.user, broker=make_broker())
    make_symbol(account, instrument=Instrument.objects.get(symbol="EURUSD"))
    entry = {"symbol": "EURUSD", "volume": "1", "price": "1.1"}
    order = manual.place_order(account, actor="me", side="buy", **entry)
    assert detail_actions(root, order) == {"modify", "fill", "cancel"}
    manual.cancel_order(order, actor="me")
    assert detail_actions(root, order) == set()


def test_the_history_of_a_row_is_what_the_audit_log_says_of_it(root):
    account = make_account(owner=root.user, broker=make_broker())
    services.close_account(account, actor=root.user)
    page = root.get(change_page(account).replace("change", "history")).content.decode()
    assert "account.close" in page and "root" in page


def test_what_another_person_did_is_not_in_ones_history(root):
    broker = make_broker()
    record(
        "broker.edit", actor="eve", target=broker, summary="hers", owner=make_owner(username="eve")
    )
    assert "hers" not in root.get(change_page(broker).replace("change", "history")).content.decode()


def test_a_change_from_a_day_is_told_by_the_new_terms_and_shown_in_their_history(root):
    account = make_account(owner=root.user, broker=make_broker())
    terms = AccountTerms.objects.create(
        account=account, valid_from=dt.date(2026, 1, 5), leverage=30, margin_call_level=100, stop_out_level=50
    )  # fmt: skip
    stated = {
        "account": terms.account_id,
        "valid_from": terms.valid_from,
        "leverage": 77,
        "margin_call_level": 100,
        "stop_out_level": 50,
    }
    day = terms.valid_from + dt.timedelta(days=9)
    sent = {**stated, "edit": "change", "changed_on": day}
    page = root.post(change_page(terms), sent, follow=True).content.decode()
    assert f"1:77 from {day}" in page
    new = terms.account.terms.get(valid_from=day)
    history = root.get(change_page(new).replace("change", "history")).content.decode()
    assert f"leverage: {terms.leverage} → 77" in history

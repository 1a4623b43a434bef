"""Lists of the admin: how many queries each takes, and what their actions say."""

from __future__ import annotations

import datetime as dt

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import manual
from accounts.models import Account, AccountTerms, Break, StatementImport
from brokers.models import Instrument
from tests.factories import make_account, make_broker, make_symbol
from tradershub.core import paging
from tradershub.core.models import Preference

pytestmark = pytest.mark.django_db
# Session and person, preference, menu, capped count, the rows themselves, filters' choices.
MOST_QUERIES = 13
OURS = [
    m
    for m in admin.site._registry
    if m._meta.app_label in ("accounts", "brokers", "core") and m is not Preference
]


@pytest.fixture
def root(client):
    client.force_login(User.objects.create_superuser("root"))
    client.user = User.objects.get()
    return client


def fill_books(owner, *, accounts):
    """A row and more of each table that grows, for each account."""
    for _ in range(accounts):
        account = make_account(owner=owner, broker=make_broker())
        instrument = Instrument.objects.get(symbol="EURUSD")
        make_symbol(account, instrument=instrument)
        manual.deposit(account, actor="me", amount="5")
        entry = {"symbol": "EURUSD", "side": "buy", "volume": "1", "price": "1.1"}
        manual.trade(account, actor="me", **entry)
        manual.place_order(account, actor="me", **entry)
        StatementImport.objects.create(owner=owner, account=account, file_name="a", state="booked")


def queries_of(client, model):
    return asked_by(
        client, reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    )


def asked_by(client, address):
    client.get(address)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return [query["sql"] for query in captured]


def test_a_list_takes_few_queries_and_no_more_for_more_rows(root):
    fill_books(root.user, accounts=1)
    few = {model: queries_of(root, model) for model in OURS}
    fill_books(root.user, accounts=4)
    for model in OURS:
        many = queries_of(root, model)
        assert len(many) <= max(len(few[model]), 1), (model, *many)
        assert len(many) <= MOST_QUERIES, (model, *many)


ENTRIES = {
    "deal": ("trade", "deposit", "withdrawal", "charge", "reverse", "change"),
    "brokerorder": ("add", "modify", "fill", "cancel", "change"),
    "position": ("close", "change"),
    "break": ("explain", "change"),
    "account": ("add", "change"),
    "accountterms": ("add", "change"),
}
MOST_OF_AN_ENTRY = 25


def test_an_entry_takes_as_many_queries_whatever_stands_in_the_books(root):
    fill_books(root.user, accounts=3)
    for model in (AccountTerms, Break):
        values = {"valid_from": "2020-01-01"} if model is AccountTerms else {"kind": "total"}
        model.objects.create(account=Account.objects.first(), **values)
    pages = [entry(model, page) for model in ENTRIES for page in ENTRIES[model]]
    few = {address: asked_by(root, address) for address in pages}
    fill_books(root.user, accounts=27)
    for address in pages:
        many = asked_by(root, address)
        assert len(many) <= min(len(few[address]), MOST_OF_AN_ENTRY), (address, *many)


def entry(model, page):
    """The address of that page, of the first row where it is of one."""
    row = apps.get_model("accounts", model).objects.first()
    on_row = page not in ("add", "trade", "deposit", "withdrawal", "charge")
    return reverse(f"admin:accounts_{model}_{page}", args=[row.pk] if on_row else [])


def test_the_lists_of_large_tables_are_counted_to_ten_thousand_only(root):
    fill_books(root.user, accounts=1)
    counting = [sql for sql in queries_of(root, deal()) if "COUNT" in sql]
    assert counting
    assert all("LIMIT 10001" in sql for sql in counting)


def deal():
    return next(model for model in admin.site._registry if model._meta.label == "accounts.Deal")


def test_an_import_that_is_not_booked_is_not_undone_and_the_list_says_why(root):
    fill_books(root.user, accounts=1)
    imported = StatementImport.objects.get()
    StatementImport.objects.update(state="refused")
    address = reverse("admin:accounts_statementimport_changelist")
    chosen = {"action": "undo", "_selected_action": [imported.pk]}
    page = root.post(address, chosen, follow=True).content.decode()
    assert "nothing to undo" in page
    StatementImport.objects.update(state="booked")
    assert "1 undone" in root.post(address, chosen, follow=True).content.decode()
    imported.refresh_from_db()
    assert imported.state == "undone"


def test_brokers_are_closed_and_reopened_from_the_list(root):
    account = make_account(owner=root.user)
    address = reverse("admin:brokers_broker_changelist")
    chosen = {"action": "close", "_selected_action": [account.broker_id]}
    page = root.post(address, chosen, follow=True).content.decode()
    assert "cannot be closed: one account is still open there" in page


def test_ones_preferences_are_a_page_and_not_a_list(root):
    preferences = reverse("admin:core_preference_changelist")
    assert root.get(preferences)["Location"] == reverse("admin:core_preference_add")
    own = Preference.objects.create(owner=root.user, base_currency="EUR", time_zone="UTC")
    assert root.get(preferences)["Location"] == reverse(
        "admin:core_preference_change", args=[own.pk]
    )


def test_a_list_writes_moments_to_the_second_and_an_account_by_its_number(root):
    account = make_account(owner=root.user, broker=make_broker())
    manual.deposit(
        account, actor="me", amount="5", at=dt.datetime(2026, 3, 4, 15, 0, 7, tzinfo=dt.UTC)
    )
    page = root.get(reverse("admin:accounts_deal_changelist")).content.decode()
    assert "2026-03-04 15:00:07" in page
    assert account.number in page
    assert str(account) not in page


@pytest.mark.parametrize(
    "query, words", [("", "There are no deals yet."), ("q=77", "Nothing fits this search")]
)
def test_an_empty_list_says_why(root, query, words):
    assert (
        words in root.get(f"{reverse('admin:accounts_deal_changelist')}?{query}").content.decode()
    )


def test_a_list_that_was_not_counted_to_its_end_says_so(root, monkeypatch):
    monkeypatch.setattr(paging, "COUNTED", 2)
    account = make_account(owner=root.user, broker=make_broker())
    deals = reverse("admin:accounts_deal_changelist")
    manual.deposit(account, actor="me", amount="5")
    assert "the first" not in root.get(deals).content.decode()
    manual.deposit(account, actor="me", amount="5")
    manual.deposit(account, actor="me", amount="5")
    assert "the first 2 deals" in root.get(deals).content.decode()

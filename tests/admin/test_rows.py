"""The page of one row: figures as people write them, whoever only reads it."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.urls import reverse

from accounts import manual
from accounts.models import Account, AccountTerms, Deal
from brokers.models import SymbolTerms
from tests.factories import make_account
from tests.marked import MarkedBooks
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

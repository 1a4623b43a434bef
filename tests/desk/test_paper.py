"""Opening a paper account in the browser's form."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import Account
from brokers.connecting import open_adapter
from brokers.models import Connection
from tests.factories import make_broker, make_owner
from tradershub.roles import set_up_groups

pytestmark = pytest.mark.django_db
PAGE = "/paper/"
FILLED = {
    "name": "Practice", "currency": "EUR", "deposit": "5000", "leverage": "50", "mode": "hedging",
    "always_open": "on",
}  # fmt: skip


@pytest.fixture
def trader():
    set_up_groups()
    owner = make_owner(is_staff=True)
    owner.groups.add(Group.objects.get(name="Trader"))
    return owner


@pytest.fixture
def client(trader):
    client = Client()
    client.force_login(trader)
    return client


def test_the_form_opens_an_account_that_can_be_traded(client, trader):
    response = client.post(PAGE, FILLED, follow=True)
    assert "Practice is open. Its 5,000.00 EUR are booked" in response.content.decode().replace(
        "\u2009", ","
    ).replace("\u202f", ",")
    account = Account.objects.get()
    assert (account.owner, account.kind, account.may_trade) == (trader, "paper", True)
    assert account.connection.settings["always_open"] is True
    assert open_adapter(account.connection, account.number).account().balance == D(5000)


def test_sent_twice_it_opens_one(client):
    token = client.get(PAGE).context["form"].fields["token"].initial()
    for _ in range(2):
        client.post(PAGE, FILLED | {"token": token})
    assert Account.objects.count() == 1


def test_prices_of_an_own_connection_can_be_chosen_but_not_anothers(client, trader):
    for owner, name in ((trader, "Mine"), (make_owner(), "Theirs")):
        Connection.objects.create(owner=owner, broker=make_broker(), platform="paper", name=name)
    assert "Theirs" not in client.get(PAGE).content.decode()
    response = client.post(PAGE, FILLED | {"source": "Theirs"})
    assert not Account.objects.exists() and response.context["form"].errors["source"]
    client.post(PAGE, FILLED | {"source": "Mine"})
    assert Account.objects.get().connection.settings["source"] == "Mine"


def test_a_refusal_stands_beside_its_field(client):
    response = client.post(PAGE, FILLED | {"deposit": "-5"})
    assert response.context["form"].errors["deposit"] == [
        "deposit: expected a number above zero, found -5"
    ]


def test_a_viewer_may_not(trader, client):
    trader.groups.set([Group.objects.get(name="Viewer")])
    assert client.get(PAGE).status_code == 403


@pytest.mark.parametrize("page", ["/", "/accounts/account/"])
def test_it_is_offered_where_there_are_no_accounts_and_in_their_list(client, page):
    assert "Open a paper account" in client.get(page).content.decode()

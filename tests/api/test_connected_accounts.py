"""Paper accounts, connections and the switch of trading over the API."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from django.contrib.auth.models import Group

from accounts.models import Account
from brokers.connecting import open_adapter
from brokers.models import Connection
from tests.api.conftest import Program
from tests.factories import make_account, make_owner
from tradershub.roles import set_up_groups

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(db):
    set_up_groups()
    person = make_owner(username="ada", is_staff=True)
    person.groups.add(Group.objects.get(name="Trader"))
    return Program(person)


def test_a_paper_account_is_opened_with_its_money(ada):
    answer = ada.post(
        "paper-accounts", {"name": "Practice", "currency": "usd", "deposit": "2500.50"}
    )
    body = answer.json()
    assert answer.status_code == 201, body
    assert (body["kind"], body["may_trade"], body["currency"]) == ("paper", True, "USD")
    account = Account.objects.get(pk=body["id"], owner=ada.user)
    assert open_adapter(account.connection, account.number).account().balance == D("2500.50")
    assert account.connection.settings["always_open"] is True  # as the page has it


def test_what_is_wrong_is_named(ada):
    answer = ada.post("paper-accounts", {"name": "Practice", "currency": "USD", "deposit": "-1"})
    assert answer.status_code == 422 and answer.json()["error"]["param"] == "deposit"
    assert not Account.objects.exists()


def test_an_account_is_connected_and_traded(ada):
    account = make_account(owner=ada.user)
    link = Connection.objects.create(
        owner=ada.user, broker=account.broker, platform="manual", name="Link"
    )
    address = f"accounts/{account.pk}"
    assert ada.post(f"{address}/trading", {"on": True}).status_code == 409
    connected = ada.post(f"{address}/connect", {"connection_id": link.pk}).json()
    assert (connected["connection_id"], connected["may_trade"]) == (link.pk, False)
    assert ada.post(f"{address}/trading", {"on": True}).json()["may_trade"] is True
    only = ada.post(f"{address}/trading", {"on": False, "closes_only": True}).json()
    assert (only["may_trade"], only["closes_only"]) == (False, True)
    cut = ada.post(f"{address}/connect", {"connection_id": None}).json()
    assert (cut["may_trade"], cut["closes_only"]) == (False, False)


def test_another_persons_connection_does_not_exist(ada):
    account, other = make_account(owner=ada.user), make_owner()
    theirs = Connection.objects.create(
        owner=other, broker=account.broker, platform="manual", name="Theirs"
    )
    answer = ada.post(f"accounts/{account.pk}/connect", {"connection_id": theirs.pk})
    assert answer.status_code == 404

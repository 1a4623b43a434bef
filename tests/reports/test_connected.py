"""What the account's page and the dashboard say of a connection."""

from __future__ import annotations

import pytest
from django.utils import timezone

from brokers.models import Connection
from tests.factories import make_account, make_owner
from trading.links import note_answer, note_fault

pytestmark = pytest.mark.django_db


@pytest.fixture
def account():
    account = make_account(owner=make_owner(is_staff=True), name="Practice")
    account.connection = Connection.objects.create(
        owner=account.owner, broker=account.broker, platform="paper", name="Link"
    )
    account.save()
    return account


def shown(client, account, address):
    client.force_login(account.owner)
    return client.get(address).content.decode()


def page_of(client, account):
    return shown(client, account, f"/reports/account/{account.pk}/")


def test_the_page_says_when_the_connection_was_seen_and_whether_the_hub_trades(client, account):
    assert "Waiting" in page_of(client, account)
    note_answer(account.connection)
    account.may_trade = True
    account.save()
    found = page_of(client, account)
    assert "Answers" in found and "seen just now, trading is on" in found


def test_a_dead_link_needs_the_person_until_it_answers(client, account):
    note_fault(account.connection, "No route to the host")
    assert "Silent" in page_of(client, account)
    assert "Link does not work. No route to the host" in shown(client, account, "/")
    note_answer(account.connection)
    assert "No route to the host" not in shown(client, account, "/")


def test_where_no_platform_is_asked_the_page_says_nothing_of_an_answer(client, account):
    Connection.objects.update(platform="manual")
    assert "trading is" not in page_of(client, account)
    account.connection = None
    account.save()
    assert "trading is" not in page_of(client, account)


def test_a_connection_that_is_switched_off_is_neither_silent_nor_in_need(client, account):
    Connection.objects.update(enabled=False, fault="Gone", seen_at=timezone.now())
    assert "trading is off" in page_of(client, account)
    assert "does not work" not in shown(client, account, "/")

"""Accounts and brokers are closed and reopened from their lists and row menus, as far as their state allows."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from accounts import services
from brokers.models import Broker
from brokers.services import close_broker
from tests.admin.lists import listed, offered
from tests.factories import make_account, make_broker

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(client):
    client.user = User.objects.create_superuser("root")
    client.force_login(client.user)
    return client


def test_an_account_is_closed_where_it_is_open_and_reopened_where_it_is_closed(root):
    account = make_account(owner=root.user)
    assert offered(root, account) == {"close_this"}
    services.close_account(account, actor="me")
    assert offered(root, account) == {"reopen_this"}


def test_a_broker_is_closed_where_it_is_open_and_reopened_where_it_is_closed(root):
    broker = make_broker()
    assert offered(root, broker) == {"close_this"}
    close_broker(broker, actor="me")
    assert offered(root, broker) == {"reopen_this"}


def test_the_selected_are_reopened_only_where_one_is_closed(root):
    broker = make_broker()
    assert "Reopen the selected brokers" not in listed(root, Broker)
    assert "Close the selected brokers" in listed(root, Broker)
    close_broker(broker, actor="me")
    assert "Reopen the selected brokers" in listed(root, Broker)
    for other in Broker.objects.filter(status="open"):
        close_broker(other, actor="me")
    assert "Close the selected brokers" not in listed(root, Broker)


@pytest.mark.parametrize("verb, words", [("close", "closed already"), ("reopen", "open already")])
def test_a_page_that_has_nothing_to_do_says_so_at_once(trader, verb, words):
    account = make_account(owner=trader.user)
    if verb == "close":
        services.close_account(account, actor="me")
    address = reverse(f"admin:accounts_account_{verb}_this", args=[account.pk])
    assert words in trader.refused(address)


def test_the_words_of_an_action_name_what_it_closes(root):
    page = listed(root, type(make_account(owner=root.user)))
    assert "Close the account" in page and "Close the selected accounts" in page

"""A broker is closed and reopened from its own page."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from brokers.models import Broker
from tests.factories import make_account, make_broker

pytestmark = pytest.mark.django_db


def at(name, broker):
    return reverse(f"admin:brokers_broker_{name}", args=[broker.pk])


@pytest.fixture
def keeper(trader):
    wanted = ["view_broker", "change_broker"]
    trader.user.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    return trader


def test_a_broker_is_closed_and_reopened(keeper):
    broker = make_broker()
    page = keeper.said(keeper.client.get(at("change", broker)))
    assert at("close_this", broker) in page
    assert at("reopen_this", broker) in page
    closed = keeper.send(at("close_this", broker))
    assert "is closed" in keeper.said(closed)
    assert not Broker.objects.get(pk=broker.pk).is_open
    keeper.send(at("reopen_this", broker))
    assert Broker.objects.get(pk=broker.pk).is_open


def test_a_broker_with_an_open_account_is_not_closed_and_the_page_says_why(keeper):
    broker = make_account().broker
    assert "one account is still open there" in keeper.refused(at("close_this", broker))
    assert "is open already" in keeper.refused(at("reopen_this", broker))
    assert Broker.objects.get(pk=broker.pk).is_open


def test_a_broker_that_is_not_there_is_not_found(keeper):
    broker = make_broker()
    address = at("close_this", broker).replace(str(broker.pk), "987654")
    assert keeper.client.get(address).status_code == 404


def test_who_only_reads_brokers_closes_none(trader):
    broker = make_broker()
    assert trader.client.post(at("close_this", broker)).status_code == 403
    assert Broker.objects.get(pk=broker.pk).is_open

"""A broker is closed and reopened from its own page."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from accounts.models import StatementImport
from brokers.models import Broker
from tests.factories import make_account, make_broker
from tradershub.core.models import AuditEntry

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
    assert at("reopen_this", broker) not in page
    closed = keeper.send(at("close_this", broker))
    assert "is closed" in keeper.said(closed)
    assert not Broker.objects.get(pk=broker.pk).is_open
    page = keeper.said(keeper.client.get(at("change", broker)))
    assert at("close_this", broker) not in page
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


def test_another_time_zone_asks_whether_it_corrects_or_changes_the_old(keeper):
    account = make_account()
    broker = account.broker
    StatementImport.objects.create(owner=account.owner, account=account, state="booked")
    refused = keeper.send(at("change", broker), time_zone="Europe/London", time_zone_edit="correct")
    assert "originals of 1 booked files were deleted" in keeper.said(refused)
    refused = keeper.send(at("change", broker), time_zone="Europe/London", time_zone_edit="change")
    assert "first day on which the new time zone holds" in keeper.said(refused)
    changed = {"time_zone_edit": "change", "time_zone_changed_on": "2024-06-01"}
    done = keeper.send(at("change", broker), time_zone="Europe/London", **changed)
    assert "A worker reads the files" in keeper.said(done)
    broker.refresh_from_db()
    assert broker.earlier_zones == [{"zone": "Europe/Athens", "until": "2024-06-01"}]
    assert broker.time_zone == "Europe/London"
    page = keeper.said(keeper.client.get(at("change", broker)))
    assert "Europe/Athens until 2024-06-01" in page


def test_an_edit_that_leaves_the_time_zone_reads_nothing_anew(keeper):
    broker = make_account().broker
    saved = keeper.send(
        at("change", broker),
        legal_entity="Example Ltd",
        time_zone_edit="correct",
        negative_balance_protection="on",
    )
    assert "A worker reads the files" not in keeper.said(saved)
    entry = AuditEntry.objects.get(action="broker.edit")
    assert entry.details == {"legal_entity": ["", "Example Ltd"]}

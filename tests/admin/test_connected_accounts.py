"""Which connection an account is followed by, and whether the hub may trade there."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts import services
from accounts.papers import open_paper_account
from brokers.models import Connection
from tests.factories import make_account, make_broker, make_owner
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.models import AuditEntry
from tradershub.site import trading_state

pytestmark = pytest.mark.django_db


def at(name, account):
    return reverse(f"admin:accounts_account_{name}", args=[account.pk])


def connection_of(owner, broker, name="Link"):
    return Connection.objects.create(owner=owner, broker=broker, platform="manual", name=name)


@pytest.fixture
def account(trader):
    return make_account(owner=trader.user, name="Mine")


def test_an_account_is_connected_and_trading_switched_on_and_off(trader, account):
    link = connection_of(trader.user, account.broker)
    assert "has no connection" in trader.refused(at("trade_this", account))
    assert trader.send(at("change", account), connection=str(link.pk)).status_code == 302
    account.refresh_from_db()
    assert (account.connection, account.may_trade) == (link, False)
    assert trader.send(at("trade_this", account)).status_code == 302
    account.refresh_from_db()
    assert account.may_trade
    assert "is switched on already" in trader.refused(at("trade_this", account))
    assert trader.send(at("stop_this", account)).status_code == 302
    account.refresh_from_db()
    assert not account.may_trade
    mine = AuditEntry.objects.filter(owner_id=trader.user.pk, action__startswith="account")
    assert list(mine.order_by("seq").values_list("action", flat=True)) == [
        "account.connect", "account.trading_on", "account.trading_off",
    ]  # fmt: skip


def test_an_account_that_only_closes_is_neither_traded_nor_locked(trader, account):
    assert "has no connection" in trader.refused(at("closings_this", account))
    account.connection = connection_of(trader.user, account.broker)
    account.save()
    services.switch_trading(account, on=True, actor=trader.user)
    assert trader.send(at("closings_this", account)).status_code == 302
    account.refresh_from_db()
    assert (account.may_trade, account.closes_only, account.may_close) == (False, True, True)
    assert "but for closings already" in trader.refused(at("closings_this", account))
    assert trading_state(trader.user).word == "Closings only"
    with pytest.raises(BadInput, match="found both"):
        services.switch_trading(account, on=True, closes_only=True, actor=trader.user)
    assert services.switch_trading(account, on=True, actor=trader.user).may_trade
    services.switch_trading(account, on=False, closes_only=True, actor=trader.user)
    assert trader.send(at("stop_this", account)).status_code == 302
    account.refresh_from_db()
    assert not account.may_close


def test_an_edit_of_the_name_leaves_connection_and_trading_as_they_are(trader, account):
    account.connection = connection_of(trader.user, account.broker)
    account.may_trade = True
    account.save()
    assert trader.send(at("change", account), name="Better").status_code == 302
    account.refresh_from_db()
    assert (account.name, account.may_trade) == ("Better", True)
    assert account.connection is not None


def test_only_own_connections_to_its_broker_can_be_chosen(trader, account):
    theirs = connection_of(make_owner(), account.broker, "Theirs")
    elsewhere = connection_of(trader.user, make_broker(), "Elsewhere")
    for wrong in (theirs, elsewhere):
        answer = trader.send(at("change", account), connection=str(wrong.pk))
        assert answer.context["adminform"].form.errors["connection"]
        with pytest.raises(BadInput):
            services.connect_account(account, wrong, actor=trader.user)
    account.refresh_from_db()
    assert account.connection is None


def test_another_connection_switches_trading_off(trader, account):
    account.connection = connection_of(trader.user, account.broker)
    account.may_trade = True
    account.save()
    another = connection_of(trader.user, account.broker, "Another")
    assert not services.connect_account(account, another, actor="me").may_trade
    assert services.connect_account(account, None, actor="me").connection is None


def test_a_paper_account_stays_at_its_venue(trader):
    account = open_paper_account(
        actor="me", owner=trader.user, name="Practice", currency="USD", deposit="100"
    )
    with pytest.raises(Conflict, match="kept by its own venue"):
        services.connect_account(account, None, actor="me")


def test_a_closed_account_is_not_traded(trader, account):
    account.connection = connection_of(trader.user, account.broker)
    account.may_trade = True
    account.save()
    assert not services.close_account(account, actor="me").may_trade
    assert "is closed: reopen it first" in trader.refused(at("trade_this", account))
    account.refresh_from_db()
    assert not services.reopen_account(account, actor="me").may_trade

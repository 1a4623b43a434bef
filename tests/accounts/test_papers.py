"""Opening a paper account: everything that belongs to it, or nothing."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from accounts.models import Account, AccountTerms
from accounts.papers import open_paper_account
from brokers.connecting import open_adapter
from brokers.models import Broker, BrokerSymbol, Connection, Instrument, SymbolTerms
from tests.factories import make_broker, make_owner
from tradershub.core.errors import BadInput

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return make_owner()


def opened(owner, **more):
    given = {"name": "Practice", "currency": "usd", "deposit": "10000"}
    return open_paper_account(actor=owner, owner=owner, **(given | more))


def test_it_has_a_venue_with_symbols_and_terms_and_may_trade(owner):
    account = opened(owner, leverage=100, mode="netting")
    assert (account.kind, account.currency, account.mode) == ("paper", "USD", "netting")
    assert account.may_trade and account.connection.enabled
    assert account.connection.owner == owner
    assert account.broker == account.connection.broker
    assert SymbolTerms.objects.filter(symbol__broker=account.broker).exists()
    assert AccountTerms.objects.get(account=account).leverage == 100


def test_the_deposit_lies_at_the_venue_and_not_yet_in_the_books(owner):
    account = opened(owner, deposit="2500.50")
    report = open_adapter(account.connection, account.number).account()
    assert (report.balance, report.currency, report.number) == (D("2500.50"), "USD", account.number)
    assert not account.deals.exists()


def test_symbols_and_clock_of_another_broker_are_copied(owner):
    like = make_broker(name="Real", time_zone="Asia/Tokyo")
    BrokerSymbol.objects.create(
        broker=like, name="EURUSD.r", instrument=Instrument.objects.get(symbol="EURUSD")
    )
    account = opened(owner, like=like)
    assert account.broker.time_zone == "Asia/Tokyo"
    assert list(account.broker.symbols.values_list("name", flat=True)) == ["EURUSD.r"]


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"deposit": "0"}, "deposit"),
        ({"deposit": "10.001"}, "deposit"),
        ({"deposit": "9999999999"}, "deposit"),
        ({"name": " "}, "name"),
        ({"currency": "dollars"}, "currency"),
        ({"currency": "XXX"}, "currency"),
        ({"leverage": 20_000}, "leverage"),
        ({"mode": "both"}, "mode"),
        ({"feed": "magic"}, "feed"),
    ],
)
def test_what_is_wrong_leaves_nothing_behind(owner, wrong, param):
    brokers = Broker.objects.count()
    with pytest.raises(BadInput) as refusal:
        opened(owner, **wrong)
    assert refusal.value.param == param
    assert not Account.objects.exists() and not Connection.objects.exists()
    assert Broker.objects.count() == brokers


def test_a_name_that_is_taken_is_refused(owner):
    name = opened(owner).name
    with pytest.raises(BadInput, match=f'a paper account "{name}" already') as refusal:
        opened(owner)
    assert refusal.value.param == "name" and Account.objects.count() == 1

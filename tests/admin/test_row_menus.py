"""What the menu of a row in a list offers: what its state allows, and nothing that would be refused."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from accounts import manual, services
from accounts.models import Break, BrokerOrder, Deal, Position, StatementImport, StatementLine
from brokers.models import Instrument
from tests.admin.lists import offered
from tests.factories import make_account, make_broker, make_symbol

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(client):
    client.user = User.objects.create_superuser("root")
    client.force_login(client.user)
    return client


@pytest.fixture
def account(root):
    account = make_account(owner=root.user, broker=make_broker())
    make_symbol(account, instrument=Instrument.objects.get(symbol="EURUSD"))
    return account


def test_an_entry_is_reversed_once_and_its_reversal_never(root, account):
    deal = manual.deposit(account, actor="me", amount="5")
    assert offered(root, deal) == {"reverse"}
    reversal = manual.reverse(deal, actor="me")
    assert offered(root, deal) == offered(root, reversal) == set()


def test_an_entry_that_a_file_prints_is_not_reversed(root, account):
    deal = manual.deposit(account, actor="me", amount="5")
    statement = StatementImport.objects.create(owner=root.user, account=account)
    StatementLine.objects.create(statement=statement, row=1, fate="confirmed", deal=deal)
    assert offered(root, deal) == set()


def test_an_order_that_is_over_and_a_closed_position_offer_nothing(root, account):
    entry = {"symbol": "EURUSD", "volume": "1", "price": "1.1"}
    order = manual.place_order(account, actor="me", side="buy", **entry)
    assert offered(root, order) == {"modify", "fill", "cancel"}
    manual.fill_order(order, actor="me", volume="1", price="1.1")
    position = Position.objects.get()
    assert offered(root, BrokerOrder.objects.get()) == set()
    assert offered(root, position) == {"close"}
    manual.close_position(position, actor="me", price="1.2", profit="100")
    assert offered(root, position) == set()


def test_a_break_is_opened_again_only_where_it_was_explained(root, account):
    states = {"open": {"explain"}, "explained": {"explain", "reopen"}, "closed": set()}
    for state, actions in states.items():
        words = {"kind": "total", "cause": state, "state": state}
        assert offered(root, Break.objects.create(account=account, **words)) == actions


def test_nothing_is_booked_in_a_closed_account(root, account):
    deal = manual.deposit(account, actor="me", amount="5")
    services.close_account(account, actor="me")
    assert offered(root, Deal.objects.get(pk=deal.pk)) == set()

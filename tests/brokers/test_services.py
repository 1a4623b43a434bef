from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from accounts.services import close_account, edit_account, open_account, reopen_account
from brokers.models import Broker, SymbolTerms
from brokers.services import close_broker, open_broker, reopen_broker, symbol_for
from tradershub.core.dated import in_force
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.models import AuditEntry
from tradershub.core.terms import add_terms, change_terms, correct_terms

pytestmark = pytest.mark.django_db


@pytest.fixture
def trader():
    return User.objects.create_user("ada")


@pytest.fixture
def broker(trader):
    return open_broker(actor=trader, name="Example Markets", time_zone="Europe/Athens")


@pytest.fixture
def account(trader, broker):
    return open_account(
        actor=trader, owner=trader, broker=broker, number="1001", currency="usd", leverage=100
    )


@pytest.fixture
def terms(broker, trader):
    symbol = symbol_for(broker, "EURUSD.m")
    return add_terms(
        SymbolTerms(
            symbol=symbol,
            valid_from=dt.date(2024, 1, 1),
            contract_size=Decimal(100_000),
            tick_size=Decimal("0.00001"),
        ),
        actor=trader,
    )


def test_a_wrong_time_zone_is_refused_in_a_sentence(trader):
    with pytest.raises(BadInput, match='"Mars/Base" is not a time zone'):
        open_broker(actor=trader, name="Red", time_zone="Mars/Base")


def test_a_name_is_taken_whatever_its_case(trader, broker):
    with pytest.raises(BadInput, match="There is a broker of that name already"):
        open_broker(actor=trader, name="EXAMPLE markets")


def test_a_broker_with_an_open_account_stays_open(trader, broker, account):
    with pytest.raises(Conflict, match="one account is still open"):
        close_broker(broker, actor=trader)
    close_account(account, actor=trader)
    assert not close_broker(broker, actor=trader).is_open


def test_closing_is_reversible_from_the_top_down(trader, broker, account):
    account = close_account(account, actor=trader)
    broker = close_broker(broker, actor=trader)
    account.refresh_from_db()
    with pytest.raises(Conflict, match="reopen it first"):
        reopen_account(account, actor=trader)
    reopen_broker(broker, actor=trader)
    account.refresh_from_db()
    assert reopen_account(account, actor=trader).is_open


def test_the_currency_of_an_account_is_fixed(trader, account):
    with pytest.raises(BadInput, match="it is USD"):
        edit_account(account, actor=trader, currency="EUR")


def test_every_action_leaves_an_audit_entry(trader, account):
    actions = list(AuditEntry.objects.order_by("seq").values_list("action", flat=True))
    assert actions == ["broker.open", "account.open"]


def test_symbols_are_made_once_and_mapped_where_certain(broker):
    assert symbol_for(broker, "EURUSD.m") == symbol_for(broker, "EURUSD.m")
    assert symbol_for(broker, "EURUSD.m").instrument.symbol == "EURUSD"
    assert symbol_for(broker, "XYZ123").instrument is None


def test_a_change_keeps_the_old_terms_for_the_days_before(trader, terms):
    change_terms(terms, actor=trader, day=dt.date(2024, 6, 1), contract_size=Decimal(10_000))
    rows = SymbolTerms.objects.filter(symbol=terms.symbol)
    assert in_force(rows, dt.date(2024, 5, 31)).contract_size == 100_000
    assert in_force(rows, dt.date(2024, 6, 1)).contract_size == 10_000
    assert in_force(rows, dt.date(2023, 12, 31)) is None
    assert in_force(rows, dt.date(2024, 2, 1)).valid_until == dt.date(2024, 5, 31)


def test_a_correction_changes_the_terms_where_they_stand(trader, terms):
    correct_terms(terms, actor=trader, contract_size=Decimal(1_000))
    assert SymbolTerms.objects.get().contract_size == 1_000


def test_a_change_before_the_beginning_is_refused(trader, terms):
    with pytest.raises(BadInput, match="begin on 2024-01-01"):
        change_terms(terms, actor=trader, day=dt.date(2024, 1, 1), contract_size=Decimal(1))


def test_two_terms_never_begin_on_one_day(trader, terms):
    change_terms(terms, actor=trader, day=dt.date(2024, 6, 1), contract_size=Decimal(2))
    with pytest.raises(Conflict, match="2024-06-01 already"):
        change_terms(terms, actor=trader, day=dt.date(2024, 6, 1), contract_size=Decimal(3))


def test_a_closed_broker_takes_no_new_accounts(trader, broker):
    broker = close_broker(broker, actor=trader)
    with pytest.raises(Conflict, match="is closed"):
        open_account(actor=trader, owner=trader, broker=broker, number="2", currency="USD")
    assert Broker.objects.count() == 1

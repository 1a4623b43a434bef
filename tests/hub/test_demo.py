from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from accounts.models import Account, AccountTerms, Deal
from accounts.valuation import states_of
from brokers.models import BrokerSymbol, SymbolTerms
from brokers.rates import load_rates
from tests.example import reading
from tradershub.core import audit

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return tmp_path


def test_the_example_is_booked_by_the_importer_once():
    ada = User.objects.create_user("ada")
    call_command("demo", owner="ada")
    accounts = Account.objects.filter(owner=ada)
    assert accounts.count() == 4
    assert accounts.values("broker").distinct().count() == 3
    assert accounts.values("currency").distinct().count() == 3
    booked = Deal.objects.count()
    assert booked > 500

    call_command("demo", owner="ada")
    assert (Deal.objects.count(), accounts.count()) == (booked, 4)
    assert AccountTerms.objects.count() == 4
    assert SymbolTerms.objects.count() == BrokerSymbol.objects.count()
    assert audit.verify() == []


def test_margin_and_floating_profit_of_the_example_are_known_and_as_its_statement_prints(data_dir):
    load_rates()
    ada = User.objects.create_user("ada")
    call_command("demo", owner="ada")
    states = states_of(Account.objects.filter(owner=ada))
    assert len(states) == 4
    for state in states:
        assert state.positions
        assert (state.reasons, state.margin_used.reason) == ((), "")
        assert state.margin > 0
        assert state.margin_level > 100
    report = data_dir / "example" / "ReportHistory-50481203.html"
    printed = reading.money(reading.after(reading.mt5_html(report), "Margin:"))
    [state] = (state for state in states if state.account.number == "50481203")
    assert abs(state.margin / printed - 1) < Decimal("0.03")  # our rates are the ECB's of the day


def test_an_unknown_owner_gets_one_sentence():
    with pytest.raises(CommandError, match='There is no person "nobody"'):
        call_command("demo", owner="nobody")

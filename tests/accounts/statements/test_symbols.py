"""The symbols that an import makes at a broker go with it, unless something else needs them."""

from __future__ import annotations

import pytest

from accounts import imports
from brokers.models import BrokerSymbol, Instrument
from brokers.services import map_symbol
from tests.accounts.histories import book_statement, history, period
from tests.factories import make_account, make_symbol

pytestmark = pytest.mark.django_db


@pytest.fixture
def account():
    return make_account(number="77")


def names():
    return set(BrokerSymbol.objects.values_list("name", flat=True))


def test_undo_takes_away_what_the_import_made(account):
    make_symbol(account, "EURUSD")
    imported = book_statement(account, period(history(1), 0, 40))
    assert names() == {"EURUSD", "GBPUSD"}
    imports.undo(imported, actor="test")
    assert names() == {"EURUSD"}


@pytest.mark.parametrize("undone_first", [0, 1])
def test_a_symbol_goes_with_the_last_of_the_files_that_have_it(account, undone_first):
    deals = history(1)
    files = [
        book_statement(account, period(deals, 0, 25)),
        book_statement(account, period(deals, 0, 40)),
    ]
    imports.undo(files.pop(undone_first), actor="test")
    assert names() == {"EURUSD", "GBPUSD"}
    imports.undo(files.pop(), actor="test")
    assert names() == set()


def test_a_symbol_of_another_account_at_the_broker_stays(account):
    imported = book_statement(account, period(history(1), 0, 40))
    other = make_account(number="78", broker=account.broker, owner=account.owner)
    second = book_statement(other, period(history(1), 0, 40, number="78"), name="other.html")
    imports.undo(imported, actor="test")
    assert names() == {"EURUSD", "GBPUSD"}
    imports.undo(second, actor="test")
    assert names() == set()


@pytest.mark.parametrize("instrument", ["EURUSD", None])
def test_what_a_person_has_mapped_or_unmapped_stays(account, instrument):
    imported = book_statement(account, period(history(1), 0, 40))
    symbol = BrokerSymbol.objects.get(name="EURUSD")
    chosen = Instrument.objects.get(symbol=instrument) if instrument else None
    map_symbol(symbol, chosen, actor="ann")
    imports.undo(imported, actor="test")
    assert names() == {"EURUSD"}


def test_a_file_booked_again_makes_them_anew(account):
    statement = history(1)
    imports.undo(book_statement(account, period(statement, 0, 40)), actor="test")
    book_statement(account, period(statement, 0, 40), name="again.html")
    assert names() == {"EURUSD", "GBPUSD"}

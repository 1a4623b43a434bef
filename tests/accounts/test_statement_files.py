"""The real files: exactly their totals, once, in any order, and back."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

import pytest
from django.db.models import Sum

from accounts import imports, tieout
from accounts.models import Deal, StatementImport
from accounts.statements import storage
from accounts.statements.reading import read_statement
from tests.accounts.books import assert_derived, books_of
from tests.factories import make_account, make_broker, make_owner

FOLDER = os.environ.get("TRADERSHUB_STATEMENTS", "")
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not FOLDER, reason="TRADERSHUB_STATEMENTS names no folder"),
]
TOTALS = json.loads((Path(FOLDER) / "totals.json").read_text()) if FOLDER else {}
NAMES = [
    name
    for name, totals in TOTALS.items()
    if name.startswith(("mt4/", "mt5/")) and totals.get("balance")
]
BOOKED = [name for name in NAMES if "tradereport" not in name]
PRINTED = {
    "closed_pl": "net_profit",
    "net_profit": "net_profit",
    "deposit_withdrawal": "balance_operations",
    "balance_ops": "balance_operations",
    "floating_pl": "floating",
    "open": "open_positions",
    "sum_swap": "swap",
    "sum_commission": "commission",
    "closed_trades": "closed_trades",
    "equity": "equity",
}


@lru_cache
def statement_of(name):
    return read_statement(Path(FOLDER) / name)


def import_file(name, account, *, actor="test"):
    path = Path(FOLDER) / name
    kept = storage.store(path, owner=account.owner)
    imported = StatementImport.objects.create(
        owner=account.owner,
        account=account,
        file=kept,
        file_name=path.name,
        sha256=kept.sha256,
        state=StatementImport.State.BOOKING,
    )
    return imports.book_read(imported, read_statement(path), actor=actor)


def account_for(name):
    info = statement_of(name).account
    return make_account(
        owner=make_owner(),
        broker=make_broker(),
        number=info.number or "1",
        currency=info.currency or "USD",
        mode=info.margin_mode or "hedging",
    )


@pytest.mark.parametrize("name", BOOKED)
def test_a_file_gives_exactly_its_totals(name):
    ours = statement_of(name).our_totals
    for key, ours_key in PRINTED.items():
        if key in TOTALS[name] and not (key == "equity" and not _is_complete(name)):
            assert Decimal(str(ours[ours_key])) == Decimal(str(TOTALS[name][key])), key


def _is_complete(name):
    return "opening_balance" in statement_of(name).our_totals


@pytest.mark.parametrize("name", BOOKED)
def test_a_booked_file_ties_out_and_comes_back_out(name):
    account = account_for(name)
    empty = books_of(account)
    first = import_file(name, account)
    assert_derived(account)
    balance = account.deals.exclude(kind=Deal.Kind.CREDIT).aggregate(total=Sum("amount"))["total"]
    if _is_complete(name):
        assert balance == Decimal(TOTALS[name]["balance"])
        assert not account.breaks.exists()
    held = account.positions.filter(open_volume__gt=0)
    assert held.count() == len({line.position_ref for line in statement_of(name).open_positions})
    once = books_of(account)
    second = import_file(name, account)
    assert second.preview["lines"]["booked"] == 0
    assert second.preview["lines"]["duplicate"] == first.preview["lines"]["booked"]
    assert books_of(account)["deals"] == once["deals"]
    assert books_of(account)["breaks"] == once["breaks"]
    imports.undo(second, actor="test")
    assert books_of(account) == once
    imports.undo(first, actor="test")
    assert books_of(account) == empty
    assert_derived(account)
    assert import_file(name, account).preview["lines"] == first.preview["lines"]


def test_what_one_copy_brought_stays_while_another_confirms_it():
    name = BOOKED[0]
    account = account_for(name)
    first = import_file(name, account)
    deals = books_of(account)["deals"]
    second = import_file(name, account)
    imports.undo(first, actor="test")
    assert books_of(account)["deals"] == deals
    imports.undo(second, actor="test")
    assert not account.deals.exists()


def test_reconciling_again_changes_nothing():
    name = next(name for name in BOOKED if not _is_complete(name))
    account = account_for(name)
    import_file(name, account)
    before = books_of(account)
    tieout.reconcile(account)
    assert books_of(account) == before
    assert account.breaks.filter(state="open").count() == 1

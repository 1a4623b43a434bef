"""Whatever becomes of a booked deal is told to the audit log, with what it said before."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal

import pytest

from accounts import booking, imports, trail
from tests.accounts.histories import book_statement, history, period
from tests.accounts.test_importer import hand_entry
from tests.factories import make_account
from tradershub.core.audit import verify
from tradershub.core.models import AuditEntry

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture
def account():
    return make_account(number="77")


def told(action):
    return AuditEntry.objects.filter(action=action).latest("seq").details


def costlier(deals, **changed):
    """The same deals where every opening cost something else."""
    return [deal._replace(**changed) if deal.entry == "in" else deal for deal in deals]


def test_a_deal_that_a_later_file_rewrites_is_told_with_old_and_new_money(account):
    deals = history(7)
    book_statement(account, period(deals, 0, 20), name="a.html")
    assert "rewritten" not in told("statement.book")
    line = next(deal for deal in deals if deal.entry == "in")
    other = [deal._replace(commission=D("-3")) if deal is line else deal for deal in deals]
    later = book_statement(account, period(other, 0, 30), name="b.html")
    [change] = told("statement.book")["rewritten"]
    assert change == {
        "deal": line.broker_deal_id,
        "commission": ["-0.07", "-3"],
    }
    imports.undo(later, actor="test")
    [change] = told("statement.undo")["rewritten"]
    assert change["commission"] == ["-3", "-0.07"]


def test_an_entry_by_hand_is_told_when_a_file_confirms_it_and_when_it_comes_back(account):
    deals = history(6)
    line = next(deal for deal in deals if deal.entry == "in")
    hand_entry(account, line, commission=D("-1"))
    imported = book_statement(account, period(deals, 0, 40))
    [change] = told("statement.book")["rewritten"]
    assert change["deal"] == "manual:1"
    assert change["key"] == ["manual:1", line.broker_deal_id]
    assert change["commission"] == ["-1", "-0.07"]
    imports.undo(imported, actor="test")
    [change] = told("statement.undo")["rewritten"]
    assert change["key"] == [line.broker_deal_id, "manual:1"]
    assert change["commission"] == ["-0.07", "-1"]


def test_deals_that_an_undo_takes_out_are_told_with_a_digest_of_all(account, monkeypatch):
    monkeypatch.setattr(trail, "MOST", 3)
    deals = history(8)
    imports.undo(book_statement(account, period(deals, 0, 20)), actor="test")
    taken_out = told("statement.undo")["taken_out"]
    assert (taken_out["count"], len(taken_out["first"])) == (20, 3)
    first = taken_out["first"][0]
    assert (first["deal"], first["kind"]) == (deals[0].broker_deal_id, "deposit")
    assert D(first["profit"]) == deals[0].profit
    monkeypatch.setattr(trail, "MOST", 20)
    imports.undo(book_statement(account, period(deals, 0, 20)), actor="test")
    everything = told("statement.undo")["taken_out"]["first"]
    lines = "".join(json.dumps(line, sort_keys=True) + "\n" for line in everything)
    assert hashlib.sha256(lines.encode()).hexdigest() == taken_out["digest"]


def test_every_rewritten_deal_is_told_however_many(account, monkeypatch):
    monkeypatch.setattr(trail, "MOST", 3)
    deals = history(9)
    book_statement(account, period(deals, 0, 20), name="a.html")
    book_statement(account, period(costlier(deals, commission=D("-9")), 0, 30), name="b.html")
    entries = AuditEntry.objects.filter(action__in=["deals.rewrite", "statement.book"])
    parts = [entry.details.get("rewritten", []) for entry in entries]
    assert max(map(len, parts)) == 3
    openings = {deal.broker_deal_id for deal in deals[:20] if deal.entry == "in"}
    assert {change["deal"] for part in parts for change in part} == openings
    assert not verify()


def test_an_opening_balance_that_an_earlier_file_replaces_is_told(account):
    deals = history(2)
    book_statement(account, period(deals, 20, 40), name="b.html")
    book_statement(account, period(deals, 0, 25), name="a.html")
    gone = told("statement.book")["taken_out"]["first"]
    assert D(deals[19].balance_after) in [D(change.get("profit", 0)) for change in gone]


def test_no_deal_goes_without_a_trail(account):
    book_statement(account, period(history(1), 0, 5))
    with pytest.raises(LookupError):
        booking.remove(account, [account.deals.first().pk])
    assert account.deals.count() == 5

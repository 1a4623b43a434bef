"""Breaks over time: explained by a person, opened again, closed."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as D
from importlib import import_module

import pytest
from django.apps import apps

from accounts import imports, manual, tieout
from accounts.models import Break
from accounts.tieout import Finding
from tests.accounts.tables import receive_table
from tests.factories import make_account
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.models import AuditEntry

pytestmark = pytest.mark.django_db
BEFORE = dt.datetime(2026, 4, 10, 12, tzinfo=dt.UTC)
DIFFERS = Finding(Break.Kind.BALANCE, "The balance differs", difference=D(5))


@pytest.fixture
def differ(monkeypatch):
    """Reconcile with these differences, whatever the books say."""
    account = make_account()

    def reconciled(*findings: Finding, **kwargs) -> Break:
        monkeypatch.setattr(tieout, "findings", lambda _: iter(findings))
        tieout.reconcile(account, **kwargs)
        return Break.objects.get(account=account)

    return reconciled


@pytest.fixture
def explained(differ):
    return tieout.explain(differ(DIFFERS), actor="me", explanation=" A bonus \n")


def test_an_explanation_stays_while_the_difference_is_the_same(explained, differ):
    again = differ(DIFFERS)
    assert (again.state, again.explanation) == ("explained", "A bonus")
    assert AuditEntry.objects.filter(
        action="break.explain", target__endswith=str(again.pk)
    ).exists()


@pytest.mark.parametrize("change", [{"difference": D(6)}, {"count": 2}])
def test_an_explained_break_that_is_another_opens_again(explained, differ, change):
    again = differ(DIFFERS._replace(**change))
    assert (again.state, again.explanation) == ("open", "")


def test_a_break_that_opens_again_by_itself_is_in_the_audit_log(explained, differ):
    again = differ(DIFFERS._replace(difference=D(6)))
    entry = AuditEntry.objects.get(action="break.reopen")
    assert (entry.actor, entry.owner_id) == ("reconcile", again.account.owner_id)
    assert entry.target.endswith(str(again.pk))
    assert entry.details["explanation"] == ["A bonus", ""]
    assert [D(said) for said in entry.details["difference"]] == [D(5), D(6)]
    differ(DIFFERS._replace(difference=D(7)))  # it is open, and only another
    assert AuditEntry.objects.filter(action="break.reopen").count() == 1


def test_a_closed_break_that_stands_again_is_in_the_audit_log(differ):
    differ(DIFFERS)
    differ()
    differ(DIFFERS)
    entry = AuditEntry.objects.get(action="break.reopen")
    assert entry.details["state"] == ["closed", "open"]


def test_an_explained_break_that_is_gone_closes_and_keeps_its_words(explained, differ):
    gone = differ(undone=object())
    assert (gone.state, gone.explanation) == ("closed", "A bonus")
    assert gone.closed_at is not None
    with pytest.raises(Conflict, match="is closed"):
        tieout.explain(gone, actor="me", explanation="More")
    back = differ(DIFFERS)
    assert (back.state, back.explanation, back.closed_at) == ("open", "", None)


def test_an_explanation_is_taken_back_once(explained):
    assert tieout.reopen(explained, actor="me").state == "open"
    with pytest.raises(Conflict, match="is open: expected one that a person explained"):
        tieout.reopen(explained, actor="me")


@pytest.mark.parametrize("words", ["", "  ", "x" * 501])
def test_an_explanation_needs_words_that_are_kept_whole(differ, words):
    with pytest.raises(BadInput, match="1 to 500 characters"):
        tieout.explain(differ(DIFFERS), actor="me", explanation=words)


def test_breaks_of_files_and_of_the_connected_account_leave_each_other_alone(differ):
    of_file = differ(DIFFERS)
    live = Finding(Break.Kind.LIVE_BALANCE, "The balance is not the broker's", difference=D(7))
    [found] = tieout.keep_live(of_file.account, [live])
    tieout.reconcile(of_file.account)
    assert {row.state for row in Break.objects.filter(pk__in=[of_file.pk, found.pk])} == {"open"}
    assert tieout.keep_live(of_file.account, []) == []
    of_file.refresh_from_db(), found.refresh_from_db()
    assert (of_file.state, found.state) == ("open", "closed")
    assert found.explanation == "The broker and the books agree again"


FILLS = "Time,Symbol,Side,Volume,Price,Commission\n2026-04-13 10:00:00,EURUSD,buy,0.1,1.1,-0.5\n"
MONEY = "Date,Type,Amount\n2026-04-14 09:00:00,Deposit,1000.00\n"


@pytest.mark.parametrize("table", [FILLS, MONEY])
def test_a_table_that_tells_of_no_holdings_differs_in_none(table):
    account = make_account(currency="USD")
    manual.trade(
        account, actor="me", symbol="GBPUSD", side="buy", volume="1", price="1.3", at=BEFORE
    )
    imported = imports.confirm(receive_table(table, account), actor=account.owner)
    assert imported.state == "booked", imported.reason
    assert not Break.objects.filter(kind="position").exists()


TRIPS = """Ticket,Open Time,Type,Lots,Symbol,Open Price,Close Time,Close Price,Commission,Swap,Profit
1,2026-04-13 10:00:00,buy,0.10,EURUSD,1.10000,2026-04-13 12:00:00,1.10100,-0.70,0.00,10.00
"""


def test_a_table_of_trades_differs_in_what_it_does_not_hold_and_the_lots_are_short():
    account = make_account(currency="USD")
    manual.trade(
        account, actor="me", symbol="GBPUSD", side="buy", volume="1.5", price="1.3", at=BEFORE
    )
    imported = receive_table(TRIPS, account, profit_is="gross")
    assert imports.confirm(imported, actor=account.owner).state == "booked"
    [found] = Break.objects.filter(kind="position")
    assert found.cause.endswith("the file holds 0 lots, the deals make 1.5")


def test_words_of_an_older_release_are_shortened():
    lots = import_module("accounts.migrations.0011_lots_without_the_zeros_of_storage")
    words = "the file holds 0.10 lots, the deals make {}"
    account = make_account()
    for stored in ("0.100000000", "10.000000000", "0", "20"):
        Break.objects.create(account=account, kind="position", cause=words.format(stored))
    lots.shorten(apps, None)
    short = ["0.1", "10", "0", "20"]
    causes = Break.objects.order_by("pk").values_list("cause", flat=True)
    assert list(causes) == [f"the file holds 0.1 lots, the deals make {text}" for text in short]

"""Breaks over time: explained by a person, opened again, closed."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from accounts import tieout
from accounts.models import Break
from accounts.tieout import Finding
from tests.factories import make_account
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.models import AuditEntry

pytestmark = pytest.mark.django_db
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

"""Deals that a platform reports: each in the books once, in whatever order and beside whatever files."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal as D

import pytest

from accounts import imports
from accounts.models import Deal, StatementImport
from brokers.adapters.messages import DealKind, DealReport
from tests.accounts.books import assert_derived, money_of
from tests.accounts.histories import book_statement, history, period
from tests.factories import make_account, make_broker, moment
from tests.trading.lives import reports_of
from tradershub.core.errors import BadInput
from tradershub.core.models import AuditEntry
from trading.sync import book_reports, book_with_order

MOST = 15  # statements, of which three find the first position that the deal can concern
pytestmark = pytest.mark.django_db


@pytest.fixture
def account():
    return make_account(broker=make_broker(time_zone="Europe/Athens"), number="77")


def balance_of(account):
    return sum((deal.amount for deal in account.deals.all()), D(0))


@pytest.mark.parametrize("seed", range(6))
def test_pages_in_any_order_and_repetition_book_each_deal_once(account, seed):
    deals = history(seed, netting=seed % 2 == 1)
    account.mode = "netting" if seed % 2 else "hedging"
    account.save()
    reports, draw = reports_of(deals, account), random.Random(seed)
    pages = [reports[n : n + 7] for n in range(0, len(reports), 7)] * 2
    draw.shuffle(pages)
    new = []
    for page in pages:
        draw.shuffle(page)
        booked = book_reports(account, page)
        assert booked.new.keys() | booked.existing.keys() == {report.deal_id for report in page}
        new += booked.new
    assert sorted(new) == sorted(report.deal_id for report in reports)
    assert balance_of(account) == deals[-1].balance_after
    assert_derived(account)


@pytest.mark.parametrize("seed", range(6))
def test_live_deals_and_files_of_the_same_account_are_one_history(account, seed):
    """Whichever comes first; what a file had to infer goes with the real deal."""
    deals = history(seed)
    reports = reports_of(deals, account)
    comings = [
        lambda: book_statement(account, period(deals, 15, 30), name="1.html"),
        lambda: book_statement(account, period(deals, 25, 40), name="2.html"),
        lambda: book_reports(account, reports[:20]),
        lambda: book_reports(account, reports[12:]),
    ]
    random.Random(seed).shuffle(comings)
    for come in comings:
        come()
    assert sorted(account.deals.values_list("key", flat=True)) == sorted(
        deal.broker_deal_id for deal in deals
    )
    assert balance_of(account) == deals[-1].balance_after
    assert not account.breaks.filter(state="open").exists()
    assert_derived(account)


def test_a_live_deal_stays_when_the_file_that_confirmed_it_is_undone(account):
    deals = history(2)
    book_reports(account, reports_of(deals, account))
    before = money_of(account)["deals"]
    book_statement(account, period(deals, 0, 40))
    imports.undo(StatementImport.objects.get(), actor="me")
    assert money_of(account)["deals"] == before
    assert set(account.deals.values_list("source", flat=True)) == {Deal.Source.LIVE}


def test_what_a_file_had_inferred_and_live_deals_replace_is_in_the_audit_log(account):
    deals = history(2)
    book_statement(account, period(deals, 20, 40))
    assert account.deals.filter(inferred=True).exists()
    book_reports(account, reports_of(deals[:20], account))
    assert not account.deals.filter(inferred=True).exists()
    assert AuditEntry.objects.get(action="deals.follow").details["taken_out"]["count"] > 0


def test_the_amount_of_a_row_that_is_no_trade_stands_in_its_own_column(account):
    rows = [
        DealReport(
            deal_id=kind, kind=kind, at=moment("2026-03-04 10:00"), currency="USD", amount=D(n)
        )
        for n, kind in enumerate(DealKind, start=1)
        if kind != DealKind.TRADE
    ]
    book_reports(account, rows)
    found = {deal.kind: deal for deal in account.deals.all()}
    assert found["swap"].swap == found["swap"].amount == 5
    assert found["commission"].commission == found["commission"].amount == 6
    assert found["fee"].fee == found["fee"].amount == 7
    assert found["deposit"].profit == found["deposit"].amount == 2


def test_a_deal_in_another_currency_is_refused_and_nothing_of_its_page_is_booked(account):
    reports = reports_of(history(0)[:3], account)
    with pytest.raises(BadInput, match="is in EUR, expected USD"):
        book_reports(account, [*reports[:2], replace(reports[2], currency="EUR")])
    assert not account.deals.exists()


def test_a_deal_that_the_books_cannot_keep_leaves_no_other_of_its_order(account):
    reports = reports_of(history(0)[:3], account)
    book_with_order(account, [*reports[:2], replace(reports[2], deal_id="9" * 200)])
    assert not account.deals.exists()
    book_with_order(account, reports)
    assert account.deals.count() == 3


def test_one_more_deal_is_booked_with_few_statements(account, django_assert_max_num_queries):
    *before, deal = reports_of(history(0)[:-1], account)
    book_reports(account, before)
    with django_assert_max_num_queries(MOST):
        book_reports(account, [deal])

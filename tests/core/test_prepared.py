"""Queries whose SQL is kept."""

import datetime as dt

import pytest
from django.db import connection, transaction
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account
from risk.models import Blackout
from tests.factories import make_account
from tradershub.core.prepared import STATEMENTS, first, prepared

pytestmark = pytest.mark.django_db


@prepared
def numbered(owner, number):
    rows = Account.objects.select_related("broker").filter(owner=owner)
    return rows.filter(Q(number=number) | Q(name=number)).order_by("id")


def test_rows_are_those_of_the_queryset_for_each_call_s_own_arguments():
    first, second = make_account(number="1"), make_account(number="2")
    assert numbered(first.owner, "1") == [first]
    assert numbered(second.owner, "2") == [second]
    assert numbered(first.owner, "2") == []


def test_related_rows_come_with_the_same_question():
    account = make_account(number="1")
    with CaptureQueriesContext(connection) as asked:
        (found,) = numbered(account.owner_id, "1")
        assert found.broker == account.broker
    assert len(asked) == 1


def test_moments_and_days_are_compared_as_the_database_keeps_them():
    now, minute = timezone.now(), dt.timedelta(minutes=1)
    window = Blackout.objects.create(
        event="Rates",
        scope="currency",
        currency="USD",
        starts_at=now - minute,
        ends_at=now + minute,
    )
    account = make_account(opened_on=now.date())
    assert running(now) == [window]
    assert running(now + 2 * minute) == []
    assert opened(now.date()) == [account]
    assert opened(now.date() + dt.timedelta(days=1)) == []


@prepared
def running(at):
    return Blackout.objects.filter(starts_at__lte=at, ends_at__gt=at)


@prepared
def opened(day):
    return Account.objects.filter(opened_on=day)


def test_what_sql_words_otherwise_is_refused():
    for wrong in (None, [1], 1.5):
        with pytest.raises(TypeError, match="Expected a row"):
            numbered(wrong, "1")


def test_a_query_that_takes_more_than_its_argument_is_refused():
    @prepared
    def named(name):
        return Account.objects.filter(name=f"{name} 1")

    with pytest.raises(TypeError, match="does more with name"):
        named("x")


@prepared
def locked(owner):
    return Account.objects.select_for_update().filter(owner=owner)


@pytest.mark.django_db(transaction=True)
def test_rows_are_locked_in_a_transaction_only():
    account = make_account()
    with transaction.atomic():
        assert locked(account.owner) == [account]
    with pytest.raises(transaction.TransactionManagementError):
        locked(account.owner)


def test_first_is_none_where_there_is_no_row():
    account = make_account(number="1")
    assert first(numbered(account.owner, "1")) == account
    assert first(numbered(account.owner, "2")) is None


@pytest.mark.postgresql
def test_what_is_asked_again_and_again_is_planned_once():
    account = make_account(number="1")
    for _ in range(10):
        numbered(account.owner_id, "1")
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements WHERE NOT from_sql")
        kept = [statement for (statement,) in cursor.fetchall() if "accounts_account" in statement]
    assert len(kept) == 1
    assert connection.connection.prepared_max == STATEMENTS

"""Queries whose SQL is kept."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.db.models import Count, DurationField, Exists, ExpressionWrapper, F, OuterRef, Q
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account
from risk.models import Blackout, Usage
from tests.factories import make_account
from tradershub.core.fields import RateField
from tradershub.core.prepared import STATEMENTS, Change, first, prepared

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


def test_values_and_what_is_added_to_a_row_come_as_from_the_queryset():
    account = make_account(number="1")
    assert pairs(account.owner) == [(account.pk, "1")]
    assert numbers(account.owner) == ["1"]
    (found,) = counted(account.owner)
    assert (found, found.alike) == (account, 1)
    assert found.connection is None


@prepared
def pairs(owner):
    return Account.objects.filter(owner=owner).values_list("pk", "number")


@prepared
def numbers(owner):
    return Account.objects.filter(owner=owner).values_list("number", flat=True)


@prepared
def counted(owner):
    rows = Account.objects.select_related("connection").filter(owner=owner)
    return rows.annotate(alike=Count("broker__accounts")).defer("name")


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


def test_a_change_gives_what_became_of_the_rows_it_found():
    account, other = make_account(number="1"), make_account(number="2")
    with CaptureQueriesContext(connection) as asked:
        assert renamed(account.owner, "1", "New") == [("New", True)]
        assert renamed(account.owner, "2", "Newer") == []
    assert len(asked) == 2
    account.refresh_from_db()
    other.refresh_from_db()
    assert (account.name, other.name == "New") == ("New", False)


@prepared
def renamed(owner, number, name):
    same = Account.objects.filter(owner=OuterRef("owner"), number=number)
    mine = Account.objects.filter(owner=owner, number=number).annotate(is_there=Exists(same))
    return Change(mine.values_list("name", "is_there"), {"name": name})


def test_a_length_of_time_is_added_to_a_moment():
    now, hour = timezone.now(), dt.timedelta(hours=1)
    window = Blackout.objects.create(
        event="Rates", scope="currency", currency="USD", starts_at=now, ends_at=now + hour
    )
    assert prolonged(window, hour) == [now + 2 * hour]
    assert prolonged(window, -hour) == [now + hour]


@prepared
def prolonged(window, length):
    longer = F("ends_at") + ExpressionWrapper(length, output_field=DurationField())
    rows = Blackout.objects.filter(pk=window).values_list("ends_at", flat=True)
    return Change(rows, {"ends_at": longer})


def test_an_exact_decimal_is_compared_and_added():
    usage = Usage.objects.create(scope="limit:1", reserved="0.1")
    assert taken(usage, Decimal("0.2"), Decimal("0.1")) == [Decimal("0.3")]
    assert taken(usage, Decimal("0.2"), Decimal("0.299999999")) == []
    usage.refresh_from_db()
    assert usage.reserved == Decimal("0.3")


@prepared
def taken(usage, more, most):
    rows = Usage.objects.filter(pk=usage, reserved__lte=most).values_list("reserved", flat=True)
    more = ExpressionWrapper(more, output_field=RateField())
    return Change(rows, {"reserved": F("reserved") + more})


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

"""Rows by statements that are kept."""

from decimal import Decimal
from itertools import count

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from brokers.models import BrokerSymbol
from risk.models import Usage
from tests.factories import make_account, make_owner, make_symbol
from tradershub.core import rows
from tradershub.core.models import ApiKey

pytestmark = pytest.mark.django_db


prefixes = count()


def key(owner, **fields):
    fields = {"name": "x", "prefix": f"p{next(prefixes)}", "hash": "h"} | fields
    return ApiKey(owner=owner, **fields)


def test_new_rows_get_their_ids_and_come_back_as_they_went_in():
    ada, now = make_owner(), timezone.now()
    first, second = key(ada, scopes=["read"], expires_at=now), key(ada, name="é\"'%s")
    with CaptureQueriesContext(connection) as asked:
        rows.insert([first, second])

    assert len(asked) == 1
    assert list(ApiKey.objects.order_by("id")) == [first, second]
    kept = ApiKey.objects.get(pk=first.pk)
    assert (kept.scopes, kept.expires_at, kept.owner) == (["read"], now, ada)
    assert ApiKey.objects.get(pk=second.pk).name == "é\"'%s"


def test_decimals_are_exact_in_new_rows_and_in_changed_ones():
    usage = Usage(scope="x", used=Decimal("0.100000001"))
    rows.insert([usage])
    found = {"pk": usage.pk, "used": Decimal("0.100000001")}
    assert rows.change(Usage, found, {"reserved": Decimal("1234567.000000009")}) == 1
    usage.refresh_from_db()
    assert (usage.used, usage.reserved) == (Decimal("0.100000001"), Decimal("1234567.000000009"))


def test_a_row_that_is_written_can_be_saved_again():
    row = key(make_owner())
    rows.insert([row])
    row.name = "other"
    row.save()
    assert ApiKey.objects.get().name == "other"


def test_no_rows_are_no_statement(django_assert_num_queries):
    with django_assert_num_queries(0):
        rows.insert([])


def test_where_one_row_is_refused_none_is_written():
    euro = make_symbol(make_account())
    twice = BrokerSymbol(broker=euro.broker, name=euro.name)
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.insert([BrokerSymbol(broker=euro.broker, name="GBPUSD"), twice])
    assert BrokerSymbol.objects.get() == euro


def test_only_rows_that_are_exactly_so_are_changed():
    ada, bob = make_owner(), make_owner()
    mine, theirs = key(ada), key(bob)
    rows.insert([mine, theirs])
    now = timezone.now()

    found = {"pk": mine.pk, "owner": ada, "name": "x"}
    assert rows.change(ApiKey, found, {"name": "y", "revoked_at": now, "scopes": ["read"]}) == 1
    assert rows.change(ApiKey, found, {"name": "z"}) == 0
    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert (mine.name, mine.revoked_at, mine.scopes) == ("y", now, ["read"])
    assert (theirs.name, theirs.revoked_at) == ("x", None)
    assert rows.change(ApiKey, {"pk": mine.pk}, {"revoked_at": None, "owner": bob}) == 1
    mine.refresh_from_db()
    assert (mine.revoked_at, mine.owner) == (None, bob)

"""What is remembered of a person, however it was stored."""

from __future__ import annotations

import pytest

from tradershub.core.models import Preference
from tradershub.reports import remembered

pytestmark = pytest.mark.django_db
MALFORMED = [
    [],
    "text",
    {"filters": [], "columns": [], "size": "many"},
    {"filters": {"account": 7, "symbol": None}, "columns": {"trades.trades": 7}, "size": True},
    {"filters": {"account": [7], "period": "all"}, "columns": {"trades.trades": [[]]}, "size": []},
]


@pytest.mark.parametrize("stored", MALFORMED)
def test_what_has_another_shape_is_ignored_and_replaced(page, books, stored):
    Preference.objects.update_or_create(owner=books.owner, defaults={"remembered": stored})
    assert page("/reports/trades/").status_code == 200
    page("/reports/trades/", symbol="EURUSD", size="25")
    kept = remembered.preference_of(books.owner)
    assert remembered.remembered_query(kept) == "symbol=EURUSD"
    assert remembered.remembered_size(kept) == 25


def test_a_malformed_filter_takes_no_other_with_it(books):
    filters = {"account": [7], "symbol": ["EURUSD"]}
    kept = Preference(owner=books.owner, remembered={"filters": filters})
    assert remembered.remembered_query(kept) == "symbol=EURUSD"

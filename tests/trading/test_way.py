"""What the way of a signal costs, from its row to the venue and into the books."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.trading.paper import Paper
from tests.trading.test_pipeline import Charts
from trading import receiving, signals, tasks
from trading.models import Order

pytestmark = pytest.mark.django_db
# Statements without those that begin and end transactions; PostgreSQL has some for its locks. Ten are of the
# venue, which a test builds up anew each time, for nothing of it is ever committed.
TO_THE_VENUE = {"sqlite": 64, "postgresql": 69}
TO_THE_BOOKS = {"sqlite": 92, "postgresql": 98}
OF_TRANSACTIONS = ("BEGIN", "SAVEPOINT", "RELEASE")


@pytest.fixture
def charts(monkeypatch, settings, no_queue):
    settings.QUOTE_SECONDS = settings.LOOK_SECONDS = 0
    for module in (receiving, signals):
        monkeypatch.setattr(module, "enqueue", lambda *args, **kwargs: "")
    return Charts(Paper(monkeypatch))


def test_a_signal_asks_the_database_no_more_than_it_must(charts):
    for size in ("0.01", "0.02"):  # what is read or made once
        tasks.run_signal(charts.signal(size=size).pk)
    signal = charts.signal(size="0.03")
    with CaptureQueriesContext(connection) as asked:
        tasks.run_signal(signal.pk)
    assert [order.state for order in Order.objects.all()] == ["filled"] * 3
    asked_for = [one["sql"] for one in asked if not one["sql"].startswith(OF_TRANSACTIONS)]
    taken = next(n for n, sql in enumerate(asked_for) if 'INTO "brokers_venueevent"' in sql)
    assert taken <= TO_THE_VENUE[connection.vendor]
    assert len(asked_for) <= TO_THE_BOOKS[connection.vendor]

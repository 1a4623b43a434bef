"""How long signals take: each step from the rows' own moments, and to nobody else."""

import datetime as dt
from decimal import Decimal

import pytest
from django.urls import reverse

from tests.factories import make_owner
from tests.trading.test_pipeline import Charts
from trading import latency, receiving, signals
from trading.models import Order, Signal

D = Decimal
BEGUN = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


def at(ms):
    return BEGUN + dt.timedelta(milliseconds=ms)


@pytest.fixture
def sent(desk, monkeypatch):
    """An order of a signal that took 10 + 20 + 30 + 40 ms to the broker, who answered in 5."""
    for module in (receiving, signals):
        monkeypatch.setattr(module, "enqueue", lambda *args, **kwargs: "")
    signal = Charts(desk).send()
    Signal.objects.update(received_at=at(0), decided_at=at(10))
    Order.objects.update(
        signal_at=at(0), decided_at=at(30), claimed_at=at(60), sent_at=at(100), answered_at=at(105)
    )
    return signal


def test_each_step_is_told_in_milliseconds(sent, desk):
    (row,) = latency.taken([desk.account])
    assert row.signal_id == sent.pk
    del row.steps["fill"]
    assert row.steps == {
        "wait": 10, "gates": 20, "turn": 30, "look": 40, "sent": 100, "answer": 5,
    }  # fmt: skip


def test_a_signal_that_waited_for_a_person_is_left_out(sent, desk):
    Signal.objects.update(decided_by="me")
    assert latency.taken([desk.account]) == []


def test_percentiles_are_values_that_were_measured():
    found = latency.spread(map(D, range(1, 201)))
    assert found == (200, 100, 190, 198, 200)
    assert latency.spread([D(7)]) == (1, 7, 7, 7, 7)
    assert latency.spread([]) is None


def test_the_page_shows_steps_and_the_slowest_to_its_owner_alone(client, sent, desk):
    desk.owner.is_staff = True
    desk.owner.save()
    client.force_login(desk.owner)
    page = client.get("/reports/latency/?period=all")
    assert page.status_code == 200
    text = page.content.decode()
    assert "Signal to broker" in text and reverse("desk:signal", args=[sent.pk]) in text
    tables = {table.key: table for table in page.context["content"].tables}
    assert tables["steps"].rows.rows[0]["median"] == 10
    assert tables["platforms"].rows.rows[0]["n"] == 1

    client.force_login(make_owner(is_staff=True))
    assert f"Signal {sent.pk}" not in client.get("/reports/latency/?period=all").content.decode()

"""What adapters keep between two calls: by connection and account, whole or undone, rates shared."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import IntegrityError
from django.utils import timezone

from brokers.models import Connection, VenueEvent
from brokers.sessions import DatabaseSession, PaperSession, open_session
from tests.factories import make_broker, make_owner
from tradershub.finance.venue.events import Posted

pytestmark = pytest.mark.django_db


@pytest.fixture
def line():
    return Connection.objects.create(
        owner=make_owner(), broker=make_broker(), platform="paper", name="Venue"
    )


def test_a_platform_gets_the_session_that_it_asks_for(line):
    assert type(open_session(line, "1")) is PaperSession
    line.platform = "manual"
    assert type(open_session(line, "1")) is DatabaseSession


def test_what_is_stored_is_the_accounts_own(line):
    mine, other = DatabaseSession(line, "1"), DatabaseSession(line, "2")
    mine.store("ids", {"last": 7})
    mine.store("ids", {"last": 8, "seen": ["a"]})
    assert mine.load("ids") == {"last": 8, "seen": ["a"]}
    assert (other.load("ids"), mine.load("others")) == (None, None)
    mine.store("ids", None)
    assert mine.load("ids") is None


def test_what_is_stored_under_a_lock_is_undone_with_it(line):
    session = DatabaseSession(line, "1")
    with pytest.raises(ZeroDivisionError), session.lock("ids"):
        session.store("ids", 1)
        raise ZeroDivisionError
    assert session.load("ids") is None
    with session.lock("ids"):
        session.store("ids", 2)
    assert session.load("ids") == 2


def test_who_takes_tokens_too_fast_waits_for_them_in_turn(line, monkeypatch):
    now = timezone.now()
    monkeypatch.setattr("brokers.sessions.timezone.now", lambda: now)
    session, other = DatabaseSession(line, "1"), DatabaseSession(line, "2")
    waits = [one.take("orders", per_second=2, burst=2, longest=9) for one in (session, other) * 2]
    assert waits == [0, 0, 0.5, 1.0]
    assert session.take("history", per_second=2, burst=2, longest=9) == 0
    now += dt.timedelta(seconds=1.5)
    waits = [session.take("orders", per_second=2, burst=2, longest=9) for _ in range(3)]
    assert waits == [0, 0.5, 1]
    now += dt.timedelta(hours=1)
    waits = [session.take("orders", per_second=2, burst=2, longest=9) for _ in range(3)]
    assert waits == [0, 0, 0.5]


def test_who_would_wait_too_long_takes_none(line, monkeypatch):
    now = timezone.now()
    monkeypatch.setattr("brokers.sessions.timezone.now", lambda: now)
    session = DatabaseSession(line, "1")
    waits = [session.take("orders", per_second=2, burst=2, longest=1) for _ in range(9)]
    assert waits == [0, 0, 0.5, 1, 1.5, 1.5, 1.5, 1.5, 1.5]
    now += dt.timedelta(seconds=0.5)
    assert session.take("orders", per_second=2, burst=2, longest=1) == 1


def test_tokens_come_again_after_the_clock_is_set_back(line, monkeypatch):
    now = timezone.now()
    monkeypatch.setattr("brokers.sessions.timezone.now", lambda: now)
    session = DatabaseSession(line, "1")
    session.take("orders", per_second=2, burst=2, longest=1)
    now -= dt.timedelta(hours=1)
    for _ in range(30):
        now += dt.timedelta(seconds=1)
        assert session.take("orders", per_second=2, burst=2, longest=1) == 0


def test_a_number_that_is_taken_is_refused(line):
    session = PaperSession(line, "1")
    event = Posted(account="1", seq=1, at=timezone.now(), kind="fee", amount=1)
    session.append([event])
    with pytest.raises(IntegrityError):
        session.append([event])


def test_a_number_is_found_after_the_last(line):
    session = PaperSession(line, "1")
    assert session.last_seq() == 0
    at = timezone.now()
    for seq in (1, 2, 3):
        session.append([Posted(account="1", seq=seq, at=at, kind="fee", amount=seq)])
    assert session.last_seq() == 3
    assert [event.seq for event in session.events(1)] == [2, 3]
    assert [event.seq for event in session.events(0, kinds=["Filled"])] == []
    assert VenueEvent.objects.count() == 3

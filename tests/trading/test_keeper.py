"""The keeper's threads: what goes wrong in one stays there, what hangs is told, all end when told to."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import OperationalError

from brokers.models import Connection
from tests.factories import make_broker, make_owner
from tradershub.core.models import Heartbeat
from trading import keeper
from trading.following import Following
from trading.keeper import Keeper, Thread


@pytest.fixture(autouse=True)
def quick(settings, monkeypatch, tmp_path):
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(keeper, "PAUSE", 0)
    monkeypatch.setattr(keeper, "TICK", 0.01)
    monkeypatch.setattr(keeper, "PATIENCE", 0.3)
    for name in ("close_old_connections", "connections"):  # threads of these tests have none
        monkeypatch.setattr(keeper, name, Nothing())


class Nothing:
    def __call__(self):
        """As close_old_connections."""

    def close_all(self):
        """As connections."""


def test_a_thread_goes_on_after_whatever_its_turn_raises():
    stopping, turns = threading.Event(), []
    errors = [OperationalError("the database is away"), ZeroDivisionError("a mistake")]

    def turn():
        turns.append(1)
        if errors:
            raise errors.pop()
        stopping.set()
        return 0.0

    thread = Thread("one", turn, stopping)
    thread.start()
    thread.join(timeout=5)
    assert not thread.is_alive() and len(turns) == 3


def test_a_thread_that_waits_ends_at_once_when_told_to():
    stopping = threading.Event()
    thread = Thread("one", lambda: 3600.0, stopping)
    thread.start()
    thread.ending.set()
    thread.join(timeout=2)
    assert not thread.is_alive()


@pytest.mark.django_db
def test_the_keeper_ends_in_time_though_a_connection_hangs(monkeypatch):
    stopping, never = threading.Event(), threading.Event()
    swept = []
    monkeypatch.setattr(keeper, "sweep", lambda: swept.append(1) or 0.01)
    monkeypatch.setattr(keeper.leases, "release", pytest.fail)
    mine = Keeper(stopping)
    hanging = Thread("hangs", never.wait, stopping)
    following = Following(Connection(pk=1, name="Link"), "me")
    mine.followed[1] = (following, hanging)
    monkeypatch.setattr(Keeper, "_assign", lambda self: None)
    hanging.start()
    threading.Timer(0.3, stopping.set).start()
    since = time.monotonic()
    mine.run()
    assert time.monotonic() - since < 3
    assert swept
    never.set()


@pytest.mark.django_db
def test_a_connection_that_hangs_is_told_by_those_who_do_not(settings):
    settings.LINK_SECONDS = 10
    link = Connection.objects.create(
        owner=make_owner(), broker=make_broker(), platform="paper", name="Link"
    )
    mine = Keeper(threading.Event())
    following = Following(link, "me", is_held=True, begun=time.monotonic() - 15)
    mine.followed[link.pk] = (following, Thread("one", lambda: 1.0, mine.stopping))
    mine._tell_hangs()
    assert Connection.objects.get().fault == ""
    following.begun -= 10
    mine._tell_hangs()
    assert Connection.objects.get().fault == "No answer for more than 20 s"
    assert mine.in_words() == "follows 1 connection, 1 without an answer"


@pytest.mark.django_db
def test_its_beat_says_what_it_is_at(monkeypatch):
    monkeypatch.setattr(Keeper, "_assign", lambda self: None)
    Keeper(threading.Event()).tend()
    assert Heartbeat.objects.get().detail == "follows 0 connections"


def test_a_round_sweeps_and_says_when_the_next_is_due(settings, monkeypatch):
    settings.SWEEP_SECONDS = 7
    swept = []
    monkeypatch.setattr(keeper.sweeper, "sweep", lambda: swept.append(1))
    assert keeper.sweep() == 7.0 and swept

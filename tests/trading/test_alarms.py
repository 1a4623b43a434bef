"""What befell the hub itself is told once, and when it is over."""

from __future__ import annotations

import datetime as dt
import time

import pytest
from django.utils import timezone

from accounts.models import Notification
from accounts.tasks import forget_notifications
from brokers.models import Connection
from risk import kill_switch
from tests.accounts.chats import telegram
from tests.factories import make_account, make_owner
from tests.trading.paper import Paper
from tradershub.core.models import Heartbeat
from tradershub.supervisor import Member, Supervisor, tell_death
from trading import flattening, tasks
from trading.alarms import Alarms, tell_absence
from trading.flattening import stop_and_flatten
from trading.links import note_answer, note_fault

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def ada(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    owner = make_owner()
    telegram(owner)
    return owner


def titles():
    return list(Notification.objects.order_by("id").values_list("title", flat=True))


def beat(name, seconds_ago):
    at = timezone.now() - dt.timedelta(seconds=seconds_ago)
    Heartbeat.objects.update_or_create(name=name, defaults={"at": at})


def test_silent_workers_and_their_return(settings):
    alarms = Alarms(own="keeper@desk")
    beat("keeper@desk", 500)
    beat("batch@desk", settings.HEARTBEAT_LIMIT - 5)
    alarms.watch()
    assert titles() == []
    beat("batch@desk", settings.HEARTBEAT_LIMIT + 5)
    for _ in range(2):
        alarms.watch()
    Alarms(own="keeper@other").watch()
    beat("batch@desk", 0)
    alarms.watch()
    down = [title for title in titles() if "workers" in title]
    assert down == ["Down: workers (batch) on desk", "Up again: workers (batch) on desk"]


def test_a_keeper_that_is_down_is_told_by_a_worker(monkeypatch):
    beat("keeper@desk", 500)
    sent = []
    monkeypatch.setattr(tasks.outbox, "send_all", lambda: sent.append(1))
    for _ in range(2):
        tasks.watch_over()
    assert titles() == ["Down: the keeper on desk"] and len(sent) == 2
    tell_absence("keeper@desk")
    assert titles()[1:] == ["Up again: the keeper on desk"]


def test_a_keeper_that_stopped_on_purpose_tells_nothing():
    tell_absence("keeper@desk")
    beat("keeper@desk", 3)
    tell_absence("keeper@desk")
    assert titles() == []


def test_a_part_that_died_is_told_once_a_minute(monkeypatch):
    monkeypatch.setattr("tradershub.supervisor.time.time", lambda: 600.0)
    for _ in range(3):
        tell_death("web", 1, 0.5)
    assert titles() == ["Down: the hub's part web"]


def test_a_part_that_lives_again_is_told_once():
    now = time.monotonic()
    member = Member("web", [], started=now - 5, was_told_dead=True)
    supervisor = Supervisor([member])
    supervisor._watch(member)
    assert titles() == []
    member.started = now - 11
    for _ in range(2):
        supervisor._watch(member)
    assert titles() == ["Up again: the hub's part web"]


def test_what_was_told_a_year_ago_is_forgotten(ada):
    alarms = Alarms()
    kill_switch.write_file("by hand")
    alarms.watch()
    assert forget_notifications() == 0
    Notification.objects.update(made_at=timezone.now() - dt.timedelta(days=366))
    assert forget_notifications() == 1


def test_the_stop_file_is_told_and_its_end():
    alarms = Alarms()
    kill_switch.write_file("by hand")
    for _ in range(2):
        alarms.watch()
    Alarms().watch()  # the next keeper
    kill_switch.file_path().unlink()
    alarms.watch()
    assert titles() == [
        "Stopped: everybody's trading",
        "The file STOP is gone: it stops nobody any more",
    ]


def test_stop_and_release_are_told_to_whom_they_concern(ada):
    account = make_account(owner=ada, name="Tokyo")
    telegram(make_owner(), number=200002)
    kill_switch.engage(kill_switch.of_account(account), actor="a test", reason="drill")
    kill_switch.engage(kill_switch.ALL, actor="a test")
    told = set(Notification.objects.values_list("channel__owner_id", "title"))
    assert {title for owner, title in told if owner == ada.pk} == {
        "Stopped: Tokyo", "Stopped: everybody's trading",
    }  # fmt: skip
    assert {title for owner, title in told if owner != ada.pk} == {"Stopped: everybody's trading"}


def test_a_dead_link_and_its_return_are_told_once_each(monkeypatch, settings, tmp_path):
    settings.QUOTE_SECONDS = settings.LOOK_SECONDS = 0
    paper = Paper(monkeypatch)
    telegram(paper.owner, number=300003)
    connection = paper.account.connection
    for words in ("no answer", "still none"):
        note_fault(connection, words)
    for _ in range(2):
        note_answer(connection)
    assert titles() == [f"No answer: {connection.name}", f"It answers again: {connection.name}"]


def test_a_dead_link_is_told_also_where_a_test_has_found_it_before(monkeypatch):
    paper = Paper(monkeypatch)
    telegram(paper.owner, number=300003)
    connection = paper.account.connection
    Connection.objects.update(fault="Account 77: OANDA cannot be reached")  # as a test notes it
    for _ in range(2):
        note_fault(connection, "OANDA cannot be reached")
    note_answer(connection)
    note_fault(connection, "OANDA cannot be reached")
    assert titles().count(f"No answer: {connection.name}") == 2


def test_flattening_is_told_from_its_beginning_to_flat(monkeypatch, settings):
    settings.QUOTE_SECONDS = settings.LOOK_SECONDS = settings.FLATTEN_SECONDS = 0
    paper = Paper(monkeypatch)
    telegram(paper.owner, number=300003, topics=["stop"])
    [row] = stop_and_flatten(kill_switch.of_account(paper.account), actor=paper.owner)

    flattening.work(row)
    told = titles()
    assert told[0].startswith("Stopped: ") and told[1].startswith("Flattening: ")
    assert told[-1].startswith("Flat: ")

"""What a worker that was killed at its task leaves behind, and who takes it up; whose rounds have stopped."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import time

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from tradershub.core import signs
from tradershub.watchdog import Pulse, Watchdog

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path, settings):
    settings.DATA_DIR = tmp_path
    (tmp_path / "workers").mkdir()
    return tmp_path / "workers"


def claimed(cluster):
    """A task that a worker of the cluster has taken, for hours."""
    later = timezone.now() + dt.timedelta(hours=1)
    return OrmQ.objects.create(key=cluster, payload="", lock=later)


def is_free(task):
    return OrmQ.objects.get(pk=task.pk).lock <= timezone.now()


def dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_task_of_a_killed_import_worker_is_given_back(folder):
    task = claimed("batch")
    (folder / f"batch.{dead_pid()}.busy").write_text("9999999999")
    Watchdog("batch").resume_dead()
    assert is_free(task)
    assert not list(folder.glob("*.busy"))


def test_a_living_worker_keeps_its_task(folder):
    task = claimed("batch")
    signs.task_begins("batch", seconds=60)
    Watchdog("batch").resume_dead()
    assert not is_free(task)


def test_an_order_is_never_given_back(folder):
    task = claimed("execution")
    (folder / f"execution.{dead_pid()}.busy").write_text("9999999999")
    Watchdog("execution").resume_dead()
    assert not is_free(task)


def test_a_member_whose_rounds_have_stopped_hangs_and_a_new_one_is_given_time(folder, settings):
    settings.HEARTBEAT_LIMIT = 30
    pulse = Pulse("keeper")
    signs.lives("keeper")
    assert not pulse.is_hung(pid=1)
    long_ago = time.time() - 31
    os.utime(folder / "keeper.sign", (long_ago, long_ago))
    pulse.begun = long_ago
    assert pulse.is_hung(pid=1)
    pulse.restart()
    assert not pulse.is_hung(pid=1)


@pytest.mark.parametrize("guard", [Pulse, Watchdog])
@pytest.mark.parametrize("hours", [1, -1])
def test_who_was_at_work_when_the_clock_was_set_is_given_time_and_no_more(
    folder, settings, monkeypatch, guard, hours
):
    settings.HEARTBEAT_LIMIT = 30
    member = guard("keeper")
    signs.lives("keeper")
    assert not member.is_hung(pid=1)
    wall, steady = time.time, time.monotonic
    monkeypatch.setattr(time, "time", lambda: wall() + hours * 3600)
    if hours < 0:
        ahead = wall() + 3600
        os.utime(folder / "keeper.sign", (ahead, ahead))
    assert not member.is_hung(pid=1)
    os.utime(folder / "keeper.sign", (0, 0))
    monkeypatch.setattr(time, "time", lambda: wall() + hours * 3600 + 31)
    monkeypatch.setattr(time, "monotonic", lambda: steady() + 31)
    assert member.is_hung(pid=1)


def test_a_sign_of_before_the_clock_was_set_back_counts_from_now_on(folder):
    signs.lives("keeper")
    ahead = time.time() + 3600
    os.utime(folder / "keeper.sign", (ahead, ahead))
    signs.last_sign("keeper")
    assert signs.last_sign("keeper") <= time.time()

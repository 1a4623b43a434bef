"""Workers are killed, race each other and are told twice: never two orders, always an end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import pytest
from django.conf import settings
from django.db import connection

from tests.brokers.test_paper_processes import address
from tests.trading.desk import Desk
from tests.trading.filebroker import FileAdapter
from tests.trading.worker import BEFORE_CLAIM, LOOKING, POINTS, SENT, UNSENT
from trading import execution, exits
from trading.models import Order, OrderAttempt

WORKERS = 4


@pytest.fixture
def in_processes(transactional_db, tmp_path, risk):
    """Has the worker do one of its things on this database, and tells what it found."""
    desk = Desk(tmp_path)
    env = os.environ | {
        "DATABASE_URL": address(tmp_path),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
    }

    def run(what):
        words = [what, str(desk.account.pk), str(desk.ledger.path)]
        done = subprocess.run(
            [sys.executable, "-m", "tests.trading.worker", *words], env=env, cwd=settings.BASE_DIR,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1]), [
            line["client_id"] for line in desk.ledger.placed
        ]

    return run


@pytest.mark.processes
@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows forks no process")
def test_a_worker_killed_at_any_point_sends_an_order_once(in_processes):
    told, sent = in_processes("kills")
    found = {one["point"]: one for one in told}
    assert list(found) == list(POINTS)
    assert [point for point, one in found.items() if not one["killed"]] == []
    assert [point for point, one in found.items() if one["unsettled"]] == []
    for point in (*BEFORE_CLAIM, *SENT, *LOOKING):
        assert (found[point]["placed"], found[point]["state"]) == (1, "filled"), found[point]
        assert found[point]["filled"] == "1"
    for point in UNSENT:
        assert (found[point]["placed"], found[point]["state"]) == (0, "not_sent"), found[point]
        assert found[point]["rules"] == ["T1", "T3", "T5", "T9", "T12"]
    assert len(sent) == len(set(sent))


@pytest.mark.processes
@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows forks no process")
def test_processes_on_one_lane_send_each_order_once_and_in_turn(in_processes):
    told, sent = in_processes("race")
    assert told["ends"] == [0] * WORKERS
    assert sent == told["orders"]
    assert told["states"] == ["filled"]


def run_together(work, count=WORKERS):
    """What went wrong in some workers that do the same at the same time."""
    faults, start = [], threading.Barrier(count)

    def run() -> None:
        try:
            start.wait()
            work()
        except Exception as fault:  # noqa: BLE001 (a thread's fault must reach the test)
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return faults


@pytest.fixture
def shared_desk(transactional_db, tmp_path, monkeypatch, risk, no_queue, fast):
    made = Desk(tmp_path)
    monkeypatch.setattr(execution, "open_adapter", lambda *args: FileAdapter(made.ledger))
    return made


@pytest.mark.postgresql  # SQLite in memory locks whole tables: its race runs in processes
def test_workers_on_one_lane_send_each_order_once_and_in_turn(shared_desk):
    orders = [shared_desk.place(str(n + 1)) for n in range(8)]
    assert run_together(shared_desk.pump) == []
    shared_desk.pump()
    sent = [line["client_id"] for line in shared_desk.ledger.placed]
    assert sent == [order.client_order_id for order in orders]
    assert set(Order.objects.values_list("state", flat=True)) == {"filled"}
    assert set(OrderAttempt.objects.values_list("outcome", flat=True)) == {"done"}


@pytest.mark.postgresql
def test_the_same_request_from_several_workers_is_one_order(shared_desk):
    faults = run_together(lambda: shared_desk.place(token="once"))
    assert {type(fault).__name__ for fault in faults} <= {"IntegrityError"}
    assert Order.objects.count() == 1
    shared_desk.pump()
    assert len(shared_desk.ledger.placed) == 1


@pytest.mark.postgresql
def test_several_closings_at_once_never_take_more_than_there_is(shared_desk):
    from accounts.models import Position
    from tradershub.core.errors import Conflict

    shared_desk.place("2")
    shared_desk.pump()
    position = Position.objects.get()
    faults = run_together(lambda: exits.close_position(position, actor=shared_desk.owner))
    assert {type(fault) for fault in faults} == {Conflict}
    assert len(faults) == WORKERS - 1
    shared_desk.pump()
    position.refresh_from_db()
    assert position.open_volume == 0
    assert len(shared_desk.ledger.of("close")) == 1


def test_a_wake_up_that_comes_fifty_times_sends_nothing_twice(shared_desk):
    shared_desk.place()
    for _ in range(50):
        shared_desk.pump()
    assert len(shared_desk.ledger.placed) == 1

"""Many workers against one allowance: exactly as many pass as fit, on both databases.

Threads on PostgreSQL; on SQLite, whose test database is in memory, processes with a file of their own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from django.db import connection, transaction

from risk import counters, gate, kill_switch
from risk.kinds import Kind, Unit
from risk.models import Limit, Reservation, Usage
from tests.risk.orders import Desk, d

ROOT = Path(__file__).parents[2]
WORKERS = 8
ROUNDS = int(os.environ.get("RACE_ROUNDS", "6"))  # a long run asks for 1000
PROCESSES = int(os.environ.get("RACE_PROCESSES", "4"))  # and for 8

on_postgresql = pytest.mark.postgresql
race = pytest.mark.django_db(transaction=True)


@contextmanager
def racers(count: int = WORKERS) -> Iterator[Callable[..., list]]:
    """What `work` answers to each of so many tasks, all begun at the same moment in threads of their own."""
    start = threading.Barrier(count)

    def run(work, task):
        start.wait()
        with transaction.atomic():
            return work(task)

    def leave(_) -> None:
        start.wait()
        connection.close()

    with ThreadPoolExecutor(count) as pool:
        yield lambda work, tasks: list(pool.map(partial(run, work), tasks))
        list(pool.map(leave, range(count)))


def at_once(work, tasks) -> list:
    with racers(len(tasks)) as all_at_once:
        return all_at_once(work, tasks)


def codes_of(verdicts) -> list[str]:
    return sorted(verdict.refusal.code if verdict.refusal else "" for verdict in verdicts)


@on_postgresql
@race
def test_room_for_one_is_taken_once():
    """R5, F26: fresh counters in each round, so that their making is raced for, too."""
    desk = Desk()
    with racers() as all_at_once:
        for n in range(ROUNDS):
            Limit.objects.all().delete()
            limit = desk.limit(Kind.SYMBOL_LOTS, 1, Unit.LOTS)
            orders = [
                desk.order(lots=d(1), price=d("1.1") + d(n * WORKERS + i) / 10**5)
                for i in range(WORKERS)
            ]
            verdicts = all_at_once(gate.authorise, orders)
            codes = codes_of(verdicts)
            assert codes.count("") == 1, codes
            assert set(codes) <= {"", "SYMBOL_LOTS", "BUSY"}
            row = Usage.objects.get(limit=limit)
            assert row.used + row.reserved == 1
            for verdict, order in zip(verdicts, orders, strict=True):
                if verdict.passed:
                    gate.release(order.client_order_id)


@on_postgresql
@race
def test_a_limit_that_is_lowered_while_many_ask_is_passed_by_nobody():
    """F26: who was let in before finds too little room at the last look, as all do that wait."""
    desk = Desk()
    limit = desk.limit(Kind.SYMBOL_LOTS, 20, Unit.LOTS)
    orders = [
        desk.order(lots=d(1), margin=d("0.01"), price=d("1.1") + d(n) / 10**5) for n in range(31)
    ]

    def work(order):
        if order is None:
            return Limit.objects.filter(pk=limit.pk).update(value=5)
        return gate.authorise(order)

    *verdicts, _ = at_once(work, [*orders, None])
    codes = codes_of(verdicts)
    assert set(codes) <= {"", "SYMBOL_LOTS", "BUSY"}
    passed = [order for order, verdict in zip(orders, verdicts, strict=True) if verdict.passed]
    assert Usage.objects.get(limit=limit).reserved == len(passed) <= 20
    with transaction.atomic():
        may_go = [gate.recheck(order).passed for order in passed]
    assert sum(may_go) == (len(passed) if len(passed) <= 5 else 0)


@on_postgresql
@race
def test_two_limits_locked_from_two_sides_never_wait_for_each_other():
    one = Desk()
    other = Desk(owner=one.owner)
    shared = {"scope": "owner", "owner": one.owner}
    limits = [one.limit(kind, 40, unit, **shared) for kind, unit in (
        (Kind.OPEN_POSITIONS, Unit.COUNT), (Kind.SYMBOL_LOTS, Unit.LOTS), (Kind.TRADES, Unit.COUNT),
    )]  # fmt: skip
    orders = [
        desk.order(lots=d(1), margin=d(1), price=d("1.1") + d(n) / 10**5)
        for n in range(WORKERS // 2)
        for desk in (one, other)
    ]
    verdicts = at_once(gate.authorise, orders)
    assert all(verdict.passed for verdict in verdicts), [v.refusal for v in verdicts]
    assert all(row.reserved == WORKERS for row in Usage.objects.filter(limit__in=limits))


@on_postgresql
@race
@pytest.mark.parametrize("where", [(gate, "judged"), (counters, "seed")])
@pytest.mark.parametrize(("lots", "code"), [("0.5", ""), ("0.6", "SYMBOL_LOTS")])
def test_an_order_that_fills_while_a_new_counter_begins_is_counted_once(
    monkeypatch, where, lots, code
):
    """One lot for two accounts, by a new limit: the order of one fills while that of the other is judged."""
    one = Desk()
    other = Desk(owner=one.owner)
    first, second = one.order(lots=d("0.5")), other.order(lots=d(lots))
    with transaction.atomic():
        assert gate.authorise(first).passed
    limit = one.limit(Kind.SYMBOL_LOTS, 1, Unit.LOTS, scope="owner", owner=one.owner)

    def fill() -> None:
        try:
            with transaction.atomic():
                one.position(volume=d("0.5"), open_volume=d("0.5"))
                gate.consume(first.client_order_id, lots=d("0.5"))
        finally:
            connection.close()

    filling, real = threading.Thread(target=fill), getattr(*where)

    def meanwhile(*given):
        if not filling.ident and given[-1]:  # what the counter begins with
            filling.start()
            filling.join(1)  # it may have to wait for the verdict
        return real(*given)

    monkeypatch.setattr(*where, meanwhile)
    with transaction.atomic():
        verdict = gate.authorise(second)
    filling.join()
    assert codes_of([verdict]) == [code]
    gate.release(second.client_order_id)
    assert not Usage.objects.filter(limit=limit, reserved__gt=0).exists()


@on_postgresql
@race
def test_the_same_order_asked_for_at_once_passes_once():
    desk = Desk()
    verdicts = at_once(gate.authorise, [desk.order(lots=d(1)) for _ in range(WORKERS)])
    codes = sorted(v.refusal.code if v.refusal else "" for v in verdicts)
    assert codes.count("") == 1
    assert set(codes) <= {"", "DUPLICATE", "BUSY"}


@on_postgresql
@race
def test_no_send_begins_after_a_stop_is_committed():
    """R1: what passed its last look before the stop ends before the stop can commit."""
    desk = Desk()
    orders = [
        desk.order(lots=d("0.01"), margin=d(1), price=d("1.1") + d(n) / 10**5)
        for n in range(WORKERS)
    ]
    with transaction.atomic():
        assert all(gate.authorise(order).passed for order in orders)
    epochs = {}

    def work(order):
        if order is None:
            epochs["stop"] = kill_switch.engage(kill_switch.of_owner(desk.owner), actor=desk.owner)
            return None
        verdict = gate.recheck(order)
        stopped = kill_switch.standing(desk.account).engaged
        return verdict.passed, stopped

    answers = [answer for answer in at_once(work, [*orders, None]) if answer]
    assert not any(passed and stopped for passed, stopped in answers)
    with transaction.atomic():
        assert not any(gate.recheck(order).passed for order in orders)
    assert Reservation.objects.count() == WORKERS and epochs == {"stop": 1}


@pytest.mark.processes
@pytest.mark.sqlite
def test_processes_on_sqlite_never_spend_one_allowance_twice(
    tmp_path, django_db_setup, fresh_database
):
    shutil.copy(fresh_database, tmp_path)
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'hub.sqlite3'}",
        "TRADERSHUB_DATA": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "tradershub.settings",
        "LOAD_RATES": "0",
    }

    def run(*words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.risk.racing", *words]
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    made, _ = run("prepare").communicate(timeout=120)
    workers = [run("race", made.strip(), str(n), str(ROUNDS)) for n in range(PROCESSES)]
    assert [worker.stdout.readline() for worker in workers] == ["ready\n"] * PROCESSES
    for n in range(ROUNDS):
        for worker in workers:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        answers = [worker.stdout.readline().strip() for worker in workers]
        assert answers.count("passed") == 1, (n, answers)
        assert set(answers) <= {"passed", "PARENT", "BUSY"}, (n, answers)
    assert [worker.wait(timeout=60) for worker in workers] == [0] * PROCESSES

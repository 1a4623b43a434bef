"""Several processes trade on one paper account, one of them is killed: no event is lost, none is doubled."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter

import pytest
from django.db import connection
from django.utils import timezone

from brokers.models import Connection
from tests.brokers.venues import Bench, Clock

COUNT = 12  # orders of a thread's own, and as many that all threads send
PROCESSES = ("one", "two")


@pytest.fixture
def bench(transactional_db, monkeypatch):
    made = Bench(Clock(monkeypatch, timezone.now()), deposit="1000000")
    Connection.objects.filter(pk=made.connection.pk).update(settings={"max_age": 3600})
    return made


@pytest.fixture
def start(bench, tmp_path):
    """Starts the trader as another process on the same database; SQLite's, which lies in memory, is copied."""
    env = os.environ | {
        "DATABASE_URL": address(tmp_path),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
    }
    started = []

    def run(*words):
        command = [sys.executable, "-m", "tests.brokers.paper_trader", *map(str, words)]
        process = subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def address(tmp_path):
    if connection.vendor == "sqlite":
        with sqlite3.connect(tmp_path / "hub.sqlite3") as copy:
            connection.connection.backup(copy)
        return f"sqlite:///{tmp_path / 'hub.sqlite3'}"
    known = connection.settings_dict
    who = f"{known['USER']}:{known['PASSWORD']}" if known["PASSWORD"] else known["USER"]
    return f"postgres://{who}@{known['HOST']}:{known['PORT'] or 5432}/{known['NAME']}"


def answer(process):
    out, told = process.communicate(timeout=240)
    assert process.returncode == 0, told
    return json.loads(out)


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_processes_and_threads_share_an_account(bench, start):
    victim = start("trade", bench.connection.pk, "killed", 10_000)
    traders = [start("trade", bench.connection.pk, name, COUNT) for name in PROCESSES]
    assert [answer(trader) for trader in traders] == [[], []]
    victim.kill()
    victim.communicate()
    time.sleep(0.1)
    found = answer(start("check", bench.connection.pk))
    assert found["seqs"] == list(range(1, len(found["seqs"]) + 1))
    placed = Counter(found["orders"])
    assert set(placed.values()) == {1}
    own = {f"{name}-{thread}-{n}" for name in PROCESSES for thread in "ab" for n in range(COUNT)}
    assert own | {f"all-{n}" for n in range(COUNT)} <= placed.keys()
    assert [name for name in placed if name.startswith("killed")]
    assert sorted(found["trades"]) == sorted(found["orders"])
    assert found["ids"]
    assert len(set(found["balances"])) == len(set(found["lots"])) == 1

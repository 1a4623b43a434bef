"""The keeper as a real process: follows a paper account, survives what happens to it, stops when told to."""

from __future__ import annotations

import json
import signal
import time

import pytest

from tests.hub.test_hub import PATIENCE, Hub, manage, prepared, wait_for

pytestmark = pytest.mark.processes

OPEN = """
from accounts.papers import open_paper_account
from tests.factories import make_owner
owner = make_owner(username={name!r})
account = open_paper_account(
    actor=owner, owner=owner, name={name!r}, currency="USD", deposit="10000", always_open=True
)
print(account.pk)
"""
# Waits until the deposit is booked and a price has moved twice, then says what the books hold.
BOOKS = """
import json, time
from accounts.models import Account
from brokers.models import Quote
from tradershub.core.models import Heartbeat
account, prices, until = Account.objects.get(pk={pk}), set(), time.monotonic() + {patience}
beats = Heartbeat.objects.filter(name__startswith="keeper@").exclude(detail="follows 0 connections")
while not (len(prices) >= 3 and account.deals.exists() and beats.exists()) and time.monotonic() < until:
    quotes = Quote.objects.filter(symbol__broker=account.broker, symbol__name="EURUSD")
    prices |= set(quotes.values_list("bid", "at"))
    time.sleep(0.1)
connection = Account.objects.select_related("connection").get(pk=account.pk).connection
print(json.dumps({{
    "deals": [[d.kind, f"{{d.amount:.2f}}", d.source] for d in account.deals.all()],
    "has_moved": len(prices) >= 3,
    "fault": connection.fault,
    "seen": connection.seen_at is not None,
    "breaks": account.breaks.count(),
    "follows": beats.exists(),
}}))
"""
WHOLE = {
    "deals": [["deposit", "10000.00", "live"]], "has_moved": True, "fault": "", "seen": True,
    "breaks": 0, "follows": True,
}  # fmt: skip

END_SESSIONS = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    print(cursor.fetchone()[0])
"""


def shell(environment, code):
    return manage(environment, "shell", "--no-imports", "-c", code).strip().splitlines()[-1]


def books(environment, pk):
    return json.loads(shell(environment, BOOKS.format(pk=pk, patience=PATIENCE)))


@pytest.fixture(scope="module")
def quick(tmp_path_factory, django_db_setup, fresh_database):
    with prepared(tmp_path_factory.mktemp("keeper"), fresh_database) as environment:
        times = {"LOOK_SECONDS": "0.5", "QUOTE_SECONDS": "0.2", "LINK_SECONDS": "2"}
        yield environment | times


@pytest.fixture
def keeper(quick):
    hub = Hub(quick, "--only", "keeper")
    wait_for(lambda: hub.leader("keeper"), "the keeper")
    yield hub
    hub.members()
    hub.process.send_signal(signal.SIGTERM)
    since = time.monotonic()
    assert hub.process.wait(timeout=PATIENCE) == 0
    assert time.monotonic() - since < 10
    assert not hub.left_alive()


@pytest.mark.anywhere
def test_a_deposit_comes_into_the_books_and_quotes_move_also_after_a_kill(quick, keeper):
    pk = shell(quick, OPEN.format(name="moving"))
    assert books(quick, pk) == WHOLE
    main = keeper.leader("keeper")
    main.kill()
    wait_for(lambda: keeper.leader("keeper") not in (None, main), "a new keeper")
    assert books(quick, pk) == WHOLE


@pytest.mark.anywhere
def test_a_keeper_that_hangs_is_killed_and_started_anew(keeper):
    main = keeper.leader("keeper")
    main.suspend()
    wait_for(lambda: "member_hung" in keeper.text(), "the hang to be noticed")
    new = wait_for(lambda: keeper.leader("keeper") != main and keeper.leader("keeper"), "a new one")
    assert new.pid != main.pid


@pytest.mark.postgresql
def test_a_keeper_whose_sessions_the_database_ends_goes_on(quick, keeper):
    pk = shell(quick, OPEN.format(name="ended"))
    assert books(quick, pk) == WHOLE
    main = keeper.leader("keeper")
    shell(quick, END_SESSIONS)
    assert books(quick, pk)["has_moved"]
    assert keeper.leader("keeper") == main
    assert "Traceback" not in keeper.text()

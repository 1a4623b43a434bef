"""What judges the hub shares no code with it, is content with sound records, and finds each that is not."""

from __future__ import annotations

import ast
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from django.db import connection

from accounts.models import Channel
from risk.models import Limit
from tests.faults import checker
from tests.trading.conftest import desk, fast, no_queue, risk  # noqa: F401 (fixtures)
from tests.trading.filebroker import NUMBER
from tests.trading.test_pipeline import charts  # noqa: F401 (a fixture)
from trading.models import Order

FOLDER = Path(__file__).parent
ALONE = ("broker.py", "checker.py", "proxy.py", "world.py", "run.py", "arming.py")
OURS = {
    "tradershub",
    "brokers",
    "accounts",
    "strategies",
    "risk",
    "trading",
    "simulation",
    "django",
}


@pytest.mark.parametrize("name", ALONE)
def test_what_judges_the_hub_shares_no_code_with_it(name):
    found = set()
    for node in ast.walk(ast.parse((FOLDER / name).read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    assert not found & OURS


def test_the_checker_stands_alone():
    tree = ast.parse((FOLDER / "checker.py").read_text())
    names = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    names |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    strange = {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names)
    assert strange == {"psycopg"}


class Kept:
    """The three records of two signals that became two orders, which were filled."""

    def __init__(self, folder, charts):  # noqa: F811
        self.folder = folder
        self.database, self.ledger, self.http = folder / "hub.sqlite3", [], []
        on = {"scope": "account", "account": charts.desk.account, "owner": charts.desk.owner}
        Limit.objects.create(kind="symbol_lots", unit="lots", value=3, **on)
        Channel.objects.create(owner=charts.desk.owner, kind="slack", name="chat")
        for lots in ("1", "2"):
            self._add(charts.send(size=lots), lots)
        with closing(sqlite3.connect(self.database)) as copy:
            connection.connection.backup(copy)
        triggers = self.change("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in triggers:  # they would refuse to have what is append-only spoilt
            self.change(f"DROP TRIGGER {name}")

    def _add(self, signal, lots):
        order = Order.objects.get(lots=lots)
        assert order.state == "filled"
        line = {"account": NUMBER, "client_id": order.client_order_id, "side": "buy", "lots": lots}
        line["symbol"] = "EURUSD"
        self.ledger.append(line | {"op": "place", "accepted": True, "n": len(self.ledger)})
        self.ledger.append(line | {"op": "fill", "entry": "in", "n": len(self.ledger)})
        sent = {"source": "charts", "key": signal.key, "status": 202, "id": signal.pk}
        sent |= {"restored": False, "accounts": [NUMBER], "action": "buy", "size": lots}
        self.http.append(sent)

    def change(self, sql):
        with closing(sqlite3.connect(self.database)) as session, session:
            return session.execute(sql).fetchall()

    def found(self):
        for name, lines in (("ledger", self.ledger), ("http", self.http)):
            (self.folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
        address = f"sqlite:///{self.database}"
        return checker.check(address, self.folder / "ledger", self.folder / "http")


def doubt_without_message(kept):
    """It stands in the audit log."""
    kept.change(
        "UPDATE trading_order SET state = 'quarantined' WHERE id = (SELECT min(id) FROM trading_order)"
    )
    target = "(SELECT 'trading.Order ' || min(id) FROM trading_order)"
    kept.change(
        f"UPDATE core_auditentry SET action = 'order.quarantined', target = {target} WHERE seq = 1"
    )
    told = kept.found()["findings"]["I13"]
    assert [text.endswith("nobody is told") for text in told] == [True]


SPOILT = {
    "a request sent twice": ("I1", lambda kept: kept.ledger.append(kept.ledger[0])),
    "an answer without a row": (
        "I2",
        lambda kept: kept.http.append(kept.http[0] | {"key": "id:9"}),
    ),
    "two answers to one": ("I2", lambda kept: kept.http.append(kept.http[0] | {"id": 99})),
    "a signal never run": ("I2", "UPDATE trading_signal SET state = 'received'"),
    "an order that nobody knows": (
        "I3",
        lambda kept: kept.ledger.append(kept.ledger[0] | {"client_id": "T" + "0" * 21}),
    ),
    "a fill that is not booked": ("I4", lambda kept: kept.ledger.append(kept.ledger[1])),
    "a request after a stop": (
        "I5",
        """UPDATE core_auditentry SET at = '2020-01-01 00:00:00', details = '{"scope": "all"}',"""
        " action = 'kill_switch.engage' WHERE seq = 1",
    ),
    "more than the limit": (
        "I6",
        lambda kept: kept.ledger.append(kept.ledger[1] | {"client_id": ""}),
    ),
    "the second before the first": ("I7", lambda kept: kept.ledger.reverse()),
    "a move that is none": ("I8", "UPDATE trading_orderevent SET target = 'unknown' WHERE seq = 1"),
    "nothing held": ("I9", "UPDATE trading_order SET state = 'queued', filled = 0"),
    "an entry changed": ("I11", "UPDATE core_auditentry SET summary = 'other' WHERE seq = 1"),
    "a doubt without an entry": ("I13", "UPDATE trading_order SET state = 'quarantined'"),
    "a doubt that nobody is told": ("I13", lambda kept: doubt_without_message(kept)),
    "refused and at the broker": ("G", "UPDATE trading_order SET state = 'not_sent'"),
    "filled and never there": ("G", lambda kept: kept.ledger.clear()),
}


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)  # what is not committed cannot be copied
def test_sound_records_are_found_sound_and_each_that_is_spoilt_is_named(tmp_path, charts):  # noqa: F811
    kept = Kept(tmp_path, charts)
    sound = kept.found()
    assert (sound["findings"], sound["orders"], sound["at_broker"]) == ({}, 2, 2)

    whole = kept.database.read_bytes()
    ledger, http = list(kept.ledger), list(kept.http)
    for what, (name, spoil) in SPOILT.items():
        kept.change(spoil) if isinstance(spoil, str) else spoil(kept)
        assert name in kept.found()["findings"], what
        kept.database.write_bytes(whole)
        kept.ledger[:], kept.http[:] = ledger, http
    assert {name for name, _ in SPOILT.values()} == set(checker.INVARIANTS)

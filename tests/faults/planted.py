"""The checker finds what it is there for: five faults are built into the hub, and each is named.

    python -m pytest tests/faults/planted.py

One world has all five, so that its start is paid for once; each is found by a sentence about its own signals.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.each import server
from tests.faults.plants import PLANTS
from tests.faults.world import Plan, wait_for, world


@pytest.fixture
def spoilt(tmp_path):
    accounts = {str(3001 + n): "fault" for n in range(5)}
    names = {"resent": "3001", "unstored": "3002", "doubled": "3003", "again": "3005"}
    sources = {name: [number] for name, number in names.items()}
    sources |= {"left": ["3004"], "right": ["3004"]}
    plan = Plan(accounts=accounts, sources=sources, limits={"3004": "1"}, drop_unique=True)
    with world(tmp_path, plan, postgres=server(), plant=" ".join(PLANTS)) as made:
        made.start()
        yield made


@pytest.mark.processes
@pytest.mark.skipif(sys.platform == "win32", reason="Windows stops no process by a signal")
def test_each_planted_fault_is_found(spoilt):
    buy = {"action": "buy"}
    # Sent again where the answer is lost
    spoilt.words("3001", "lose")
    spoilt.send("resent", "resent", size="0.11", **buy)
    # A limit of one lot, read before and not while it is used
    with ThreadPoolExecutor(8) as pool:
        pool.submit(spoilt.send, "left", "left", size="0.61", **buy)
        pool.submit(spoilt.send, "right", "right", size="0.62", **buy)
        # No key is unique
        for _ in range(4):
            pool.submit(spoilt.send, "doubled", "doubled", size="0.31", **buy)
    # What was ordered once is ordered as often as it is run
    spoilt.kill("execution")
    spoilt.send("again", "again", size="0.51", **buy)
    names = "key, payload, lock"
    wait_for(lambda: count(spoilt, "trading_signal", "id:again"), "its row")
    spoilt.database.rows(f"INSERT INTO django_q_ormq ({names}) SELECT {names} FROM django_q_ormq")
    spoilt.start("execution")
    wait_for(lambda: len(spoilt.placed("3005")) > 1, "the second order")
    wait_for(lambda: len(spoilt.placed("3004")) > 1, "more than the limit")
    wait_for(lambda: len(spoilt.placed("3001")) > 1, "the order that is sent again")
    # Answered before it is stored
    spoilt.arm("plant.before_store")
    assert spoilt.send("unstored", "unstored", size="0.21", once=True, **buy) == 202
    wait_for(lambda: not spoilt.is_armed("plant.before_store"), "the web server to be killed")

    found = spoilt.check()["findings"]
    resent = spoilt.order("resent")["client_order_id"]
    assert f"{resent} is at the broker 2 times" in found["I1"]
    assert any("id:again is on account 3005" in words for words in found["I1"])
    assert any("account 3004 had 1.23 lots open, allowed 1" in words for words in found["I6"])
    assert any("doubled id:doubled was answered with 202 and has" in words for words in found["I2"])
    assert "unstored id:unstored was answered with 202 and has 0 rows" in found["I2"]


def count(hub, table, key):
    return hub.database.rows(f"SELECT count(*) FROM {table} WHERE key = ?", key)[0][0]

"""The checker finds what it is there for: five faults are built into the hub, and each is named.

One world has all five, so that its start is paid for once; each is found by a sentence about its own signals, and
nothing is said of those that no fault hits.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.plants import PLANTS
from tests.faults.world import Plan, wait_for, world
from tests.server import server_address

ON = {
    "resend": "3001",
    "ack_first": "3002",
    "no_unique": "3003",
    "no_lock": "3004",
    "twice": "3005",
}


@pytest.fixture
def spoilt(tmp_path, django_db_setup, fresh_database):
    sources = {name: [number] for name, number in ON.items()}
    sources |= {"no_lock too": [ON["no_lock"]], "sound": ["3006"]}
    plan = Plan(
        accounts=dict.fromkeys([*ON.values(), "3006"], "fault"), sources=sources,
        limits={ON["no_lock"]: "1"}, drop_unique=True,
    )  # fmt: skip
    known = {"postgres": server_address(), "fresh": str(fresh_database)}
    with world(tmp_path, plan, plant=" ".join(PLANTS), **known) as made:
        made.start()
        yield made


@pytest.mark.processes
@pytest.mark.skipif(sys.platform == "win32", reason="Windows stops no process by a signal")
def test_each_planted_fault_is_found(spoilt):
    def buy(source: str, size: str, **words: bool) -> int:
        return spoilt.send(source, source, size=size, action="buy", **words)

    assert buy("sound", "0.01") == 202
    with ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(buy, "no_lock", "0.61"), pool.submit(buy, "no_lock too", "0.62")]
        assert {one.result() for one in sent} == {202}
        wait_for(lambda: len(at_broker(spoilt, "no_lock")) >= 2, "more than the limit")
        assert set(pool.map(buy, ["no_unique"] * 4, ["0.31"] * 4)) == {202}
    spoilt.words(ON["resend"], "lose")
    buy("resend", "0.11")
    wait_for(lambda: len(at_broker(spoilt, "resend")) >= 2, "the order that is sent again")
    assert spoilt.ends("sound")["state"] == "filled"
    order_again(spoilt, lambda: buy("twice", "0.51"))
    wait_for(lambda: len(at_broker(spoilt, "twice")) >= 2, "the second order")
    spoilt.arm("plant.before_store")
    assert buy("ack_first", "0.21", once=True) == 202
    wait_for(lambda: not spoilt.is_armed("plant.before_store"), "the web server to be killed")

    found = spoilt.check()["findings"]
    resent = spoilt.order("resend")["client_order_id"]
    assert f"{resent} is at the broker 2 times" in found["I1"]
    assert any(text.startswith("id:twice is on account 3005 ") for text in found["I1"])
    assert "account 3004 had 1.23 lots open, allowed 1" in found["I6"]
    doubled = "no_unique id:no_unique was answered with 202 and has "
    assert any(text.startswith(doubled) and not text.endswith(" 0 rows") for text in found["I2"])
    assert "ack_first id:ack_first was answered with 202 and has 0 rows" in found["I2"]
    sound = spoilt.order("sound")
    assert not any(
        sound["client_order_id"] in text or "3006" in text for text in sum(found.values(), [])
    )


def at_broker(hub, plant):
    return hub.placed(ON[plant])


def order_again(hub, send):
    """Have the signal's task delivered twice, to workers that begin with both."""
    hub.kill("execution")
    send()
    names = "key, payload, lock"
    wait_for(lambda: hub.database.rows("SELECT 1 FROM django_q_ormq"), "its task")
    hub.database.rows(f"INSERT INTO django_q_ormq ({names}) SELECT {names} FROM django_q_ormq")
    hub.start("execution")

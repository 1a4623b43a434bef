"""Each fault once, against real processes: what must come of it, and that nothing was lost, doubled or guessed.

Faults and invariants are numbered as in the reliability notes. A world is dear to start: one serves all faults,
each of them told as a subtest; those that wait for the broker wait at the same time, on accounts of their own.
EVERY_FAULT=1 runs all on the database at hand, which without it leaves those of ELSEWHERE to the other kind.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from tests.faults.world import Plan, World, wait_for, world
from tests.server import server_address

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(os.name == "nt", reason="Windows stops no process by a signal"),
]
Fault = Callable[[World], None]
FOUND = {
    "lose": "2001", "reset": "2002", "fault": "2003", "garbage": "2004", "half": "2005", "schema": "2006",
    "twice": "2007", "quiet": "2008",
}  # fmt: skip
KILLED = [str(2030 + n) for n in range(4)]
POINTS = (
    "lane.before_take lane.taken claim.before claim.inside claim.committed send.before_write"
    " line.half_written line.written send.answered record.before record.inside record.committed"
    " lane.before_let_go reconcile.asked reconcile.inside"
).split()
NAMED = {
    "refused": "2011", "late": "2012", "weak": "2013", "login": "2014", "stranger": "2015", "mute": "2016",
    "partial": "2017", "overfill": "2018", "dropped": "2019", "stubborn": "2020", "asleep": "2021",
    "plain": "2022", "early": "2023", "mixed": "2024", "corrected": "2025", "busted": "2026",
}  # fmt: skip
PLATFORM = {
    "late": "faultlate",
    "weak": "faultweak",
    "stubborn": "faultstubborn",
    "early": "faultstubborn",
}


def plan() -> Plan:
    accounts = dict.fromkeys([*FOUND.values(), *KILLED], "fault")
    accounts |= {number: PLATFORM.get(name, "fault") for name, number in NAMED.items()}
    sources = {f"of-{number}": [number] for number in accounts}
    return Plan(accounts=accounts, sources=sources)


@pytest.fixture
def hub(tmp_path, django_db_setup, fresh_database):
    known = {"postgres": server_address(), "fresh": str(fresh_database)}
    calm = dict.fromkeys(
        ("LOOK_SECONDS", "QUOTE_SECONDS"), "2"
    )  # the keeper is half of the work here
    with world(tmp_path, plan(), **known, **calm) as made:
        made.start()
        yield made


def buy(hub: World, number: str, key: str, size: str = "0.10", **known: bool) -> int:
    return hub.send(f"of-{number}", key, action="buy", size=size, **known)


# -- Faults of the broker and of the way to it -------------------------------------------------
def f5_f6_taken_and_not_answered(hub: World) -> None:
    """Whatever comes instead of an answer: unknown, then found by its id. Never sent again, never refused."""
    for word, number in FOUND.items():
        hub.words(number, word)
        buy(hub, number, word)
    for word, number in FOUND.items():
        order = hub.ends(word)
        assert order["state"] == "filled", (word, order)
        assert len(hub.placed(number)) == 1, word


def f5_not_taken_and_not_answered(hub: World) -> None:
    number = NAMED["dropped"]
    hub.words(number, "drop")
    buy(hub, number, "dropped")
    order = hub.ends("dropped")
    assert (order["state"], order["code"]) == ("not_sent", "PROVED_ABSENT")
    assert not hub.placed(number)


def f7_nobody_listens(hub: World) -> None:
    """Three tries, then it is told and over; the next one goes."""
    number = NAMED["refused"]
    hub.lines[number].fail("refuse")
    buy(hub, number, "refused-1")
    assert hub.ends("refused-1")["state"] == "not_sent"
    assert not hub.placed(number)
    hub.lines[number].heal()
    buy(hub, number, "refused-2", "0.11")
    assert hub.ends("refused-2")["state"] == "filled"


def f8_seen_only_later(hub: World) -> None:
    """A platform that says how long an order may hide is not believed before."""
    number = NAMED["late"]
    hub.words(number, "hide:2")
    buy(hub, number, "late")
    assert hub.ends("late")["state"] == "filled"


def f9_our_id_is_gone(hub: World) -> None:
    """Where nothing can be proved a person decides; nothing is sent again."""
    number = NAMED["weak"]
    hub.words(number, "strip")
    buy(hub, number, "weak")
    assert hub.ends("weak", "quarantined", "not_sent", "filled")["state"] == "quarantined"
    assert len(hub.placed(number)) == 1


def f17_in_parts_and_after_its_end(hub: World) -> None:
    number = NAMED["partial"]
    hub.words(number, "rest")
    buy(hub, number, "partial", "0.10")
    ours = hub.ends("partial", "working")["client_order_id"]
    for _ in range(3):
        hub.tell(number, "fill", client_id=ours, lots="0.02")
    hub.ends("partial", "partial")
    hub.tell(number, "end", client_id=ours)
    hub.ends("partial", "cancelled")
    hub.tell(number, "fill", client_id=ours, lots="0.01")
    wait_for(lambda: booked(hub, ours) == 4, "the late fill")


def f18_filled_before_it_is_accepted(hub: World) -> None:
    """The deal is in the books before the answer comes, which knows nothing of it yet."""
    number = NAMED["early"]
    hub.words(number, "stale")
    buy(hub, number, "early")
    order = hub.ends("early", "filled")["id"]
    last = "SELECT outcome FROM trading_orderattempt WHERE order_id = ? ORDER BY id DESC"
    assert hub.database.rows(last, order)[0][0] == "open"
    hub.tell(number, "answer")
    wait_for(lambda: hub.database.rows(last, order)[0][0] == "done", "the late answer")
    assert hub.order("early")["state"] == "filled"


def f18_parts_in_any_order_and_twice(hub: World) -> None:
    """Cancelled before its last parts are told; each page backwards, each deal of it twice."""
    number = NAMED["mixed"]
    hub.mode(number, shuffle=True)
    hub.words(number, "rest")
    buy(hub, number, "mixed")
    ours = hub.ends("mixed", "working")["client_order_id"]
    hub.tell(number, "fill", client_id=ours, lots="0.02")
    hub.tell(number, "end", client_id=ours)
    for _ in range(3):
        hub.tell(number, "fill", client_id=ours, lots="0.01")
    wait_for(lambda: booked(hub, ours) == 4, "all its parts")
    assert hub.ends("mixed", "cancelled")["state"] == "cancelled"


def f18_corrected_and_busted(hub: World) -> None:
    """What was booked stays as it was told first; that the broker holds something else now is a break."""
    for name in ("corrected", "busted"):
        buy(hub, NAMED[name], name)
    for name, asked in (("corrected", {"lots": "0.07"}), ("busted", {})):
        ours = hub.ends(name, "filled")["client_order_id"]
        hub.tell(NAMED[name], name.removesuffix("ed"), client_id=ours, **asked)
        wait_for(lambda name=name: breaks(hub, NAMED[name]), f"the break of what was {name}")
        assert booked(hub, ours) == 1
        assert hub.order(name)["state"] == "filled"


def breaks(hub: World, number: str) -> int:
    sql = (
        "SELECT count(*) FROM accounts_break b JOIN accounts_account a ON a.id = b.account_id"
        " WHERE a.number = ? AND b.state = 'open'"
    )
    return int(hub.database.rows(sql, number)[0][0])


def booked(hub: World, client_id: str) -> int:
    sql = "SELECT count(*) FROM accounts_deal WHERE client_order_id = ?"
    return int(hub.database.rows(sql, client_id)[0][0])


def f19_more_than_was_asked(hub: World) -> None:
    """Over-filled: nothing more goes out there. What others trade there is booked all the same."""
    number = NAMED["overfill"]
    trade = {"symbol": "EURUSD", "side": "sell", "lots": "0.05"}
    hub.tell(number, "trade", trade=trade)
    buy(hub, number, "overfill", "0.10")
    ours = hub.ends("overfill", "filled")["client_order_id"]
    hub.tell(number, "fill", client_id=ours, lots="0.03")
    wait_for(lambda: halted(hub, number), "the lane to be halted")
    buy(hub, number, "behind", "0.12")
    hub.ends("behind", "queued")
    sql = (
        "SELECT count(*) FROM accounts_deal d JOIN accounts_account a ON a.id = d.account_id"
        " WHERE a.number = ? AND d.side = 'sell'"
    )
    wait_for(lambda: hub.database.rows(sql, number)[0][0] == 1, "the foreign trade")
    resume(hub, number)
    assert hub.ends("behind")["state"] == "filled"


def resume(hub: World, number: str) -> None:
    """As a person does who has compared it with the broker."""
    lane = f"/trading/accounts/{hub.seeded['accounts'][number]}/resume"
    assert hub.api("POST", lane, reason="compared with the broker")[0] == 200


def halted(hub: World, number: str) -> bool:
    sql = (
        "SELECT l.halted FROM trading_lane l JOIN accounts_account a ON a.id = l.account_id"
        " WHERE a.number = ?"
    )
    found = hub.database.rows(sql, number)
    return bool(found and found[0][0])


def f31_the_key_is_refused(hub: World) -> None:
    """Told once; the lane waits for a person, and the key is hardly tried again."""
    number, begun = NAMED["login"], time.monotonic()
    hub.mode(number, login=True)
    for n in range(5):
        buy(hub, number, f"login-{n}", f"0.1{n}")
    wait_for(lambda: halted(hub, number), "the lane to be halted")
    time.sleep(5)
    tries, allowed = len(hub.booked("login", account=number)), 2 + (time.monotonic() - begun) / 4
    assert tries <= allowed, f"{tries} tries, one by the lane and one each KEY_SECONDS were enough"
    assert told(hub, number) == 1
    assert {hub.ends(f"login-{n}", "queued")["state"] for n in range(5)} == {"queued"}
    hub.mode(number)
    resume(hub, number)
    for n in range(5):
        assert hub.ends(f"login-{n}")["state"] == "filled"


def told(hub: World, number: str) -> int:
    """Messages that the account's connection or lane is of no use."""
    sql = (
        "SELECT count(*) FROM accounts_notification n JOIN accounts_account a ON"
        " n.key LIKE 'link:' || a.connection_id || ? OR n.key LIKE 'lane:' || a.id || ? WHERE a.number = ?"
    )
    return int(hub.database.rows(sql, ":dead:%", ":%", number)[0][0])


def f32_another_account_answers(hub: World) -> None:
    number = NAMED["stranger"]
    hub.mode(number, stranger="9999")
    buy(hub, number, "stranger")
    wait_for(lambda: halted(hub, number), "the lane to be halted")
    assert not hub.placed(number)
    hub.mode(number)
    resume(hub, number)
    assert hub.ends("stranger")["state"] == "filled"


def f33_a_half_open_line(hub: World) -> None:
    """The request leaves, and the line says nothing any more and does not break."""
    number = NAMED["mute"]
    hub.lines[number].fail_at('"stops"', how="mute")
    buy(hub, number, "mute")
    hub.ends("mute", "unknown")
    hub.lines[number].heal()
    assert hub.ends("mute")["state"] == "filled"
    assert len(hub.placed(number)) == 1


def f22_asleep_between_claim_and_write(hub: World) -> None:
    """A worker that sleeps longer than it may hold the lane sends nothing when it wakes."""
    number = NAMED["asleep"]
    hub.arm("send.before_check", "sleep:5")
    buy(hub, number, "asleep")
    assert hub.ends("asleep")["state"] in ("filled", "not_sent")
    assert not hub.is_armed("send.before_check")
    assert len(hub.placed(number)) <= 1


def f23_the_task_runs_out_of_time_in_the_adapter(hub: World) -> None:
    number = NAMED["stubborn"]
    hub.words(number, "lose")
    buy(hub, number, "stubborn")
    assert hub.ends("stubborn")["state"] == "filled"
    assert len(hub.placed(number)) == 1


def f16_others_are_not_held_up(hub: World) -> None:
    """While all of these fail, an account whose broker answers is served."""
    number = NAMED["plain"]
    for n in range(3):
        buy(hub, number, f"plain-{n}", f"0.1{n}")
    for n in range(3):
        assert hub.ends(f"plain-{n}", patience=30)["state"] == "filled"


# -- Faults of the web, the workers, the queue, the database -----------------------------------
def f1_f2_web_killed(hub: World) -> None:
    number = KILLED[0]
    with hub.supervised():
        for point, size in (("receive.inside", "0.31"), ("receive.committed", "0.32")):
            hub.arm(point)
            assert buy(hub, number, point, size) == 202
            assert not hub.is_armed(point)
            assert hub.ends(point)["state"] == "filled"


def f3_f4_worker_killed_at_every_point(hub: World) -> None:
    for point in POINTS:
        hub.arm(point)
    for n, number in enumerate(KILLED * 3):
        if n < len(KILLED):
            hub.words(number, "lose")
        buy(hub, number, f"killed-{n}", f"0.{40 + n}")
    for n in range(len(KILLED) * 3):
        assert hub.ends(f"killed-{n}")["state"] in ("filled", "not_sent")
    assert [point for point in POINTS if hub.is_armed(point)] == []


def f10_f11_the_same_again(hub: World) -> None:
    number, before = KILLED[1], len(hub.placed(KILLED[1]))
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: buy(hub, number, "same", "0.71"), range(100)))
    assert set(answers) == {202}
    assert hub.ends("same")["state"] == "filled"
    hub.kill("web")
    hub.start("web")
    assert buy(hub, number, "same", "0.71") == 202
    with ThreadPoolExecutor(20) as pool:
        others = pool.map(lambda _: buy(hub, number, "same", "0.72", other=True), range(100))
    assert set(others) == {409}
    assert len(hub.placed(number)) == before + 1


def f12_database_hurt(hub: World) -> None:
    """Sessions ended, a commit of which nobody knows; on SQLite, a lock that somebody else holds."""
    number = KILLED[2]
    hurts: list[Callable[[], Any]] = [hub.database.hurt]
    if proxy := hub.database.proxy:
        hurts += [lambda: proxy.fail_at("COMMIT"), lambda: proxy.fail_at("COMMIT", before=True)]
    for n, hurt in enumerate(hurts):
        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(hurt)
            assert buy(hub, number, f"hurt-{n}", f"0.8{n}") == 202
            done.result()
        assert hub.ends(f"hurt-{n}")["state"] in ("filled", "not_sent")


def f20_clocks_that_are_wrong(hub: World) -> None:
    """Turns and leases go by the database's clock. Who takes a signal to come from the future refuses it."""
    try:
        with_wrong_clocks(hub)
    finally:
        hub.turn_clock(0)


def with_wrong_clocks(hub: World) -> None:
    number = KILLED[3]
    before = len(hub.placed(number))
    sizes = {600: "0.91", -3600: "0.92", 0: "0.93"}
    for seconds, size in sizes.items():  # the host's, so that of all: on, far back, and right again
        hub.turn_clock(seconds)
        price_anew(hub, seconds)
        assert buy(hub, number, f"clock{seconds}", size) == 202
        assert hub.ends(f"clock{seconds}")["state"] == "filled"
        assert buy(hub, number, "clock600", "0.91") == 202
    assert len(hub.placed(number)) == before + len(sizes)
    if hub.database.is_sqlite:
        return  # all workers are of one host, and one host has one clock
    hub.turn_clock(600, "execution")
    buy(hub, number, "worker600", "0.94")
    assert hub.ends("worker600")["state"] == "filled"
    hub.turn_clock(-600, "execution")
    buy(hub, number, "worker-600", "0.95")
    wait_for(lambda: refused(hub, "worker-600") == "FUTURE", "the refusal")
    assert len(hub.placed(number)) == before + len(sizes) + 1


def price_anew(hub: World, seconds: int) -> None:
    """A price by a clock that is wrong by so much: one dated ahead is none of now, and refuses."""
    at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
    stored = at.replace(tzinfo=None) if hub.database.is_sqlite else at
    hub.database.rows("UPDATE brokers_quote SET at = ?", stored.isoformat(sep=" "))


def refused(hub: World, key: str) -> str:
    found = hub.database.rows("SELECT code FROM trading_signal WHERE key = ?", f"id:{key}")
    return str(found[0][0])


def f21_the_queue_loses_and_repeats(hub: World) -> None:
    hub.kill("execution")
    number = KILLED[1]
    for n in range(3):
        buy(hub, number, f"queue-{n}", f"1.1{n}")
    names = "key, payload, lock"
    more = f"INSERT INTO django_q_ormq ({names}) SELECT {names} FROM django_q_ormq"
    for _ in range(3):
        hub.database.rows(more)
    hub.start("execution")
    for n in range(3):
        assert hub.ends(f"queue-{n}")["state"] == "filled"
    hub.kill("execution")
    buy(hub, number, "queue-lost", "1.2")
    hub.database.rows("DELETE FROM django_q_ormq")
    hub.start("execution")
    assert hub.ends("queue-lost")["state"] == "filled"


def f25_stopped_with_the_queue_dead(hub: World) -> None:
    """The command works without workers; what waited is never sent."""
    hub.kill("execution")
    numbers, before = [*KILLED, NAMED["plain"]], len(hub.placed())
    for number in numbers:
        buy(hub, number, f"stopped-{number}", "1.31")
    for number in numbers:
        hub.ends(f"stopped-{number}", "queued")
    hub.command("kill_switch", "on", "--reason", "fault run")
    hub.start("execution")
    for number in numbers:
        assert hub.ends(f"stopped-{number}")["state"] == "not_sent"
    assert len(hub.placed()) == before
    hub.command("kill_switch", "off", "--reason", "fault run")


def f28_restored_from_a_backup(hub: World) -> None:
    """What was sent after the backup is found at the broker when its signals come again."""
    number = KILLED[0]
    hub.settle()
    hub.command("backup", str(hub.folder / "kept.backup"))
    sent = {f"restored-{n}": f"1.4{n}" for n in range(3)}
    for key, size in sent.items():
        buy(hub, number, key, size)
    for key in sent:
        assert hub.ends(key)["state"] == "filled"
    before = len(hub.placed(number))
    hub.kill()
    hub.database.rows("DELETE FROM core_heartbeat")  # or the last beats would be waited for
    hub.command("restore", "--force", str(hub.folder / "kept.backup"))
    hub.start()
    for key, size in sent.items():
        assert hub.order(key) is None
        buy(hub, number, key, size, restored=True)
    for key in sent:
        hub.ends(key, "queued")
    resume(hub, number)
    for key in sent:
        assert hub.ends(key)["state"] == "filled"
    assert len(hub.placed(number)) == before


TOGETHER = (
    f5_f6_taken_and_not_answered, f5_not_taken_and_not_answered, f7_nobody_listens, f8_seen_only_later,
    f9_our_id_is_gone, f16_others_are_not_held_up, f17_in_parts_and_after_its_end,
    f18_filled_before_it_is_accepted, f18_parts_in_any_order_and_twice, f18_corrected_and_busted,
    f19_more_than_was_asked,
    f23_the_task_runs_out_of_time_in_the_adapter,
    f31_the_key_is_refused, f32_another_account_answers, f33_a_half_open_line,
)  # fmt: skip
IN_TURN = (
    f1_f2_web_killed, f3_f4_worker_killed_at_every_point, f10_f11_the_same_again, f12_database_hurt,
    f20_clocks_that_are_wrong, f21_the_queue_loses_and_repeats, f22_asleep_between_claim_and_write,
    f25_stopped_with_the_queue_dead, f28_restored_from_a_backup,
)  # fmt: skip


# Each on the kind of database where it has more to say, the kills on both: all on both takes a long run's time.
ELSEWHERE = {
    "sqlite": (
        f20_clocks_that_are_wrong,
        f21_the_queue_loses_and_repeats,
        f25_stopped_with_the_queue_dead,
    ),
    "postgresql": (*TOGETHER, f10_f11_the_same_again, f28_restored_from_a_backup),
}


def wanted(faults: tuple[Fault, ...]) -> list[Fault]:
    """Those of this kind of database; all of them where EVERY_FAULT asks for it."""
    left_out = () if os.environ.get("EVERY_FAULT") else ELSEWHERE[connection.vendor]
    return [fault for fault in faults if fault not in left_out]


def tried(fault: Fault, hub: World) -> str:
    """What went wrong, in a line."""
    begun = time.monotonic()
    try:
        fault(hub)
        said = ""
    except AssertionError as error:
        said = str(error)[:500] or traceback.format_exc(limit=-1)
    print(f"{time.monotonic() - begun:6.1f} s  {fault.__name__}  {said}", flush=True)
    return said


def test_nothing_is_lost_doubled_or_guessed_whatever_fails(hub, subtests):
    together, in_turn = wanted(TOGETHER), wanted(IN_TURN)
    with ThreadPoolExecutor(len(TOGETHER)) as pool:
        said = list(pool.map(lambda fault: tried(fault, hub), together))
    said += [tried(fault, hub) for fault in in_turn]
    for fault, wrong in zip([*together, *in_turn], said, strict=True):
        with subtests.test(fault.__name__):
            assert wrong == ""
    hub.heal()
    with contextlib.suppress(AssertionError):
        hub.settle(patience=20)
    found = hub.check()
    for name in found["looked_for"]:
        with subtests.test(name):
            assert found["findings"].get(name, []) == []

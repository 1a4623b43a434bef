"""A long run: signals to many accounts while faults come at random; prints what was tried and what went wrong.

    python -m tests.faults.run [N=2000] [SEED=7] [DATABASE=sqlite|postgresql|both] [LANES=16] [MINUTES=120]
        [FAULTS=0.4] [WORKERS=3]

N: orders a database; after MINUTES no more are begun. FAULTS: how many come for each order, on a slow machine as
on a fast one. The status is 1 where anything was lost, duplicated or guessed, or any invariant broken. A run is
repeated by its seed as far as threads and processes let it. PostgreSQL is found by DATABASE_URL or
TEST_POSTGRESQL; its run has a database of its own there.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from tests.faults.world import Plan, World, world

POINTS = (
    "lane.before_take lane.taken claim.before claim.inside claim.committed send.before_write"
    " line.half_written line.written send.answered record.before record.inside record.committed"
    " lane.before_let_go reconcile.asked reconcile.inside receive.inside receive.committed"
).split()
WORDS = "lose reset fault garbage half schema drop reject twice quiet slow:0.3".split()
EACH = 2  # accounts that a source's signals go to
BACKLOG = 8  # orders of a source that may wait before it sends more
FLOOD = 100  # tasks
LATEST = 120.0  # seconds that the last orders may take to settle once all is healed


class Injector(threading.Thread):
    """Hurts something whenever a fault is due; `done` counts what."""

    def __init__(self, made: World, rng: random.Random, due: Callable[[], float]) -> None:
        super().__init__(daemon=True)
        self.world, self.rng, self.due = made, rng, due
        self.stopping = threading.Event()
        self.done: Counter[str] = Counter()
        self.faults: list[tuple[Callable[[], str | None], int]] = [
            (self.answer, 40),
            (self.kill_at_a_point, 12),
            (self.cut_a_line, 6),
            (self.duplicate_tasks, 3),
            (self.empty_the_queue, 2),
            (self.hurt_the_database, 2),
            (self.kill_a_part, 1),
            (self.pause_a_worker, 1),
            (self.stop_and_go, 1),
        ]

    def run(self) -> None:
        acts, weights = zip(*self.faults, strict=True)
        while not self.stopping.wait(self.rng.uniform(0.2, 0.8)):
            try:
                self.world.revive()
                if self.done.total() >= self.due():
                    continue
                act = self.rng.choices(acts, weights)[0]
                if name := act():
                    self.done[name] += 1
            except Exception as fault:  # noqa: BLE001 - the hub is being broken: nothing may be there
                self.done[f"not injected: {type(fault).__name__}"] += 1

    def end(self) -> None:
        self.stopping.set()
        self.join(timeout=30)

    def _account(self) -> str:
        return self.rng.choice(list(self.world.plan.accounts))

    def answer(self) -> str:
        word = self.rng.choice(WORDS)
        self.world.words(self._account(), word)
        return f"broker: {word}"

    def kill_at_a_point(self) -> str | None:
        point = self.rng.choice(POINTS)
        if self.world.is_armed(point):
            return None
        self.world.arm(point)
        return f"kill -9 at {point}"

    def cut_a_line(self) -> str:
        line, how = self.world.lines[self._account()], self.rng.choice(["refuse", "reset", "mute"])
        line.fail(how)
        time.sleep(self.rng.uniform(0.1, 0.6))
        line.heal()
        return f"line to the broker: {how}"

    def duplicate_tasks(self) -> str:
        names = "key, payload, lock"
        for _ in range(
            4
        ):  # doubled each time, and never more than so many: a flood is another fault
            self.world.database.rows(
                f"INSERT INTO django_q_ormq ({names}) SELECT {names} FROM django_q_ormq"
                f" WHERE key = 'execution' ORDER BY id LIMIT {FLOOD}"
            )
        return "tasks delivered up to 16 times"

    def empty_the_queue(self) -> str:
        self.world.database.rows("DELETE FROM django_q_ormq")
        return "queue emptied"

    def hurt_the_database(self) -> str:
        proxy = self.world.database.proxy
        if proxy and self.rng.random() < 0.6:
            before = self.rng.random() < 0.5
            proxy.fail_at("COMMIT", before=before)
            return f"database cut {'before' if before else 'after'} COMMIT"
        self.world.database.hurt()
        return "database: sessions ended" if proxy else "database: locked for 1.5 s"

    def kill_a_part(self) -> str:
        part = self.rng.choice(["web", "execution", "keeper"])
        self.world.kill(part)
        self.world.start(part)
        return f"kill -9 of {part}"

    def pause_a_worker(self) -> str | None:
        found = psutil.Process(self.world.processes["execution"].pid).children(recursive=True)
        leaves = [process for process in found if not process.children()]
        victim = self.rng.choice(leaves)
        victim.send_signal(signal.SIGSTOP)
        time.sleep(5)  # longer than a lane's lease
        victim.send_signal(signal.SIGCONT)
        return "worker paused beyond its lease"

    def stop_and_go(self) -> str:
        one: dict[str, Any] = {"scope": "account"}
        one["account_id"] = self.world.seeded["accounts"][self._account()]
        status, told = self.world.api("POST", "/kill-switch/engage", **one, reason="fault run")
        time.sleep(0.5)
        words = ("off", "--account", str(one["account_id"]), "--reason", "fault run")
        self.world.command("kill_switch", *words)  # to let go on over the API takes a second factor
        return "stop and go" if status == 200 else f"stop refused: {status} {told}"[:120]


class Sender(threading.Thread):
    """One source: its signals one after another, each until it is answered, some of them many times."""

    def __init__(
        self, made: World, source: str, count: int, rng: random.Random, until: float
    ) -> None:
        super().__init__(daemon=True)
        self.until = until
        self.world, self.source, self.count, self.rng = made, source, count, rng
        self.answers: Counter[int] = Counter()
        self.begun = 0

    def run(self) -> None:
        for number in range(1, self.count + 1):
            self._wait()
            if time.monotonic() > self.until:
                return
            self.begun = number
            key, words = f"{self.source}-{number}", {"action": "buy", "size": f"{number / 100:.2f}"}
            if number % 12 == 0:
                self.answers[self.world.send(self.source, f"{key}-close", action="close")] += 1
            self.answers[self.world.send(self.source, key, **words)] += 1
            if self.rng.random() < 0.15:
                for _ in range(3):
                    self.answers[self.world.send(self.source, key, **words)] += 1

    def _wait(self) -> None:
        """Until its accounts have few orders waiting."""
        while waiting(self.world, self.source) > BACKLOG:
            time.sleep(0.5)


def waiting(made: World, source: str) -> int:
    sql = (
        "SELECT count(*) FROM trading_signal s JOIN trading_signalsource c ON c.id = s.source_id"
        " WHERE c.name = ? AND s.state = 'received'"
    )
    queued = (
        "SELECT count(*) FROM trading_order WHERE strategy = ? AND"
        " state IN ('received', 'queued', 'sending', 'unknown')"
    )
    try:
        rows = made.database.rows
        return int(rows(sql, source)[0][0]) * 2 + int(rows(queued, source)[0][0])
    except Exception:  # noqa: BLE001 - the database was just taken away
        return BACKLOG + 1


def long_run(
    folder: Path,
    *,
    orders: int,
    seed: int,
    lanes: int,
    minutes: float,
    faults: float,
    postgres: str,
) -> dict[str, Any]:
    """One database: faults until the last order is sent, then all is healed and looked at."""
    rng, begun = random.Random(seed), time.monotonic()
    numbers = [str(1001 + n) for n in range(lanes)]
    sources = {f"s{n}": numbers[n : n + EACH] for n in range(0, lanes, EACH)}
    plan = Plan(accounts=dict.fromkeys(numbers, "fault"), sources=sources)
    each = -(-orders // lanes)
    with world(folder, plan, postgres=postgres) as made:
        made.start()
        until = time.monotonic() + minutes * 60
        senders = [
            Sender(made, name, each, random.Random(seed + n), until)
            for n, name in enumerate(sources)
        ]
        injector = Injector(
            made, rng, due=lambda: faults * EACH * sum(sender.begun for sender in senders)
        )
        for thread in (*senders, injector):
            thread.start()
        for sender in senders:
            sender.join()
        injector.end()
        made.heal()
        sent = time.monotonic() - begun
        trouble = ""
        try:
            made.settle(patience=LATEST)
        except AssertionError as error:
            trouble = str(error)
        found = made.check()
        refused = [line for line in made.booked("place", "close", "cancel") if not line["accepted"]]
        deliveries = len(made.http.read_text().splitlines())
    return {
        "database": "postgresql" if postgres else "sqlite",
        "seed": seed,
        "seconds": round(time.monotonic() - begun),
        "seconds_sending": round(sent),
        "deliveries": deliveries,
        "refused_by_broker": len(refused),
        "faults": sum(n for name, n in injector.done.items() if not name.startswith("not ")),
        "by_fault": dict(sorted(injector.done.items())),
        "trouble": trouble,
        "folder": str(folder),
        **found,
    }


def told(found: dict[str, Any]) -> str:
    """The report in words."""
    lines = [
        f"{found['database']}, seed {found['seed']}: {found['orders']} orders tried, {found['at_broker']}"
        f" at the broker, {found['faults']} faults injected in {found['seconds']} s",
        f"  lost {found['lost']}, duplicated {found['duplicated']}, guessed {found['guessed']},"
        f" broken invariants {found['broken']}",
        f"  {found['signals']} signals by {found['deliveries']} deliveries; orders: "
        + ", ".join(f"{n} {state}" for state, n in found["states"].items()),
        "  faults: " + ", ".join(f"{n} x {name}" for name, n in found["by_fault"].items()),
    ]
    if found["trouble"]:
        lines.append(f"  {found['trouble']}")
    lines += [f"  {name}: {text}" for name, texts in found["findings"].items() for text in texts]
    return "\n".join(lines)


def main(words: list[str]) -> int:
    given = dict(word.split("=", 1) for word in words)
    orders, lanes = int(given.get("N") or 2000), int(given.get("LANES") or 16)
    minutes, faults = float(given.get("MINUTES") or 120), float(given.get("FAULTS") or 0.4)
    os.environ["WORKERS"] = given.get("WORKERS") or "3"
    # Killed as often as here, a cluster stands still for nearly a minute: that is no want of proof yet.
    os.environ.setdefault("QUARANTINE_SECONDS", "90")
    seed = int(given.get("SEED") or random.SystemRandom().randrange(10**6))
    address = os.environ.get("TEST_POSTGRESQL") or os.environ.get("DATABASE_URL", "")
    kinds = {"sqlite": [""], "postgresql": [address], "both": ["", address]}
    wanted = given.get("DATABASE") or ("both" if address else "sqlite")
    if wanted != "sqlite" and not address.startswith("postgres"):
        sys.exit(
            "DATABASE names PostgreSQL; expected its address in TEST_POSTGRESQL or DATABASE_URL."
        )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that all it started ends with it
    failed = False
    for postgres in kinds[wanted]:
        folder = Path(tempfile.mkdtemp(prefix="faults-"))
        found = long_run(
            folder, orders=orders, seed=seed, lanes=lanes, minutes=minutes, faults=faults,
            postgres=postgres,
        )  # fmt: skip
        print(told(found), flush=True)
        if found["broken"] or found["trouble"]:
            failed = True
            (folder / "report.json").write_text(json.dumps(found, indent=1))
            print(f"  Everything about it is kept in {folder}", flush=True)
        else:
            shutil.rmtree(folder)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A whole hub as real processes beside a broker of its own, made to be broken: start, hurt, heal, look.

Web server, worker cluster and keeper are started as the supervisor starts them; between them and their database,
and between each account and its broker, stands a proxy. Nothing of the hub is imported here.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.faults.proxy import Proxies, Proxy, free_port

ROOT = Path(__file__).parents[2]
PATIENCE = 75.0
STARTING = 120.0
PARTS = ("web", "execution", "keeper")
OVER = ("blocked", "filled", "cancelled", "expired", "rejected", "not_sent")
RETRIED = (429, 500, 502, 503, 504)
Rows = list[tuple[Any, ...]]


def wait_for(condition: Callable[[], Any], what: str, *, patience: float = PATIENCE) -> Any:
    until = time.monotonic() + patience
    pause = 0.02
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)  # what takes long is not asked for all the time
    raise AssertionError(f"waited {patience:g} s in vain for {what}")


# -- Databases ---------------------------------------------------------------------------------
class Database:
    """The hub's database from outside: plain SQL, short transactions, an address with a proxy for the hub."""

    is_sqlite = True
    proxy: Proxy | None = None

    def __init__(self, folder: Path, fresh: str) -> None:
        self.path = folder / "hub.sqlite3"
        if fresh:
            shutil.copy(fresh, self.path)
        self.address = f"sqlite:///{self.path}"
        self.hubs_address = self.address

    def rows(self, sql: str, *values: Any) -> Rows:
        with contextlib.closing(sqlite3.connect(self.path, timeout=30)) as session, session:
            return list(session.execute(sql, values))

    def hold(self, seconds: float) -> None:
        """Keep everybody from writing for a while."""
        with contextlib.closing(
            sqlite3.connect(self.path, timeout=30, isolation_level=None)
        ) as session:
            session.execute("BEGIN IMMEDIATE")
            time.sleep(seconds)
            session.execute("ROLLBACK")

    def hurt(self) -> None:
        self.hold(1.5)

    def drop(self) -> None:
        """The folder goes with its owner."""


class Server(Database):
    """A database of its own on a PostgreSQL server, reached by the hub through a proxy."""

    is_sqlite = False

    def __init__(self, url: str, name: str, proxies: Proxies, fresh: str) -> None:
        parts = urlsplit(url)
        self.name = name
        self.admin = urlunsplit(parts._replace(path="/postgres"))
        self.address = urlunsplit(parts._replace(path=f"/{name}"))
        with psycopg.connect(self.admin, autocommit=True) as session:
            session.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            session.execute(f'CREATE DATABASE "{name}" TEMPLATE "{fresh or "template1"}"')
        self.proxy = Proxy(proxies, (parts.hostname or "127.0.0.1", parts.port or 5432))
        host = f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{self.proxy.port}".lstrip("@")
        self.hubs_address = urlunsplit(
            parts._replace(netloc=host, path=f"/{name}", query="sslmode=disable")
        )

    def rows(self, sql: str, *values: Any) -> Rows:
        with psycopg.connect(self.address, autocommit=True) as session:
            found = session.execute(sql.replace("?", "%s"), values)
            return list(found) if found.description else []

    def hold(self, seconds: float) -> None:
        assert self.proxy
        self.proxy.fail("refuse")
        time.sleep(seconds)
        self.proxy.heal()

    def hurt(self) -> None:
        """End every session of the hub."""
        self.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = ? AND pid <> pg_backend_pid()",
            self.name,
        )

    def drop(self) -> None:
        with psycopg.connect(self.admin, autocommit=True) as session:
            session.execute(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')


# -- The world ---------------------------------------------------------------------------------
@dataclass
class Plan:
    """What trades: number -> platform; source -> numbers of its accounts; number -> most lots."""

    accounts: dict[str, str]
    sources: dict[str, list[str]]
    limits: dict[str, str] = field(default_factory=dict)
    drop_unique: bool = False


class World:
    """plant: faults built into the hub's processes (tests/faults/plants.py). settings: of theirs, by name.

    fresh: the file or, on a server, the name of a migrated database to begin with a copy of, else one is made.
    """

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        *,
        postgres: str = "",
        plant: str = "",
        fresh: str = "",
        **settings: str,
    ) -> None:
        self.settings = settings
        self.folder, self.plan, self.plant, self.fresh = folder, plan, plant, fresh
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "armed").mkdir(exist_ok=True)
        self.proxies = Proxies()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        name = f"faults_{os.getpid()}_{folder.name}"[:60].lower()
        self.database = (
            Server(postgres, name, self.proxies, fresh) if postgres else Database(folder, fresh)
        )
        self.ledger, self.http = folder / "ledger.jsonl", folder / "http.jsonl"
        self.web_port, self.broker_port = free_port(), free_port()
        self.writing = threading.Lock()
        self._spawn("broker", "-m", "tests.faults.broker", str(self.broker_port), str(self.ledger))
        self.lines = {
            number: Proxy(self.proxies, ("127.0.0.1", self.broker_port)) for number in plan.accounts
        }
        try:
            wait_for(lambda: self._tries(self.tell, "", "ping"), "the broker")
            self.seeded = self._seed()
        except BaseException:
            self.stop()
            raise

    def environment(self, **more: str) -> dict[str, str]:
        known = {
            "TRADERSHUB_DATA": str(self.folder),
            "DATABASE_URL": self.database.hubs_address,
            "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
            "QUEUE_SYNC": "0",
            "PLANT": self.plant,
            "PYTHONWARNINGS": "ignore",
        }
        return os.environ | self.settings | known | more

    def _seed(self) -> dict[str, Any]:
        plan = {
            "accounts": {
                number: [platform, self.lines[number].port]
                for number, platform in self.plan.accounts.items()
            },
            "sources": self.plan.sources,
            "limits": self.plan.limits,
            "drop_unique": self.plan.drop_unique,
            "migrated": bool(self.fresh),
        }
        words = [sys.executable, "-m", "tests.faults.seeding", json.dumps(plan)]
        done = subprocess.run(
            words, cwd=ROOT, env=self.environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return dict(json.loads(done.stdout.splitlines()[-1]))

    # -- Processes
    def _spawn(self, name: str, *words: str, **more: str) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, env=self.environment(**more),
            stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        log.close()

    def start(self, *parts: str, **more: str) -> None:
        for part in parts or PARTS:
            rest = ("127.0.0.1", str(self.web_port), "1") if part == "web" else ()
            clock = str(self._clock(part))
            self._spawn(part, "-m", "tradershub.member", part, *rest, CLOCK=clock, **more)
        if not parts or "web" in parts:
            alive = "/health/live"
            wait_for(lambda: self._tries(self.get, alive), "the web server", patience=STARTING)
        if not parts:
            what = "the keeper's first look at each account"
            wait_for(self._has_money, what, patience=STARTING)

    def _has_money(self) -> bool:
        found = self.database.rows("SELECT count(*) FROM accounts_deal WHERE kind = 'deposit'")
        return int(found[0][0]) >= len(self.plan.accounts)

    def _clock(self, part: str) -> Path:
        return self.folder / f"clock-of-{part}"

    def turn_clock(self, seconds: float, *parts: str) -> None:
        """From now on these parts, or all, are wrong by so much; the database and the broker are not."""
        for part in parts or PARTS:
            new = self._clock(part).with_suffix(".new")
            new.write_text(str(seconds))
            new.rename(self._clock(part))

    def kill(self, *parts: str) -> None:
        """As a power cut would, the whole group."""
        for part in parts or PARTS:
            process = self.processes.pop(part, None)
            if process:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def revive(self) -> None:
        """Start again what has ended by itself, as the supervisor does: a web server whose worker dies often ends."""
        for part in PARTS:
            if part in self.processes and self.processes[part].poll() is not None:
                self.start(part)

    @contextlib.contextmanager
    def supervised(self) -> Iterator[None]:
        """What ends is started again meanwhile."""
        over = threading.Event()

        def look() -> None:
            while not over.wait(0.5):
                self.revive()

        supervisor = threading.Thread(target=look)
        supervisor.start()
        try:
            yield
        finally:
            over.set()
            supervisor.join()

    def stop(self) -> None:
        self.kill(*self.processes)
        self.proxies.stop()
        self.database.drop()

    def command(self, *words: str) -> str:
        """A management command to its end."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words], cwd=ROOT, env=self.environment(),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr[-2000:]
        return done.stdout

    def log(self, part: str) -> str:
        return (self.folder / f"{part}.log").read_text(errors="replace")

    def arm(self, point: str, how: str = "kill") -> None:
        """The next process that comes there fails."""
        file = self.folder / "armed" / point
        file.with_suffix(".new").write_text(how)
        file.with_suffix(".new").rename(file)

    def is_armed(self, point: str) -> bool:
        return (self.folder / "armed" / point).exists()

    def disarm(self) -> None:
        for file in (self.folder / "armed").iterdir():
            file.unlink(missing_ok=True)

    @staticmethod
    def _tries(act: Callable[..., Any], *words: Any) -> bool:
        try:
            act(*words)
        except (OSError, ValueError):
            return False
        return True

    # -- The broker
    def tell(self, account: str, op: str, **more: Any) -> Any:
        with socket.create_connection(("127.0.0.1", self.broker_port), timeout=5) as line:
            line.sendall((json.dumps({"op": op, "account": account, **more}) + "\n").encode())
            answer = json.loads(line.makefile().readline())
        assert "ok" in answer, answer
        return answer["ok"]

    def words(self, account: str, *words: str) -> None:
        self.tell(account, "words", words=list(words))

    def mode(self, account: str, **mode: Any) -> None:
        self.tell(account, "mode", mode=mode)

    def booked(self, *ops: str, account: str = "") -> list[dict[str, Any]]:
        """Lines of the broker's ledger."""
        if not self.ledger.exists():
            return []
        lines = (
            json.loads(line) for line in self.ledger.read_text().splitlines() if line.endswith("}")
        )
        return [
            line for line in lines
            if line["op"] in ops and (not account or line["account"] == account)
        ]  # fmt: skip

    def placed(self, account: str = "") -> list[dict[str, Any]]:
        return [line for line in self.booked("place", "close", account=account) if line["accepted"]]

    # -- The web
    def get(self, path: str) -> bytes:
        return self.request("GET", path)[1]

    def request(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        """Status and body. Raises OSError where no answer came."""
        asked = urllib.request.Request(  # noqa: S310 - our own web server
            f"http://127.0.0.1:{self.web_port}{path}", data=body, method=method,
            headers={"Content-Type": "application/json", **headers},
        )  # fmt: skip
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
        except (OSError, ValueError) as error:
            raise OSError(str(error)) from error
        except Exception as error:  # an answer that breaks off in its middle is of many kinds
            raise OSError(type(error).__name__) from error

    def api(self, method: str, path: str, **body: Any) -> tuple[int, Any]:
        sent = json.dumps(body).encode() if body else b""
        bearer = f"Bearer {self.seeded['key']}"
        status, text = self.request(method, f"/api/v1{path}", sent, Authorization=bearer)
        return status, json.loads(text) if text else None

    def send(
        self,
        source: str,
        key: str,
        *,
        once: bool = False,
        restored: bool = False,
        other: bool = False,
        **words: str,
    ) -> int:
        """A signal, sent until it is answered for good, as its sender would; the status, each try logged.

        restored: the books were set back meanwhile, and may answer with another id than before. other: the id
        is of a signal that was sent before, so that nothing may come of it.
        """
        body = json.dumps({"symbol": "EURUSD", "id": key, **words}).encode()
        until = time.monotonic() + PATIENCE
        while True:
            status, told = 0, {}
            with contextlib.suppress(OSError):
                status, text = self.request("POST", self.seeded["sources"][source], body)
                told = json.loads(text) if status == 202 else {}
            line = {
                "t": time.time(), "source": source, "key": f"id:{key}", "status": status,
                "id": told.get("id"), "restored": restored, "other": other,
                "accounts": self.plan.sources[source], **words,
            }  # fmt: skip
            with self.writing, self.http.open("a") as file:
                file.write(json.dumps(line) + "\n")
            if once or (status and status not in RETRIED) or time.monotonic() > until:
                return status
            time.sleep(0.1)

    def place(self, account: str, token: str, **words: str) -> int:
        """An order by hand, over the API; the status."""
        asked = {
            "account_id": self.seeded["accounts"][account],
            "symbol": "EURUSD",
            "kind": "market",
        }
        return self.api("POST", "/trading/orders", **asked, token=token, **words)[0]

    # -- What became of it
    def orders(self, where: str = "1=1", *values: Any) -> list[dict[str, Any]]:
        names = "id state code origin_id client_order_id filled lots lane_seq reduces broker_order_id".split()
        columns = ", ".join(f"o.{name}" for name in names)
        sql = (
            f"SELECT {columns}, a.number FROM trading_order o"
            f" JOIN accounts_account a ON a.id = o.account_id WHERE {where} ORDER BY o.id"
        )
        return [
            dict(zip([*names, "number"], row, strict=True))
            for row in self.database.rows(sql, *values)
        ]

    def order(self, key: str, number: str = "") -> dict[str, Any] | None:
        """The one order of that signal, on that account."""
        found = self.orders("o.origin_id LIKE ?", f"%:id:{key}")
        mine = [row for row in found if not number or row["number"] == number]
        return mine[0] if mine else None

    def ends(
        self, key: str, *states: str, number: str = "", patience: float = PATIENCE
    ) -> dict[str, Any]:
        """Wait for the order of that signal to stand so, or to be over."""
        wanted = states or OVER

        def stands() -> Any:
            row = self.order(key, number)
            return row if row and row["state"] in wanted else None

        try:
            return dict(wait_for(stands, f"{key} to be {' or '.join(wanted)}", patience=patience))
        except AssertionError as error:
            raise AssertionError(f"{error}: found {self.order(key, number)}") from error

    def unfinished(self) -> int:
        """Orders that go on, orders that are over and still hold what they reserved, signals that nobody read."""

        def count(rows: str, *values: str) -> int:
            return int(self.database.rows(f"SELECT count(*) FROM {rows}", *values)[0][0])

        def marks(states: tuple[str, ...]) -> str:
            return ", ".join("?" for _ in states)

        rest = (*OVER, "quarantined", "working", "partial")
        return (
            count(f"trading_order WHERE state NOT IN ({marks(rest)})", *rest)
            + count(f"trading_order WHERE holds AND state IN ({marks(OVER)})", *OVER)
            + count("trading_signal WHERE state = 'received'")
        )

    def heal(self) -> None:
        self.disarm()
        self.turn_clock(0)
        for number, line in self.lines.items():
            line.heal()
            self.mode(number)
        if self.database.proxy:
            self.database.proxy.heal()

    def settle(self, *, patience: float = PATIENCE) -> None:
        """Wait until nothing moves any more and the books have all that the broker did."""
        wait_for(lambda: self.unfinished() == 0, "all orders to end", patience=patience)
        wait_for(self._all_booked, "all deals to be booked", patience=patience)

    def _all_booked(self) -> bool:
        deals = self.database.rows("SELECT count(*) FROM accounts_deal WHERE kind = 'trade'")[0][0]
        return int(deals) >= len(self.booked("fill"))

    def check(self) -> dict[str, Any]:
        """What the checker, a process of its own, finds."""
        words = [self.database.address, str(self.ledger), str(self.http)]
        done = subprocess.run(
            [sys.executable, "-m", "tests.faults.checker", *words], cwd=ROOT,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.stdout, done.stderr[-3000:]
        return dict(json.loads(done.stdout))


@contextlib.contextmanager
def world(folder: Path, plan: Plan, **known: str) -> Iterator[World]:
    made = World(folder, plan, **known)
    try:
        yield made
    finally:
        made.stop()

"""The hub as real processes: what is killed comes back, what hangs is found, nothing is left."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest
from django.conf import settings
from django.core.cache.backends.filebased import FileBasedCache
from django.db import connection

from tests.accounts.histories import history
from tests.accounts.reports import mt5_report
from tests.server import server_address

pytestmark = pytest.mark.processes
ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
STALE = 6
WORKERS = settings.Q_CLUSTER["ALT_CLUSTERS"]["execution"]["workers"]
LONG_TASKS = (
    "from tradershub.core.queue import enqueue; "
    f"[enqueue('time.sleep', 9, cluster='execution') for _ in range({WORKERS})]"
)


def wait_for(condition, what, look_every=0.1):
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with contextlib.suppress(psutil.Error):  # processes come and go while one looks
            if found := condition():
                return found
        time.sleep(look_every)
    raise AssertionError(f"waited in vain for {what}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def scratch_database(folder, fresh_database):
    """The address of a migrated database of its own, of the kind the tests run on."""
    if connection.vendor == "sqlite":
        shutil.copy(fresh_database, folder)
        yield f"sqlite:///{folder / 'hub.sqlite3'}"
        return
    name = f"hub_processes_{os.getpid()}"
    with psycopg.connect(server_address(), autocommit=True) as session:
        session.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        session.execute(f'CREATE DATABASE "{name}" TEMPLATE "{fresh_database}"')
        yield server_address(name)
        session.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextlib.contextmanager
def prepared(folder, fresh_database):
    """The environment of a hub with this data folder and a database of its own."""
    with scratch_database(folder, fresh_database) as address:
        environment = os.environ | {
            "TRADERSHUB_DATA": str(folder),
            "DATABASE_URL": address,
            "DJANGO_SETTINGS_MODULE": "tradershub.settings",
            "QUEUE_SYNC": "0",
            "LOAD_RATES": "0",
            "HEARTBEAT_SECONDS": "1",
            "HEARTBEAT_LIMIT": str(STALE),
        }
        manage(environment, "collectstatic", "--no-input", "--verbosity", "0")
        yield environment


@pytest.fixture(scope="module")
def environment(tmp_path_factory, django_db_setup, fresh_database):
    with prepared(tmp_path_factory.mktemp("hub"), fresh_database) as environment:
        yield environment


def manage(environment, *arguments):
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


class Hub:
    def __init__(self, environment, *arguments):
        self.log = Path(environment["TRADERSHUB_DATA"]) / f"hub-{time.monotonic_ns()}.log"
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "hub", "--port", str(free_port()), *arguments],
            cwd=ROOT,
            env=environment,
            stdout=self.log.open("wb"),
            stderr=subprocess.STDOUT,
        )
        self.seen = set()

    def members(self):
        found = psutil.Process(self.process.pid).children(recursive=True)
        self.seen |= {process.pid for process in found}
        return found

    def leader(self, name):
        """The process of that member which the hub itself started."""
        for process in psutil.Process(self.process.pid).children():
            if process.is_running() and name in process.cmdline():
                return process
        return None

    def text(self):
        return self.log.read_text(errors="replace")

    def left_alive(self):
        alive = [pid for pid in self.seen if psutil.pid_exists(pid)]
        return [pid for pid in alive if status(pid) != psutil.STATUS_ZOMBIE]


def status(pid):
    try:
        return psutil.Process(pid).status()
    except psutil.NoSuchProcess:
        return psutil.STATUS_ZOMBIE


@pytest.fixture
def hub(environment):
    hub = Hub(environment, "--only", "execution")
    wait_for(lambda: workers(hub), "a worker that is ready")
    yield hub
    if hub.process.poll() is None:
        hub.members()
        hub.process.terminate()
        hub.process.wait(timeout=PATIENCE)
    assert not hub.left_alive()


def workers(hub):
    """The leaves below the sentinel: the workers, the monitor, the pusher."""
    leader = hub.leader("execution")
    sentinels = leader.children() if leader else []
    below = sentinels[0].children() if sentinels else []
    hub.members()
    return below if len(below) == WORKERS + 2 else []


def beats(environment):
    code = (
        "from tradershub.core.models import Heartbeat;"
        "print([b.at.timestamp() for b in Heartbeat.objects.filter(name__startswith='execution@')])"
    )
    return eval(manage(environment, "shell", "--no-imports", "-c", code).strip())  # noqa: S307


def beats_since(environment, moment):
    return any(at > moment for at in beats(environment))


def test_the_whole_hub_starts_answers_and_stops_with_nothing_left(environment):
    hub = Hub(environment)
    wait_for(lambda: "TradersHub runs at" in hub.text(), "the address")
    wait_for(lambda: beats_since(environment, 0), "a heartbeat")
    hub.members()
    hub.process.send_signal(signal.SIGINT)
    assert hub.process.wait(timeout=PATIENCE) == 0
    assert "TradersHub has stopped." in hub.text()
    assert not hub.left_alive()


@pytest.mark.anywhere
def test_a_first_log_in_is_shown_once_directly_before_the_address(environment):
    hub = Hub(environment, "--prepare", "--no-demo")
    wait_for(lambda: "TradersHub runs at" in hub.text(), "the address")
    hub.members()
    hub.process.send_signal(signal.SIGINT)
    hub.process.wait(timeout=PATIENCE)
    assert hub.text().count("with the password") == 1
    assert not (Path(environment["TRADERSHUB_DATA"]) / "first-password").exists()
    assert "changepassword admin\nTradersHub runs at" in hub.text()


@pytest.mark.anywhere
def test_killing_the_hub_itself_leaves_no_orphans(hub):
    assert len(hub.members()) >= 6
    hub.process.kill()
    hub.process.wait()
    wait_for(lambda: not hub.left_alive(), "the orphans to go")


@pytest.mark.anywhere
@pytest.mark.parametrize("victim", ["main", "sentinel"])
def test_a_killed_cluster_is_swept_away_and_started_anew(hub, environment, victim):
    main = hub.leader("execution")
    (main if victim == "main" else main.children()[0]).kill()
    wait_for(lambda: hub.leader("execution") not in (None, main), "a new cluster")
    wait_for(lambda: workers(hub), "its workers")
    now = time.time()
    wait_for(lambda: beats_since(environment, now), "its heartbeat")
    assert not [p for p in hub.members() if p.pid == main.pid]


@pytest.mark.anywhere
def test_a_cluster_that_hangs_is_killed_and_started_anew(hub, environment):
    """Stopped workers are like those that wait for a lock that nobody gives back: alive, and taking nothing."""
    wait_for(lambda: beats_since(environment, 0), "a heartbeat")
    main = hub.leader("execution")
    for process in workers(hub):
        process.suspend()
    wait_for(lambda: "member_hung" in hub.text(), "the hang to be noticed")
    wait_for(lambda: hub.leader("execution") not in (None, main), "a new cluster")
    now = time.time()
    assert wait_for(lambda: beats_since(environment, now), "its heartbeat")


def web_workers(main):
    """Below it, beside what Python itself keeps there to count semaphores."""
    return [p for p in main.children() if "resource_tracker" not in " ".join(p.cmdline())]


@pytest.fixture
def web(environment):
    hub = Hub(environment, "--only", "web", "--web-workers", "2")
    wait_for(lambda: "TradersHub runs at" in hub.text(), "the address")
    yield hub
    hub.members()
    hub.process.send_signal(signal.SIGTERM)
    assert hub.process.wait(timeout=PATIENCE) == 0
    assert not hub.left_alive()


@pytest.mark.anywhere
def test_a_web_server_that_hangs_is_killed_and_started_anew(web):
    """All its processes: as long as one is left it may take every question."""
    main = wait_for(lambda: web.leader("web"), "the web server")
    wait_for(lambda: len(web_workers(main)) == 2, "its processes")
    for process in web_workers(main):
        process.suspend()
    wait_for(lambda: "member_hung" in web.text(), "the hang to be noticed")
    new = wait_for(lambda: web.leader("web") != main and web.leader("web"), "a new web server")
    assert new.pid != main.pid


def test_killed_idle_workers_do_not_stop_the_cluster_for_good(hub, environment):
    wait_for(lambda: beats_since(environment, 0), "a heartbeat")
    main = hub.leader("execution")
    for _ in range(WORKERS):  # one of them waits at the pipe, with its lock in Python's own way
        victim = wait_for(lambda: workers(hub), "the workers")[0]
        victim.kill()
        wait_for(lambda gone=victim: gone not in workers(hub) and workers(hub), "another one")
    now = time.time() + STALE
    assert wait_for(lambda: beats_since(environment, now), "a heartbeat after the kill")
    assert (hub.leader("execution"), "member_hung" in hub.text()) == (main, False)


@pytest.mark.anywhere
def test_a_port_in_use_gets_one_sentence(environment):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "manage.py", "hub", "--port", str(port)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    assert done.returncode == 1
    assert f"Port {port} is in use by another program" in done.stderr
    assert "Traceback" not in done.stderr


def second(environment, *arguments):
    return run_to_its_end(environment, "hub", "--port", str(free_port()), *arguments)


def run_to_its_end(environment, *words):
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@pytest.mark.anywhere
def test_a_second_hub_on_the_same_data_is_refused_and_the_first_works_on(hub, environment):
    before = workers(hub)
    done = second(environment)
    assert done.returncode == 1
    assert "A hub runs on the data folder" in done.stderr
    assert "Traceback" not in done.stderr
    assert workers(hub) == before


@pytest.mark.anywhere
def test_another_part_may_run_beside_it_on_the_same_data(hub, environment):
    other = Hub(environment, "--only", "batch")
    wait_for(lambda: other.leader("batch"), "the other part")
    other.members()
    other.process.terminate()
    assert other.process.wait(timeout=PATIENCE) == 0
    assert not other.left_alive()


@pytest.mark.anywhere
def test_a_web_server_alone_keeps_a_restore_away(environment):
    hub = Hub(environment, "--only", "web")
    wait_for(lambda: "TradersHub runs at" in hub.text(), "the address")
    done = run_to_its_end(environment, "restore", "--force", "nothing.backup")
    assert "A hub, or a part of it, runs on the data folder" in done.stderr
    hub.members()
    hub.process.terminate()
    assert hub.process.wait(timeout=PATIENCE) == 0
    done = run_to_its_end(environment, "restore", "--force", "nothing.backup")
    assert "There is no file nothing.backup" in done.stderr


@pytest.mark.anywhere
def test_a_folder_that_was_never_prepared_gets_one_sentence(environment, tmp_path):
    done = second(environment | {"TRADERSHUB_DATA": str(tmp_path)}, "--only", "web")
    assert done.returncode == 1
    assert "is not prepared: it has no static files; run manage.py prepare" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.anywhere
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--port", "0"), "0 is not a port; expected 1 to 65535."),
        (("--port", "99999"), "99999 is not a port; expected 1 to 65535."),
        (("--web-workers", "0"), "--web-workers was 0; expected 1 or more."),
    ],
)
def test_what_nobody_can_listen_on_gets_one_sentence(environment, words, sentence):
    done = second(environment, *words)
    assert done.returncode == 1
    assert sentence in done.stderr


@pytest.mark.anywhere
def test_an_unknown_part_gets_one_sentence(environment):
    done = subprocess.run(
        [sys.executable, "manage.py", "hub", "--only", "wbe"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert 'There is no part "wbe"' in done.stderr


def test_long_tasks_are_not_taken_for_a_hang(hub, environment):
    manage(environment, "shell", "--no-imports", "-c", LONG_TASKS)
    now = time.time() + STALE
    wait_for(lambda: beats_since(environment, now), "a heartbeat of the busy cluster")
    assert "member_hung" not in hub.text()


CONFIRMED = """
from pathlib import Path
from accounts.imports.confirming import BOOK_TASK
from accounts.models import StatementImport
from accounts.statements import storage
from tests.factories import make_account, make_broker, make_owner
from tradershub.core.queue import enqueue
owner = make_owner(username={name!r})
account = make_account(owner=owner, number="77", currency="USD", broker=make_broker(name={name!r}))
file = storage.store(Path({path!r}), owner=owner)
row = StatementImport.objects.create(
    owner=owner, account=account, file=file, sha256=file.sha256, file_name="r.html", state="confirmed"
)
enqueue(BOOK_TASK, row.pk)
print(row.pk)
"""
BOOKED = """
import json
from django.db.models import Sum
from accounts.booking import rebuild
from accounts.models import StatementImport
from tradershub.core.models import AuditEntry
row = StatementImport.objects.get(pk={pk})
print(json.dumps([
    row.state, row.account.deals.count(), row.lines.count(),
    f"{{row.account.deals.aggregate(sum=Sum('amount'))['sum'] or 0:.2f}}", rebuild(row.account, check=True),
    AuditEntry.objects.filter(action="statement.book", target="accounts.StatementImport {pk}").count(),
]))
"""


def test_a_worker_killed_in_the_middle_of_a_booking_leaves_it_to_the_next(environment, tmp_path):
    """The books come out exact, and every deal is in them once."""
    deals = history(7, 6000)
    with booking(environment, tmp_path, deals) as (pk, hub):
        busy_worker(environment).kill()
        assert not is_over(hub)
        wait_for(lambda: is_over(hub), "the booking by another worker")
    balance = f"{deals[-1].balance_after:.2f}"
    assert books(environment, pk) == ["booked", 6000, 6000, balance, [], 1]


def test_a_booking_that_a_person_cancels_meanwhile_leaves_nothing(environment, tmp_path):
    """Their process cannot write where the database is SQLite and the worker has it."""
    with booking(environment, tmp_path, history(7, 6000)) as (pk, hub):
        told(environment).set(f"statement-import-{pk}-stop", "ann")
        wait_for(lambda: is_over(hub), "the worker to stop")
    assert books(environment, pk) == ["preview", 0, 0, "0.00", [], 0]


@contextlib.contextmanager
def booking(environment, folder, deals):
    """An import that a worker is writing to the books, and the hub of the worker."""
    path = mt5_report(folder / "r.html", deals)
    script = CONFIRMED.format(path=str(path), name=folder.name)
    pk = manage(environment, "shell", "--no-imports", "-c", script).strip()
    hub = Hub(environment, "--only", "batch")
    try:
        wait_for(lambda: stage(environment, pk) in ("deals", "lines", "derive"), "a booking", 0.005)
        yield pk, hub
    finally:
        hub.members()
        hub.process.terminate()
        hub.process.wait(timeout=PATIENCE)


def books(environment, pk):
    """State, deals, lines, balance, what a rebuild would mend, and how often the booking was audited."""
    return json.loads(manage(environment, "shell", "--no-imports", "-c", BOOKED.format(pk=pk)))


def stage(environment, pk):
    """What the worker told last of the import."""
    news = told(environment).get(f"statement-import-{pk}")
    return news[0] if news else ""


def told(environment):
    """Through which page and worker tell each other of an import."""
    return FileBasedCache(f"{environment['TRADERSHUB_DATA']}/cache", {})


def is_over(hub):
    """Whether the log tells of a booking that came to its end."""
    ended = (line for line in hub.text().splitlines() if "task_done" in line)
    return any("book_statement" in line for line in ended)


def busy_worker(environment):
    """The process of the batch cluster that is at a task."""
    marks = Path(environment["TRADERSHUB_DATA"], "workers").glob("batch.*.busy")
    return next((psutil.Process(int(mark.name.split(".")[1])) for mark in marks), None)

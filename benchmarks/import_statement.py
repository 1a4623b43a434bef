"""A statement of 100,000 deals, from the file to booked and reconciled."""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection, models, transaction

from accounts.models import Account, BrokerOrder, DayFigures, Deal, Position, StatementLine
from benchmarks import cells
from benchmarks.measures import Measure, Memory, Rounds, watched

DEALS, ROUNDS = 100_000, 3
MOST, MOST_MB = 4, 500
SAMPLE = 1000
WRITTEN: tuple[tuple[type[models.Model], str], ...] = (
    (Deal, "account_id"),
    (StatementLine, "statement_id"),
    (BrokerOrder, "account_id"),
    (Position, "account_id"),
    (DayFigures, "account_id"),
)
WRITE = "from sys import argv; from pathlib import Path; from tradershub.example import write_large_mt5 as w; "
_owners = count(1)


def measure(scale: float) -> list[Measure]:
    deals = int(DEALS * scale)
    with tempfile.TemporaryDirectory() as folder:
        xlsx, html = (written(Path(folder), deals, form) for form in ("xlsx", "html"))
        found = measured(xlsx, cells.xlsx, f"{deals} deals as XLSX")
        return found + measured(html, cells.html, f"{deals} deals as HTML")


def written(folder: Path, deals: int, form: str) -> Path:
    """The file, made by another process: its memory is not ours."""
    path = folder / f"large.{form}"
    code = f"{WRITE} w(Path(argv[1]), deals={deals}, format={form!r})"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    return path


def measured(path: Path, read: Any, what: str) -> list[Measure]:
    rounds, memory = Rounds(), Memory()
    imported_alone(path, memory)
    bare = bare_tables()
    for _ in range(ROUNDS):
        rounds.add(lambda: imported(path), lambda: (read(path), write_bare(bare)))
        clear(bare)
    return [rounds.measure(what, most=MOST), memory.measure(what, most_mb=MOST_MB)]


def imported(path: Path) -> None:
    """As the command does it, into a new account; as a person would find it, tied out."""
    owner, said = new_owner(), io.StringIO()
    call_command("import_statement", path, owner=owner, open=True, yes=True, stdout=said)
    assert Account.objects.filter(owner__username=owner).exists(), said.getvalue()


def imported_alone(path: Path, memory: Memory) -> None:
    """The same by a process that does nothing before or after it, as a person calls it."""
    command = [sys.executable, "manage.py", "import_statement", str(path), "--open", "--yes"]
    child = subprocess.Popen([*command, "--owner", new_owner()], stdout=subprocess.DEVNULL)
    with watched(memory, child.pid):
        assert child.wait() == 0


def new_owner() -> str:
    name = f"owner{next(_owners)}"
    get_user_model().objects.create_user(name)
    return name


# -- The yardstick -----------------------------------------------------------------------------
def bare_tables() -> list[tuple[str, list[tuple[Any, ...]]]]:
    """For each table an empty twin without index or constraint, and as many rows as the last import wrote."""
    account = Account.objects.latest("pk")
    statement = account.statements.get()
    found = []
    for model, column in WRITTEN:
        pk = account.pk if column == "account_id" else statement.pk
        table = model._meta.db_table
        many = model._default_manager.filter(**{column: pk}).count()
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS bare_{table}")
            cursor.execute(f"CREATE TABLE bare_{table} AS SELECT * FROM {table} WHERE 1 = 0")
            cursor.execute(f"SELECT * FROM {table} WHERE {column} = %s LIMIT {SAMPLE}", [pk])
            found.append((f"bare_{table}", list(islice(cycle(cursor.fetchall()), many))))
    return found


@transaction.atomic
def write_bare(tables: list[tuple[str, list[tuple[Any, ...]]]]) -> None:
    with connection.cursor() as cursor:
        for table, rows in tables:
            put = _copy if connection.vendor == "postgresql" else _insert
            put(cursor, table, rows)


def clear(tables: list[tuple[str, list[tuple[Any, ...]]]]) -> None:
    with connection.cursor() as cursor:
        for table, _ in tables:
            cursor.execute(f"DELETE FROM {table}")


def _copy(cursor: Any, table: str, rows: list[tuple[Any, ...]]) -> None:
    with cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _insert(cursor: Any, table: str, rows: list[tuple[Any, ...]]) -> None:
    places = ", ".join(["%s"] * len(rows[0]))
    cursor.executemany(f"INSERT INTO {table} VALUES ({places})", rows)

"""A consistent copy of the database into a file, and back, while others may be writing."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.db import DatabaseError, OperationalError, connection, transaction

from tradershub.core.errors import BadInput

Counts = dict[str, int]


def dump(path: Path) -> Counts:
    """Write a copy; returns the number of rows of each table in that very copy."""
    return dump_postgresql(path) if connection.vendor == "postgresql" else dump_sqlite(path)


def load(path: Path, *, stamp: str) -> Path | None:
    """Put the copy in the place of all that is there. Raises BadInput when it cannot.

    A damaged SQLite file is no place for it: it gets a name with the stamp, which is returned.
    """
    if connection.vendor == "postgresql":
        load_postgresql(path)
        return None
    return load_sqlite(path, stamp=stamp)


def count_rows() -> Counts:
    """The number of rows of each table as it is now."""
    with connection.cursor() as cursor:
        return counted(cursor, sorted(connection.introspection.table_names(cursor)))


def counted(cursor: Any, tables: Iterable[str]) -> Counts:
    counts = {}
    for table in tables:
        cursor.execute(f'SELECT count(*) FROM "{table}"')  # noqa: S608 - names from the catalogue
        counts[table] = cursor.fetchone()[0]
    return counts


# -- SQLite ------------------------------------------------------------------------------------
BELONGINGS = ("", "-wal", "-shm", "-journal")  # what SQLite keeps beside a database


def dump_sqlite(path: Path) -> Counts:
    copy = sqlite3.connect(path)
    try:
        connection.ensure_connection()
        connection.connection.backup(copy)
        refuse_damaged(copy, what="database")
        return counted(copy.cursor(), sorted(connection.introspection.table_names()))
    except (sqlite3.DatabaseError, DatabaseError) as error:
        raise BadInput(f"The database cannot be copied: {error}") from error
    finally:
        copy.close()


def load_sqlite(path: Path, *, stamp: str) -> Path | None:
    copy = sqlite3.connect(path)
    try:
        refuse_damaged(copy, what="database in the backup")
        damaged = set_aside(stamp=stamp) if is_damaged() else None
        connection.ensure_connection()
        copy.backup(connection.connection)
    except (sqlite3.DatabaseError, DatabaseError) as error:
        raise BadInput(f"The copy could not be put in place: {error}") from error
    finally:
        copy.close()
    return damaged


def refuse_damaged(copy: sqlite3.Connection, *, what: str) -> None:
    """Raises BadInput; a copy of damaged pages is as damaged, and counting rows may not notice."""
    (words,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    if words != "ok":
        raise BadInput(f"The {what} is damaged: {' '.join(words.split())}")


def is_damaged() -> bool:
    """Whether SQLite cannot make sense of our file. Raises OperationalError for any other hindrance."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA quick_check(1)")
            return bool(cursor.fetchone()[0] != "ok")
    except OperationalError:
        raise
    except DatabaseError:
        return True


def set_aside(*, stamp: str) -> Path:
    """Give our file, with what belongs to it, a name with the stamp, and return that."""
    connection.close()
    path = Path(connection.settings_dict["NAME"])
    kept = path.with_name(f"{path.name}.damaged-{stamp}")
    for ending in BELONGINGS:
        part = path.with_name(path.name + ending)
        if part.exists():
            part.rename(kept.with_name(kept.name + ending))
    return kept


# -- PostgreSQL --------------------------------------------------------------------------------
def dump_postgresql(path: Path) -> Counts:
    """pg_dump in a snapshot that our own counting shares."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        snapshot = cursor.fetchone()[0]
        options = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}"]
        call("pg_dump", *options, f"--file={path}")
        return counted(cursor, sorted(connection.introspection.table_names(cursor)))


def load_postgresql(path: Path) -> None:
    connection.close()
    options = ["--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction"]
    name = connection.settings_dict["NAME"]
    call("pg_restore", *options, "--exit-on-error", f"--dbname={name}", str(path))


def call(program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's own tools on our database. Raises BadInput with what it said."""
    found = shutil.which(program)
    if not found:
        raise BadInput(
            f"{program} is not installed here; install PostgreSQL's client programs of the "
            "server's version (postgresql-client on Debian)"
        )
    done = subprocess.run(
        [found, *arguments], env=os.environ | place(), check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise BadInput(f"{program} failed: {(done.stderr.strip() or 'it gave no reason')[:500]}")


def place() -> dict[str, str]:
    """Where the database is, as the environment of PostgreSQL's tools: no password in arguments."""
    settings = connection.settings_dict
    names = {"HOST": "PGHOST", "PORT": "PGPORT", "USER": "PGUSER", "PASSWORD": "PGPASSWORD"}
    given = {ours: str(settings[key]) for key, ours in names.items() if settings.get(key)}
    return given | {"PGDATABASE": str(settings["NAME"])}

"""`python -m benchmarks [NAME...] [--scale X] [--only sqlite|postgresql]`: all of NAMES when none is given.

Each runs in a process and a database of its own: a new SQLite file, and where DATABASE_URL names a PostgreSQL
server a new database there, dropped at the end. `pages` and `rebuild` share their books.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

NAMES = ("import_statement", "pages", "positions", "rebuild", "signals", "stop")
TOGETHER = (
    ("import_statement",), ("pages", "rebuild"), ("positions",), ("signals",), ("stop",),
)  # fmt: skip
QUEUED = ("signals", "stop")  # their tasks wait for workers; those of the others run at once
SQLITE, POSTGRESQL = "sqlite", "postgresql"


def main(words: Sequence[str]) -> int:
    options = parsed(words)
    for names in TOGETHER:
        wanted = [name for name in names if name in options.names]
        for kind in kinds(options.only) if wanted else ():
            with database(kind) as environment:
                measure(wanted, options.scale, environment)
    return 0


def parsed(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(NAMES)}; all when none is given")
    parser.add_argument("--scale", type=float, default=1.0, help="0.1: a tenth of the deals")
    parser.add_argument("--only", choices=(SQLITE, POSTGRESQL), help="one database alone")
    options = parser.parse_args(words)
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"There is no {', '.join(sorted(unknown))}; expected of {', '.join(NAMES)}.")
    options.names = options.names or list(NAMES)
    return options


def kinds(only: str | None) -> list[str]:
    has_server = os.environ.get("DATABASE_URL", "").startswith("postgres")
    if not has_server and only != SQLITE:
        print("PostgreSQL is left out, for DATABASE_URL names none.", file=sys.stderr)
    found = [SQLITE, POSTGRESQL] if has_server else [SQLITE]
    return [kind for kind in found if only in (None, kind)]


@contextmanager
def database(kind: str) -> Iterator[dict[str, str]]:
    """An empty database and data directory: what the environment must say to use them."""
    with tempfile.TemporaryDirectory(prefix="tradershub-bench-") as data:
        settings = {"TRADERSHUB_DATA": data, "LOAD_RATES": "1"}
        if kind == SQLITE:
            environment = os.environ | settings
            environment.pop("DATABASE_URL", None)
            yield environment
            return
        with own_database(os.environ["DATABASE_URL"]) as url:
            yield os.environ | settings | {"DATABASE_URL": url}


@contextmanager
def own_database(server: str) -> Iterator[str]:
    """A new database on that server, dropped at the end; its address."""
    name = f"tradershub_bench_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        finally:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(name)))


def measure(names: Sequence[str], scale: float, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "benchmarks.run", str(scale), *names]
    environment = environment | {"QUEUE_SYNC": "0" if set(names) & set(QUEUED) else "1"}
    subprocess.run(command, check=True, env=environment)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m benchmarks.run SCALE NAME...`: measure in the database of this process's environment.

Started by `python -m benchmarks`, which gives it an empty one.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Sequence

import django
from django.core.management import call_command
from django.db import connection

from benchmarks.measures import table


def main(words: Sequence[str]) -> None:
    scale, names = float(words[0]), words[1:]
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    django.setup()
    logging.disable(logging.WARNING)
    call_command("migrate", verbosity=0)
    for name in names:
        found = importlib.import_module(f"benchmarks.{name}").measure(scale)
        print(f"\n{name}, {database()}\n\n{table(found)}", flush=True)


def database() -> str:
    """Which database this is, with its version."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SHOW server_version")
            return f"PostgreSQL {cursor.fetchone()[0].split()[0]}"
        cursor.execute("SELECT sqlite_version()")
        return f"SQLite {cursor.fetchone()[0]}"


if __name__ == "__main__":
    main(sys.argv[1:])

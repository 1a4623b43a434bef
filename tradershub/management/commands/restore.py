"""Put a backup in the place of the database."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tradershub.backup import restore
from tradershub.core.errors import HubError
from tradershub.soleness import Taken, to_itself


class Command(BaseCommand):
    help = "Put a backup in the place of the database, then check row counts and audit chain."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--force", action="store_true", help="Replace a database with books")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with to_itself(settings.DATA_DIR):
                done = restore(options["file"], force=options["force"])
        except Taken as error:
            raise CommandError(
                f"A hub, or a part of it, runs on the data folder {settings.DATA_DIR}; stop it first."
            ) from error
        except HubError as error:
            raise CommandError(f"{error.message}.") from error
        if done.set_aside:
            self.stdout.write(f"The database was damaged; its file is kept as {done.set_aside}.")
        for fault in done.faults:
            self.stderr.write(f"{fault}.")
        rows = sum(done.manifest.rows.values())
        self.stdout.write(f"Restored {rows:,} rows as of {done.manifest.created_at}.")
        if done.faults:
            sys.exit(1)
        self.stdout.write("All tables have their rows and the audit chain is whole.")

"""Make database, static files and a first administrator ready; the second time in a moment."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from tradershub import first_password
from tradershub.core import audit
from tradershub.core.logs import quietly
from tradershub.core.private import tighten
from tradershub.first_password import NAME
from tradershub.roles import set_up_groups

ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # nothing to mistake


class Command(BaseCommand):
    help = "Migrate, collect static files, make a first administrator, load the example once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-demo", action="store_true", help="Leave the books empty")

    @quietly()
    def handle(self, *args: Any, **options: Any) -> None:
        tighten()
        migrate_when_due()
        collect_when_changed()
        password = make_administrator()
        try:
            load_example(first_time=bool(password), unwanted=options["no_demo"])
        finally:
            if password:
                self._tell(password)

    def _tell(self, password: str) -> None:
        if first_password.is_shown():
            told = f"{password}\n  It is shown only now;"
        else:
            told = f"in the file\n  {first_password.path()}\n  which the first log-in removes;"
        self.stdout.write(
            f"\n  Log in as {NAME} with the password {told} change it\n"
            f"  under your name, top right, or with manage.py changepassword {NAME}\n"
        )


def migrate_when_due() -> None:
    """Migrate when there is something to apply; else only bring the groups up to date."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", verbosity=0, interactive=False)
    else:
        set_up_groups()


def load_example(*, first_time: bool, unwanted: bool) -> None:
    """Load the example after the first start; again at the next one if that failed."""
    wanted = Path(settings.DATA_DIR) / "example.wanted"
    if first_time:
        wanted.touch()
    if unwanted:
        wanted.unlink(missing_ok=True)
    if wanted.exists():
        call_command("demo", owner=NAME)
        wanted.unlink()


def make_administrator() -> str:
    """The password of the administrator just made; empty when there was one."""
    users = get_user_model().objects
    if users.filter(is_superuser=True).exists():
        return ""
    password = "".join(secrets.choice(ALPHABET) for _ in range(20))
    if not first_password.is_shown():
        first_password.keep(
            password
        )  # before the person is there: who cannot read it cannot log in
    person = users.create_superuser(NAME, password=password)
    audit.record("person.create", actor="prepare", target=person, summary="First administrator")
    return password


def collect_when_changed() -> None:
    """Gather the static files unless none has changed since the last time."""
    stamp = Path(settings.DATA_DIR) / "static.stamp"
    state = state_of_sources()
    if stamp.exists() and stamp.read_text(encoding="ascii") == state:
        return
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    stamp.write_text(state, encoding="ascii")


def state_of_sources() -> str:
    """A digest over name, size and time of change of every static file."""
    digest = hashlib.sha256(str(settings.STATIC_ROOT).encode())
    for finder in get_finders():
        for name, storage in finder.list([]):
            facts = Path(storage.path(name)).stat()
            digest.update(f"{name}|{facts.st_size}|{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()

"""Put everything that is encrypted under the first of the field keys."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Model

from accounts.models import Channel, StatementFile
from brokers.models import Connection
from tradershub.core import crypto
from tradershub.core.audit import record
from tradershub.core.keys import kept_keys, put_before
from tradershub.core.models import Authenticator
from tradershub.soleness import Taken, to_itself
from trading.models import SignalSource

# Every field that holds something encrypted; tests/hub/test_rotate_keys.py finds one that is missing.
SEALED: tuple[tuple[type[Model], str], ...] = (
    (Authenticator, "sealed"),
    (Connection, "sealed"),
    (Channel, "sealed"),
    (SignalSource, "sealed"),
    (StatementFile, "data"),
)


@dataclass(slots=True)
class Count:
    renewed: int = 0
    current: int = 0
    unreadable: int = 0


class Command(BaseCommand):
    help = "Encrypt secrets (apps, connections, channels, signals) and statement files with the first field key."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--new",
            action="store_true",
            help="Make a new first key before; the hub must be stopped",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["new"]:
            self._with_new_key()
        else:
            self._rotate()

    def _with_new_key(self) -> None:
        """A running hub knows only the keys that it started with, and could not read what comes after."""
        path = settings.DATA_DIR / "field_key"
        if not path.exists() or kept_keys(path) != settings.FIELD_KEYS:
            raise CommandError(
                "FIELD_KEYS is set: put a new key before the others there, restart the hub, and run this "
                "without --new."
            )
        try:
            with to_itself(settings.DATA_DIR):
                put_before(path, Fernet.generate_key().decode("ascii"))
                settings.FIELD_KEYS = kept_keys(path)
                self.stdout.write(f"A new key stands first in {path}: keep a copy of it apart.")
                self._rotate()
        except Taken as error:
            raise CommandError(
                f"A hub, or a part of it, runs on the data folder {settings.DATA_DIR}; stop it first."
            ) from error

    def _rotate(self) -> None:
        counts = {model._meta.verbose_name_plural: Count() for model, _ in SEALED}
        for model, field in SEALED:
            for fate in renew(model, field, tell=self.stderr.write):
                count = counts[model._meta.verbose_name_plural]
                setattr(count, fate, getattr(count, fate) + 1)
        for name, count in counts.items():
            words = f"{count.renewed} renewed, {count.current} were already"
            self.stdout.write(f"{str(name).capitalize()}: {words}, {count.unreadable} unreadable.")
        unreadable = sum(count.unreadable for count in counts.values())
        record(
            "keys.rotate",
            actor="rotate_keys",
            summary=f"{sum(count.renewed for count in counts.values())} put under the first field key",
            details={"unreadable": unreadable},
        )
        if unreadable:
            sys.exit(1)
        older = len(settings.FIELD_KEYS) - 1
        if older:
            self.stdout.write(
                "The older keys are needed only for backups that were made with them."
            )


def renew(model: type[Model], field: str, *, tell: Any) -> Iterator[str]:
    """Each row's fate: renewed, current or unreadable. A row that changed meanwhile is looked at again."""
    rows = model._default_manager.exclude(**{field: b"" if field == "data" else ""})
    for pk in list(rows.order_by("pk").values_list("pk", flat=True)):
        yield from _renew_one(model, field, pk, tell)


def _renew_one(model: type[Model], field: str, pk: int, tell: Any) -> Iterator[str]:
    one = model._default_manager.filter(pk=pk)
    while (found := one.values_list(field, flat=True).first()) is not None:
        packed = found.encode("ascii") if isinstance(found, str) else bytes(found)
        if crypto.is_under_first_key(packed):
            yield "current"
            return
        try:
            renewed = crypto.renewed(packed)
        except crypto.Unreadable as error:
            tell(f"{model._meta.verbose_name} {pk}: {error}")
            yield "unreadable"
            return
        value: Any = renewed.decode("ascii").strip() if isinstance(found, str) else renewed
        unchanged = one.filter(**{field: found}) if isinstance(found, str) else one
        if unchanged.update(**{field: value}):
            yield "renewed"
            return

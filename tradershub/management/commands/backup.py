"""Write a sealed backup of everything."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from tradershub.backup import create
from tradershub.backup.sealed import key_id
from tradershub.core import audit
from tradershub.core.errors import HubError


class Command(BaseCommand):
    help = "Write database and files into one file, sealed with the field key. The hub may run."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", help="Default: backups/ in the data folder")
        parser.add_argument("--keep", type=int, help="Keep only so many of the default's files")

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(options["file"]) if options["file"] else default_path()
        if not path.parent.is_dir():
            raise CommandError(f"There is no folder {path.parent}.")
        audit.record("backup.create", actor="backup", target=path.name)
        try:
            manifest = create(path)
        except HubError as error:
            raise CommandError(f"{error.message}.") from error
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
        self.stdout.write(
            f"{path}: {path.stat().st_size:,} bytes, {sum(manifest.rows.values()):,} rows, "
            f"audit head {manifest.head[0]}:{manifest.head[1]}\n"
            f"Sealed with field key number {key_id(settings.FIELD_KEYS[0]).hex()}, which is not "
            "in it: keep that key apart."
        )
        if options["keep"] and not options["file"]:
            prune(path.parent, keep=options["keep"])


def default_path() -> Path:
    folder = Path(settings.DATA_DIR) / "backups"
    folder.mkdir(exist_ok=True)
    return folder / f"tradershub-{timezone.now():%Y%m%d-%H%M%S}-{os.getpid()}.backup"


def prune(folder: Path, *, keep: int) -> None:
    for old in sorted(folder.glob("tradershub-*.backup"))[:-keep]:
        old.unlink()

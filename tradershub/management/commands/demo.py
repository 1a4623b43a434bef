"""Load the example: a year of one person's statements, read by the real importer."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Account
from tradershub.core.logs import quietly
from tradershub.example import write_example
from tradershub.management.example_terms import add_example_terms


class Command(BaseCommand):
    help = "Load the example data for a person; running it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--owner", default="admin", help="Whose accounts they shall be")

    @quietly()
    def handle(self, *args: Any, **options: Any) -> None:
        owner = get_user_model().objects.filter(username=options["owner"]).first()
        if owner is None:
            raise CommandError(f'There is no person "{options["owner"]}".')
        files = example_files()
        self.stdout.write(f"Loading {len(files)} example statements ...")
        call_command(
            "import_statement",
            *(str(path) for path in files),
            owner=owner.username,
            open=True,
            yes=True,
            stdout=io.StringIO(),
        )
        add_example_terms(owner)
        count = Account.objects.filter(owner=owner).count()
        self.stdout.write(f"{owner.username} has {count} accounts. The files: {files[0].parent}")


def example_files() -> list[Path]:
    """The files written at the first call, in their order; the same ones at every later call."""
    folder = Path(settings.DATA_DIR) / "example"
    order = folder / "order.txt"
    if order.exists():
        return [folder / name for name in order.read_text(encoding="utf-8").splitlines()]
    files = write_example(folder, until=timezone.now().date())
    order.write_text("\n".join(path.name for path in files), encoding="utf-8")
    return files

"""Recompute positions and day figures from the deals, and say what differed from the stored."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.booking import rebuild
from accounts.models import Account


class Command(BaseCommand):
    help = (
        "Recomputes positions and day figures from the deals. Exit status 1, with a list, when what was "
        "stored differed; the differences are mended unless --check is given."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", metavar="N", help="the number or id of one account")
        parser.add_argument("--check", action="store_true", help="compare only, change nothing")

    def handle(self, **options: Any) -> None:
        accounts = chosen(options["account"])
        differences = 0
        for account in accounts:
            words = rebuild(account, check=options["check"])
            differences += len(words)
            for sentence in words:
                self.stdout.write(f"{account.broker} {account.number}: {sentence}")
        done = "found" if options["check"] else "found and mended"
        if differences:
            many = "difference" if differences == 1 else "differences"
            raise CommandError(f"{differences} {many} {done}, accounts: {len(accounts)}")
        self.stdout.write(f"{len(accounts)} accounts: what is stored follows from the deals")


def chosen(wanted: str | None) -> list[Account]:
    """The accounts of that number, else the one of that id; all when nothing is wanted."""
    accounts = Account.objects.select_related("broker").order_by("pk")
    if wanted is None:
        return list(accounts)
    found = list(accounts.filter(number=wanted))
    if not found and wanted.isdecimal():
        found = list(accounts.filter(pk=int(wanted)))
    if not found:
        raise CommandError(f"There is no account {wanted}; expected the number or id of an account")
    return found

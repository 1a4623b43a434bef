"""Take a person's second factor away, who has lost phone and recovery codes."""

from __future__ import annotations

import getpass
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tradershub.core.errors import HubError
from tradershub.core.second_factor import reset


class Command(BaseCommand):
    help = "Take a person's second factor away: the password alone logs them in, until they set one up anew."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="The name with which they log in")
        parser.add_argument("--reason", required=True, metavar="TEXT", help="For the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        person = get_user_model().objects.filter(username=options["name"]).first()
        if person is None:
            raise CommandError(f"There is no person {options['name']!r}.")
        try:
            actor = f"reset_second_factor by {getpass.getuser()}"
            reset(person, actor=actor, reason=options["reason"])
        except HubError as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(f"{person} has no second factor any more, and was logged out everywhere.")

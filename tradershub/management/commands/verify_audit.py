"""Check the audit chain from its first entry to its last."""

from __future__ import annotations

import argparse
import re
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tradershub.core import audit

HEAD = re.compile(r"(\d+):([0-9a-f]{64})")


def noted_head(text: str) -> tuple[int, str]:
    match = HEAD.fullmatch(text.strip().lower())
    if not match:
        raise argparse.ArgumentTypeError(
            f'"{text}" is not a head; expected NUMBER:HASH as verify_audit prints it'
        )
    return int(match[1]), match[2]


class Command(BaseCommand):
    help = "Check the audit chain; exit status 1 and a line for each fault found."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--head",
            type=noted_head,
            action="append",
            default=[],
            metavar="NUMBER:HASH",
            help="A head that was written down earlier; may be given several times",
        )
        parser.add_argument(
            "--begin-notes",
            metavar="REASON",
            help="Set the notes outside the database aside and begin new ones; the log says so",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._bring_up_to_date(options["begin_notes"])
        except OSError as error:
            raise CommandError(f"The notes cannot be written: {error.strerror}.") from error
        findings = audit.verify(noted=dict(options["head"]))
        for finding in findings:
            self.stderr.write(f"{finding.kind}: {finding.sentence}.")
        if any(finding.kind == "notes" for finding in findings):
            self.stderr.write(
                "Put the file of notes back, or begin new ones with --begin-notes REASON."
            )
        seq, digest = audit.head()
        self.stdout.write(f"{seq} entries, head {seq}:{digest}")
        if findings:
            sys.exit(1)
        self.stdout.write("The audit chain is whole.")

    def _bring_up_to_date(self, reason: str | None) -> None:
        if reason is not None:
            if not reason.strip():
                raise CommandError("Expected a reason for --begin-notes, which the log will show.")
            audit.begin_notes(reason=reason)
            self.stdout.write("New notes are begun; the old ones are kept beside them.")
        if late := audit.note_late():
            self.stdout.write(f"Noted late: entries {late[0]} to {late[-1]}.")

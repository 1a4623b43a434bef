"""Check the audit chain from its first entry to its last."""

from __future__ import annotations

import argparse
import re
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

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

    def handle(self, *args: Any, **options: Any) -> None:
        findings = audit.verify(noted=dict(options["head"]))
        for finding in findings:
            self.stderr.write(f"{finding.kind}: {finding.sentence}.")
        seq, digest = audit.head()
        self.stdout.write(f"{seq} entries, head {seq}:{digest}")
        if findings:
            sys.exit(1)
        self.stdout.write("The audit chain is whole.")

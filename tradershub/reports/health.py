"""Whether database, workers, queues and disk are fit for work."""

from __future__ import annotations

from django.utils import timezone

from tradershub import health
from tradershub.core import formats
from tradershub.core.models import Heartbeat
from tradershub.reports import tables
from tradershub.reports.base import Content, Figure, Report
from tradershub.reports.tables import Column, ListRows, Table


class Health(Report):
    title = "Is the machine working?"
    group = "Settings"
    description = (
        "Database, tables, workers, queues, notes of the log and disk, and when each worker was last "
        "seen at work."
    )
    uses = ()

    def build(self) -> Content:
        found = {name: health.outcome(check) for name, check in health.CHECKS.items()}
        failing = [words for words in found.values() if health.is_failure(words)]
        warnings = [words for words in found.values() if words.startswith(health.WARNING)]
        now = timezone.now()
        beats = [
            {
                "name": beat.name,
                "at": beat.at,
                "age": formats.age(beat.at, now=now),
                "detail": beat.detail,
            }
            for beat in Heartbeat.objects.order_by("name")
        ]
        return Content(
            figures=[
                Figure(
                    "State",
                    in_words(failing=len(failing), warnings=len(warnings)),
                    lead=True,
                    tone="loss" if failing else "" if warnings else "gain",
                    note=f"looked at {timezone.localtime(now):%H:%M:%S}",
                )
            ],
            tables=[
                Table(
                    "checks",
                    "Checks",
                    [
                        Column("name", "Check", main=True),
                        Column("outcome", "Outcome", tables.WORDS, main=True),
                    ],
                    ListRows([{"name": name, "outcome": words} for name, words in found.items()]),
                ),
                Table(
                    "workers",
                    "Signs of life",
                    BEATS,
                    ListRows(beats),
                    empty="No worker has ever reported.",
                ),
            ],
        )


def in_words(*, failing: int, warnings: int) -> str:
    if failing:
        return f"{failing} failing"
    if warnings:
        return f"{warnings} warning" + ("s" if warnings > 1 else "")
    return "All is well"


BEATS = [
    Column("name", "Who", main=True),
    Column("age", "Last seen", sort="at", main=True),
    Column("at", "At", tables.MOMENT),
    Column("detail", "Detail", tables.WORDS),
]

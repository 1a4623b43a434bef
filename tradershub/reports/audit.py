"""Who did what, and whether the chain of the log is whole."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.core.cache import cache
from django.db.models import Q, QuerySet
from django.utils import timezone

from tradershub.core import audit
from tradershub.core.models import AuditEntry
from tradershub.core.persons import is_administrator
from tradershub.reports import tables
from tradershub.reports.base import PERIOD, Content, Figure, Notice, Report
from tradershub.reports.tables import Column, QueryRows, Table

VERIFIED = "audit-page-verified"
# A page verifies a chain up to this length itself; a longer one is for `manage.py verify_audit`.
VERIFIED_HERE = 5000


class AuditLog(Report):
    title = "Who did what?"
    group = "Settings"
    description = (
        "Every action that changed something, each sealed with the hash of the one before."
    )
    uses = (PERIOD,)

    def build(self) -> Content:
        head = audit.head()
        findings, at = _verified(head)
        return Content(
            figures=self._figures(head, findings, at),
            notices=[Notice(finding, "error") for finding in findings[:5]],
            tables=[
                Table(
                    "entries",
                    "Entries",
                    COLUMNS,
                    QueryRows(self._entries().values("pk", *(column.key for column in COLUMNS))),
                    order="-seq",
                    version=str(head),
                    empty="Nothing was done in this period.",
                )
            ],
        )

    def _entries(self) -> QuerySet[AuditEntry]:
        """The person's own actions and what concerns their books; an administrator sees the hub's too."""
        user = self.filters.user
        own = Q(owner_id=user.pk) | Q(actor=user.get_username(), owner_id__isnull=True)
        if is_administrator(user):
            own |= Q(owner_id__isnull=True)
        return AuditEntry.objects.filter(own & self._days())

    def _days(self) -> Q:
        """The period by the person's own clock: audit entries belong to no broker."""
        start, end = self.filters.period.start, self.filters.period.end
        found = Q()
        if start:
            found &= Q(at__gte=_midnight(start))
        if end:
            found &= Q(at__lt=_midnight(end + dt.timedelta(days=1)))
        return found

    def _figures(
        self, head: tuple[int, str], findings: Sequence[str], at: dt.datetime | None
    ) -> list[Figure]:
        seq, digest = head
        state = "Broken" if findings else "Whole" if at else "Not verified here"
        return [
            Figure(
                "Chain",
                state,
                lead=True,
                tone="loss" if findings else "gain" if at else "",
                note=f"verified {timezone.localtime(at):%Y-%m-%d %H:%M:%S}"
                if at
                else "run manage.py verify_audit",
                why="Each entry carries SHA-256 of the entry before and its own content; all were computed again.",
            ),
            Figure("Entries in all", tables.COUNT.write(seq, "")),
            Figure("Head", digest[:12], why=f"Hash of entry {seq}: {digest}"),
        ]


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), tzinfo=timezone.get_current_timezone())


def _verified(head: tuple[int, str]) -> tuple[list[str], dt.datetime | None]:
    """What is wrong with the chain, and when that was found out; kept for a minute per head."""
    kept = cache.get(VERIFIED)
    if kept and kept["head"] == head and timezone.now() - kept["at"] < dt.timedelta(minutes=1):
        return kept["findings"], kept["at"]
    if head[0] > VERIFIED_HERE:
        return [], None
    found = {
        "head": head,
        "at": timezone.now(),
        "findings": [finding.sentence for finding in audit.verify()],
    }
    cache.set(VERIFIED, found)
    return found["findings"], found["at"]


COLUMNS = [
    Column("at", "When", tables.MOMENT, main=True),
    Column("actor", "Who", main=True),
    Column("action", "What", main=True),
    Column("summary", "In words", tables.WORDS, sort=None),
    Column("target", "On", shown=False),
    Column("seq", "Number", tables.COUNT),
    Column("request_id", "Request", shown=False, sort=None),
    Column("hash", "Hash", shown=False, sort=None),
]

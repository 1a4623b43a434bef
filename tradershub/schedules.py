"""Every periodic task in one table, with the reason for its hour. Times are UTC cron lines."""

from __future__ import annotations

from dataclasses import dataclass

from tradershub.core.queue import drop_schedules_except, set_schedule


@dataclass(frozen=True, slots=True)
class Periodic:
    """One function the batch cluster calls at the times of its cron line."""

    name: str
    task: str
    cron: str


# At night, after the New York close in both halves of the year; apart, so that none waits for another.
# Every minute: a keeper that is down is told by a worker.
# What workers made for pages is kept for hours, so it goes by the hour.
SCHEDULES = (
    Periodic("Prune queue results", "tradershub.core.tasks.prune_queue", "5 23 * * *"),
    Periodic("Clear sessions", "tradershub.core.tasks.clear_sessions", "10 23 * * *"),
    Periodic("Forget old counters of risk", "risk.tasks.forget", "15 23 * * *"),
    Periodic("Forget old notifications", "accounts.tasks.forget_notifications", "15 23 * * *"),
    Periodic("Verify the audit chain", "tradershub.core.tasks.verify_audit", "20 23 * * *"),
    Periodic("Tell what the keeper would", "trading.tasks.watch_over", "* * * * *"),
    Periodic("Forget old builds", "tradershub.reports.tasks.forget_builds", "35 * * * *"),
)


def sync() -> int:
    """Bring the queue's schedules into line with the table; returns how many there are."""
    for periodic in SCHEDULES:
        set_schedule(periodic.name, task=periodic.task, cron=periodic.cron)
    drop_schedules_except({periodic.name for periodic in SCHEDULES})
    return len(SCHEDULES)

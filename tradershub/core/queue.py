"""Send work to the workers. The only file that names the task queue.

The queue is a wake-up, the tables are the truth: a task carries only ids, may run twice, and its row is
written in the caller's own transaction, so it neither runs before the commit nor outlives a rollback.
"""

from __future__ import annotations

from typing import Any

from django_q.tasks import async_task


def enqueue(name: str, *args: Any, cluster: str = "batch") -> str:
    """Have a worker of that cluster call the function of that dotted name; returns the task's id."""
    return str(async_task(name, *args, cluster=cluster))

"""Send work to the workers; with queue_broker.py and sturdy_queue.py what knows the task queue.

The queue is a wake-up, the tables are the truth: a task carries only ids, may run twice, and its
row is written in the caller's own transaction, so it neither runs before the commit nor outlives
a rollback.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import structlog
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ, Schedule, Task
from django_q.signals import post_execute_in_worker, pre_enqueue, pre_execute
from django_q.tasks import async_task

from tradershub.core import signs
from tradershub.core.logs import current_request_id

EXECUTION, BATCH = "execution", "batch"
CLUSTERS = (EXECUTION, BATCH)
FULL = 1000  # tasks
log = structlog.get_logger("tradershub.task")


def enqueue(name: str, *args: Any, cluster: str = BATCH, keep_result: bool = True) -> str:
    """Have a worker of that cluster call the function of that dotted name; returns the task's id.

    A failed task of the execution cluster is never repeated by the queue: the order's own state
    decides (design.md 3.2). `keep_result=False` leaves no row of a success.
    """
    options: dict[str, Any] = {"cluster": cluster, "ack_failure": cluster == EXECUTION}
    if not keep_result:
        options["save"] = False
    return str(async_task(name, *args, q_options=options))


def oldest_waiting(cluster: str) -> dt.timedelta:
    """How long the oldest task of that cluster has been waiting for a worker; zero for none."""
    now = timezone.now()
    waiting = OrmQ.objects.filter(key=cluster, lock__lte=now)
    since = waiting.order_by("lock").values_list("lock", flat=True).first()
    return now - since if since else dt.timedelta(0)


def is_full(cluster: str) -> bool:
    """Whether so many tasks wait that one more wake-up would wake nobody sooner."""
    return OrmQ.objects.filter(key=cluster)[FULL:].exists()


def release_claims(cluster: str) -> int:
    """Give back what dead workers had claimed, instead of waiting for hours; returns how many.

    Only where no worker of that cluster is alive anywhere: any task may run twice, but should not.
    """
    now = timezone.now()
    return OrmQ.objects.filter(key=cluster, lock__gt=now).update(lock=now)


def prune_results(*, before: dt.datetime) -> int:
    """Forget what finished before that moment; returns how many results went."""
    return Task.objects.filter(stopped__lt=before).delete()[0]


# -- Periodic tasks ----------------------------------------------------------------------------
def set_schedule(name: str, *, task: str, cron: str) -> None:
    """Have the batch cluster call that function at the times of the cron line, in UTC."""
    found = Schedule.objects.filter(name=name).first()
    if found and (found.func, found.cron) == (task, cron):
        return
    Schedule.objects.update_or_create(
        name=name,
        defaults={
            "func": task,
            "cron": cron,
            "schedule_type": Schedule.CRON,
            "cluster": BATCH,
            "repeats": -1,
            "next_run": Schedule(schedule_type=Schedule.CRON, cron=cron).calculate_next_run(),
        },
    )


def drop_schedules_except(names: set[str]) -> int:
    """Remove the schedules that no table of ours names any more; returns how many went."""
    return Schedule.objects.exclude(name__in=names).delete()[0]


# -- What workers tell -------------------------------------------------------------------------
def connect_signals() -> None:
    """Have each task carry the id of its request into the logs, and leave signs of life."""
    pre_enqueue.connect(_carry_request_id, dispatch_uid="tradershub")
    pre_execute.connect(_begin, dispatch_uid="tradershub")
    post_execute_in_worker.connect(_end, dispatch_uid="tradershub")


def _carry_request_id(*, task: dict[str, Any], **_: Any) -> None:
    task["request_id"] = current_request_id()


def _begin(*, task: dict[str, Any], **_: Any) -> None:
    if task.get("sync"):
        return
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(
        request_id=task.get("request_id", ""), task=str(task["func"]), task_id=task["id"]
    )
    task["begun"] = time.monotonic()
    signs.task_begins(Conf.CLUSTER_NAME, seconds=Conf.TIMEOUT)


def _end(*, task: dict[str, Any], **_: Any) -> None:
    if task.get("sync"):
        return
    signs.task_ends(Conf.CLUSTER_NAME)
    milliseconds = round((time.monotonic() - task.pop("begun")) * 1000, 1)
    if not task["success"]:
        log.error("task_failed", ms=milliseconds, error=str(task["result"])[:2000])
    elif task.get("save", True):
        log.info("task_done", ms=milliseconds)
    structlog.contextvars.clear_contextvars()

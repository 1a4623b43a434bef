"""Two addresses for monitors: is the process up, and can it do its work. No log-in, no secrets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from tradershub.core.models import Heartbeat
from tradershub.core.queue import BATCH, CLUSTERS, EXECUTION, oldest_waiting

# An order that waits so long is late; a statement may wait behind a long one.
LONGEST_WAIT = {EXECUTION: dt.timedelta(seconds=30), BATCH: dt.timedelta(hours=1)}
OK = "ok"


@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """200 while this process answers; asks nobody else."""
    return JsonResponse({"status": OK})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when the database, its tables, the workers and the queue are fit for work, else 503."""
    checks = {name: outcome(check) for name, check in CHECKS.items()}
    fit = all(words == OK for words in checks.values())
    return JsonResponse(
        {"status": OK if fit else "failing", "checks": checks}, status=200 if fit else 503
    )


def outcome(check: Callable[[], str]) -> str:
    """What the check says; a database that is away is said without its address."""
    try:
        return check()
    except Error:
        return "the database does not answer"


def database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return OK


def migrations() -> str:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(missing)} migrations are not applied; run migrate" if missing else OK


def heartbeat(cluster: str) -> str:
    last = (
        Heartbeat.objects.filter(name__startswith=f"{cluster}@")
        .order_by("-at")
        .values_list("at", flat=True)
        .first()
    )
    if last is None:
        return "no worker has ever reported; start the hub"
    age = (timezone.now() - last).total_seconds()
    if age > settings.HEARTBEAT_LIMIT:
        return f"no worker has reported for {age:.0f} s"
    return OK


def queue(cluster: str) -> str:
    waiting = oldest_waiting(cluster)
    if waiting > LONGEST_WAIT[cluster]:
        return f"the oldest task has been waiting for {waiting.total_seconds():.0f} s"
    return OK


CHECKS: dict[str, Callable[[], str]] = {
    "database": database,
    "migrations": migrations,
    **{f"workers: {cluster}": partial(heartbeat, cluster) for cluster in CLUSTERS},
    **{f"queue: {cluster}": partial(queue, cluster) for cluster in CLUSTERS},
}

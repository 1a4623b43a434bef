"""Two addresses for monitors: is the process up, and can it do its work. No log-in, no secrets."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Collection
from functools import partial

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from tradershub.core import audit
from tradershub.core.models import Heartbeat
from tradershub.core.queue import BATCH, CLUSTERS, EXECUTION, oldest_waiting

# An order that waits so long is late; a statement may wait behind a long one.
LONGEST_WAIT = {EXECUTION: dt.timedelta(seconds=30), BATCH: dt.timedelta(hours=1)}
MB = 2**20
LITTLE_SPACE, NO_SPACE = 1024 * MB, 100 * MB  # bytes free: to be warned of, to stop at
OK = "ok"
WARNING = "warning: "  # begins what has to be mended while the work goes on


@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """200 while this process answers; asks nobody else."""
    return JsonResponse({"status": OK})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when database, tables, workers, keeper, queue and disk are fit for work, warnings or not; else 503."""
    checks = {name: outcome(check) for name, check in CHECKS.items()}
    state = state_of(checks.values())
    return JsonResponse(
        {"status": state, "checks": checks}, status=503 if state == "failing" else 200
    )


def state_of(outcomes: Collection[str]) -> str:
    """ "ok", "warning" or "failing", whatever is the worst."""
    if any(is_failure(words) for words in outcomes):
        return "failing"
    return OK if all(words == OK for words in outcomes) else "warning"


def is_failure(words: str) -> bool:
    return words != OK and not words.startswith(WARNING)


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


def heartbeat(cluster: str, *, who: str = "worker") -> str:
    last = (
        Heartbeat.objects.filter(name__startswith=f"{cluster}@")
        .order_by("-at")
        .values_list("at", flat=True)
        .first()
    )
    if last is None:
        return f"no {who} has ever reported; start the hub"
    age = (timezone.now() - last).total_seconds()
    if age > settings.HEARTBEAT_LIMIT:
        return f"no {who} has reported for {age:.0f} s"
    return OK


def queue(cluster: str) -> str:
    waiting = oldest_waiting(cluster)
    if waiting > LONGEST_WAIT[cluster]:
        return f"the oldest task has been waiting for {waiting.total_seconds():.0f} s"
    return OK


def audit_notes() -> str:
    """Also notes what waits for it, so that a disk with room again is made use of at once."""
    try:
        audit.note_late()
    except OSError as error:
        return f"the notes of the audit log cannot be written: {error.strerror}"
    return OK


def disk() -> str:
    """The room for uploads, notes, backups and, with SQLite, the database."""
    try:
        free = shutil.disk_usage(settings.DATA_DIR).free
    except OSError as error:
        return f"the data folder cannot be read: {error.strerror}"
    words = f"{free // MB} MB are free on the disk of the data folder"
    if free < NO_SPACE:
        return words
    return f"{WARNING}{words}" if free < LITTLE_SPACE else OK


CHECKS: dict[str, Callable[[], str]] = {
    "database": database,
    "migrations": migrations,
    **{f"workers: {cluster}": partial(heartbeat, cluster) for cluster in CLUSTERS},
    **{f"queue: {cluster}": partial(queue, cluster) for cluster in CLUSTERS},
    "keeper": partial(heartbeat, "keeper", who="keeper"),
    "audit notes": audit_notes,
    "disk": disk,
}

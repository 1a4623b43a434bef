"""What the floor itself has workers do."""

from __future__ import annotations

import datetime as dt
import socket

import structlog
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from tradershub.core import audit
from tradershub.core.models import Heartbeat
from tradershub.core.queue import prune_results

log = structlog.get_logger("tradershub.tasks")


def beat(cluster: str) -> None:
    """A worker of that cluster is alive and takes tasks: say so."""
    record_beat(here(cluster))


def here(cluster: str) -> str:
    """The name under which that cluster's workers on this host are known: "batch@host"."""
    return f"{cluster}@{socket.gethostname()}"[:60]


def record_beat(name: str, *, detail: str = "") -> None:
    """Note that what bears this name was seen at work just now."""
    Heartbeat.objects.update_or_create(
        name=name, defaults={"at": timezone.now(), "detail": detail[:200]}
    )


def prune_queue() -> int:
    """Forget old results and hosts that are no more; the queue library would do it on each task."""
    before = timezone.now() - dt.timedelta(days=settings.QUEUE_RESULT_DAYS)
    Heartbeat.objects.filter(at__lt=before).delete()
    return prune_results(before=before)


def verify_audit() -> None:
    """Check the audit chain; a fault fails the task, so that it shows where failures are shown."""
    try:
        audit.note_late()
    except OSError:
        log.exception("audit_not_noted")
    findings = audit.verify()
    record_beat("audit chain", detail=findings[0].sentence if findings else "whole")
    if findings:
        log.error("audit_chain_broken", findings=[finding.sentence for finding in findings[:20]])
        raise RuntimeError(f"The audit chain is broken: {findings[0].sentence}")


def clear_sessions() -> None:
    """Delete sessions that have run out."""
    call_command("clearsessions")

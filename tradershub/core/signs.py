"""What a worker leaves on disk, so that its supervisor can tell a long task from a hang.

A cluster whose worker was killed with a lock in its hands looks alive in every way but one: it starts
no task any more (django-q2 issues 23 and 339). So each start of a task touches the cluster's file, and a task at
work leaves one for its process with the moment by which it must have ended.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from pathlib import Path

import psutil
from django.conf import settings

UPLOAD = "web-upload"
AHEAD = 1.0  # seconds by which a file's time may be
MARGIN = 15.0  # seconds a worker may need beyond its time limit to be put down


def task_begins(cluster: str, *, seconds: float) -> None:
    """This process takes up a task that may run for so many seconds."""
    _folder().mkdir(exist_ok=True)
    _mark(cluster, os.getpid()).write_text(str(time.time() + seconds + MARGIN), encoding="ascii")
    _sign(cluster).touch()


def task_ends(cluster: str) -> None:
    """This process is free again."""
    _mark(cluster, os.getpid()).unlink(missing_ok=True)
    _sign(cluster).touch()


def last_sign(cluster: str) -> float:
    """When a worker of that cluster last began or ended a task, as time.time(); 0 for never.

    A sign ahead of the clock was left before it was set back: it counts from now on.
    """
    try:
        at = _sign(cluster).stat().st_mtime
    except FileNotFoundError:
        return 0.0
    if at > time.time() + AHEAD:
        _sign(cluster).touch()
    return at


def upload_moves() -> None:
    """A web process received a piece of an upload; noted once in HEARTBEAT_SECONDS."""
    if time.time() - last_sign(UPLOAD) > settings.HEARTBEAT_SECONDS:
        _folder().mkdir(exist_ok=True)
        _sign(UPLOAD).touch()


def lives(name: str) -> None:
    """Whoever bears this name goes its round: so much is seen even while no database answers."""
    _folder().mkdir(exist_ok=True)
    _sign(name).touch()


def is_busy(cluster: str, *, pids: Collection[int]) -> bool:
    """True while one of these processes is at a task that may still run."""
    return any(_deadline(_mark(cluster, pid)) > time.time() for pid in pids)


def bury(cluster: str) -> int:
    """Forget the processes that died at a task; returns how many there were."""
    dead = [mark for mark in _folder().glob(f"{cluster}.*.busy") if not _is_alive(mark)]
    for mark in dead:
        mark.unlink(missing_ok=True)
    return len(dead)


def _is_alive(mark: Path) -> bool:
    return psutil.pid_exists(int(mark.name.split(".")[-2]))


def forget(cluster: str) -> None:
    """No worker of that cluster runs on this host: what the last ones left means nothing."""
    for mark in _folder().glob(f"{cluster}*"):
        mark.unlink(missing_ok=True)


def _deadline(mark: Path) -> float:
    try:
        return float(mark.read_text(encoding="ascii") or 0)
    except FileNotFoundError:
        return 0.0


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "workers"


def _sign(cluster: str) -> Path:
    return _folder() / f"{cluster}.sign"


def _mark(cluster: str, pid: int) -> Path:
    return _folder() / f"{cluster}.{pid}.busy"

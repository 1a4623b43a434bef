"""Work for one person that takes too long to wait for: asked for once, done by a worker, kept for a while.

A build is known by its owner and the hash of its question. The question holds the state of the books, so a
build of books that have changed since is never found again. What was made is kept in parts of one size.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, NamedTuple

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from tradershub.core import formats
from tradershub.core.errors import HubError
from tradershub.core.models import Build, BuildPart
from tradershub.core.queue import enqueue

log = structlog.get_logger("tradershub.builds")
State = Build.State
PART = 1 << 20
TOLD_EVERY = 0.5  # seconds
PATIENCE = 20  # seconds after which a person should know that no worker takes it
REMEMBERED = 3600  # seconds


class Dropped(Exception):
    """Nobody waits for the build any more, or the books have changed since it was asked for."""


@dataclass
class Progress:
    """Tells others how many rows are done, now and then. Raises Dropped where nobody waits any more.

    By the cache: SQLite lets nobody write who is in the middle of reading.
    """

    build: Build
    told_at: float = 0

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self.told_at < TOLD_EVERY:
            return
        self.told_at = time.monotonic()
        if cache.get(_dropped(self.build)):
            raise Dropped
        cache.set(_progress(self.build), (done, total), REMEMBERED)


def _progress(build: Build) -> str:
    return f"build-{build.pk}-{build.asked_at.timestamp()}-progress"


def _dropped(build: Build) -> str:
    return f"build-{build.pk}-{build.asked_at.timestamp()}-dropped"


# Writes what was asked for into the file; returns what is to be known of it without reading it.
Make = Callable[[Build, IO[bytes], Progress], dict[str, Any]]


# -- Asking ------------------------------------------------------------------------------------
def key_of(*question: Any) -> str:
    return hashlib.sha256(repr(question).encode()).hexdigest()


def find(owner: Any, key: str) -> Build | None:
    return Build.objects.filter(owner=owner, key=key).first()


@transaction.atomic
def ask(owner: Any, key: str, question: dict[str, Any]) -> Build:
    """The one build of this question, however far it is; a new one is handed to the workers."""
    build, is_new = Build.objects.get_or_create(
        owner=owner, key=key, defaults={"question": question}
    )
    if is_new:
        enqueue("tradershub.reports.tasks.build", build.pk)
    return build


@transaction.atomic
def retry(build: Build) -> None:
    """Hand a build that failed to the workers again."""
    failed = Build.objects.filter(pk=build.pk, state=State.FAILED)
    if failed.update(state=State.WAITING, reason="", asked_at=timezone.now()):
        enqueue("tradershub.reports.tasks.build", build.pk)


def drop(build: Build) -> None:
    """Nobody waits for it any more: the worker leaves off, and nothing is kept."""
    cache.set(_dropped(build), True, REMEMBERED)
    build.delete()


# -- Making ------------------------------------------------------------------------------------
def carry_out(build: Build, make: Make) -> str:
    """Make it and keep what was made; returns what became of it. Safe to run twice."""
    mine = Build.objects.filter(pk=build.pk, state__in=Build.PENDING)
    if not mine.update(state=State.BUILDING, begun_at=timezone.now()):
        return "over already"
    try:
        with tempfile.TemporaryFile() as file:
            summary = make(build, file, Progress(build))
            file.seek(0)
            _keep(build, file, summary)
    except Dropped:
        mine.delete()
        return "dropped"
    except HubError as refusal:
        return _fail(build, refusal.message)
    except Exception as error:  # a task's edge: the person is told, the log has the rest
        log.exception("build_failed", id=build.pk, question=build.question)
        return _fail(build, f"It stopped at an error ({type(error).__name__}).")
    return State.DONE.value


@transaction.atomic
def _keep(build: Build, file: IO[bytes], summary: dict[str, Any]) -> None:
    """Nothing is kept of a build that was dropped, or that another worker has finished."""
    mine = Build.objects.select_for_update().filter(pk=build.pk, state=State.BUILDING).first()
    if mine is None:
        return
    for number, data in enumerate(iter(partial(file.read, PART), b"")):
        BuildPart.objects.create(build=mine, number=number, data=data)
    mine.state, mine.summary, mine.size = State.DONE, summary, file.tell()
    mine.save(update_fields=["state", "summary", "size"])
    _make_room(mine)


def _fail(build: Build, reason: str) -> str:
    building = Build.objects.filter(pk=build.pk, state=State.BUILDING)
    building.update(state=State.FAILED, reason=reason[:300])
    return reason


# -- Keeping -----------------------------------------------------------------------------------
def _make_room(newest: Build) -> None:
    """Forget the person's oldest until the rest is within the bound; the newest stays in any case."""
    left = settings.BUILDS_MAX_MB * 1_000_000 - newest.size
    others = Build.objects.filter(owner=newest.owner_id, state=State.DONE).exclude(pk=newest.pk)
    for other in others.order_by("-asked_at", "-pk"):
        left -= other.size
        if left < 0:
            other.delete()


def forget_old() -> int:
    """Delete what was asked for longer ago than builds are kept; returns how many went."""
    old = Build.objects.filter(asked_at__lt=timezone.now() - _kept_for())
    count = old.count()
    old.delete()
    return count


def kept_until(build: Build) -> dt.datetime:
    return build.asked_at + _kept_for()


def _kept_for() -> dt.timedelta:
    return dt.timedelta(hours=settings.BUILDS_KEPT_HOURS)


# -- Reading -----------------------------------------------------------------------------------
def read(build: Build, start: int, stop: int) -> bytes:
    """The bytes from start to before stop of what was made."""
    first = start // PART
    parts = build.parts.filter(number__gte=first, number__lte=stop // PART).order_by("number")
    data = b"".join(bytes(part) for part in parts.values_list("data", flat=True))
    return data[start - first * PART : stop - first * PART]


def pieces(build: Build) -> Iterator[bytes]:
    """All that was made, a part at a time."""
    for start in range(0, build.size, PART):
        yield read(build, start, min(start + PART, build.size))


# -- Telling -----------------------------------------------------------------------------------
class Told(NamedTuple):
    """How far a build is. words: as `40 000 of 119 400 rows, about 3 s left`; empty while nobody knows."""

    percent: int = 0
    words: str = ""


def told(build: Build) -> Told:
    now = timezone.now()
    if build.state == State.WAITING:
        waits = (now - build.asked_at).total_seconds()
        words = f"no worker has taken it for {waits:.0f} s; see Health"
        return Told(words=words if waits > PATIENCE else "")
    done, total = cache.get(_progress(build)) or (0, 0)
    if not done or not build.begun_at:
        return Told()
    left = (now - build.begun_at).total_seconds() * (total - done) / done
    rows = f"{formats.number(done, 0)} of {formats.number(total, 0)} rows"
    return Told(round(100 * done / total), f"{rows}, about {left:.0f} s left")

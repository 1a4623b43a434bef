"""Tells a member that works, or waits for work, from one that silently does nothing any more."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass, field

import psutil
from django.conf import settings
from django.utils import timezone

from tradershub.core import signs
from tradershub.core.models import Heartbeat
from tradershub.core.queue import BATCH, enqueue, release_claims
from tradershub.core.tasks import here, record_beat

STEP = 1.0  # seconds between two looks, by more than which a clock is set and not only kept right
RESEND_AFTER = 60.0  # a beat that nobody has taken for so long is sent again


@dataclass(slots=True)
class Clock:
    """Tells that the wall clock was set since the last look, or the machine slept: signs bear its time."""

    ahead: float = field(default_factory=lambda: time.time() - time.monotonic())

    def was_set(self) -> bool:
        before, self.ahead = self.ahead, time.time() - time.monotonic()
        return abs(self.ahead - before) > STEP


@dataclass(slots=True)
class Watchdog:
    """Sends a beat through the cluster's queue every few seconds and looks for its traces."""

    cluster: str
    begun: float = field(default_factory=time.time)
    sent: float = 0.0
    noted: float = 0.0
    clock: Clock = field(default_factory=Clock)

    def restart(self) -> None:
        """The cluster is about to be started: forget its dead, give back what they had claimed."""
        self.begun, self.sent = time.time(), 0.0
        signs.forget(self.cluster)
        if not self._runs_elsewhere():
            release_claims(self.cluster)

    def resume_dead(self) -> None:
        """A worker of the batch cluster was killed at its task: have the next one take it up at once.

        The cluster has one worker, so that no living one can be at what is given back. Orders are left
        to their own state.
        """
        if self.cluster == BATCH and signs.bury(BATCH) and not self._runs_elsewhere():
            release_claims(BATCH)

    def tend(self) -> None:
        self.resume_dead()
        self.send_beat()

    def excuse(self) -> None:
        """No beat could be sent, so none can be missed."""
        self.begun = time.time()

    def leave(self) -> None:
        """The cluster was stopped on purpose: nobody here is to be expected any more."""
        Heartbeat.objects.filter(name=here(self.cluster)).delete()

    def is_hung(self, *, pid: int) -> bool:
        """True when no worker below that process has taken up anything for too long."""
        if self.clock.was_set():
            self.begun, self.sent, self.noted = time.time(), 0.0, 0.0
        silent = time.time() - max(self.begun, signs.last_sign(self.cluster))
        if silent <= settings.HEARTBEAT_SECONDS:
            return False  # to look through all processes takes longer than all the rest
        if signs.is_busy(self.cluster, pids=descendants(pid)):
            self._note_busy()
            return False
        return silent > settings.HEARTBEAT_LIMIT

    def send_beat(self) -> None:
        """Queue the next beat when its hour has come and the one before it was taken."""
        now = time.time()
        taken = signs.last_sign(self.cluster) >= self.sent
        wait = settings.HEARTBEAT_SECONDS if taken else RESEND_AFTER
        if now - self.sent < wait:
            return
        self.sent = now
        enqueue("tradershub.core.tasks.beat", self.cluster, cluster=self.cluster, keep_result=False)

    def _note_busy(self) -> None:
        """A beat waits behind a long task: the supervisor, who sees it at work, says so itself."""
        if time.time() - self.noted > settings.HEARTBEAT_SECONDS:
            self.noted = time.time()
            record_beat(here(self.cluster), detail="busy with a long task")

    def _runs_elsewhere(self) -> bool:
        since = timezone.now() - dt.timedelta(seconds=2 * settings.HEARTBEAT_LIMIT)
        others = Heartbeat.objects.filter(name__startswith=f"{self.cluster}@", at__gt=since)
        return others.exclude(name=here(self.cluster)).exists()


@dataclass(slots=True)
class Pulse:
    """Watches a member that leaves a sign with each of its rounds, as the keeper does."""

    name: str
    begun: float = field(default_factory=time.time)
    clock: Clock = field(default_factory=Clock)

    def restart(self) -> None:
        self.excuse()

    def is_hung(self, *, pid: int) -> bool:
        if self.clock.was_set():
            self.excuse()
        return time.time() - max(self.begun, signs.last_sign(self.name)) > settings.HEARTBEAT_LIMIT

    def tend(self) -> None:
        """It goes its rounds unasked."""

    def excuse(self) -> None:
        self.begun = time.time()

    def leave(self) -> None:
        """It was stopped on purpose: nobody here is to be expected any more."""
        Heartbeat.objects.filter(name=here(self.name)).delete()


def descendants(pid: int) -> list[int]:
    """That process and all below it; empty when it is gone."""
    try:
        process = psutil.Process(pid)
        return [pid, *(child.pid for child in process.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []

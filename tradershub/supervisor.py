"""Starts the hub's process groups, starts anew what dies or hangs, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog
from django.conf import settings
from django.db import Error, close_old_connections

from accounts.models import Topic
from accounts.notify import Words, tell
from tradershub.processes import kill_tree

TICK = 0.25  # seconds between two looks at the members
GRACE = 15.0  # seconds a member may take to end its work
STEADY_AFTER = 10.0  # seconds of life after which a part is said to be up again
HEALTHY_AFTER = 60.0  # seconds of life after which an earlier death is forgotten
LONGEST_PAUSE = 30.0

log = structlog.get_logger("tradershub.hub")


class Guard(Protocol):
    """Knows whether a member that is alive also works."""

    def restart(self) -> None:
        """The member is about to be started."""

    def is_hung(self, *, pid: int) -> bool:
        """True when it has given no sign for HEARTBEAT_LIMIT."""

    def tend(self) -> None:
        """Ask for the next sign when its hour has come. Called every moment."""

    def excuse(self) -> None:
        """No sign could be asked for: none is missed so far."""

    def leave(self) -> None:
        """The member was stopped on purpose."""


@dataclass(slots=True)
class Member:
    """One process group: how it is started, whether it lives, when it may be started again."""

    name: str
    arguments: list[str]
    guard: Guard | None = None
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    not_before: float = 0.0
    was_told_dead: bool = False

    @property
    def lives(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        if self.guard:
            self.guard.restart()
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tradershub.member", self.name, *self.arguments],
            stdin=subprocess.PIPE,
            cwd=settings.BASE_DIR,
            **own_group(),
        )
        log.info("member_started", member=self.name, pid=self.process.pid)

    def bury(self) -> None:
        """After its death: kill what is left of the group and set the hour of its return."""
        if self.process is None:
            return
        kill_tree(self.process.pid)
        code = self.process.wait()
        if time.monotonic() - self.started > HEALTHY_AFTER:
            self.deaths = 0
        pause = min(LONGEST_PAUSE, 0.5 * 2**self.deaths)
        self.deaths += 1
        self.not_before = time.monotonic() + pause
        self._close()
        log.error("member_died", member=self.name, exit_code=code, again_in_seconds=pause)
        self.was_told_dead = True
        tell_death(self.name, code, pause)

    def ask_to_stop(self) -> None:
        if self.process is None:
            return
        if sys.platform == "win32":
            kill_tree(self.process.pid)  # no gentle signal reaches a group there
        else:
            self.process.terminate()

    def put_down(self, *, until: float) -> None:
        """Wait for its end until that moment (time.monotonic), then kill whatever is left."""
        if self.process is None:
            return
        try:
            self.process.wait(timeout=max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("member_killed", member=self.name, reason="did not stop in time")
        kill_tree(self.process.pid)
        self.process.wait()
        self._close()

    def _close(self) -> None:
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
        self.process = None


@dataclass(slots=True)
class Supervisor:
    """Keeps its members alive until it is told to stop."""

    members: list[Member]
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Start all, watch over them, and stop all, whatever ends the watch."""
        try:
            while not self.stopping.wait(TICK):
                for member in self.members:
                    self._look_after(member)
        finally:
            self._stop_all()

    def stop_on_signals(self) -> None:
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._heard)

    def _heard(self, *_: Any) -> None:
        self.stopping.set()

    def _look_after(self, member: Member) -> None:
        try:
            if member.lives:
                self._watch(member)
                return
            member.bury()
            if time.monotonic() >= member.not_before:
                member.start()
        except Error as error:
            self._without_database(member, error)

    def _watch(self, member: Member) -> None:
        guard, process = member.guard, member.process
        if member.was_told_dead and time.monotonic() - member.started > STEADY_AFTER:
            member.was_told_dead = False
            tell_return(member.name)
        if guard is None or process is None:
            return
        if guard.is_hung(pid=process.pid):
            log.error("member_hung", member=member.name, seconds=settings.HEARTBEAT_LIMIT)
            kill_tree(process.pid)
            return
        guard.tend()

    def _without_database(self, member: Member, error: Error) -> None:
        """No beat can be sent, so none can be missed."""
        log.warning("database_unreachable", member=member.name, error=str(error).strip())
        close_old_connections()
        if member.guard:
            member.guard.excuse()
        self.stopping.wait(2)

    def _stop_all(self) -> None:
        until = time.monotonic() + GRACE
        for member in self.members:
            member.ask_to_stop()
        for member in self.members:
            member.put_down(until=until)
            take_leave(member)
        log.info("hub_stopped")


def tell_death(name: str, code: int, pause: float) -> None:
    """Whoever chose to hear of the hub's parts does, once each minute of a part that dies again and again."""
    words = Words(
        f"Down: the hub's part {name}",
        f"It ended with code {code} and is started anew in {pause:g} s.",
    )
    tell(Topic.SYSTEM, f"member:{name}:{int(time.time() // 60)}", words, owner_id=None)


def tell_return(name: str) -> None:
    key = f"member:{name}:up:{time.time():.0f}"
    tell(Topic.SYSTEM, key, Words(f"Up again: the hub's part {name}"), owner_id=None)


def take_leave(member: Member) -> None:
    try:
        if member.guard:
            member.guard.leave()
    except Error as error:
        log.warning("database_unreachable", member=member.name, error=str(error).strip())


def own_group() -> dict[str, Any]:
    """Popen's arguments for a process group of its own, which Ctrl-C in the terminal spares."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True, "env": os.environ.copy()}

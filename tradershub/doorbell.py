"""Tells a web server that answers from one that only holds its port."""

from __future__ import annotations

import http.client
import threading
import time
from contextlib import closing
from dataclasses import dataclass

from django.conf import settings

from tradershub.core.signs import UPLOAD, last_sign

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to reach who listens there


@dataclass(slots=True)
class Doorbell:
    """Asks /health/live every few seconds, and waits for each answer in a thread of its own.

    One question without an answer for HEARTBEAT_LIMIT is a hang: each web process takes the
    connections that the system gives it, and the next one may fall to another that is well.
    While pieces of uploads arrive none is missed: slow ones may hold all threads of a process that
    is well. One that hangs meanwhile is found when the uploads have ended.
    """

    host: str
    port: int
    unanswered_since: float | None = None  # time.monotonic of the first question still open
    answered_at: float = 0.0
    visitor: threading.Thread | None = None

    def restart(self) -> None:
        """The server is about to be started: what its predecessor owed is forgotten."""
        self.unanswered_since, self.visitor = None, None
        self.answered_at = time.monotonic()

    def is_hung(self, *, pid: int) -> bool:
        since = self.unanswered_since
        if since is None or time.monotonic() - since <= settings.HEARTBEAT_LIMIT:
            return False
        return time.time() - last_sign(UPLOAD) > settings.HEARTBEAT_LIMIT

    def tend(self) -> None:
        """Ask again when its hour has come and nobody waits at the door."""
        if self.visitor is not None and self.visitor.is_alive():
            return
        if time.monotonic() - self.answered_at < settings.HEARTBEAT_SECONDS:
            return
        if self.unanswered_since is None:
            self.unanswered_since = time.monotonic()
        self.visitor = threading.Thread(target=self._ring, daemon=True)
        self.visitor.start()

    def excuse(self) -> None:
        """Nothing: the web server answers that it lives without asking the database."""

    def leave(self) -> None:
        """Nothing: no sign of it is kept."""

    def _ring(self) -> None:
        me = threading.current_thread()
        if answers(self.host, self.port, patience=settings.HEARTBEAT_LIMIT) and self.visitor is me:
            self.unanswered_since, self.answered_at = None, time.monotonic()


def answers(host: str, port: int, *, patience: float) -> bool:
    """Whether anything at all is said in so many seconds; a refusal is an answer, too."""
    line = http.client.HTTPConnection(ANYWHERE.get(host, host), port, timeout=patience)
    try:
        with closing(line):
            line.request("GET", "/health/live", headers={"Host": own_name()})
            line.getresponse()
    except (OSError, http.client.HTTPException):
        time.sleep(0.2)  # a door that is not there yet refuses at once
        return False
    return True


def own_name() -> str:
    """A name the hub answers to, so that the question does not look like an attack in the log."""
    name: str = settings.ALLOWED_HOSTS[0] if settings.ALLOWED_HOSTS else "localhost"
    return "localhost" if name == "*" else name.removeprefix(".")

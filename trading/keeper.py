"""One long-lived process a host: follows the connected accounts and sees to what nobody else would wake for.

Each connection has a thread of its own, so that one that hangs holds up no other; a lease says which of several
keepers follows it. Nothing here is remembered: killed at any moment, the next keeper goes on from the books.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from django.conf import settings
from django.db import close_old_connections, connections

from accounts import outbox
from accounts.models import Account
from brokers.models import Connection
from brokers.platforms import PLATFORMS
from tradershub.core import signs
from tradershub.core.tasks import here, record_beat
from trading import dropfolder, flattening, leases, sweeper
from trading.alarms import Alarms, tell_absence
from trading.chatting import Chats
from trading.following import AWAY, Clock, Following
from trading.links import note_fault
from trading.models import Flattening

log = structlog.get_logger("trading.keeper")
NAME = "keeper"
TICK = 0.25  # seconds between two looks at the threads
PAUSE = 2.0  # seconds before a database that is away is asked again
PATIENCE = 3.0  # seconds that threads may take to end
MOST_SENDERS = 16
MOST_FLATTENED = 32  # accounts at once: each has a connection to the database


class Thread(threading.Thread):
    """Does one thing again and again until told to stop; a database that is away is waited for."""

    def __init__(self, name: str, turn: Callable[[], float], stopping: threading.Event) -> None:
        super().__init__(name=name, daemon=True)
        self.turn = turn
        self.ending = threading.Event()
        self.stopping = stopping

    def run(self) -> None:
        try:
            while not self._is_over():
                self._wait(self._turn())
        finally:
            connections.close_all()

    def _turn(self) -> float:
        close_old_connections()
        try:
            return self.turn()
        except AWAY as error:
            log.warning("database_unreachable", thread=self.name, error=str(error).strip()[:200])
        except Exception:
            log.exception("keeper_turn_failed", thread=self.name)
        connections.close_all()
        return PAUSE

    def _is_over(self) -> bool:
        return self.ending.is_set() or self.stopping.is_set()

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._is_over() and (rest := until - time.monotonic()) > 0:
            self.stopping.wait(min(rest, TICK))


class Keeper:
    """Gives each connection that is to be followed a thread, and takes it away again."""

    def __init__(self, stopping: threading.Event) -> None:
        self.stopping = stopping
        self.followed: dict[int, tuple[Following, Thread]] = {}
        self.chats = Chats(holder(), stopping)
        turns = (
            sweep,
            look_into_folders,
            Flattened().flatten,
            Senders().send,
            self.chats.tend,
            Alarms(here(NAME)).watch,
        )
        self.chores = [Thread(turn.__name__, turn, stopping) for turn in turns]
        self.assigns = Clock("LOOK_SECONDS")
        self.beats = Clock("HEARTBEAT_SECONDS")

    def run(self) -> None:
        """Work until told to stop; then let go of everything within some seconds."""
        self._tell_absence()
        for chore in self.chores:
            chore.start()
        try:
            while not self.stopping.wait(TICK):
                signs.lives(NAME)
                try:
                    self.tend()
                except AWAY as error:
                    log.warning("database_unreachable", thread=NAME, error=str(error).strip()[:200])
                    connections.close_all()
                    self.stopping.wait(PAUSE)
        finally:
            self.stopping.set()
            self._end_all()
            log.info("keeper_stopped")

    def tend(self) -> None:
        close_old_connections()
        if self.assigns.is_due():
            self._assign()
        self._tell_hangs()
        if self.beats.is_due():
            record_beat(here(NAME), detail=self.in_words())

    def _tell_absence(self) -> None:
        try:
            tell_absence(here(NAME))
        except AWAY as error:
            log.warning("database_unreachable", thread=NAME, error=str(error).strip()[:200])

    def in_words(self) -> str:
        """What it is at, for the health page."""
        held = [following for following, _ in self.followed.values() if following.is_held]
        failing = sum(following.failing_since is not None for following in held)
        words = f"follows {len(held)} connection{'' if len(held) == 1 else 's'}"
        return f"{words}, {failing} without an answer" if failing else words

    def _assign(self) -> None:
        wanted = {connection.pk: connection for connection in to_follow()}
        for pk in self.followed.keys() - wanted.keys():
            following, thread = self.followed.pop(pk)
            thread.ending.set()
            threading.Thread(target=_end, args=(following, thread), daemon=True).start()
        for pk, connection in wanted.items():
            if pk not in self.followed or not self.followed[pk][1].is_alive():
                self._start(connection)

    def _start(self, connection: Connection) -> None:
        following = Following(connection, holder())
        thread = Thread(f"connection {connection.pk}", following.turn, self.stopping)
        self.followed[connection.pk] = (following, thread)
        thread.start()

    def _tell_hangs(self) -> None:
        """An adapter that does not come back is told by those who still can."""
        limit = 2 * settings.LINK_SECONDS
        for following, _ in self.followed.values():
            begun = following.begun
            if begun and time.monotonic() - begun > limit:
                following.failing_since = following.failing_since or begun
                note_fault(following.connection, f"No answer for more than {limit:.0f} s")

    def _end_all(self) -> None:
        until = time.monotonic() + PATIENCE
        for following, thread in self.followed.values():
            thread.join(timeout=max(0.0, until - time.monotonic()))
            _let_go(following, thread)
        for chore in self.chores:
            chore.join(timeout=max(0.0, until - time.monotonic()))
        connections.close_all()


def sweep() -> float:
    """See to the orders left behind; seconds until the next round."""
    sweeper.sweep()
    return float(settings.SWEEP_SECONDS)


def look_into_folders() -> float:
    """Take the signals that lie in files; seconds until the next look."""
    dropfolder.look()
    return 1.0


class Flattened:
    """Accounts that are to become flat, a thread for each round: one that hangs holds up no other."""

    def __init__(self) -> None:
        self.running: dict[int, tuple[threading.Thread, Flattening, float]] = {}

    def flatten(self) -> float:
        """Begin the rounds that are due; seconds until the next look."""
        self.running = {pk: one for pk, one in self.running.items() if one[0].is_alive()}
        for row in flattening.due():
            if row.account_id not in self.running and len(self.running) < MOST_FLATTENED:
                self._begin(row)
        self._tell_hangs()
        return min(TICK, float(settings.FLATTEN_SECONDS))

    def _begin(self, row: Flattening) -> None:
        name = f"flatten account {row.account_id}"
        thread = threading.Thread(target=_round, args=(row,), name=name, daemon=True)
        self.running[row.account_id] = (thread, row, time.monotonic())
        thread.start()

    def _tell_hangs(self) -> None:
        limit = 2 * settings.LINK_SECONDS
        for _, row, begun in self.running.values():
            if time.monotonic() - begun > limit:
                flattening.note_silence(row, limit)


class Senders:
    """Messages that are due, a thread for each channel: one that hangs holds up no other, and no order."""

    def __init__(self) -> None:
        self.running: dict[int, threading.Thread] = {}

    def send(self) -> float:
        """Begin what is due; seconds until the next look."""
        self.running = {pk: thread for pk, thread in self.running.items() if thread.is_alive()}
        for pk in outbox.due():
            if pk not in self.running and len(self.running) < MOST_SENDERS:
                thread = threading.Thread(
                    target=_send, args=(pk,), name=f"channel {pk}", daemon=True
                )
                self.running[pk] = thread
                thread.start()
        return float(settings.NOTIFY_SECONDS)


def _send(pk: int) -> None:
    try:
        outbox.work(pk)
    except AWAY as error:
        log.warning("database_unreachable", channel=pk, error=str(error).strip()[:200])
    finally:
        connections.close_all()


def _round(row: Flattening) -> None:
    """A database that is away is waited for: the row stays due."""
    try:
        flattening.work(row)
    except AWAY as error:
        log.warning("database_unreachable", account=row.account_id, error=str(error).strip()[:200])
    finally:
        connections.close_all()


def holder() -> str:
    """Who holds a lease: the one keeper of this data folder, so that the next one takes over at once."""
    folder = str(settings.DATA_DIR)
    return f"{here(NAME)} {folder[-50:]}"


def _end(following: Following, thread: Thread) -> None:
    thread.join()
    _let_go(following, thread)
    connections.close_all()


def _let_go(following: Following, thread: Thread) -> None:
    """Free the connection for others, unless its thread hangs with it: the lease runs out by itself."""
    if thread.is_alive():
        log.warning("connection_hangs", connection=following.connection.pk)
        return
    following.let_go()
    try:
        leases.release(following.connection, following.holder)
    except AWAY as error:
        log.warning("database_unreachable", thread=thread.name, error=str(error).strip()[:200])


def to_follow() -> list[Connection]:
    """The enabled connections with open accounts whose platform can be asked, each with its broker."""
    alive = Connection.objects.filter(enabled=True, accounts__status=Account.Status.OPEN)
    found = alive.select_related("broker").distinct().order_by("pk")
    return [connection for connection in found if _can_be_asked(connection)]


def _can_be_asked(connection: Connection) -> bool:
    """Not where a person carries out the orders and the books are all there is."""
    if connection.platform not in PLATFORMS:
        return False
    return bool(PLATFORMS.load(connection.platform).capabilities.places_orders)

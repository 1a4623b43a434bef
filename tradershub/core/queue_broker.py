"""The queue's table, claimed in the order of arrival; woken by NOTIFY, on SQLite by its count of commits.

django-q2's own claim has no ORDER BY: after retries and a vacuum a "close" may overtake its
"open". Its poll is the whole of its delay; a notification is part of the sender's transaction,
so the wake-up comes with the commit and vanishes with a rollback.
"""

from __future__ import annotations

import datetime as dt
import random
import time
from typing import Any

import psycopg
import structlog
from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ

from tradershub.core.clock import due
from tradershub.core.prepared import prepared

log = structlog.get_logger("tradershub.queue")
Claimed = list[tuple[int, str]]
LOOK_EVERY = 0.01  # seconds


class OrderedBroker(ORM):  # type: ignore[misc]
    """The ORM broker, first come, first served. A claim is a filtered update whose count decides."""

    def dequeue(self) -> Claimed | None:
        """The tasks now ours; waits for at most about one poll when there are none."""
        try:
            claimed = self._claim()
            if not claimed:
                self._wait()
        except Error as error:
            self._recover(error)
            return None
        return claimed

    def _claim(self) -> Claimed:
        rows = self.get_connection()  # closes a connection that is too old
        return [
            (row.pk, row.payload)
            for row in self._found(timezone.now())
            if rows.filter(pk=row.pk, lock=row.lock).update(lock=self.timeout(row))
        ]

    def _found(self, now: dt.datetime) -> list[OrmQ]:
        return list(_waiting(self.list_key, now, now + longest_claim()))

    def _wait(self) -> None:
        time.sleep(Conf.POLL)

    def _recover(self, error: Error) -> None:
        """The database is away or busy: say so, and try again with a connection of its own."""
        log.warning("queue_unreachable", queue=self.list_key, error=str(error).strip())
        connections[Conf.ORM].close()
        time.sleep(jittered(2.0))


class CountingBroker(OrderedBroker):
    """Sleeps until somebody else has committed; the poll stays as the fallback.

    Source: sqlite.org/pragma.html, "PRAGMA data_version": it changes for a connection with each commit of others,
    and asking is far cheaper than looking into the table.
    """

    _seen: Any = None

    def _claim(self) -> Claimed:
        self._seen = (
            self._version()
        )  # before looking, or a task that comes in between would wait for the poll
        return super()._claim()

    def _wait(self) -> None:
        until = time.monotonic() + Conf.POLL
        while time.monotonic() < until and self._version() == self._seen:
            time.sleep(LOOK_EVERY)

    def _version(self) -> Any:
        with connections[Conf.ORM].cursor() as cursor:
            return cursor.execute("PRAGMA data_version").fetchone()


@prepared
def _waiting(key: str, now: dt.datetime, beyond: dt.datetime) -> QuerySet[OrmQ]:
    return OrmQ.objects.filter(due("lock", now, beyond=beyond), key=key).order_by("id")[: Conf.BULK]


def longest_claim() -> dt.timedelta:
    """Until a claimed task may be taken again, with all that clocks and claims at once can add."""
    return 2 * dt.timedelta(seconds=Conf.RETRY)


ADD = """
    INSERT INTO django_q_ormq (key, payload, lock) VALUES (%s, %s, STATEMENT_TIMESTAMP())
    RETURNING id, pg_notify(%s, '')
"""
CLAIM = """
    WITH due AS MATERIALIZED (
        SELECT id FROM django_q_ormq
        WHERE key = %s
        AND (lock IS NULL OR lock <= STATEMENT_TIMESTAMP() OR lock > STATEMENT_TIMESTAMP() + %s)
        ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
    )
    UPDATE django_q_ormq AS task SET lock = STATEMENT_TIMESTAMP() + %s
    FROM due WHERE task.id = due.id RETURNING task.id, task.payload
"""


class NotifyBroker(OrderedBroker):
    """Claims with SKIP LOCKED and sleeps in LISTEN; the poll stays as the fallback.

    What is due is said by the database's clock: a host whose own is wrong takes its tasks all the same.
    """

    _listener: BaseDatabaseWrapper | None = None

    def enqueue(self, task: str) -> int:
        """Put the task and its wake-up into the transaction at hand; returns the row's id."""
        with connections[Conf.ORM].cursor() as cursor:
            cursor.execute(ADD, [self.list_key, task, self._channel()])
            (number, _) = cursor.fetchone()
        return int(number)

    def _claim(self) -> Claimed:
        self._listen()  # before looking, or a task that comes in between would wait for the poll
        retry = dt.timedelta(seconds=Conf.RETRY)
        with connections[Conf.ORM].cursor() as cursor:
            cursor.execute(CLAIM, [self.list_key, longest_claim(), Conf.BULK, retry])
            return sorted(cursor.fetchall())

    def _wait(self) -> None:
        try:
            self._drain(timeout=jittered(Conf.POLL))
        except psycopg.Error as error:
            log.warning("queue_listener_lost", queue=self.list_key, error=str(error).strip())
            self._hang_up()
            time.sleep(jittered(0.2))

    def _drain(self, *, timeout: float) -> None:
        """Sleep until a notification or the timeout; several at once count as one."""
        raw: Any = self._listener.connection if self._listener else None
        for _ in raw.notifies(timeout=timeout, stop_after=1):
            pass
        for _ in raw.notifies(timeout=0):
            pass

    def _listen(self) -> None:
        """A connection of its own, outside any transaction, that hears of new tasks."""
        if self._listener is not None:
            return
        listener = connections.create_connection(Conf.ORM)
        listener.connect()
        with listener.cursor() as cursor:
            cursor.execute(f'LISTEN "{self._channel()}"')
        self._listener = listener

    def _recover(self, error: Error) -> None:
        self._hang_up()
        super()._recover(error)

    def _hang_up(self) -> None:
        if self._listener is not None:
            self._listener.close()
        self._listener = None

    def _channel(self) -> str:
        return f"tradershub_{self.list_key}"


def jittered(seconds: float) -> float:
    """Between half and all of it, so that many hosts do not ask in step."""
    return seconds * random.uniform(0.5, 1.0)  # noqa: S311 - no secret hangs on it

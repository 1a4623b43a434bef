"""What adapters keep between two calls, in the hub's database: theirs alone by connection and account."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from brokers.adapters.messages import QuoteReport
from brokers.contracts import venue_symbols
from brokers.models import (
    AdapterState,
    Connection,
    Quote,
    TokenBucket,
    VenueEvent,
    VenueSnapshot,
)
from tradershub.core import rows
from tradershub.core.clock import is_due, too_far
from tradershub.core.prepared import prepared
from tradershub.finance.trading_day import trading_day
from tradershub.finance.venue.codec import Plain, event_from_plain, event_to_plain
from tradershub.finance.venue.events import Event
from tradershub.finance.venue.market import Market

LOCK = "lock "
AT_ONCE = 100  # events that one statement writes
TOLD = ("seq", "kind", "at", "payload")


class DatabaseSession:
    """`brokers.adapters.session.Session` in tables. account: "" for what all accounts share."""

    def __init__(self, connection: Connection, account: str = "") -> None:
        self.connection = connection
        self.account = account

    @property
    def key(self) -> str:
        """Names the connection and account, the same in every process."""
        return f"{self.connection.uid} {self.account}"

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """A transaction that holds a row of its own; SQLite gives its whole database to one anyway."""
        with transaction.atomic():
            key = (self.connection, self.account, LOCK + name)
            if not _locked(*key):
                AdapterState.objects.bulk_create([self._state(LOCK + name)], ignore_conflicts=True)
                _locked(*key)
            yield

    def load(self, key: str) -> Any | None:
        return self._states(key).values_list("value", flat=True).first()

    def store(self, key: str, value: Any) -> None:
        if value is None:
            self._states(key).delete()
            return
        names = {"connection": self.connection, "account": self.account, "key": key}
        AdapterState.objects.update_or_create(**names, defaults={"value": value})

    def take(self, bucket: str, *, per_second: float, burst: int, longest: float) -> float:
        """The token is taken at once; who comes too early waits for it to be due, in turn."""
        now = timezone.now()
        with transaction.atomic():
            names = {"connection": self.connection, "name": bucket}
            TokenBucket.objects.get_or_create(
                **names, defaults={"tokens": burst, "counted_at": now}
            )
            row = TokenBucket.objects.select_for_update().get(**names)
            passed = max((now - row.counted_at).total_seconds(), 0.0)
            tokens = min(row.tokens + passed * per_second, float(burst))
            wait = max((1 - tokens) / per_second, 0.0)
            row.tokens = tokens if wait > longest else tokens - 1
            if is_due(row.counted_at, now, beyond=too_far(now)):
                row.counted_at = now
            row.save()
        return wait

    def _states(self, key: str) -> QuerySet[AdapterState]:
        return AdapterState.objects.filter(
            connection=self.connection, account=self.account, key=key
        )

    def _state(self, key: str) -> AdapterState:
        return AdapterState(connection=self.connection, account=self.account, key=key, value=True)


class PaperSession(DatabaseSession):
    """`brokers.adapters.paper.PaperSession` in tables: a venue's memory, and what its broker quotes."""

    def now(self) -> dt.datetime:
        return timezone.now()

    def market(self) -> Market:
        """The broker's symbols under today's terms, and its day; without quotes."""
        broker = self.connection.broker
        day = trading_day(self.now(), zone=broker.zone, rollover=broker.rollover)
        return Market(venue_symbols(broker, day), zone=broker.zone, rollover=broker.rollover)

    def quotes(self, symbols: Collection[str] = ()) -> list[QuoteReport]:
        """The last prices of those symbols, of all without any."""
        return [
            QuoteReport(symbol=name, bid=bid, ask=ask, at=at)
            for name, bid, ask, at in _quotes(self.connection.broker_id)
            if not symbols or name in symbols
        ]

    def last_seq(self) -> int:
        """The number of the last event that all processes may see, 0 before the first."""
        newest = self._events().order_by("-seq").values_list("seq", flat=True)
        return newest.first() or 0

    def events(
        self, after: int = 0, *, kinds: Collection[str] = (), at_most: int | None = None
    ) -> list[Event]:
        """What happened after event `after`, oldest first."""
        if not kinds and not at_most:
            return self._told(_events_after(self.connection, self.account, after))
        rows = self._events().filter(seq__gt=after).order_by("seq")
        if kinds:
            rows = rows.filter(kind__in=kinds)
        return self._read(rows[:at_most] if at_most else rows)

    def story(self, order: int) -> list[Event]:
        """What happened to an order."""
        of_it = Q(payload__order=order) | Q(payload__order__id=order)
        return self._read(self._events().filter(of_it).order_by("seq"))

    def append(self, happened: Iterable[Event]) -> None:
        """Keep what happened. A number that is taken already is refused by the database."""
        plain = (event_to_plain(event) for event in happened)
        kept = [
            VenueEvent(
                connection=self.connection,
                account=self.account,
                seq=one["seq"],
                kind=one["kind"],
                at=dt.datetime.fromisoformat(one["at"]),
                payload=one["payload"],
            )
            for one in plain
        ]
        for start in range(0, len(kept), AT_ONCE):
            rows.insert(kept[start : start + AT_ONCE])

    def snapshot(self) -> Plain | None:
        """The venue as it was kept last, None before; `events` after its accounts' seq follow."""
        rows = VenueSnapshot.objects.filter(connection=self.connection, account=self.account)
        return rows.values_list("state", flat=True).first()

    def keep_snapshot(self, seq: int, state: Plain) -> None:
        """Keep the venue as event `seq` left it."""
        names = {"connection": self.connection, "account": self.account}
        VenueSnapshot.objects.update_or_create(**names, defaults={"seq": seq, "state": state})

    def once_kept(self, do: Callable[[], None]) -> None:
        """Do that when all that was appended and stored so far is certain, never where it is undone."""
        transaction.on_commit(do)

    def _events(self) -> QuerySet[VenueEvent]:
        return VenueEvent.objects.filter(connection=self.connection, account=self.account)

    def _read(self, rows: QuerySet[VenueEvent]) -> list[Event]:
        return self._told(rows.values_list(*TOLD))

    def _told(self, rows: Iterable[tuple[int, str, dt.datetime, Plain]]) -> list[Event]:
        return [
            event_from_plain(
                {"account": self.account, "seq": seq, "at": at.isoformat(), "kind": kind}
                | {"payload": payload}
            )
            for seq, kind, at, payload in rows
        ]


@prepared
def _locked(connection: Connection, account: str, key: str) -> QuerySet[Any]:
    rows = AdapterState.objects.filter(connection=connection, account=account, key=key)
    return rows.select_for_update().values_list("pk", flat=True)


@prepared
def _quotes(broker: int) -> QuerySet[Any]:
    rows = Quote.objects.filter(symbol__broker=broker)
    return rows.values_list("symbol__name", "bid", "ask", "at")


@prepared
def _events_after(connection: Connection, account: str, seq: int) -> QuerySet[Any]:
    rows = VenueEvent.objects.filter(connection=connection, account=account, seq__gt=seq)
    return rows.order_by("seq").values_list(*TOLD)


SESSIONS: dict[str, type[DatabaseSession]] = {"paper": PaperSession}


def open_session(connection: Connection, account: str = "") -> DatabaseSession:
    """The session that the connection's platform asks for."""
    return SESSIONS.get(connection.platform, DatabaseSession)(connection, account)

"""One connection in the hands of the keeper: its prices are taken, its accounts looked at, its silence told."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts import learning as learned
from accounts.models import Account, BrokerOrder, Position
from accounts.papers import grant_terms
from brokers import learning
from brokers.adapters.base import Adapter
from brokers.adapters.errors import AdapterError, KeyRefused, Unavailable
from brokers.adapters.messages import QuoteReport
from brokers.adapters.paper import PaperAdapter
from brokers.connecting import open_adapter
from brokers.feeds import Feed, feed_of, keep_quotes
from brokers.models import BrokerSymbol, Connection, Instrument
from trading import leases
from trading.links import note_answer, note_fault
from trading.mirroring import look
from trading.models import Route

log = structlog.get_logger("trading.keeper")
AWAY = (OperationalError, InterfaceError)  # the database, not the platform
SEEN_EVERY = 10.0  # seconds between two notes that a connection answers
MOST_LOOKS = 5  # at an account at once


class Clock:
    """Says when something that is to be done every so many seconds, a part of a setting, is due."""

    def __init__(self, setting: str, *, part: float = 1.0) -> None:
        self.setting = setting
        self.part = part
        self.at = 0.0

    def is_due(self) -> bool:
        if time.monotonic() < self.at:
            return False
        self.at = time.monotonic() + getattr(settings, self.setting) * self.part
        return True

    def hurry(self) -> None:
        self.at = 0.0


@dataclass
class Following:
    """What is held of a connection between two turns; nothing of it outlives a failure.

    begun: since when the turn at work is, for those who watch it. failing_since: of the first failure after
    which nothing succeeded. shut_until: of a key that was refused, until when it is not tried again.
    """

    connection: Connection
    holder: str
    accounts: list[Account] = field(default_factory=list)
    adapters: dict[str, Adapter] = field(default_factory=dict)
    feed: Feed | None = None
    begun: float | None = None
    failing_since: float | None = None
    shut_until: float = 0.0
    failures: int = 0
    noted: float = 0.0
    is_held: bool = False
    looks: Clock = field(default_factory=lambda: Clock("LOOK_SECONDS"))
    reads: Clock = field(default_factory=lambda: Clock("LOOK_SECONDS"))
    prices: Clock = field(default_factory=lambda: Clock("QUOTE_SECONDS", part=0.9))
    holds: Clock = field(default_factory=lambda: Clock("LEASE_SECONDS", part=0.3))
    terms: Clock = field(default_factory=lambda: Clock("TERMS_SECONDS"))

    def turn(self) -> float:
        """Do what is due; seconds until the next turn. Raises what a database that is away raises."""
        self.begun = time.monotonic()
        try:
            return self._turn()
        finally:
            self.begun = None

    def _turn(self) -> float:
        if not self._is_ours():
            self.let_go()
            return float(settings.QUOTE_SECONDS)
        if self.reads.is_due():
            self._read()
        if time.monotonic() < self.shut_until:
            return float(settings.LINK_SECONDS / 2)
        failed = self._follow()
        return self._failed(*failed) if failed else self._answered()

    def _is_ours(self) -> bool:
        if self.holds.is_due():
            self.is_held = leases.hold(self.connection, self.holder)
        return self.is_held

    def _read(self) -> None:
        """Connection and accounts as they are now; with other settings everything is opened anew."""
        before, self.connection = self.connection, _fresh(self.connection)
        if _opened_by(before) != _opened_by(self.connection):
            self.let_go()
            self.feed, self.shut_until = None, 0.0
        open_ones = Account.objects.filter(connection=self.connection, status=Account.Status.OPEN)
        self.accounts = list(open_ones.select_related("broker").order_by("pk"))

    # -- What is done --------------------------------------------------------------------------
    def _follow(self) -> tuple[str, bool] | None:
        """Prices, then each account; the first failure as words and whether it may pass by itself."""
        failures = [self._guarded(self._take_prices)]
        for account in self.accounts if self.looks.is_due() else ():
            if time.monotonic() < self.shut_until or not self._is_ours():
                break
            failures += [self._guarded(self._take_prices), self._guarded(self._look_at, account)]
        if time.monotonic() >= self.shut_until:
            failures.append(self._guarded(self._keep_terms))
        return next((failure for failure in failures if failure), None)

    def _guarded(self, act: Callable[..., object], *arguments: object) -> tuple[str, bool] | None:
        """Do it; whatever an adapter raises concerns this connection alone."""
        try:
            act(*arguments)
        except AWAY:
            raise
        except KeyRefused as error:
            self.shut_until = time.monotonic() + settings.KEY_SECONDS
            return error.message, False
        except AdapterError as error:
            return error.message, isinstance(error, Unavailable)
        except Exception as error:
            log.exception("adapter_failed", connection=self.connection.pk)
            return f"The adapter failed: {type(error).__name__}; the log says more", False
        return None

    def _take_prices(self) -> None:
        if not self.prices.is_due():
            return
        reports = self._prices()
        keep_quotes(self.connection, reports)
        at = timezone.now()
        for account in self.accounts:
            adapter = self.adapter(account)
            if isinstance(adapter, PaperAdapter) and adapter.tick(reports, at):
                self.looks.hurry()

    def _prices(self) -> list[QuoteReport]:
        self.feed = self.feed or feed_of(self.connection)
        if self.feed:
            return self.feed.quotes(timezone.now())
        symbols = _symbols_in_use(self.accounts) if self.accounts else []
        return self.adapter(self.accounts[0]).quotes(symbols) if symbols else []

    def _look_at(self, account: Account) -> None:
        adapter = self.adapter(account)
        if isinstance(adapter, PaperAdapter):
            grant_terms(account, adapter)
        for _ in range(MOST_LOOKS):
            if not look(account, adapter):
                return

    def _keep_terms(self) -> None:
        """Once a trading day, where a person has taken the platform's terms over."""
        if (
            self.accounts
            and self.is_held
            and self.terms.is_due()
            and learning.is_due(self.connection)
        ):
            lines = [(account, self.adapter(account)) for account in self.accounts]
            learned.keep_up(self.connection, lines)

    def adapter(self, account: Account) -> Adapter:
        if account.number not in self.adapters:
            self.adapters[account.number] = open_adapter(self.connection, account.number)
        return self.adapters[account.number]

    # -- What is told --------------------------------------------------------------------------
    def _answered(self) -> float:
        was_failing, self.failing_since, self.failures = self.failing_since, None, 0
        if was_failing or time.monotonic() - self.noted >= SEEN_EVERY:
            self.noted = time.monotonic()
            note_answer(self.connection)
        return float(settings.QUOTE_SECONDS)

    def _failed(self, words: str, may_pass: bool) -> float:
        now = time.monotonic()
        self.failing_since = self.failing_since or self.begun or now
        self.failures += 1
        if not may_pass or now - self.failing_since >= settings.LINK_SECONDS:
            note_fault(self.connection, words)
        self.let_go()
        return float(min(settings.QUOTE_SECONDS * 2**self.failures, settings.LINK_SECONDS / 2))

    def let_go(self) -> None:
        """Close what is open; the next turn opens it anew. A feed goes on where it was."""
        for adapter in self.adapters.values():
            self._guarded(adapter.close_session)
        self.adapters = {}


def _fresh(connection: Connection) -> Connection:
    return Connection.objects.select_related("broker").get(pk=connection.pk)


def _opened_by(connection: Connection) -> tuple[object, ...]:
    return tuple(getattr(connection, name) for name in OPENED_BY)


OPENED_BY = ("settings", "sealed", "store", "reference", "live", "platform", "broker_id")


def _symbols_in_use(accounts: Collection[Account]) -> list[str]:
    """Names of what is held or ordered in those accounts, or traded by a strategy that is routed to them.

    With them the pairs that convert what it earns and what it is worth.
    """
    ids = [account.pk for account in accounts]
    held = Position.objects.filter(account__in=ids, open_volume__gt=0)
    working = BrokerOrder.objects.filter(account__in=ids, state__in=BrokerOrder.LIVE)
    names = [rows.values_list("symbol__name", flat=True) for rows in (held, working)]
    routed = Instrument.objects.filter(
        strategy__in=Route.objects.filter(account__in=ids, enabled=True).values("strategy")
    )
    traded = BrokerSymbol.objects.filter(broker=accounts[0].broker_id, instrument__in=routed)
    found = {*chain(*names, traded.values_list("name", flat=True))}
    return sorted(found.union(_converting(accounts, found)))


def _converting(accounts: Collection[Account], names: Collection[str]) -> QuerySet[Any]:
    """Names of the pairs between the currencies of those symbols and of the accounts."""
    theirs = BrokerSymbol.objects.filter(broker=accounts[0].broker_id)
    used = theirs.filter(name__in=names).values_list("instrument__base", "instrument__quote")
    own = {account.currency for account in accounts}
    others = {*chain(*used)} - own
    pairs = Q(instrument__base__in=others, instrument__quote__in=own)
    pairs |= Q(instrument__base__in=own, instrument__quote__in=others)
    rows = theirs.filter(pairs, instrument__category=Instrument.Category.FX)
    return rows.values_list("name", flat=True)

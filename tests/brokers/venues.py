"""A paper venue with an account, whose prices and clock a test moves."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as D
from typing import Any

from brokers.adapters.messages import OrderTicket, QuoteReport
from brokers.adapters.paper import KEPT, LOCK, PaperAdapter
from brokers.catalogue import instruments
from brokers.feeds import keep_quotes
from brokers.models import Broker, BrokerSymbol, Connection, Instrument, SymbolTerms
from brokers.papers import open_venue_account, paper_adapter
from brokers.sessions import PaperSession
from tests.factories import make_broker, make_owner
from tradershub.finance.venue.events import Event

NAMES = ("EURUSD", "USDJPY", "GER40")
PRICES = {
    "EURUSD": ("1.10000", "1.10010"),
    "USDJPY": ("150.000", "150.010"),
    "GER40": ("18000.0", "18001.0"),
}
NUMBER = "P1"
# Four in the morning in New York, on a Monday.
MONDAY = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)


class Clock:
    """What `PaperSession.now` says once a test has set it."""

    def __init__(self, monkeypatch: Any, at: dt.datetime = MONDAY) -> None:
        self.at = at
        monkeypatch.setattr(PaperSession, "now", lambda session: self.at)

    def on(self, **passed: float) -> dt.datetime:
        self.at += dt.timedelta(**passed)
        return self.at


class Bench:
    """A broker in New York's time with three symbols, an account P1, and the way to move prices."""

    def __init__(
        self,
        clock: Clock,
        *,
        mode: str = "hedging",
        currency: str = "USD",
        deposit: str = "10000",
        settings: dict[str, Any] | None = None,
        terms: dict[str, Any] | None = None,
        **rules: Any,
    ) -> None:
        self.clock = clock
        zone = {"time_zone": "America/New_York", "rollover": dt.time(17)}
        self.broker = make_broker(**zone)
        make_symbols(self.broker, **(terms or {}))
        self.connection = Connection.objects.create(
            owner=make_owner(),
            broker=self.broker,
            platform="paper",
            name="Venue",
            settings=settings or {},
        )
        for name, (bid, ask) in PRICES.items():
            self.quote(name, bid, ask)
        rules = {"currency": currency, "mode": mode, "leverage": 100, **rules}
        open_venue_account(self.connection, NUMBER, deposit=D(deposit), **rules)
        self.adapter = self.reopen()

    def reopen(self) -> PaperAdapter:
        """An adapter that shares nothing with those before but the database and this process."""
        return paper_adapter(Connection.objects.get(pk=self.connection.pk), NUMBER)

    def restart(self) -> PaperAdapter:
        """An adapter as another process has it."""
        KEPT.clear()
        return self.reopen()

    def quote(self, symbol: str, bid: Any, ask: Any) -> None:
        """The last price known, which nothing meets yet."""
        report = QuoteReport(symbol=symbol, bid=D(bid), ask=D(ask), at=self.clock.at)
        keep_quotes(self.connection, [report])

    def requote(self) -> None:
        """All last prices again, as of now."""
        for quote in self.reopen().session.quotes():
            self.quote(quote.symbol, quote.bid, quote.ask)

    def tick(self) -> tuple[Event, ...]:
        return self.adapter.tick(self.adapter.session.quotes(), self.clock.at)

    def move(self, symbol: str, bid: Any, ask: Any) -> tuple[Event, ...]:
        """A second later the price is another, and the account meets it."""
        self.clock.on(seconds=1)
        self.requote()
        self.quote(symbol, bid, ask)
        return self.tick()

    def offer(self, symbol: str, bid: Any, ask: Any, lots: Any) -> None:
        """A second later so many lots are on offer at other prices; the venue hears of sizes, no feed does."""
        at = self.clock.on(seconds=1)
        with self.adapter.session.lock(LOCK):
            desk = self.adapter._taken()
            desk.take(desk.venue.quote(symbol, D(bid), D(ask), at, bid_size=lots, ask_size=lots))
            self.adapter._keep(desk)


def make_symbols(broker: Broker, **terms: Any) -> None:
    """The three symbols; terms: fields that all of them have otherwise."""
    rows = {row["symbol"]: row for row in instruments()}
    for name in NAMES:
        instrument, _ = Instrument.objects.get_or_create(symbol=name, defaults=rows[name])
        symbol = BrokerSymbol.objects.create(broker=broker, name=name, instrument=instrument)
        fields = {
            "contract_size": instrument.contract_size,
            "digits": {"EURUSD": 5, "USDJPY": 3, "GER40": 1}[name],
            "tick_size": {"EURUSD": "0.00001", "USDJPY": "0.001", "GER40": "0.1"}[name],
            "margin_mode": "cfd_leverage" if name == "GER40" else "forex",
            "valid_from": "2020-01-01",
        }
        SymbolTerms.objects.create(symbol=symbol, **fields | terms)


def ticket(client_id: str, side: str = "buy", lots: Any = "0.1", **more: Any) -> OrderTicket:
    more.setdefault("symbol", "EURUSD")
    return OrderTicket(client_id=client_id, side=side, lots=D(lots), **more)

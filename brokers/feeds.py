"""Where the prices of a paper platform come from: invented from a seed, a file, or another connection."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Protocol, TextIO
from zoneinfo import ZoneInfo

from django.conf import settings as hub
from django.utils import timezone

from brokers.adapters.errors import Unavailable
from brokers.adapters.messages import QuoteReport
from brokers.adapters.paper import PaperSettings
from brokers.adapters.settings import WrongSetting, from_plain
from brokers.models import BrokerSymbol, Connection, Instrument, Quote
from tradershub.finance.decimals import ONE, ZERO, round_price, round_to_step, to_decimal
from tradershub.finance.venue.symbols import Hours, Session

NO_TIME = dt.timedelta(0)
PERCENT, BASIS_POINT = Decimal("0.01"), Decimal("0.0001")
FIVE = dt.time(17)
# Sunday to Friday, from and to five in the afternoon in New York.
FOREX_HOURS = Hours(sessions=(Session(6, FIVE, 4, FIVE),), zone=ZoneInfo("America/New_York"))


class Feed(Protocol):
    def quotes(self, now: dt.datetime) -> list[QuoteReport]:
        """The prices since the last call, oldest first, or the last ones; a symbol may be there repeatedly.

        Symbols are those of the connection's own broker. Raises Unavailable, saying why.
        """


def feed_of(connection: Connection) -> Feed | None:
    """The feed that a paper connection's settings name; None for platforms that quote themselves.

    Kept by who asks it repeatedly: a file is read on from where it was. Raises Unavailable.
    """
    if connection.platform != "paper":
        return None
    try:
        settings = from_plain(PaperSettings, connection.settings)
    except WrongSetting as error:
        raise Unavailable(f"A setting is wrong. {error.message}", code="settings") from error
    return FEEDS[settings.feed](connection, settings)


def keep_quotes(connection: Connection, quotes: Iterable[QuoteReport]) -> int:
    """Make these the last prices known at the connection's broker; how many symbols were quoted."""
    last = {quote.symbol: quote for quote in quotes}
    symbols = BrokerSymbol.objects.filter(broker_id=connection.broker_id, name__in=last)
    known = symbols.values_list("pk", "name", "last_quote__stated_at", "last_quote__at")
    now = timezone.now()
    rows = [
        Quote(
            symbol_id=pk,
            bid=q.bid,
            ask=q.ask,
            at=at if stated_at == q.at else min(q.at, now),  # told again it is no younger
            stated_at=q.at,
            source=connection.name[:60],
        )
        for pk, name, stated_at, at in known
        for q in [last[name]]
    ]
    fields = ["bid", "ask", "at", "stated_at", "source"]
    Quote.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["symbol"], update_fields=fields
    )
    return len(rows)


# -- Invented ----------------------------------------------------------------------------------
# US dollars for one of each; what an index is worth in its own currency. Spring 2024, to two or three digits.
WORTH = {
    code: Decimal(text)
    for code, text in {
        "USD": "1", "EUR": "1.08", "GBP": "1.27", "AUD": "0.66", "NZD": "0.61", "CAD": "0.735",
        "CHF": "1.13", "JPY": "0.0066", "HKD": "0.128", "XAU": "2350", "XAG": "28",
        "US30": "39000", "US500": "5200", "NAS100": "18200", "US2000": "2080", "GER40": "18200",
        "UK100": "8200", "FRA40": "8100", "EU50": "5000", "JP225": "39000", "AUS200": "7800",
        "HK50": "18500", "ESP35": "11000", "CL": "79",
    }.items()
}  # fmt: skip
FOLLOWS = {
    "ES": "US500", "MES": "US500", "NQ": "NAS100", "MNQ": "NAS100", "6E": "EUR", "GC": "XAU",
    "MGC": "XAU",
}  # fmt: skip
UNKNOWN_WORTH = Decimal(100)
MONEY = (Instrument.Category.FX, Instrument.Category.METAL)


@dataclass(frozen=True, slots=True)
class Quoted:
    """A symbol to invent prices of. over: codes whose worth is the price, divided by `under`'s."""

    name: str
    over: str
    under: str
    tick: Decimal


class SyntheticFeed:
    """Prices as a function of seed and moment: the same in every process, and after a restart.

    daily_move: percent, about the standard deviation of a day. spread: basis points. Pairs agree with
    each other, for each currency walks alone. Prices swing about sensible ones and never leave for good.
    """

    def __init__(
        self,
        symbols: Iterable[Quoted],
        *,
        seed: int,
        daily_move: Decimal = Decimal("0.6"),
        spread: Decimal = ONE,
        always_open: bool = False,
    ) -> None:
        self.symbols = tuple(symbols)
        self.seed, self.daily_move = seed, daily_move * PERCENT
        self.spread, self.always_open = spread * BASIS_POINT, always_open

    @classmethod
    def of(cls, connection: Connection, settings: PaperSettings) -> SyntheticFeed:
        symbols = BrokerSymbol.objects.filter(broker=connection.broker_id, instrument__isnull=False)
        return cls(
            [_quoted(symbol) for symbol in symbols.select_related("instrument")],
            seed=settings.seed,
            daily_move=settings.daily_move,
            spread=settings.spread,
            always_open=settings.always_open,
        )

    def quotes(self, now: dt.datetime) -> list[QuoteReport]:
        """The prices of the moment; none while the market is closed."""
        if not self.always_open and not FOREX_HOURS.is_open(now):
            return []
        codes = {code for one in self.symbols for code in (one.over, one.under)}
        worth = {code: self._worth(code, now) for code in codes}
        return [self._quote(one, worth[one.over] / worth[one.under], now) for one in self.symbols]

    def _worth(self, code: str, now: dt.datetime) -> Decimal:
        if code == "USD":
            return ONE
        about = WORTH.get(code, UNKNOWN_WORTH)
        return about * max(ONE + self.daily_move * swing(self.seed, code, now), BASIS_POINT)

    def _quote(self, one: Quoted, mid: Decimal, now: dt.datetime) -> QuoteReport:
        bid = max(round_to_step(mid - mid * self.spread / 2, one.tick), one.tick)
        ask = max(round_to_step(mid + mid * self.spread / 2, one.tick), bid + one.tick)
        return QuoteReport(symbol=one.name, bid=bid, ask=ask, at=now)


def _quoted(symbol: BrokerSymbol) -> Quoted:
    instrument = symbol.instrument
    if instrument.category in MONEY:
        return Quoted(symbol.name, instrument.base, instrument.quote, instrument.tick_size)
    code = FOLLOWS.get(instrument.symbol, instrument.symbol)
    return Quoted(symbol.name, code, "USD", instrument.tick_size)


# Noise of periods from a second to 48 days, each as large as the root of its period: over any time between
# them it moves like a random walk. The last figure makes the standard deviation of a day's move 1.
OCTAVES = tuple((2**n, Decimal(2**n).sqrt()) for n in range(23))
DAY = Decimal(580)
FINEST = 2**32


def swing(seed: int, code: str, now: dt.datetime) -> Decimal:
    """How far a price is from its centre, in daily moves; some -10 to 10."""
    seconds = Decimal(int(now.timestamp() * 1000)) / 1000
    total = ZERO
    for period, size in OCTAVES:
        place, part = divmod(seconds, period)
        left = _noise(seed, code, period, int(place))
        right = _noise(seed, code, period, int(place) + 1)
        total += size * (left + (right - left) * part / period)
    return total / DAY


@lru_cache(maxsize=65536)
def _noise(seed: int, code: str, period: int, place: int) -> Decimal:
    """Between -1.73 and 1.73, evenly: of mean 0 and variance 1."""
    name = f"{seed}|{code}|{period}|{place}".encode()
    number = int.from_bytes(blake2b(name, digest_size=4).digest())
    return (Decimal(2 * number) / FINEST - 1) * Decimal(3).sqrt()


# -- From a file -------------------------------------------------------------------------------
TICKS = ["time", "symbol", "bid", "ask"]
BARS = ["time", "symbol", "open", "high", "low", "close"]
QUARTER = dt.timedelta(seconds=15)
Row = tuple[dt.datetime, str, list[Decimal]]


class FileFeed:
    """Ticks (time,symbol,bid,ask) or bars of a minute (time,symbol,open,high,low,close) of a CSV file.

    Its first row is at `start`, later ones as much later, divided by `speed`; after the last it rests.
    Times are ISO 8601, of UTC where they name no zone, and never go back. A bar is four prices a quarter of
    a minute apart: its open, the extreme against its direction, the other one, its close. Its prices are
    bids, the asks `spread` basis points above.
    """

    def __init__(
        self, path: Path, *, start: dt.datetime, speed: Decimal = ONE, spread: Decimal = ONE
    ) -> None:
        if speed <= 0:
            raise Unavailable(f"speed was {speed}, expected more than 0", code="settings")
        self.path, self.start, self.speed = path, start, speed
        self.spread = spread * BASIS_POINT
        self._fault: Unavailable | None = None
        self._coming = self._quotes()
        self._next: QuoteReport | None = None
        self._step()
        self._begun = False

    @classmethod
    def of(cls, connection: Connection, settings: PaperSettings) -> FileFeed:
        """A file of the folder "feeds" in the hub's data; it begins when the connection was opened."""
        if not settings.file or Path(settings.file).name != settings.file:
            raise Unavailable('expected the name of a file in the folder "feeds"', code="settings")
        return cls(
            hub.DATA_DIR / "feeds" / settings.file,
            start=connection.created_at,
            speed=settings.speed,
            spread=settings.spread,
        )

    def quotes(self, now: dt.datetime) -> list[QuoteReport]:
        """All that the file has between the last call and now; at first the last price of each symbol."""
        passed = []
        while self._next is not None and self._next.at <= now:
            passed.append(self._next)
            self._step()
        if self._fault is not None:
            raise self._fault
        if not self._begun:
            passed = sorted({q.symbol: q for q in passed}.values(), key=lambda q: q.at)
        self._begun = True
        return passed

    def _step(self) -> None:
        try:
            self._next = next(self._coming, None)
        except (OSError, ValueError, ArithmeticError, csv.Error) as error:
            self._next = None
            self._fault = Unavailable(f"{self.path.name}: {error}", code="feed")

    def _quotes(self) -> Iterator[QuoteReport]:
        first: dt.datetime | None = None
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            for at, rows in groupby(_rows(file), key=itemgetter(0)):
                first = first or at
                for late, symbol, bid, ask in self._prices(rows):
                    passed = (at + late - first) / float(self.speed)
                    yield QuoteReport(symbol=symbol, bid=bid, ask=ask, at=self.start + passed)

    def _prices(self, rows: Iterable[Row]) -> list[tuple[dt.timedelta, str, Decimal, Decimal]]:
        """The bids and asks of rows of one time, in their order."""
        found = []
        for _, symbol, prices in rows:
            if len(prices) == 2:
                found.append((NO_TIME, symbol, *prices))
                continue
            begin, high, low, end = prices
            path = (begin, low, high, end) if end >= begin else (begin, high, low, end)
            found += [(n * QUARTER, symbol, bid, self._ask(bid)) for n, bid in enumerate(path)]
        return sorted(found, key=itemgetter(0))

    def _ask(self, bid: Decimal) -> Decimal:
        """Above the bid by the spread, at least by the last digit that the file gives."""
        digit = Decimal(1).scaleb(int(bid.as_tuple().exponent))
        return bid + max(round_price(bid * self.spread, digit), digit)


def _rows(file: TextIO) -> Iterator[Row]:
    """The rows of the file. Raises ValueError with the line of the first that cannot be meant."""
    lines = csv.reader(file)
    names = [name.strip().lower() for name in next(lines, [])]
    if names not in (TICKS, BARS):
        raise ValueError(f"expected the columns {','.join(TICKS)} or {','.join(BARS)}")
    last = None
    for texts in lines:
        if not texts:
            continue
        if len(texts) != len(names):
            raise ValueError(f"line {lines.line_num}: {len(texts)} columns, expected {len(names)}")
        try:
            at = dt.datetime.fromisoformat(texts[0].strip())
            prices = [to_decimal(text.strip()) for text in texts[2:]]
        except ValueError as error:
            raise ValueError(f"line {lines.line_num}: {error}") from error
        at = at.replace(tzinfo=at.tzinfo or dt.UTC)
        if min(prices) <= 0 or (names == TICKS and prices[0] > prices[1]):
            raise ValueError(f"line {lines.line_num}: {','.join(texts[2:])} are no prices")
        if last is not None and at < last:
            raise ValueError(f"line {lines.line_num}: {texts[0]} is before the line above")
        last = at
        yield at, texts[1].strip(), prices


# -- From another connection -------------------------------------------------------------------
class ConnectionFeed:
    """The last prices known at another connection's broker, for the symbols of the same instruments."""

    def __init__(self, connection: Connection, source: Connection) -> None:
        self.connection, self.source = connection, source

    @classmethod
    def of(cls, connection: Connection, settings: PaperSettings) -> ConnectionFeed:
        others = Connection.objects.filter(owner=connection.owner_id, name=settings.source)
        source = others.exclude(broker=connection.broker_id).first()
        if source is None:
            text = f'none of your connections at another broker is called "{settings.source}"'
            raise Unavailable(text, code="settings")
        return cls(connection, source)

    def quotes(self, now: dt.datetime) -> list[QuoteReport]:
        ours = BrokerSymbol.objects.filter(
            broker=self.connection.broker_id, instrument__isnull=False
        )
        names = dict(ours.values_list("instrument_id", "name"))
        theirs = Quote.objects.filter(
            symbol__broker=self.source.broker_id, symbol__instrument__in=names
        )
        rows = theirs.order_by("at").values_list("symbol__instrument_id", "bid", "ask", "at")
        return [
            QuoteReport(symbol=names[instrument], bid=bid, ask=ask, at=at)
            for instrument, bid, ask, at in rows
        ]


FEEDS: dict[str, Callable[[Connection, PaperSettings], Feed]] = {
    "synthetic": SyntheticFeed.of,
    "file": FileFeed.of,
    "connection": ConnectionFeed.of,
}

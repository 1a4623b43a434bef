"""Prices without a market: a smooth seeded walk, the candles it draws, and the prices as the wire shows them."""

import math
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from brokers.simulators.oanda.instruments import Instrument
from brokers.simulators.oanda.wire import Plain, price, stamp
from tradershub.finance.decimals import round_price
from tradershub.finance.venue.events import Quoted

# Periods in seconds and how far each swings, as a part of the price.
WAVES = ((9, 4e-6), (47, 2e-5), (311, 8e-5), (3_607, 4e-4), (26_003, 1.5e-3), (251_401, 4e-3))
SECONDS = {
    "S5": 5, "S10": 10, "S15": 15, "S30": 30, "M1": 60, "M2": 120, "M4": 240, "M5": 300, "M10": 600,
    "M15": 900, "M30": 1800, "H1": 3600, "H2": 7200, "H3": 10800, "H4": 14400, "H6": 21600,
    "H8": 28800, "H12": 43200, "D": 86400, "W": 604800,
}  # fmt: skip
ALIGNED = ("D", "W")  # by the trading day, 17:00 in New York
SAMPLES = 12  # of a candle


class Curve:
    """The mid price of each instrument at any moment, the same for the same seed."""

    def __init__(self, seed: int, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = instruments
        self._phases = {name: _phases(f"{seed}|{name}") for name in instruments}
        self._anchors = {name: float(one.start) for name, one in instruments.items()}
        self._spreads = {name: one.spread * one.step for name, one in instruments.items()}

    def mid(self, name: str, at: datetime) -> float:
        return self._anchors[name] * self._shape(name, at)

    def prices(self, name: str, at: datetime) -> tuple[Decimal, Decimal]:
        """Bid and ask."""
        one, spread = self._instruments[name], self._spreads[name]
        bid = round_price(Decimal(repr(self.mid(name, at))) - spread / 2, one.step)
        return bid, bid + spread

    def pin(self, name: str, bid: Decimal, ask: Decimal, at: datetime) -> None:
        """Let the walk pass through these prices at that moment."""
        self._anchors[name] = float((bid + ask) / 2) / self._shape(name, at)
        self._spreads[name] = ask - bid

    def _shape(self, name: str, at: datetime) -> float:
        seconds = at.timestamp()
        waves = zip(WAVES, self._phases[name], strict=True)
        return 1 + sum(
            swing * math.sin(seconds / period * math.tau + phase)
            for (period, swing), phase in waves
        )

    def candles(
        self, name: str, step: int, first: datetime, last: datetime, *, now: datetime, kinds: str
    ) -> list[Plain]:
        """One for each step from `first` up to `last`, none that begins after now."""
        found = []
        begin = first
        while begin <= last and begin <= now:
            end = begin + timedelta(seconds=step)
            found.append(self._candle(name, begin, min(end, now), complete=end <= now, kinds=kinds))
            begin = end
        return found

    def _candle(
        self, name: str, begin: datetime, end: datetime, *, complete: bool, kinds: str
    ) -> Plain:
        one, half = self._instruments[name], self._spreads[name] / 2
        width = (end - begin) / SAMPLES
        mids = [Decimal(repr(self.mid(name, begin + width * n))) for n in range(SAMPLES + 1)]
        candle: Plain = {
            "time": stamp(begin),
            "volume": max(1, int((end - begin).total_seconds())),
            "complete": complete,
        }
        for kind, key, off in (("M", "mid", 0), ("B", "bid", -1), ("A", "ask", 1)):
            if kind in kinds:
                figures = (mids[0], max(mids), min(mids), mids[-1])
                candle[key] = {
                    letter: price(value + off * half, one.digits)
                    for letter, value in zip("ohlc", figures, strict=True)
                }
        return candle


def _phases(seed: str) -> list[float]:
    chance = random.Random(seed)  # noqa: S311 - prices that are made up, and the same each time
    return [chance.random() * math.tau for _ in WAVES]


def aligned(at: datetime, granularity: str, day_begins: datetime) -> datetime:
    """The start of the candle that holds the moment; day_begins: of its trading day."""
    step = SECONDS[granularity]
    if granularity not in ALIGNED:
        seconds = int(at.timestamp()) // step * step
        return datetime.fromtimestamp(seconds, UTC)
    if granularity == "W":
        return day_begins - timedelta(days=(day_begins.weekday() - 4) % 7)
    return day_begins


def client_price(instrument: Instrument, quote: Quoted) -> Plain:
    """The prices as the pricing calls show them, without what depends on the account."""
    bid, ask = price(quote.bid, instrument.digits), price(quote.ask, instrument.digits)
    return {
        "type": "PRICE",
        "instrument": instrument.name,
        "time": stamp(quote.at),
        "tradeable": quote.tradable,
        "status": "tradeable" if quote.tradable else "non-tradeable",
        "bids": [{"price": bid, "liquidity": 10_000_000}],
        "asks": [{"price": ask, "liquidity": 10_000_000}],
        "closeoutBid": bid,
        "closeoutAsk": ask,
    }

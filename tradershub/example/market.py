"""A believable market: one seeded price path per instrument on a grid of 15 minutes.

Currency pairs follow the ECB's daily rates as far as the installed copy knows them and wander on
from there; metals and indices wander from a plausible level. Prices leave this module as integers
(points) or exact decimals, never as floats.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from itertools import accumulate

from currency_converter import CurrencyConverter

from tradershub.example import clock

BARS_A_DAY = 96
BAR_MINUTES = 15
MARKS = {"JPY": Decimal(1)}
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Contract:
    """Terms of an instrument.

    spread in points; swaps in points per lot and night; range: a day's move over the price.
    """

    name: str
    base: str
    quote: str
    digits: int
    size: int
    spread: int
    swap_long: Decimal
    swap_short: Decimal
    day_range: float
    level: float = 0.0  # where the path starts, for what the ECB does not quote
    leverage: int = 0  # the instrument's own, 0: the account's

    @property
    def point(self) -> Decimal:
        """The smallest step of the price."""
        return Decimal(1).scaleb(-self.digits)

    def price(self, points: int) -> Decimal:
        """The price, with the instrument's number of digits."""
        return Decimal(points).scaleb(-self.digits)


def _forex(
    name: str, digits: int, spread: int, swaps: tuple[str, str], day_range: float
) -> Contract:
    long, short = map(Decimal, swaps)
    base, quote = name[:3], name[3:]
    return Contract(name, base, quote, digits, 100_000, spread, long, short, day_range)


CONTRACTS = {
    contract.name: contract
    for contract in (
        _forex("EURUSD", 5, 9, ("-6.8", "2.1"), 0.0055),
        _forex("GBPUSD", 5, 12, ("-3.1", "-1.6"), 0.0060),
        _forex("AUDUSD", 5, 11, ("-2.9", "0.4"), 0.0070),
        _forex("USDJPY", 3, 10, ("8.3", "-18.4"), 0.0065),
        _forex("USDCAD", 5, 13, ("1.2", "-6.3"), 0.0045),
        _forex("USDCHF", 5, 12, ("4.9", "-10.2"), 0.0055),
        _forex("EURJPY", 3, 14, ("5.6", "-14.9"), 0.0065),
        _forex("GBPJPY", 3, 19, ("9.8", "-23.7"), 0.0075),
        _forex("EURGBP", 5, 11, ("-5.2", "1.3"), 0.0040),
        Contract(
            "XAUUSD", "XAU", "USD", 2, 100, 22, Decimal("-41.5"), Decimal("18.2"), 0.010, 2650.0, 20
        ),
        Contract(
            "US30", "US30", "USD", 1, 1, 24, Decimal("-82"), Decimal("21"), 0.009, 43500.0, 20
        ),
        Contract(
            "GER40", "GER40", "EUR", 1, 1, 14, Decimal("-31"), Decimal("4"), 0.010, 21500.0, 20
        ),
    )
}
CURRENCIES = ("USD", "GBP", "AUD", "JPY", "CAD", "CHF")


def rounded(amount: Decimal, currency: str) -> Decimal:
    """Money to the currency's digits, half up."""
    return amount.quantize(MARKS.get(currency, CENT), ROUND_HALF_UP)


@cache
def _ecb() -> CurrencyConverter:
    return CurrencyConverter(fallback_on_wrong_date=True, fallback_on_missing_rate=True)


def _ecb_levels(currency: str, days: list[date]) -> list[float]:
    """Units of the currency for one euro on each day that is known, at least one."""
    last_known = _ecb().bounds[currency].last_date
    known = [day for day in days if day <= last_known] or days[:1]
    return [float(_ecb().convert(1, "EUR", currency, day)) for day in known]


def _wander(levels: list[float], count: int, day_range: float, rng: random.Random) -> list[float]:
    """The daily levels continued by a walk until there are `count` of them."""
    while len(levels) < count:
        levels.append(levels[-1] * (1 + rng.gauss(0.0002, day_range * 0.7)))
    return levels


def _bridged(levels: list[float], day_range: float, rng: random.Random) -> list[float]:
    """A path on the bar grid that passes through each day's level."""
    path: list[float] = []
    step = day_range / BARS_A_DAY**0.5
    for start, end in zip(levels, levels[1:], strict=False):
        walk = list(accumulate(rng.gauss(0, step) for _ in range(BARS_A_DAY)))
        for bar in range(BARS_A_DAY):
            share = (bar + 1) / BARS_A_DAY
            noise = walk[bar] - walk[-1] * share
            path.append((start + (end - start) * share) * (1 + noise))
    return path


class Market:
    """Bid prices of every instrument from `first` to `last`, the same for the same seed."""

    def __init__(self, *, first: date, last: date, seed: int) -> None:
        self.days = clock.working_days(first, last)
        self.end = clock.server_time(self.days[-1], 20 * 60)
        self._first_bar = {day: index * BARS_A_DAY for index, day in enumerate(self.days)}
        self._seed = seed
        self._floats: dict[str, list[float]] = {}
        self._points: dict[str, list[int]] = {}

    def bar(self, at: datetime) -> int:
        """The bar that is running at this moment, or was the last to run before it."""
        day = at.date()
        if day in self._first_bar:
            return self._first_bar[day] + (at.hour * 60 + at.minute) // BAR_MINUTES
        return max(bisect_right(self.days, day) * BARS_A_DAY - 1, 0)

    def opened(self, bar: int) -> datetime:
        """When a bar starts."""
        day, index = divmod(bar, BARS_A_DAY)
        return clock.server_time(self.days[day], index * BAR_MINUTES)

    @property
    def last_bar(self) -> int:
        """The bar in which the example ends."""
        return self.bar(self.end)

    def bids(self, name: str) -> list[int]:
        """The whole path of an instrument, in points."""
        if name not in self._points:
            scale = 10 ** CONTRACTS[name].digits
            self._points[name] = [round(price * scale) for price in self._path(name)]
        return self._points[name]

    def bid(self, name: str, at: datetime) -> Decimal:
        """What a seller gets."""
        return CONTRACTS[name].price(self.bids(name)[self.bar(at)])

    def ask(self, name: str, at: datetime) -> Decimal:
        """What a buyer pays."""
        contract = CONTRACTS[name]
        return contract.price(self.bids(name)[self.bar(at)] + contract.spread)

    def rate(self, source: str, target: str, at: datetime) -> Decimal:
        """Units of the target currency for one unit of the source, to 8 digits."""
        if source == target:
            return Decimal(1)
        bar = self.bar(at)
        value = self._per_euro(target)[bar] / self._per_euro(source)[bar]
        return Decimal(f"{value:.8f}")

    def _path(self, name: str) -> list[float]:
        contract = CONTRACTS[name]
        if contract.level:
            return self._walk(name, [contract.level], contract.day_range)
        pairs = zip(self._per_euro(contract.quote), self._per_euro(contract.base), strict=True)
        return [quote / base for quote, base in pairs]

    def _per_euro(self, currency: str) -> list[float]:
        if currency == "EUR":
            return [1.0] * (len(self.days) * BARS_A_DAY)
        days = [self.days[0] - timedelta(days=1), *self.days]
        return self._walk(currency, _ecb_levels(currency, days), 0.0045)

    def _walk(self, name: str, levels: list[float], day_range: float) -> list[float]:
        if name not in self._floats:
            rng = random.Random(f"{self._seed}:{name}")
            levels = _wander(levels, len(self.days) + 1, day_range, rng)
            self._floats[name] = _bridged(levels, day_range, rng)
        return self._floats[name]

"""Reference rates of a span of days at hand, for pages that convert many days at once."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable
from decimal import Decimal

from brokers.models import FxRate
from brokers.rates import PIVOT, Rate

# The ECB publishes none on weekends and holidays; an older rate than this is not the day's any more.
OLDEST = dt.timedelta(days=14)
ONE = Decimal(1)


class RateTable:
    """The last reference rate known on each day between two days, read with one query."""

    def __init__(self, currencies: Iterable[str], *, start: dt.date, end: dt.date) -> None:
        self._days: dict[str, list[dt.date]] = {}
        self._rates: dict[str, list[Decimal]] = {}
        wanted = set(currencies) - {PIVOT}
        found = FxRate.objects.filter(
            currency__in=wanted, day__gte=start - OLDEST, day__lte=end
        ).order_by("day")
        for currency, day, rate in found.values_list("currency", "day", "rate"):
            self._days.setdefault(currency, []).append(day)
            self._rates.setdefault(currency, []).append(rate)
        self._fill_missing(wanted, end)

    def _fill_missing(self, wanted: set[str], end: dt.date) -> None:
        """A currency without a rate in the span: its last one before, however old; each use says its day."""
        for currency in wanted - self._days.keys():
            last = FxRate.objects.filter(currency=currency, day__lte=end).order_by("-day").first()
            if last:
                self._days[currency], self._rates[currency] = [last.day], [last.rate]

    def rate(self, source: str, target: str, on: dt.date) -> Rate | None:
        """Units of target for one of source; None where one of the two has no rate on or before that day."""
        if source == target:
            return Rate(ONE, on, "same currency")
        from_, to = self._per_euro(source, on), self._per_euro(target, on)
        if from_ is None or to is None:
            return None
        return Rate(to.value / from_.value, min(from_.day, to.day))

    def convert(self, amount: Decimal, source: str, target: str, on: dt.date) -> Decimal | None:
        """The amount in the target currency, unrounded; None where there is no rate."""
        found = self.rate(source, target, on)
        return None if found is None else amount * found.value

    def _per_euro(self, currency: str, on: dt.date) -> Rate | None:
        if currency == PIVOT:
            return Rate(ONE, on)
        n = bisect_right(self._days.get(currency, []), on)
        return Rate(self._rates[currency][n - 1], self._days[currency][n - 1]) if n else None

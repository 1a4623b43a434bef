"""Reference rates of a span of days at hand, for pages that convert many days at once."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable
from decimal import Decimal
from functools import cached_property

from brokers.models import FxRate
from brokers.rates import PIVOT, Rate

# The ECB publishes none on weekends and holidays; an older rate than this is not the day's any more.
OLDEST = dt.timedelta(days=14)
ONE = Decimal(1)
Series = tuple[list[dt.date], list[Decimal]]


class RateTable:
    """The last reference rate known on each day between two days, read with one query at the first need."""

    def __init__(self, currencies: Iterable[str], *, start: dt.date, end: dt.date) -> None:
        self._wanted = set(currencies) - {PIVOT}
        self._start, self._end = start, end
        self._found: dict[tuple[str, str, dt.date], Rate | None] = {}

    @cached_property
    def _series(self) -> dict[str, Series]:
        found = FxRate.objects.filter(
            currency__in=self._wanted, day__gte=self._start - OLDEST, day__lte=self._end
        ).order_by("day")
        series: dict[str, Series] = {}
        for currency, day, rate in found.values_list("currency", "day", "rate"):
            days, rates = series.setdefault(currency, ([], []))
            days.append(day)
            rates.append(rate)
        return series | self._older(self._wanted - series.keys())

    def _older(self, missing: set[str]) -> dict[str, Series]:
        """Of currencies without a rate in the span the last one before, however old; each use says its day."""
        found = {}
        for currency in missing:
            rows = FxRate.objects.filter(currency=currency, day__lte=self._end)
            if last := rows.order_by("-day").first():
                found[currency] = ([last.day], [last.rate])
        return found

    def rate(self, source: str, target: str, on: dt.date) -> Rate | None:
        """Units of target for one of source; None where one of the two has no rate on or before that day."""
        asked = (source, target, on)
        if asked not in self._found:
            self._found[asked] = self._look_up(*asked)
        return self._found[asked]

    def _look_up(self, source: str, target: str, on: dt.date) -> Rate | None:
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
        days, rates = self._series.get(currency, ([], []))
        n = bisect_right(days, on)
        return Rate(rates[n - 1], days[n - 1]) if n else None

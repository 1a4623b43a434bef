"""Rates between currencies: of now from the broker's own quotes, else the day's reference rate."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import cached_property

from django.conf import settings

from brokers import rates as reference
from brokers.models import Instrument, Quote
from risk.facts import AHEAD, Ages, Figure, Missing
from tradershub.core.errors import BadInput
from tradershub.finance.decimals import ONE

PAIRS = (Instrument.Category.FX, Instrument.Category.CRYPTO)


def ages() -> Ages:
    """The settings of risk as its rules read them."""
    return Ages(
        quote=_number(settings.RISK_QUOTE_SECONDS),
        rate=_number(settings.RISK_RATE_SECONDS),
        daily_rate=Decimal(settings.RISK_DAILY_RATE_DAYS) * 86400,
        equity=_number(settings.RISK_EQUITY_SECONDS),
        signal=_number(settings.RISK_SIGNAL_SECONDS),
        duplicates=_number(settings.RISK_DUPLICATE_SECONDS),
        collar=_number(settings.RISK_COLLAR_PERCENT),
        no_stop_move=_number(settings.RISK_NO_STOP_PERCENT),
    )


def _number(value: float) -> Decimal:
    return Decimal(str(value))


class BrokerRates:
    """Rates at one broker at one moment, from one read of its quotes at the first need.

    Called as risk.facts.Rates: raises Missing where nothing is known or everything is too old.
    """

    def __init__(self, broker_id: int, *, at: dt.datetime) -> None:
        self._broker_id, self._at, self._ages = broker_id, at, ages()

    @cached_property
    def _quotes(self) -> dict[tuple[str, str], Figure]:
        rows = Quote.objects.filter(
            symbol__broker=self._broker_id, symbol__instrument__category__in=PAIRS
        ).order_by("at")
        found = rows.values_list(
            "symbol__instrument__base", "symbol__instrument__quote", "bid", "ask", "at"
        )
        return {(base, quote): Figure((b + a) / 2, t) for base, quote, b, a, t in found}

    def __call__(self, source: str, target: str) -> Decimal:
        found = self.figure(source, target)
        if found is None or not -AHEAD <= self._age(found) <= self._ages.oldest(found):
            raise Missing(f"rate {source} to {target}")
        return found.value

    def figure(self, source: str, target: str) -> Figure | None:
        """The rate with its age: of now at mid, straight or through one other currency, else the day's."""
        if source == target:
            return Figure(ONE, self._at)
        live = self._straight(source, target) or self._through_another(source, target)
        if live is not None and -AHEAD <= self._age(live) <= self._ages.rate:
            return live
        return self._of_the_day(source, target) or live

    def _straight(self, source: str, target: str) -> Figure | None:
        if quote := self._quotes.get((source, target)):
            return quote
        if quote := self._quotes.get((target, source)):
            return Figure(ONE / quote.value, quote.at)
        return None

    def _through_another(self, source: str, target: str) -> Figure | None:
        codes = {code for pair in self._quotes for code in pair} - {source, target}
        ways = (
            (first, second)
            for code in sorted(codes)
            if (first := self._straight(source, code)) and (second := self._straight(code, target))
        )
        crossed = [Figure(a.value * b.value, min(a.at, b.at)) for a, b in ways]
        return max(crossed, key=lambda figure: figure.at, default=None)

    def _of_the_day(self, source: str, target: str) -> Figure | None:
        try:
            found = reference.rate(source, target, self._at.date())
        except BadInput:  # no rate of one of the two
            return None
        at = dt.datetime.combine(found.day, dt.time(), tzinfo=dt.UTC)
        return Figure(found.value, at, daily=True)

    def _age(self, figure: Figure) -> Decimal:
        return Decimal(int((self._at - figure.at).total_seconds()))

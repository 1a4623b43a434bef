"""Prices as last seen, and the daily reference rates of the ECB."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from brokers.models.instrument import BrokerSymbol
from tradershub.core.fields import PriceField
from tradershub.core.formats import plain


class Quote(models.Model):
    """The last price known of a symbol, with its moment and where it came from.

    at: what the platform states, but never after it came here first: a clock that runs ahead keeps no price fresh.
    stated_at: as the platform states it.
    """

    symbol = models.OneToOneField(BrokerSymbol, on_delete=models.CASCADE, related_name="last_quote")
    bid = PriceField()
    ask = PriceField()
    at = models.DateTimeField()
    stated_at = models.DateTimeField(null=True)
    source = models.CharField(max_length=60)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(bid__gt=0, ask__gt=0), name="quote_positive")
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {plain(self.bid)}/{plain(self.ask)}"


class FxRate(models.Model):
    """ECB reference rate: units of `currency` for one euro on that day."""

    currency = models.CharField(max_length=3)
    day = models.DateField()
    rate = PriceField()
    source = models.CharField(max_length=40, default="ECB")

    class Meta:
        ordering = ["-day", "currency"]
        verbose_name = "reference rate"
        constraints = [
            models.UniqueConstraint(fields=["currency", "day"], name="fx_rate_unique"),
            models.CheckConstraint(condition=Q(rate__gt=0), name="fx_rate_positive"),
        ]

    def __str__(self) -> str:
        return f"EUR{self.currency} {plain(self.rate)} on {self.day}"

"""The registry of strategies: what may trade, where, when, and how much."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from brokers.models import Instrument
from brokers.platforms import PLATFORMS
from tradershub.core.fields import ExactDecimalField
from tradershub.core.owned import OwnedModel
from tradershub.core.validators import above_zero, check_zone
from tradershub.finance.sizing import SizeIn

KEY = RegexValidator(
    r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,59}\Z",
    "Expected letters, digits, dots and dashes, as mean-rev-1",
)
TIMEFRAMES = ("M1", "M5", "M15", "M30", "H1", "H4", "D1", "W1", "MN1")
WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def check_platforms(keys: Any) -> None:
    """Raises ValidationError where one is no platform."""
    _check_list(keys, tuple(PLATFORMS), "platforms")


def check_weekdays(days: Any) -> None:
    """Raises ValidationError where one is no weekday as Mon."""
    _check_list(days, WEEK, "weekdays")


def check_timeframes(frames: Any) -> None:
    """Raises ValidationError where one is no timeframe as H1."""
    _check_list(frames, TIMEFRAMES, "timeframes")


def _check_list(found: Any, known: tuple[str, ...], what: str) -> None:
    if not isinstance(found, list) or any(item not in known for item in found):
        raise ValidationError(f"{what} were {found!r}; expected a list of {', '.join(known)}")


class Strategy(OwnedModel):
    """A way to trade with a name. Signals call it by its key; its orders and results are counted under it.

    Testing goes to paper accounts only; what is in development, paused or archived goes nowhere. Lists left empty
    allow all. Category and timeframes only say what it is.
    """

    OWNER_PATH = "owner"

    class Status(models.TextChoices):
        DEVELOPMENT = "development", "In development"
        TESTING = "testing", "Testing"
        LIVE = "live", "Live"
        PAUSED = "paused", "Paused"
        ARCHIVED = "archived", "Archived"

    class SizeUnit(models.TextChoices):
        LOTS = SizeIn.LOTS.value, "Lots"
        UNITS = SizeIn.UNITS.value, "Units"
        MONEY = SizeIn.MONEY.value, "Money, account currency"
        PERCENT_EQUITY = SizeIn.PERCENT_EQUITY.value, "Percent of equity"
        PERCENT_RISK = SizeIn.PERCENT_RISK.value, "Percent of equity at risk to the stop"

    TRADES = (Status.TESTING, Status.LIVE)

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="strategies"
    )
    key = models.CharField(max_length=60, validators=[KEY], help_text="What signals call it")
    name = models.CharField(max_length=120, blank=True)
    status = models.CharField(max_length=12, choices=Status, default=Status.TESTING)
    category = models.CharField(
        max_length=60, blank=True, help_text="As mean reversion, breakout, carry"
    )
    timeframes = models.JSONField(
        default=list, blank=True, validators=[check_timeframes], help_text="Of the bars it reads"
    )
    instruments = models.ManyToManyField(
        Instrument, blank=True, help_text="What it may trade; none means anything"
    )
    platforms = models.JSONField(
        default=list, blank=True, validators=[check_platforms], help_text="Empty: any platform"
    )
    size = ExactDecimalField(
        null=True,
        blank=True,
        validators=[above_zero],
        help_text="Size of each entry; empty: what the signal says",
    )
    size_in = models.CharField(max_length=16, choices=SizeUnit, default=SizeUnit.LOTS)
    one_at_a_time = models.BooleanField(
        default=False, help_text="No entry while the strategy holds the instrument on that account"
    )
    weekdays = models.JSONField(
        default=list, blank=True, validators=[check_weekdays], help_text="Empty: every day"
    )
    trades_from = models.TimeField(null=True, blank=True)
    trades_until = models.TimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=60, default="UTC", validators=[check_zone])
    notes = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["key"]
        verbose_name_plural = "strategies"
        constraints = [
            models.UniqueConstraint(fields=["owner", "key"], name="strategy_key_unique"),
            models.CheckConstraint(
                condition=Q(size__isnull=True) | Q(size__gt=0), name="strategy_size_positive"
            ),
            models.CheckConstraint(
                condition=Q(trades_from__isnull=True, trades_until__isnull=True)
                | Q(trades_from__isnull=False, trades_until__isnull=False),
                name="strategy_hours_have_both_ends",
                violation_error_message="Expected both ends of the hours, or none",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.key

    @property
    def may_trade(self) -> bool:
        return self.status in self.TRADES

    def is_open_at(self, at: dt.datetime) -> bool:
        """Whether its hours include that moment. Hours may pass midnight; their day is that of their start."""
        local = at.astimezone(self._zone)
        clock, begins = local.time(), self.trades_from
        day = local.date()
        if begins is not None and self.trades_until is not None:
            passes_midnight = self.trades_until <= begins
            inside = (
                clock >= begins or clock < self.trades_until
                if passes_midnight
                else begins <= clock < self.trades_until
            )
            if not inside:
                return False
            if passes_midnight and clock < self.trades_until:
                day -= dt.timedelta(days=1)
        return not self.weekdays or WEEK[day.weekday()] in self.weekdays

    @property
    def _zone(self) -> dt.tzinfo:
        return zoneinfo.ZoneInfo(self.time_zone)

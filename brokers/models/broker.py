"""A broker and the rules that hold for all of its accounts."""

from __future__ import annotations

import datetime as dt
import zoneinfo

from django.db import models
from django.db.models.functions import Lower

from tradershub.core.validators import check_zone
from tradershub.finance.server_clock import ServerClock


class Broker(models.Model):
    """The firm. Its server zone reads the times of its statements; its rollover ends the trading day."""

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        CLOSED = "closed", "Closed"

    class Conversion(models.TextChoices):
        BY_DEAL = "by_deal", "By deal (ask closes a buy, bid a sell)"
        BY_MARKET = "by_market", "By market (the side worse for the trader)"
        MID = "mid", "Mid price with a mark-up"

    class Rounding(models.TextChoices):
        HALF_UP = "half_up", "Half up"
        TRUNCATE = "truncate", "Truncated"

    class Weekday(models.IntegerChoices):
        MONDAY = 0, "Monday"
        TUESDAY = 1, "Tuesday"
        WEDNESDAY = 2, "Wednesday"
        THURSDAY = 3, "Thursday"
        FRIDAY = 4, "Friday"

    name = models.CharField(max_length=120)
    legal_entity = models.CharField(max_length=200, blank=True)
    regulator = models.CharField(max_length=120, blank=True)
    website = models.URLField(blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    closed_at = models.DateTimeField(null=True, blank=True)
    time_zone = models.CharField(
        max_length=60,
        default="Europe/Athens",
        validators=[check_zone],
        help_text="Zone of the server's clock, in which its statements are written",
    )
    earlier_zones = models.JSONField(
        default=list,
        blank=True,
        editable=False,
        help_text="Zones the clock was set to before, each with the first day it held no more",
    )
    rollover = models.TimeField(
        default=dt.time(0, 0), help_text="When the trading day ends, on the server's clock"
    )
    triple_swap_weekday = models.PositiveSmallIntegerField(
        choices=Weekday, default=Weekday.WEDNESDAY
    )
    negative_balance_protection = models.BooleanField(default=True)
    conversion = models.CharField(max_length=10, choices=Conversion, default=Conversion.BY_DEAL)
    rounding = models.CharField(max_length=10, choices=Rounding, default=Rounding.HALF_UP)
    aliases = models.JSONField(
        default=list, blank=True, help_text="Company and server names that its statements print"
    )
    notes = models.TextField(blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                Lower("name"),
                name="broker_name_unique",
                violation_error_message="There is a broker of that name already",
            ),
            models.CheckConstraint(
                condition=models.Q(status="closed") | models.Q(closed_at__isnull=True),
                name="broker_open_has_no_closing_time",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        return self.status == self.Status.OPEN

    @property
    def zone(self) -> dt.tzinfo:
        """The server's clock: its zone, and those that it was set to before."""
        last = zoneinfo.ZoneInfo(self.time_zone)
        if not self.earlier_zones:
            return last
        earlier = (
            (zoneinfo.ZoneInfo(change["zone"]), dt.date.fromisoformat(change["until"]))
            for change in self.earlier_zones
        )
        return ServerClock(tuple(earlier), last)

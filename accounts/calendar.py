"""The trading days of an account: those of its broker."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from accounts.models import Account
from tradershub.finance.trading_day import day_bounds, trading_day


class Calendar(NamedTuple):
    """The trading days of a broker: its zone, and when its day ends on that clock."""

    zone: dt.tzinfo
    rollover: dt.time

    @classmethod
    def of(cls, account: Account) -> Calendar:
        return cls(account.broker.zone, account.broker.rollover)

    def day_of(self, at: dt.datetime) -> dt.date:
        return trading_day(at, zone=self.zone, rollover=self.rollover)

    def bounds(self, day: dt.date) -> tuple[dt.datetime, dt.datetime]:
        """The first moment of that trading day and of the next, in UTC."""
        return day_bounds(day, zone=self.zone, rollover=self.rollover)

"""The period of a page: a preset or two dates, both included. Days are the broker's trading days."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

PRESETS = {
    "today": "Today",
    "week": "This week",
    "month": "This month",
    "quarter": "This quarter",
    "year": "This year",
    "all": "All",
    "custom": "Custom",
}


@dataclass(frozen=True, slots=True)
class Period:
    """start and end are days, both included; None where it has no bound on that side."""

    preset: str = "all"
    start: dt.date | None = None
    end: dt.date | None = None

    @property
    def label(self) -> str:
        if self.preset != "custom":
            return PRESETS[self.preset]
        return f"{self.start or 'the beginning'} to {self.end or 'today'}"


def preset_period(preset: str, *, today: dt.date) -> Period:
    """The period of a preset other than custom, up to today."""
    starts = {
        "today": today,
        "week": today - dt.timedelta(days=today.weekday()),
        "month": today.replace(day=1),
        "quarter": today.replace(month=(today.month - 1) // 3 * 3 + 1, day=1),
        "year": today.replace(month=1, day=1),
        "all": None,
    }
    return Period(preset, starts[preset], None)

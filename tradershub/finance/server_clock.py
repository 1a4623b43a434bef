"""The clock of a server that was set from one time zone to another."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from dataclasses import dataclass


@dataclass(frozen=True)
class ServerClock(dt.tzinfo):
    """The zones of one clock. Which of them holds is decided by the date that the clock itself shows.

    earlier: each former zone with the first day on which it held no more, oldest first.
    At the change itself the clock may jump; a time that it then shows twice is its first showing.
    """

    earlier: tuple[tuple[zoneinfo.ZoneInfo, dt.date], ...]
    last: zoneinfo.ZoneInfo

    def utcoffset(self, when: dt.datetime | None) -> dt.timedelta | None:
        return self._in_zone(when).utcoffset() if when else None

    def dst(self, when: dt.datetime | None) -> dt.timedelta | None:
        return self._in_zone(when).dst() if when else None

    def tzname(self, when: dt.datetime | None) -> str | None:
        return self._in_zone(when).tzname() if when else None

    def fromutc(self, when: dt.datetime) -> dt.datetime:
        moment = when.replace(tzinfo=dt.UTC)
        for zone, until in self.earlier:
            shown = moment.astimezone(zone)
            if shown.date() < until:
                return shown.replace(tzinfo=self)
        return moment.astimezone(self.last).replace(tzinfo=self)

    def _in_zone(self, when: dt.datetime) -> dt.datetime:
        day = when.date()
        zone = next((zone for zone, until in self.earlier if day < until), self.last)
        return when.replace(tzinfo=zone)

"""The text of a server's clock becomes a moment in UTC."""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache

FORM = re.compile(
    r"(\d{4})[.\-/](\d{1,2})[.\-/](\d{1,2})(?:[ T](\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,6})\d*)?)?)?"
    r"(Z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
USUAL = re.compile(r"\d{4}\.\d\d\.\d\d \d\d:\d\d:\d\d", re.ASCII)  # quicker to read than FORM
# MT4 stamps its print as "2024 January 19, 14:48", in the language of the terminal; English is the usual one.
STAMP = re.compile(
    r"(\d{4}) ([A-Z][a-z]{2})[a-z]* (\d{1,2}),? (\d{1,2}):(\d\d)(?::(\d\d))?", re.ASCII
)
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def moment(text: str, zone: dt.tzinfo, *, after: dt.datetime | None = None) -> dt.datetime | None:
    """The moment in UTC that a time text of a server in that zone means; None if it is no time.

    An hour that the clock shows twice is its first; an hour that it skips is read as if the clock
    had not yet been put forward. A text with its own offset keeps it. after: a moment that cannot
    be later, which tells the second showing of an hour from its first.
    """
    naive = server_time(text)
    if naive is None:
        return None
    if naive.tzinfo is None:
        naive = naive.replace(tzinfo=zone)
    try:
        first = naive.astimezone(dt.UTC)
        if after is None or first >= after:
            return first
        second = naive.replace(fold=1).astimezone(dt.UTC)
    except OverflowError:
        return None
    return second if second >= after else first


@lru_cache(maxsize=4096)
def server_time(text: str) -> dt.datetime | None:
    """The time as the text says it, naive unless the text states an offset; None if it is no time."""
    if USUAL.fullmatch(text):
        return _usual(text)
    text = text.strip()
    if found := FORM.fullmatch(text):
        *numbers, fraction, offset = found.groups()
        parts = [int(number or 0) for number in numbers]
        return _datetime(parts, int((fraction or "0").ljust(6, "0")), offset)
    if (found := STAMP.fullmatch(text)) and found[2] in MONTHS:
        year, month, *rest = found.groups()
        numbers = [int(number or 0) for number in rest]
        return _datetime([int(year), MONTHS.index(month) + 1, *numbers], 0, None)
    return None


def _usual(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text.replace(".", "-"))
    except ValueError:
        return None


def _datetime(parts: list[int], microsecond: int, offset: str | None) -> dt.datetime | None:
    try:
        return dt.datetime(*parts, microsecond, tzinfo=_offset(offset))  # type: ignore[misc, arg-type]
    except ValueError:
        return None


def _offset(text: str | None) -> dt.tzinfo | None:
    if text is None:
        return None
    if text == "Z":
        return dt.UTC
    sign = -1 if text[0] == "-" else 1
    return dt.timezone(sign * dt.timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))


def iso(text: str) -> str:
    """The same time as ISO 8601 on the server's clock; the text itself where it is no time."""
    when = server_time(text)
    return when.isoformat() if when else text

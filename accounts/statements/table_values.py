"""Numbers and times in tables that people and brokers write their own way.

What a mark or an order of day and month means is found from all values of a file, never from one:
"1,234" alone and "02/03/2026" alone can be read in two ways, and then the answer is to ask.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from accounts.statements.numbers import shown, to_decimal

DAY_FIRST, MONTH_FIRST, YEAR_FIRST = "day first", "month first", "year first"
UNITS = re.compile(
    r"[$€£¥₽₹%]|\b(?:usd|eur|gbp|jpy|chf|aud|cad|nzd|pln|czk|huf|sek|nok|dkk|zar|sgd|hkd|usdt|"
    r"lots?|units?|shares?|contracts?|oz|pips?)\b",
    re.IGNORECASE,
)
BODY = re.compile(r"[-+−]?\s?[0-9.,][0-9.,' \u00a0\u202f]*")
MARKS = re.compile(r"[.,]")
DATE = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})")
COMPACT = re.compile(r"((?:19|20)\d{2})([01]\d)([0-3]\d)(?!\d)")
NAMED = re.compile(
    r"(\d{1,2})[\s.-]*([A-Za-z]{3,9})\.?[\s.,-]*(\d{4})|"
    r"([A-Za-z]{3,9})\.? (\d{1,2}),? (\d{4})"
)
CLOCK = re.compile(
    r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,6})\d*)?)?\s*([AaPp]\.?[Mm]\.?)?"
    r"\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?"
)
ONLY_CLOCK = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?(?:\s*[AaPp]\.?[Mm]\.?)?")
COMPACT_CLOCK = re.compile(r"(\d{2})(\d{2})(\d{2})()()()")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True)
class Found:
    """What the values say: `value` is the best reading, is_certain whether another one is excluded."""

    value: str
    is_certain: bool


@lru_cache(maxsize=65536)
def number_body(text: str) -> str:
    """The digits and marks of a number with its sign, without currency signs and units, or ''."""
    plain = UNITS.sub("", text.replace("\u00a0", " ").replace("\u202f", " ")).strip()
    is_negative = "(" in plain and plain.endswith(")")
    plain = re.sub(r"^([-+−])\s+", r"\1", plain.replace("(", "").replace(")", "").strip())
    if not BODY.fullmatch(plain) or not any(letter.isdigit() for letter in plain):
        return ""
    plain = plain.replace("−", "-").replace("'", " ").strip()
    return f"-{plain.lstrip('-')}" if is_negative else plain


def read_number(text: str, decimal: str) -> Decimal:
    """The number with `decimal` as decimal mark, the other mark and spaces between thousands.

    Raises ValueError with what was found and expected.
    """
    body = number_body(text)
    if not body:
        raise ValueError(f"found {shown(text)}, expected a number such as 1234{decimal}56")
    other = "," if decimal == "." else "."
    return to_decimal(body, decimal=decimal, group=other if other in body else " ")


def looks_like_number(text: str) -> bool:
    """Whether the text is a number in one convention or another."""
    return bool(number_body(text))


def decimal_mark(texts: Iterable[str]) -> Found:
    """Which of . and , is the decimal mark in these numbers."""
    votes = {".": 0, ",": 0}
    doubtful = ""
    for text in texts:
        body = number_body(text).lstrip("-+")
        mark, is_proof = _vote(body)
        if is_proof:
            votes[mark] += 1
        elif mark:
            doubtful = doubtful or mark
    best = "," if votes[","] > votes["."] else "."
    is_mixed = bool(votes[","] and votes["."])
    if not any(votes.values()):
        return Found(doubtful or ".", not doubtful)
    return Found(best, not is_mixed)


def _vote(body: str) -> tuple[str, bool]:
    """The decimal mark that one number shows, and whether it proves it."""
    marks = MARKS.findall(body)
    if not marks:
        return "", False
    other = "," if marks[-1] == "." else "."
    if len(set(marks)) == 2:
        return marks[-1], True
    if len(marks) > 1:
        return other, True
    whole, _, fraction = body.partition(marks[0])
    is_open = len(fraction) == 3 and 1 <= len(whole) <= 3 and not whole.startswith("0")
    return marks[0], not is_open


def looks_like_time(text: str) -> bool:
    """Whether the text is a date, with or without a time of day."""
    return bool(_split(text.strip()))


def date_order(texts: Iterable[str]) -> Found:
    """Whether day or month comes first in these dates; certain where a value excludes the other."""
    seen: set[str] = set()
    is_needed = False
    for text in texts:
        match = DATE.match(text.strip())
        if not match or len(match[1]) == 4:
            continue
        is_needed = True
        seen |= _orders(int(match[1]), int(match[3]), match[2])
    if not is_needed:
        return Found(YEAR_FIRST, True)
    return Found(MONTH_FIRST if seen == {MONTH_FIRST} else DAY_FIRST, len(seen) == 1)


def _orders(first: int, second: int, mark: str) -> set[str]:
    """The order that one date proves; dots stand only in dates that begin with the day."""
    if first > 12 or (mark == "." and second <= 12):
        return {DAY_FIRST}
    return {MONTH_FIRST} if second > 12 else set()


@lru_cache(maxsize=65536)
def read_time(text: str, order: str) -> tuple[str, dt.timedelta | None]:
    """The moment as 'YYYY.MM.DD HH:MM:SS[.ffffff]', and the offset from UTC where the text states it.

    Raises ValueError with what was found and expected.
    """
    split = _split(text.strip())
    if not split:
        raise ValueError(
            f"found {shown(text)}, expected a date and time such as 2026-01-31 14:30:00"
        )
    date, clock = split
    try:
        day = _day(date, order)
        moment = _moment(clock)
        at = dt.datetime.combine(day, moment)  # noqa: DTZ001 - the zone is the broker's, kept apart
    except ValueError as error:
        raise ValueError(
            f"found {shown(text)}, expected a date that exists, {order} ({error})"
        ) from error
    pattern = "%Y.%m.%d %H:%M:%S.%f" if at.microsecond else "%Y.%m.%d %H:%M:%S"
    return at.strftime(pattern), _offset(clock)


def in_utc(text: str, offset: dt.timedelta | None) -> str:
    """The moment that `read_time` gave, moved to UTC by its offset; unchanged without one."""
    if not offset:
        return text
    pattern = "%Y.%m.%d %H:%M:%S.%f" if "." in text[11:] else "%Y.%m.%d %H:%M:%S"
    return (dt.datetime.strptime(text, pattern) - offset).strftime(pattern)  # noqa: DTZ007 - UTC by its offset


def _split(text: str) -> tuple[re.Match[str], re.Match[str] | None] | None:
    date = DATE.match(text) or NAMED.match(text) or COMPACT.match(text)
    if not date:
        return None
    rest = text[date.end() :].lstrip(" T,;").strip()
    if not rest:
        return date, None
    clock = CLOCK.fullmatch(rest) or COMPACT_CLOCK.fullmatch(rest)
    return (date, clock) if clock else None


def _day(match: re.Match[str], order: str) -> dt.date:
    if match.re is NAMED:
        day, name, year = (match[1], match[2], match[3]) if match[1] else match.group(5, 4, 6)
        return dt.date(int(year), _month(name), int(day))
    if match.re is COMPACT:
        return dt.date(int(match[1]), int(match[2]), int(match[3]))
    first, second, third = int(match[1]), int(match[3]), int(match[4])
    if len(match[1]) == 4:
        return dt.date(first, second, third)
    if len(match[1]) > 2 or len(match[4]) not in (2, 4):
        raise ValueError("day, month or year has too many digits")
    year = third + 2000 if third < 100 else third
    return dt.date(year, first, second) if order == MONTH_FIRST else dt.date(year, second, first)


def _month(name: str) -> int:
    short = name[:3].lower()
    if short not in MONTHS:
        raise ValueError(f"{name} is no month")
    return MONTHS.index(short) + 1


def _moment(match: re.Match[str] | None) -> dt.time:
    if match is None:
        return dt.time()
    hour, half = int(match[1]), (match[5] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            raise ValueError(f"{hour} {half} is no time")
        hour = hour % 12 + (12 if half.startswith("p") else 0)
    fraction = (match[4] or "").ljust(6, "0")
    return dt.time(hour, int(match[2]), int(match[3] or 0), int(fraction))


def _offset(match: re.Match[str] | None) -> dt.timedelta | None:
    zone = match[6] if match else ""
    if not zone:
        return None
    if zone[0] not in "+-":
        return dt.timedelta()
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return dt.timedelta(minutes=-minutes if zone[0] == "-" else minutes)

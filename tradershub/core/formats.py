"""How figures are written, in one place: pages, e-mails and commands read alike.

Thousands stand apart by a narrow no-break space, a loss carries a real minus sign, an unknown
figure is a dash, and a currency has its own digits.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tradershub.finance.decimals import quantise
from tradershub.finance.money import currency_digits

THIN = "\u202f"
MINUS = "\u2212"
UNKNOWN = "–"
FIGURE_DIGITS = 8
# Figures of checks that are keys of rows or counters of the hub: kept for whoever looks into it, read by nobody.
OF_THE_HUB = frozenset(
    {"limit_id", "blackout_id", "epoch", "allowed_under", "instrument", "now", "then"}
)
_DECIMAL = re.compile(r"-?\d{1,30}\.\d+", re.ASCII)


def number(value: Decimal | int | None, digits: int) -> str:
    """The figure at that many decimals, as 1 234.50; unknown as a dash."""
    if value is None:
        return UNKNOWN
    text = f"{quantise(Decimal(value), digits):,.{digits}f}"
    return text.replace(",", THIN).replace("-", MINUS)


def money(amount: Decimal | None, currency: str) -> str:
    """A balance or a price of something, in the currency's own digits, without its code."""
    return number(amount, currency_digits(currency))


def signed(amount: Decimal | None, currency: str) -> str:
    """Profit or loss: always with its sign, zero with none."""
    return signed_number(amount, currency_digits(currency))


def signed_number(value: Decimal | None, digits: int) -> str:
    """A multiple, as of R: at that many decimals, always with its sign, zero with none."""
    text = number(value, digits)
    return f"+{text}" if value is not None and quantise(value, digits) > 0 else text


def plain(value: Decimal | None) -> str:
    """A price or a volume with the digits it has, no trailing zeros."""
    if value is None:
        return UNKNOWN
    text = f"{value.normalize():,f}"
    return text.replace(",", THIN).replace("-", MINUS)


def figure(value: Any) -> str:
    """What a rule judged by: a number to eight decimals and without zeros at its end, anything else as it is."""
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        return value
    if isinstance(value, str | Decimal):
        return plain(quantise(Decimal(value), FIGURE_DIGITS))
    return str(value)


def spoken(name: str) -> str:
    """A name of the code as words: "kill_switch" is "kill switch"."""
    return name.replace("_", " ")


def checked(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a rule judged by, in words: without what is unknown and the numbers of rows that only the hub knows."""
    told = {name: value for name, value in figures.items() if name not in OF_THE_HUB}
    return [
        (spoken(name), ("yes" if value else "no") if isinstance(value, bool) else figure(value))
        for name, value in told.items()
        if value not in (None, "")
    ]


def price(value: Decimal | None, tick: Decimal | None) -> str:
    """A price with the digits of its tick, or more where it has more; without a tick as it is."""
    if value is None or not tick:
        return plain(value)
    return number(value, max(places(value), places(tick)))


def average_price(value: Decimal | None, tick: Decimal | None) -> str:
    """A price that several fills made: one digit behind those of its tick says enough."""
    if value is None or not tick:
        return plain(value)
    return price(quantise(value, places(tick) + 1).normalize(), tick)


def exact(value: Decimal, digits: int) -> Decimal:
    """The same figure with at least that many decimals, and no zeros behind them."""
    return quantise(value, max(digits, places(value)))


def places(value: Decimal) -> int:
    """How many decimals the figure needs."""
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def lots(volume: Decimal | None) -> str:
    """A volume, at least to hundredths of a lot."""
    if volume is None:
        return UNKNOWN
    return number(volume, max(2, places(volume)))


def percent(value: Decimal | None, digits: int = 2) -> str:
    """A percentage already in percent, as 12.34 %."""
    return UNKNOWN if value is None else f"{number(value, digits)}{THIN}%"


def signed_percent(value: Decimal | None, digits: int = 2) -> str:
    """A change in percent, with its sign."""
    text = percent(value, digits)
    return f"+{text}" if value is not None and quantise(value, digits) > 0 else text


def age(at: dt.datetime | None, *, now: dt.datetime) -> str:
    """How long ago, in one unit: "just now", "5 min ago", "3 h ago", "12 days ago", "3 years ago"."""
    if at is None:
        return "never"
    minutes = int((now - at).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    if minutes < 48 * 60:
        return f"{minutes // 60} h ago"
    days = minutes // (24 * 60)
    return f"{days} days ago" if days < 2 * 365 else f"{days // 365} years ago"


def duration(start: dt.datetime, end: dt.datetime) -> str:
    """How long something was held, in its two largest units: "3 d 4 h", "12 min"."""
    minutes = max(0, int((end - start).total_seconds() // 60))
    days, rest = divmod(minutes, 24 * 60)
    hours, minutes = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def time_left(until: dt.datetime, *, now: dt.datetime) -> str:
    """How long until then, as `duration`; "less than a minute" at the end, and after it."""
    if until - now < dt.timedelta(minutes=1):
        return "less than a minute"
    return duration(now, until)


def gain_class(written: str) -> str:
    """The page's class for a signed figure as it is written: what rounds to zero has none."""
    if written.startswith("+"):
        return "gain"
    return "loss" if written.startswith(MINUS) else ""

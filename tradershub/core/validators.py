"""What a field of several apps must look like."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

currency_code = RegexValidator(r"^[A-Z]{3}$", "Expected a currency code of three letters, as USD")


# Days outside have no trading in them, and no neighbours that a calendar can count to.
FIRST_YEAR, LAST_YEAR = 1970, 2199
BETWEEN = f"between the years {FIRST_YEAR} and {LAST_YEAR}"


def is_countable(day: dt.date) -> bool:
    """True for a day, or a moment, whose neighbours can be counted."""
    return FIRST_YEAR <= day.year <= LAST_YEAR


def is_plain_number(text: str) -> bool:
    """True for digits as everybody types them: neither 1_000 nor those of another script."""
    return text.isascii() and "_" not in text


def above_zero(value: Decimal) -> None:
    """Raises ValidationError for zero and less: a size of which there is nothing."""
    if not value.is_finite() or value <= 0:
        raise ValidationError(f"Expected a number above zero, found {_shown(value)}")


def not_negative(value: Decimal) -> None:
    """Raises ValidationError for less than zero."""
    if not value.is_finite() or value < 0:
        raise ValidationError(f"Expected zero or more, found {_shown(value)}")


def _shown(value: Decimal) -> str:
    return str(value)[:40] if value else "0"


def check_zone(name: str) -> None:
    """Raises ValidationError unless the name is an IANA time zone."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(f'"{name}" is not a time zone; expected a name such as Europe/Athens')

"""What a field of several apps must look like."""

from __future__ import annotations

import zoneinfo

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

currency_code = RegexValidator(r"^[A-Z]{3}$", "Expected a currency code of three letters, as USD")


def check_zone(name: str) -> None:
    """Raises ValidationError unless the name is an IANA time zone."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(f'"{name}" is not a time zone; expected a name such as Europe/Athens')

"""How OANDA writes numbers and moments."""

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from tradershub.finance.decimals import quantise, to_decimal

Plain = dict[str, Any]

MONEY_DIGITS = 4
_MOMENT = re.compile(
    r'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})Z"'
)  # as `stamp` writes it, in JSON


def money(amount: Decimal) -> str:
    """Account currency, four digits."""
    return f"{quantise(amount, MONEY_DIGITS):f}"


def price(value: Decimal, digits: int) -> str:
    return f"{quantise(value, digits):f}"


def units(value: Decimal) -> str:
    """Signed, without the zeros behind the point."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def factor(value: Decimal) -> str:
    return f"{value.quantize(Decimal('0.00000001')).normalize():f}"


def stamp(at: datetime, nanos: int = 0) -> str:
    """RFC 3339 in UTC with nine digits; nanos: the last three."""
    utc = at.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond:06}{nanos % 1000:03}Z"


def moment(text: str) -> datetime:
    """A moment as a client may give it: RFC 3339 or seconds since 1970. Raises ValueError."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        seconds, _, fraction = text.partition(".")
        micros = int((fraction + "000000")[:6])
        return datetime.fromtimestamp(int(seconds), UTC).replace(microsecond=micros)
    cut = re.sub(r"(\.\d{6})\d+", r"\1", text.replace("Z", "+00:00"))
    found = datetime.fromisoformat(cut)
    if found.tzinfo is None:
        raise ValueError(f"expected a moment with its zone, found {text}")
    return found.astimezone(UTC)


def in_unix(body: str) -> str:
    """A JSON text with its moments as seconds since 1970, as `Accept-Datetime-Format: UNIX` asks."""

    def seconds(found: re.Match[str]) -> str:
        whole = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
        return f'"{int(whole.timestamp())}.{found[2]}"'

    return _MOMENT.sub(seconds, body)


def number(value: Any) -> Decimal | None:
    """The number a request gives as text or JSON number; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        return to_decimal(value)
    except (ValueError, InvalidOperation):
        return None

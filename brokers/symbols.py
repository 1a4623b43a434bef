"""Which of our instruments a broker's symbol means: pure rules that answer only where it is certain."""

from __future__ import annotations

import re
from collections.abc import Mapping

# What brokers append without naming another product: account classes, execution types, "spot".
HARMLESS = frozenset(
    "a b c e i k m p r s t x z cash cfd ecn i micro mini nano pro prime raw spot standard std stp "
    "var zero".split()
)
# Appended, these name another product than spot: a future, a forward, an expiry.
OTHER_PRODUCT = re.compile(r"(f|fut|futures?|fwd|forward|[fghjkmnquvxz]\d{1,2}|\d{4,})", re.I)
SEPARATED = re.compile(r"(?P<stem>.+?)[._\-#@!+~^](?P<suffix>[A-Za-z0-9]{0,8}[.#@!+]?)")
FUTURE_MONTH = re.compile(r"(?P<root>[A-Z0-9]{1,3}?)(?P<month>[FGHJKMNQUVXZ]\d{1,2})")
FUTURE_DATE = re.compile(r"(?P<root>[A-Z0-9]{1,4}) (?:0[1-9]|1[0-2])-\d{2}")
LONG_ENOUGH_TO_GLUE = 5


def instrument_for(name: str, *, spot: Mapping[str, str], futures: Mapping[str, str]) -> str | None:
    """Our symbol for a broker's symbol name, or None where it is not certain.

    spot, futures: upper-case name or alias -> our symbol, of what is quoted without and with an expiry.
    """
    text = name.strip().lstrip("#.").replace("/", "")
    return (
        spot.get(text.upper())
        or futures.get(text.upper())
        or _future(text.upper(), futures)
        or _separated(text, spot)
        or _glued(text, spot)
    )


def _future(text: str, futures: Mapping[str, str]) -> str | None:
    match = FUTURE_MONTH.fullmatch(text) or FUTURE_DATE.fullmatch(text)
    return futures.get(match["root"]) if match else None


def _separated(text: str, spot: Mapping[str, str]) -> str | None:
    if len(text) == 7 and text[3] == "_":
        return spot.get(text.replace("_", "").upper())
    match = SEPARATED.fullmatch(text)
    if not match:
        return None
    suffix = match["suffix"].rstrip(".#@!+")
    if OTHER_PRODUCT.fullmatch(suffix):
        return None
    symbol = spot.get(match["stem"].upper())
    certain = suffix == "" or suffix.lower() in HARMLESS or (suffix.isdigit() and len(suffix) == 1)
    return symbol if certain else None


def _glued(text: str, spot: Mapping[str, str]) -> str | None:
    """`EURUSDm`, `GER40Cash`: a harmless ending that cannot be part of the name (EURUSDT is a coin).

    A short one is told by small letters after capital ones.
    """
    for length in range(len(text) - 1, LONG_ENOUGH_TO_GLUE - 1, -1):
        stem, suffix = text[:length], text[length:]
        symbol = spot.get(stem.upper())
        is_told = len(suffix) > 2 or (suffix.islower() and stem.isupper())
        if symbol and suffix.lower() in HARMLESS and is_told:
            return symbol
    return None

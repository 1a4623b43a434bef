"""Numbers and ids as statements write them, read exactly or refused with what was found."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

MOST_WHOLE_DIGITS = 15
MOST_DECIMALS = 12
EXACT_DIGITS = 15  # what a spreadsheet program keeps of a number

# What files put between groups of digits; the byte order mark and marks of direction are dropped.
BLANKS = str.maketrans(
    dict.fromkeys("\u00a0\u2009\u202f\u2007", " ")
    | dict.fromkeys("\ufeff\u200e\u200f\u061c\u202a\u202b\u202c\u2066\u2067\u2068\u2069")
)
SIGNS = str.maketrans({"\u2212": "-"})

APOSTROPHE = re.compile(r"(?<=[0-9])['’](?=[0-9]{3})")
# A comma that no reading takes for a decimal mark: a point follows it, or another comma.
COMMAS = re.compile(r"[-+]?[0-9]{1,3}(?:(?:,[0-9]{3})+\.[0-9]+|(?:,[0-9]{3}){2,})")
POINT = re.compile(r"([-+]?) ?((?:[0-9]+|[0-9]{1,3}(?: [0-9]{3})+)(?:\.[0-9]*)?|\.[0-9]+)")


def shown(text: str) -> str:
    """The text for a message: quoted and short."""
    return repr(text if len(text) <= 40 else text[:40] + "...")


@lru_cache(maxsize=65536)
def to_decimal(text: str, *, decimal: str = ".", group: str = " ") -> Decimal:
    """The number that a cell holds: '1 234.56', '- 30.12', '(20.00)', with any kind of space.

    An apostrophe or a comma stands between thousands where nothing else can be meant: 1'234, 1,234.56.
    decimal, group: the decimal mark and the thousands mark, which are never guessed. Raises
    ValueError with what was found and what was expected for anything else: an exponent, digits
    other than 0-9 and too long a number included.
    """
    is_plain = decimal == "." and group in (" ", "")
    found = POINT.fullmatch(text) if is_plain else None
    found = found or POINT.fullmatch(_plain(text, decimal=decimal, group=group))
    if not found:
        raise ValueError(f"found {shown(text)}, expected a number such as 1234{decimal}56")
    digits = found[2].replace(" ", "")
    whole, _, fraction = digits.partition(".")
    if len(whole) > MOST_WHOLE_DIGITS or len(fraction) > MOST_DECIMALS:
        raise ValueError(
            f"found {shown(text)}, expected at most {MOST_WHOLE_DIGITS} digits before "
            f"and {MOST_DECIMALS} after the point"
        )
    value = Decimal(found[1] + digits)
    return value or abs(value)


def to_id(text: str) -> str:
    """A ticket, deal or order number: digits only, exactly as the platform gave it.

    Raises ValueError, with a sentence of its own where a spreadsheet program rounded it away.
    """
    plain = text.strip()
    if plain.isascii() and plain.isdigit() and len(plain) <= 20:
        return plain
    compact = plain.replace(" ", "")
    if compact.isascii() and compact.isdigit() and len(compact) <= 20:
        return compact
    if re.fullmatch(r"[0-9]([.,][0-9]+)?[eE]\+?[0-9]{1,3}", compact):
        raise ValueError(
            f"found {shown(text)}: a spreadsheet program has rounded this number (precision lost), "
            "expected all its digits; export the statement again"
        )
    raise ValueError(f"found {shown(text)}, expected a number of digits only")


def from_float(value: float) -> str:
    """The text of a spreadsheet's number, as Decimal(repr(value)) reads it, without exponent."""
    text = repr(value)
    if len(text) <= EXACT_DIGITS + 2 and "e" not in text:
        return text.removesuffix(".0")
    if not value.is_integer() and abs(value) < 10**EXACT_DIGITS:
        text = f"{value:.{EXACT_DIGITS}g}"
    if "e-" in text and abs(value) > 1e-12:
        return f"{Decimal(text):f}"
    return text


def _plain(text: str, *, decimal: str, group: str) -> str:
    plain = text.translate(BLANKS).translate(SIGNS).strip()
    if plain.startswith("(") and plain.endswith(")"):
        plain = "-" + plain[1:-1].strip()
    if decimal == "." and group in (" ", ""):
        plain = APOSTROPHE.sub(" ", plain)
        return plain.replace(",", "") if COMMAS.fullmatch(plain) else plain
    return _with_point(plain, decimal=decimal, group=group)


def _with_point(text: str, *, decimal: str, group: str) -> str:
    """The number with a point and spaces instead; '?' where the marks are out of place."""
    if group not in (" ", "") and decimal in text and group in text[text.index(decimal) :]:
        return "?"
    if decimal != "." and "." in text and group != ".":
        return "?"
    return text.replace(group, " ").replace(decimal, ".") if group else text.replace(decimal, ".")

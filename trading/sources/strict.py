"""Texts to values, strictly: nothing is guessed, and what is refused gets a sentence."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from tradershub.finance.decimals import ZERO
from trading.sources.draft import Unreadable

T = TypeVar("T")
DEEPEST = 16
LONGEST_FIELD = 500
SMALLEST, LARGEST = (
    Decimal("1e-15"),
    Decimal("1e15"),
)  # of any number: beyond, none could be computed
NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,15})?([eE]-?\d{1,2})?", re.ASCII)
MOMENT = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:?\d{2})?", re.ASCII
)
SYMBOL = re.compile(r"[A-Za-z0-9._:/!@#&+^= -]{1,64}", re.ASCII)
UNKEPT = re.compile("[\x00\ud800-\udfff]")  # halves of characters, and what ends a text elsewhere
PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}")
ABSENT = ("", "na", "nan", "null", "none")  # as charting programs write what they do not know

Fields = Mapping[str, str]


class Refused(Exception):
    """A field that cannot be read; turned into Unreadable where a dialect begins."""

    def __init__(self, code: str, message: str, *, malformed: bool = False) -> None:
        super().__init__(message)
        self.reason = Unreadable(code, message, malformed)


def text_of(body: bytes) -> str:
    """The body as text: UTF-8, with or without its mark. Raises Refused for anything else."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(
            "not_text", f"Expected text in UTF-8; byte {error.start} is none", malformed=True
        ) from error
    _refuse_unkept(text)
    if found := PLACEHOLDER.search(text):
        raise Refused(
            "placeholder",
            f"The placeholder {found[0][:60]} was not filled in; expected its value: check its spelling "
            "in the alert's message",
        )
    return text


def fields_of_json(text: str) -> dict[str, str]:
    """The one object of the text, its values as text, nested names joined by a dot. Raises Refused.

    Names are told apart as they are read: by lower case, without blanks around them. null and an empty object
    are empty text: the name is there, its value is not known.
    """
    _refuse_depth(text)
    try:
        found = json.loads(
            text,
            object_pairs_hook=_kept_once,
            parse_constant=_no_constant,
            parse_float=str,
            parse_int=str,
        )
    except (ValueError, RecursionError) as error:
        raise Refused("not_json", f"Expected a JSON object: {error}", malformed=True) from error
    if not isinstance(found, dict):
        raise Refused("not_json", "Expected a JSON object, found another value", malformed=True)
    return _once_each(_flat(found))


def _refuse_depth(text: str) -> None:
    depth = 0
    for sign in text:
        depth += (sign in "[{") - (sign in "]}")
        if depth > DEEPEST:
            raise Refused("not_json", f"Expected at most {DEEPEST} levels of JSON", malformed=True)


def _refuse_unkept(text: str) -> None:
    """PostgreSQL keeps no text with these, written plainly or as an escape of JSON."""
    if found := UNKEPT.search(text):
        raise Refused(
            "not_text",
            f"Expected text; U+{ord(found[0]):04X} is no character of one",
            malformed=True,
        )


def _kept_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for text in (text for pair in pairs for text in pair if isinstance(text, str)):
        _refuse_unkept(text)
    return _once_each(pairs)


def _once_each(pairs: Iterable[tuple[str, T]]) -> dict[str, T]:
    found: dict[str, T] = {}
    for name, value in pairs:
        if name in found:
            raise Refused(
                "duplicate_key", f'"{name[:40]}" stands twice; expected once', malformed=True
            )
        found[name] = value
    return found


def _no_constant(word: str) -> Any:
    raise Refused("not_json", f"{word} is no JSON number", malformed=True)


def _flat(found: dict[str, Any], before: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in found.items():
        full = f"{before}{name}".strip().lower()
        if isinstance(value, dict) and value:
            rows += _flat(value, f"{full}.")
        elif isinstance(value, list):
            raise Refused("one_signal", f'"{full}" is a list; expected one value')
        else:
            rows.append((full, _word(full, value) if value not in (None, {}) else ""))
    return rows


def _word(name: str, value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if len(text) > LONGEST_FIELD:
        raise Refused(
            "too_long", f'"{name}" has {len(text)} characters; expected {LONGEST_FIELD} at most'
        )
    return text.strip()


def number(fields: Fields, *names: str) -> Decimal | None:
    """The number of the first of these fields that says something. Raises Refused for no plain number.

    A decimal point, no thousands marks: "1,5" could be two numbers, and is never guessed at.
    """
    name, text = given(fields, *names)
    if text.lower() in ABSENT:
        return None
    if not NUMBER.fullmatch(text):
        raise Refused(
            "number_format",
            f'"{name}" was {text[:40]!r}; expected a number as 1.25, of at most 15 digits on either side of '
            "the point",
        )
    value = Decimal(text)
    if value and not SMALLEST <= abs(value) <= LARGEST:
        raise Refused(
            "out_of_range", f'"{name}" was {text}; expected {SMALLEST:.0e} to {LARGEST:.0e}'
        )
    return value


def positive(fields: Fields, *names: str) -> Decimal | None:
    """As `number`, above zero. Raises Refused."""
    value = number(fields, *names)
    if value is not None and value <= ZERO:
        name, text = given(fields, *names)
        raise Refused("out_of_range", f'"{name}" was {text}; expected more than zero')
    return value


def refuse_unknown(fields: Fields, *names: str) -> None:
    """Raises Refused for a field that is there and has no value: nobody knows what was meant by it."""
    for name in names:
        text = fields.get(name)
        if text is not None and text.strip().lower() in ABSENT:
            raise Refused(
                "unknown_value",
                f'"{name}" was {text[:40]!r}; expected its value, or the name left out where it has none',
            )


def given(fields: Fields, *names: str) -> tuple[str, str]:
    """Name and text of the first of these fields that is not empty."""
    return next(((n, fields[n]) for n in names if fields.get(n, "").strip()), (names[0], ""))


def word(fields: Fields, *names: str) -> str:
    return given(fields, *names)[1]


def moment(fields: Fields, *names: str, zone: dt.tzinfo) -> dt.datetime | None:
    """An aware moment of text as 2026-03-02T09:15:00Z; without a zone it is read in `zone`. Raises Refused."""
    name, text = given(fields, *names)
    if not text:
        return None
    found = MOMENT.fullmatch(text)
    if not found:
        raise Refused("time_format", f'"{name}" was {text[:40]!r}; expected 2026-03-02T09:15:00Z')
    clock = found[2] if "." not in found[2] else found[2][:15].ljust(15, "0")
    try:
        read = dt.datetime.fromisoformat(f"{found[1]}T{clock}{found[3] or ''}")
        return (read if read.tzinfo else read.replace(tzinfo=zone)).astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise Refused("time_format", f'"{name}" was {text[:40]!r}: {error}') from error


def symbol(fields: Fields, *names: str) -> str:
    """The sender's name of the instrument, ASCII only, in his letters: an ending is told by them. Raises Refused."""
    name, text = given(fields, *names)
    if not text:
        raise Refused("no_symbol", f'"{name}" is missing; expected the instrument, as EURUSD')
    if not SYMBOL.fullmatch(text):
        raise Refused(
            "symbol_charset", f'"{name}" was {ascii(text[:40])}; expected plain letters and digits'
        )
    return text

"""The cells of an MT5 report as values, or the reason why one cannot be read."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from functools import lru_cache

from accounts.statements.base import ZERO
from accounts.statements.numbers import shown, to_decimal, to_id

NOTHING = frozenset({"", "0", "0.00"})


class BadRow(Exception):
    """A row that cannot be read; the message says which cell, what was found, what was expected."""


def is_time(text: str) -> bool:
    """Whether the text has the shape `YYYY.MM.DD HH:MM`, with or without seconds."""
    return len(text) in (16, 19) and text[4] == "." and text[7] == "." and text[10] == " "


@lru_cache(maxsize=4096)
def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text.replace(".", "-"))
    except ValueError:
        return False
    return text.isascii()


@lru_cache(maxsize=1 << 17)
def _is_clock(text: str) -> bool:
    try:
        time.fromisoformat(text)
    except ValueError:
        return False
    return text[2] == ":" and text[5:6] in ("", ":")


def moment(text: str) -> str:
    if not is_time(text) or not _is_day(text[:10]) or not _is_clock(text[11:]):
        raise BadRow(f"time {shown(text)}, expected a moment such as 2025.04.16 11:41:08")
    return text


def number(name: str, text: str) -> Decimal:
    try:
        return to_decimal(text)
    except ValueError as error:
        raise BadRow(f"{name}: {error}") from error


def money(name: str, text: str) -> Decimal:
    return ZERO if text in NOTHING else number(name, text)


def level(name: str, text: str) -> Decimal | None:
    return number(name, text) if text else None


def volume(text: str) -> Decimal:
    lots = number("volume", text)
    if lots <= 0:
        raise BadRow(f"volume {shown(text)}, expected more than 0")
    return lots


def identity(name: str, text: str) -> str:
    try:
        return to_id(text)
    except ValueError as error:
        raise BadRow(f"{name} number: {error}") from error

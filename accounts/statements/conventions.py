"""How a table writes its numbers, dates, zone and words: shown by all its values, or asked."""

from __future__ import annotations

import re
from dataclasses import replace
from zoneinfo import available_timezones

from accounts.statements import base
from accounts.statements.columns import CASH_ROWS, IGNORE, WORD, Mapping, Question, asked
from accounts.statements.headings import CAMEL, CLASSES, NUMBER, TIME, plain
from accounts.statements.known_exports import known_export
from accounts.statements.table_heads import SAMPLE, Table
from accounts.statements.table_values import (
    DAY_FIRST,
    MONTH_FIRST,
    date_order,
    decimal_mark,
    read_time,
)
from accounts.statements.words import known_kind, side_of

MOST_WORDS = 30
KINDS = (
    base.DEPOSIT,
    base.WITHDRAWAL,
    base.INTEREST,
    base.SWAP,
    base.COMMISSION,
    base.FEE,
    base.DIVIDEND,
    base.TAX,
    base.BONUS,
    base.CREDIT,
    base.TRANSFER,
    base.CORRECTION,
    base.COMPENSATION,
    base.ARCHIVE,
    IGNORE,
)
ZONE = re.compile(r"\b(?:UTC|GMT)\s*(?:([+-])\s*(\d{1,2})(?::?(\d{2}))?)?", re.IGNORECASE)
HALF_DAY = re.compile(
    r"\d\s*[AP]M\b", re.IGNORECASE
)  # where it is written, months mostly come first
CURRENCY = re.compile(r"\b(USD|EUR|GBP|JPY|CHF|AUD|CAD|NZD|PLN|CZK|SEK|NOK|SGD|HKD)\b")
MONEY = ("profit", "net", "balance", "amount")


def with_numbers(mapping: Mapping, table: Table) -> Mapping:
    numeric = [column.index for column in mapping.columns if CLASSES[column.target] == NUMBER]
    found = decimal_mark(text for index in numeric for text in table.written(index, "number"))
    mapping = replace(mapping, decimal=found.value)
    if found.is_certain:
        return mapping
    text = "Numbers such as 1,234 or 1.234 can be read in two ways: which mark stands before the decimals?"
    return asked(mapping, Question("decimal", text, (".", ","), found.value))


def with_dates(mapping: Mapping, table: Table) -> Mapping:
    found = date_order(
        text for index in time_indexes(mapping) for text in table.written(index, "date")
    )
    export = known_export(plain(heading) for heading in table.headings)
    if export and export.date_order and not found.is_certain:
        return replace(mapping, date_order=export.date_order)
    mapping = replace(mapping, date_order=found.value)
    if found.is_certain:
        return mapping
    example = next((text for index in time_indexes(mapping) for text in table.texts(index)), "")
    text = f"Does the day or the month come first in dates such as {example[:30]}?"
    likely = MONTH_FIRST if HALF_DAY.search(example) else found.value
    return asked(mapping, Question("date_order", text, (DAY_FIRST, MONTH_FIRST), likely))


def with_zone(mapping: Mapping, table: Table) -> Mapping:
    """The zone from a heading such as 'Opening time (UTC+4)' or from values with their offset."""
    headings = [column.heading for column in mapping.columns if CLASSES[column.target] == TIME]
    stated = [match for heading in headings if (match := ZONE.search(CAMEL.sub(" ", heading)))]
    money = (column.heading for column in mapping.columns if column.target in MONEY)
    currencies = {match[1] for heading in money if (match := CURRENCY.search(heading))}
    mapping = replace(mapping, currency=currencies.pop() if len(currencies) == 1 else "")
    if _has_offsets(mapping, table):
        return replace(mapping, time_zone="UTC")
    if zone := _zone_of_rows(table):
        return replace(mapping, time_zone=zone)
    if not stated:
        return mapping
    sign, hours, minutes = stated[0].groups()
    if int(minutes or 0):
        text = f"The times are in {stated[0][0]}; which time zone is that (such as Asia/Kolkata)?"
        return asked(mapping, Question("time_zone", text))
    # The names of the fixed zones carry the sign the other way round: Etc/GMT-4 is UTC+4.
    name = f"Etc/GMT{'-' if sign == '+' else '+'}{int(hours)}" if hours and int(hours) else "UTC"
    return replace(mapping, time_zone=name)


def with_words(mapping: Mapping, table: Table) -> Mapping:
    """Give every word of the side or type column its meaning, or ask for it."""
    index = next(iter(mapping.indexes("side") or mapping.indexes("type")), None)
    if index is None or (
        mapping.layout == CASH_ROWS and mapping.has("comment") and not mapping.has("type")
    ):
        return mapping
    words = list(dict.fromkeys(" ".join(text.lower().split()) for text in table.texts(index)))
    meanings = {word: side_of(word) or known_kind(word) for word in words}
    unknown = [word for word in words if not meanings[word]]
    questions = [
        _word_question(word, mapping.layout)
        for word in unknown[:MOST_WORDS]
        if not _is_cash_trade(word)
    ]
    known = tuple((word, meaning) for word, meaning in meanings.items() if meaning)
    return asked(replace(mapping, words=known), *questions)


def time_indexes(mapping: Mapping) -> list[int]:
    return [column.index for column in mapping.columns if CLASSES[column.target] == TIME]


def _zone_of_rows(table: Table) -> str:
    """The zone that a column of zones names in every row; empty without one."""
    zones = {
        text
        for index, heading in enumerate(table.headings)
        if plain(heading) in ("timezone", "time zone")
        for text in table.texts(index)
    }
    return zones.pop() if len(zones) == 1 and zones <= available_timezones() else ""


def _has_offsets(mapping: Mapping, table: Table) -> bool:
    texts = [text for index in time_indexes(mapping)[:1] for text in table.texts(index)[:SAMPLE]]
    return bool(texts) and all(_offset_of(text, mapping.date_order) for text in texts)


def _offset_of(text: str, order: str) -> bool:
    try:
        return read_time(text, order)[1] is not None
    except ValueError:
        return True


def _is_cash_trade(word: str) -> bool:
    """Types such as "Stocks/ETF purchase": the comment of each row says what was traded."""
    return bool(re.search(r"stock|etf|ações|acciones|aktie|akcje|crypto|bond", word))


def _word_question(word: str, layout: str) -> Question:
    options = KINDS if layout == CASH_ROWS else (base.BUY, base.SELL, base.TRADE, *KINDS)
    is_pending = bool(re.search(r"limit|stop|cancel|pending|reject|expire", word))
    is_result = layout == CASH_ROWS and bool(re.search(r"trade|deal|position", word))
    suggested = IGNORE if is_pending else base.ARCHIVE if is_result else ""
    if layout != CASH_ROWS and re.fullmatch(r"(closed )?(position|trade|deal)( closed)?", word):
        suggested = base.TRADE
    return Question(WORD + word, f"What is a row of type '{word}'?", options, suggested)

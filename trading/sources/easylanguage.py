"""What EasyLanguage and PowerLanguage can write: JSON by a web call, or a line of a file.

The line: `v1;time;strategy;symbol;action;size;unit;order;price;stop_loss;take_profit;position;previous;id`.
Places at its end may be left out, and each may stand in quotes. A time is ISO 8601, or the language's own date
and time, as 1260302 915: years since 1900, month, day; hours and minutes as one number, 5 after midnight for 00:05;
both in the source's zone.

Actions are the language's verbs, besides those of all dialects: Buy and SellShort open, and at the market close what
is against them first; Sell and BuyToCover only close. Source: EasyLanguage's reserved words of these names.
"""

from __future__ import annotations

import datetime as dt
import re

from brokers.adapters.messages import Kind
from trading.sources.draft import Draft, Habits, Intent, Unreadable
from trading.sources.generic import fields_of
from trading.sources.meaning import (
    FLAT,
    KINDS,
    LONG,
    MOVES,
    OPENS,
    SHORT,
    Held,
    draft_of,
    intent_of,
    move,
    refuse_other_target,
    refuse_unmeasured,
)
from trading.sources.strict import Fields, Refused, text_of, word

COLUMNS = (
    "version", "fired_at", "strategy", "symbol", "action", "size", "size_in", "order", "price",
    "stop_loss", "take_profit", "position", "previous_position", "id",
)  # fmt: skip
BEGINS = ("v1;", '"v1";')
LEAST_COLUMNS = COLUMNS.index("action") + 1
EASY_TIME = re.compile(r"(\d{2,3})(\d{2})(\d{2})[ ,]+(\d{1,4})", re.ASCII)
MARKET = tuple(text for text, kind in KINDS.items() if kind is Kind.MARKET)
VERBS = {
    "buy": Intent.BUY,
    "sellshort": Intent.SELL,
    "sell": Intent.CLOSE_LONG,
    "buytocover": Intent.CLOSE_SHORT,
}
MARKET_POSITIONS = {"1": LONG, "-1": SHORT, "0": FLAT, LONG: LONG, SHORT: SHORT, FLAT: FLAT}


def read(body: bytes, habits: Habits) -> Draft | Unreadable:
    """The draft that the line or the object is, or why it is none."""
    try:
        sent = _fields(text_of(body).strip())
        return draft_of(_meant(sent), habits, also=COLUMNS, sent=sent)
    except Refused as refusal:
        return refusal.reason


def _fields(text: str) -> dict[str, str]:
    if not text.startswith(BEGINS):
        return fields_of(text)
    if "\n" in text:
        raise Refused("one_signal", "Expected one line, found several")
    cells = [cell.strip().strip('"') for cell in text.split(";")]
    while len(cells) > len(COLUMNS) and not cells[-1]:
        cells.pop()  # a line may end in its separator
    if not LEAST_COLUMNS <= len(cells) <= len(COLUMNS):
        raise Refused(
            "columns", f"Expected {LEAST_COLUMNS} to {len(COLUMNS)} places, found {len(cells)}"
        )
    return {name: cell for name, cell in zip(COLUMNS, cells, strict=False) if cell}


def _meant(sent: dict[str, str]) -> dict[str, str]:
    """The fields by the generic names: times as ISO 8601, and what the position says of the order."""
    fields = dict(sent)
    for name in ("fired_at", "bar_at"):
        fields[name] = _iso(word(fields, name), name)
    fields |= _verb(fields)
    action = intent_of(fields)
    before, after = _held(fields, "previous_position"), _held(fields, "position")
    if action is Intent.TARGET:
        refuse_other_target(fields, after)
    if action not in MOVES or not (before.side or after.side):
        return fields
    meant = move(action, before=before, after=after)
    refuse_unmeasured(fields, meant, after)
    if meant.whole:
        fields.pop("size", None)  # the chart's need not be what the account holds
    if not _is_at_market(fields):
        return fields  # it may never fill: what it would turn is not closed for it
    return fields | {"turns": "true" if meant.turns else "false"}


def _verb(fields: Fields) -> dict[str, str]:
    """What a verb of the language means by the generic names; nothing of another word."""
    meant = VERBS.get(re.sub("[ _]", "", word(fields, "action").lower()))
    if meant is None:
        return {}
    turns = meant in OPENS and _is_at_market(fields) and "turns" not in fields
    return {"action": meant.value} | ({"turns": "true"} if turns else {})


def _is_at_market(fields: Fields) -> bool:
    return word(fields, "order").lower() in MARKET


def _iso(text: str, name: str) -> str:
    found = EASY_TIME.fullmatch(text)
    if not found:
        return text
    years, month, day, clock = (int(part) for part in found.groups())
    try:
        return dt.datetime(1900 + years, month, day, *divmod(clock, 100)).isoformat()  # noqa: DTZ001 - the source's zone follows
    except ValueError as error:
        raise Refused("time_format", f'"{name}" was {text[:40]!r}: {error}') from error


def _held(fields: dict[str, str], name: str) -> Held:
    text = word(fields, name).lower()
    if text and text not in MARKET_POSITIONS:
        raise Refused("position", f'"{name}" was {text[:40]!r}; expected 1, 0 or -1')
    return Held(MARKET_POSITIONS.get(text, ""))

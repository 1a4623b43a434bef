"""Our own dialect: a JSON object, or the same names as `name=value` in lines or between commas."""

from __future__ import annotations

from trading.sources.draft import Draft, Habits, Unreadable
from trading.sources.meaning import draft_of
from trading.sources.pairs import fields_of_pairs
from trading.sources.strict import Refused, fields_of_json, text_of

TEMPLATE = """{
  "id": "any text of yours, another one for each signal",
  "strategy": "mr-1",
  "symbol": "EURUSD",
  "action": "buy",
  "size": "0.10", "size_in": "lots",
  "stop_loss_pips": "25", "take_profit_pips": "50"
}"""


def read(body: bytes, habits: Habits) -> Draft | Unreadable:
    """The draft that the body is, or why it is none."""
    try:
        text = text_of(body)
        return draft_of(fields_of(text), habits)
    except Refused as refusal:
        return refusal.reason


def fields_of(text: str) -> dict[str, str]:
    """The named fields of JSON or of pairs, by what the text begins with. Raises Refused."""
    return fields_of_json(text) if text.lstrip()[:1] in ("{", "[") else fields_of_pairs(text)

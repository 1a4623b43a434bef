"""TradingView alerts: the message after its placeholders were filled, as JSON or as plain text.

There is no envelope: what the message does not say is not known. Numbers come in quotes, so that an unknown
one (NaN) does not break the JSON. Source: TradingView's articles on webhooks and on placeholders.
"""

from __future__ import annotations

import re
from decimal import Decimal

from tradershub.finance.decimals import ZERO
from trading.sources.draft import Draft, Habits, Intent, Unreadable
from trading.sources.generic import fields_of
from trading.sources.meaning import (
    AROUND,
    CLOSES,
    FLAT,
    LONG,
    OPENS,
    SHORT,
    SIDES,
    Held,
    Move,
    draft_of,
    intent_of,
    move,
    refuse_other_target,
    refuse_unmeasured,
)
from trading.sources.strict import Fields, Refused, given, number, text_of, word

TEMPLATE = """{
  "strategy": "mr-1",
  "symbol": "{{exchange}}:{{ticker}}",
  "action": "{{strategy.order.action}}",
  "size": "{{strategy.order.contracts}}",
  "alert": "{{strategy.order.id}}",
  "position": "{{strategy.market_position}}",
  "position_size": "{{strategy.market_position_size}}",
  "previous_position": "{{strategy.prev_market_position}}",
  "previous_position_size": "{{strategy.prev_market_position_size}}",
  "bar_at": "{{time}}",
  "fired_at": "{{timenow}}"
}"""
# The names that a message may use besides those of the generic dialect.
NAMES = {
    "symbol": ("symbol", "ticker"),
    "size": ("size", "qty", "quantity", "contracts"),
    "alert": ("alert", "order_id"),
    "bar_at": ("bar_at", "bar", "time"),
    "fired_at": ("fired_at", "fired", "timenow"),
    "position": ("position", "pos", "market_position"),
    "position_size": ("position_size", "pos_size", "market_position_size"),
    "previous_position": ("previous_position", "prev_pos", "prev_market_position"),
    "previous_position_size": (
        "previous_position_size",
        "prev_pos_size",
        "prev_market_position_size",
    ),
}
# Of the chart, and told to nobody: they may stand in a message and decide nothing.
UNUSED = (
    "v",
    "src",
    "tf",
    "interval",
    "exchange",
    "currency",
    "open",
    "high",
    "low",
    "close",
    "volume",
)
READ = frozenset(UNUSED).union(*NAMES.values())
PLACEHOLDERS = {
    "position": "{{strategy.market_position}}",
    "previous_position": "{{strategy.prev_market_position}}",
    "position_size": "{{strategy.market_position_size}}",
}
POSITIONS = (LONG, SHORT, FLAT)
EXCHANGE = re.compile(r"\A(?:\w*:)+", re.ASCII)


def read(body: bytes, habits: Habits) -> Draft | Unreadable:
    """The draft that the alert's message is, or why it is none."""
    try:
        sent = fields_of(text_of(body))
        fields = sent | {
            name: _said(sent, also) for name, also in NAMES.items() if sent.keys() & set(also)
        }
        fields["symbol"] = _ticker(word(fields, "symbol"))
        return draft_of(_with_position(fields), habits, also=READ, sent=fields)
    except Refused as refusal:
        return refusal.reason


def _said(sent: Fields, names: tuple[str, ...]) -> str:
    """What a message says by one of these names. Raises Refused where it says two things."""
    said = {name: sent[name] for name in names if sent.get(name, "").strip()}
    if len(set(said.values())) > 1:
        texts = ", ".join(f'"{name}": {text[:40]!r}' for name, text in said.items())
        raise Refused(
            "duplicate_key", f"Found {texts}; expected one of these names", malformed=True
        )
    return next(iter(said.values()), "")


def _ticker(text: str) -> str:
    """EURUSD of OANDA:EURUSD: which exchange drew the chart says nothing of where to trade.

    Raises Refused for a formula, as FX:EURUSD/FX:GBPUSD: none of what it is made of is what was meant.
    """
    ticker = EXCHANGE.sub("", text)
    if ":" in ticker:
        raise Refused(
            "formula", f'"symbol" was {text[:60]!r}; expected one instrument, as OANDA:EURUSD'
        )
    return ticker


def _with_position(fields: dict[str, str]) -> dict[str, str]:
    """Where the alert tells the position after the order, an order may be a closing or a turn."""
    action, said = intent_of(fields), word(fields, "action").lower()
    if action is Intent.CANCEL or not any(word(fields, name) for name in AROUND):
        return fields
    before, after = _held(fields, "previous_position"), _held(fields, "position")
    if action is Intent.TARGET:
        refuse_other_target(fields, after)
        return fields
    if action in OPENS and not after.side:
        raise _needs("position", f"where a {said} leads to")
    meant = move(action, before=before, after=after, by_side=said in SIDES)
    refuse_unmeasured(fields, meant, after)
    changed = fields | {"action": meant.intent.value}
    if meant.intent in CLOSES:
        return _closing(changed, meant)
    if not before.side:
        raise _needs(
            "previous_position", f"whether a {said} that leads to {after.side} adds or turns"
        )
    return _turning(changed, after) if meant.turns else changed


def _closing(fields: dict[str, str], meant: Move) -> dict[str, str]:
    """The chart's size need not be what the account holds: all of it is closed, or the same share."""
    if meant.whole:
        return {name: text for name, text in fields.items() if name != "size"}
    return fields | (_before(fields) if word(fields, "size") else {})


def _turning(fields: dict[str, str], after: Held) -> dict[str, str]:
    """The order's own size is the old position and the new one together."""
    if after.size is None:
        side = word(fields, "action")
        raise _needs("position_size", f"how much of a {side} that turns to {after.side} is new")
    return fields | {"turns": "true", "size": f"{after.size:f}"}


def _held(fields: Fields, name: str) -> Held:
    """The position of that name and its size. Raises Refused where the two disagree."""
    side, size = _position(fields, name), number(fields, f"{name}_size")
    if size is None:
        return Held(side)
    signed = {LONG: size > ZERO, SHORT: bool(size), FLAT: not size, "": True}
    if not signed[side]:
        text = f'"{name}" was {side} of a size of {size:f}; expected flat with 0 and no other'
        raise Refused("position_disagrees", text)
    return Held(side or ("" if size else FLAT), abs(size))


def _before(fields: Fields) -> dict[str, str]:
    """What the chart held before an order that closed a part; nothing where the message does not tell."""
    told = _amount(fields, "previous_position_size")
    if told is None:
        closed, left = _amount(fields, "size"), _amount(fields, "position_size")
        told = None if closed is None or left is None else closed + left
    return {} if told is None else {"size_before": f"{told:f}"}


def _amount(fields: Fields, name: str) -> Decimal | None:
    found = number(fields, name)
    return None if found is None else abs(found)


def _needs(name: str, unknown: str) -> Refused:
    """The refusal of a message that leaves out what nobody can guess."""
    placeholder = PLACEHOLDERS[name]
    text = f'It does not say {unknown}: add "{name}": "{placeholder}" to the message of the alert'
    return Refused(f"no_{name}", text)


def _position(fields: Fields, name: str) -> str:
    text = given(fields, name)[1].lower()
    if text and text not in POSITIONS:
        raise Refused("position", f'"{name}" was {text[:40]!r}; expected long, short or flat')
    return text

"""Named fields to a draft: what all dialects mean by their words."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import NamedTuple, TypeVar

from brokers.adapters.messages import ENTRY, NEEDS, Duration, Kind
from tradershub.finance.decimals import HUNDRED, ZERO
from trading.sources import strict
from trading.sources.draft import Draft, Habits, Intent, Level, LevelIn, Size, SizeIn
from trading.sources.strict import Fields, Refused

T = TypeVar("T")
ACTIONS = {
    "buy": Intent.BUY,
    "long": Intent.BUY,
    "enter_long": Intent.BUY,
    "sell": Intent.SELL,
    "short": Intent.SELL,
    "enter_short": Intent.SELL,
    "close": Intent.CLOSE,
    "exit": Intent.CLOSE,
    "flat": Intent.CLOSE,
    "close_long": Intent.CLOSE_LONG,
    "exit_long": Intent.CLOSE_LONG,
    "closelong": Intent.CLOSE_LONG,
    "close_short": Intent.CLOSE_SHORT,
    "exit_short": Intent.CLOSE_SHORT,
    "closeshort": Intent.CLOSE_SHORT,
    "target": Intent.TARGET,
    "cancel": Intent.CANCEL,
}
KINDS = {
    "": Kind.MARKET,
    "market": Kind.MARKET,
    "mkt": Kind.MARKET,
    "limit": Kind.LIMIT,
    "lmt": Kind.LIMIT,
    "stop": Kind.STOP,
    "stp": Kind.STOP,
    "stop_limit": Kind.STOP_LIMIT,
    "trailing_stop": Kind.TRAILING_STOP,
}
SIZES = {
    "lots": SizeIn.LOTS,
    "contracts": SizeIn.LOTS,
    "units": SizeIn.UNITS,
    "money": SizeIn.MONEY,
    "percent_equity": SizeIn.PERCENT_EQUITY,
    "percent_risk": SizeIn.PERCENT_RISK,
}
LEVELS = {unit.value: unit for unit in LevelIn}
LEVEL_NAMES = tuple(
    name + end
    for name in ("stop_loss", "take_profit", "trail")
    for end in ("", *(f"_{unit}" for unit in LEVELS))
)
# Of an entry: without its value another order would be given, or more risked, for longer or elsewhere, than was meant.
BOUNDS = (
    *("size", "size_in", "turns", "order", *ENTRY),
    *("duration", "expires_at", "account", *LEVEL_NAMES),
)
MEASURES = ("size", "size_in", "size_before")  # the same of an exit
KNOWN = frozenset(
    ("id", "alert", "strategy", "symbol", "account", "action", "size", "size_before", "size_in")
    + (
        "turns",
        "order",
        "price",
        "limit_price",
        "distance",
        "duration",
        "expires_at",
        "fired_at",
        "bar_at",
        "comment",
    )
    + LEVEL_NAMES
)
# What a message says of the fill that it tells: two of one bar and name are told apart by it.
AROUND = ("position", "position_size", "previous_position", "previous_position_size")
FILL = ("size", *AROUND)
LARGEST_SIZE = Decimal(1_000_000_000)
SMALLEST_SIZE = Decimal("0.000001")
LONG, SHORT, FLAT = "long", "short", "flat"
OPENS = {Intent.BUY: LONG, Intent.SELL: SHORT}
CLOSES = {
    Intent.CLOSE_LONG: (LONG,),
    Intent.CLOSE_SHORT: (SHORT,),
    Intent.CLOSE: (LONG, SHORT),
}
CLOSING_SIDE = {Intent.BUY: Intent.CLOSE_SHORT, Intent.SELL: Intent.CLOSE_LONG}
MOVES = frozenset((*OPENS, *CLOSES))
SIDES = ("buy", "sell")  # words that name the side of an order, whatever it leads to


def draft_of(
    fields: Fields, habits: Habits, *, also: Collection[str] = (), sent: Fields | None = None
) -> Draft:
    """The draft that these fields name, by the names of the generic dialect. Raises Refused.

    sent: the same before the dialect read a meaning into them. also: names that the dialect has read itself.
    A name that nobody reads is refused, a price that its kind of order has not, and what bounds an entry where its
    value is not known: neither a misspelt nor an unfilled field may become another order, nor a part to be closed
    become all of it.
    """
    if unread := [name for name in fields if name not in KNOWN and name not in also]:
        known = ", ".join(sorted(KNOWN))
        raise Refused(
            "unknown_field", f'Nothing reads "{unread[0][:40]}"; expected some of {known}'
        )
    intent = intent_of(fields)
    kind = _one_of(fields, KINDS, "order", code="order_kind")
    duration = _duration(fields)
    draft = Draft(
        symbol=strict.symbol(fields, "symbol"),
        intent=intent,
        id=strict.word(fields, "id"),
        alert=strict.word(fields, "alert"),
        fill=fill_of(fields if sent is None else sent),
        strategy=strict.word(fields, "strategy") or habits.strategy,
        account=strict.word(fields, "account"),
        size=_size(fields, intent, habits),
        size_before=strict.positive(fields, "size_before"),
        turns=_yes(fields, "turns"),
        kind=kind,
        price=strict.positive(fields, "price"),
        limit_price=strict.positive(fields, "limit_price"),
        distance=strict.positive(fields, "distance"),
        stop_loss=_level(fields, "stop_loss", habits),
        take_profit=_level(fields, "take_profit", habits),
        trail=_level(fields, "trail", habits),
        duration=duration,
        expires_at=strict.moment(fields, "expires_at", zone=habits.zone),
        fired_at=strict.moment(fields, "fired_at", zone=habits.zone),
        bar_at=strict.moment(fields, "bar_at", zone=habits.zone),
        comment=strict.word(fields, "comment")[:300],
    )
    if draft.intent is not Intent.CANCEL:
        strict.refuse_unknown(fields, *(MEASURES if draft.is_exit else BOUNDS))
        _refuse_odd(fields, draft)
    _refuse_incomplete(draft)
    return draft


def fill_of(sent: Fields) -> str:
    """The words of a message that tell its fill from another of the same bar; empty where it says none."""
    said = [strict.word(sent, name) for name in FILL]
    return "|".join(said) if any(said) else ""


class Held(NamedTuple):
    """A position as a message tells it. side: long, short or flat, "" where it is not told. size: of no sign."""

    side: str
    size: Decimal | None = None


class Move(NamedTuple):
    """What an order and the positions around it mean together. whole: nothing is left, whatever its size."""

    intent: Intent
    turns: bool = False
    whole: bool = False


def move(action: Intent, *, before: Held, after: Held, by_side: bool = False) -> Move:
    """An order, and the position before and after it, as one intent.

    action: one that opens or closes. by_side: its word is the order's side alone, which may close as well. before:
    where it is not told, a position on the order's side may be an opening or a turn, and is read as an opening
    that closes what is against it. Raises Refused where no order of that action leads from the one to the other.
    """
    side = OPENS.get(action)
    if side and _may_open(side, before, after):
        return Move(action, turns=before.side not in (FLAT, side))
    closing = CLOSING_SIDE[action] if side and by_side else action
    if any(_may_close(side, before, after) for side in CLOSES.get(closing, ())):
        return Move(closing, whole=after.side == FLAT)
    found = f"A {action} was said to lead from {_in_words(before)} to {_in_words(after)}"
    raise Refused("position_disagrees", f"{found}; expected {_ends(action, by_side=by_side)}")


def refuse_other_target(fields: Fields, after: Held) -> None:
    """Raises Refused for a target that the position after it is not."""
    size = strict.number(fields, "size")
    if not after.side or size is None:
        return
    side = (LONG if size > ZERO else SHORT) if size else FLAT
    if side != after.side:
        text = f"A target of {size:f} was said to lead to {after.side}; expected {side}"
        raise Refused("position_disagrees", text)


def refuse_unmeasured(fields: Fields, meant: Move, after: Held) -> None:
    """Raises Refused for the closing of a part that nobody measures: it would close all."""
    if meant.intent in CLOSES and after.side not in ("", FLAT) and not strict.word(fields, "size"):
        text = f'It leaves a {after.side} position and does not say how much it closes; expected a "size"'
        raise Refused("no_size", text)


def _may_open(side: str, before: Held, after: Held) -> bool:
    adds = before.side != side or _sizes_may(operator.lt, before, after)
    return after.side == side and adds


def _may_close(side: str, before: Held, after: Held) -> bool:
    shrinks = after.side == side and _sizes_may(operator.gt, before, after)
    return before.side in ("", side) and (shrinks or after.side in ("", FLAT))


def _sizes_may(holds: Callable[[Decimal, Decimal], bool], before: Held, after: Held) -> bool:
    """Whether the sizes relate so, as far as both are told."""
    return before.size is None or after.size is None or holds(before.size, after.size)


def _in_words(held: Held) -> str:
    size = f" {held.size:f}" if held.size else ""
    return f"{held.side}{size}" if held.side else "a position that it does not tell"


def _ends(action: Intent, *, by_side: bool) -> str:
    """What an order of this action can do, in words."""
    side = OPENS.get(action)
    ends = [f"to end {side}, with more where it was {side} before"] if side else []
    closing = CLOSING_SIDE[action] if side else action
    if by_side or not side:
        ends.append(f"less of a {' or '.join(CLOSES[closing])} position, or flat")
    return ", or ".join(ends)


def intent_of(fields: Fields) -> Intent:
    text = strict.word(fields, "action").lower()
    if not text:
        raise Refused("no_signal", 'Expected an "action" as buy, sell or close; found none')
    if text not in ACTIONS:
        known = ", ".join(dict.fromkeys(ACTIONS))
        raise Refused("unknown_action", f'"action" was {text[:40]!r}; expected one of {known}')
    return ACTIONS[text]


def _size(fields: Fields, intent: Intent, habits: Habits) -> Size | None:
    value = strict.number(fields, "size")
    if value is None:
        if intent is Intent.TARGET:
            raise Refused(
                "no_size", 'A target needs a "size": above zero long, below short, 0 flat'
            )
        return None
    unit = habits.size_in
    if strict.word(fields, "size_in"):
        unit = _one_of(fields, SIZES, "size_in", code="size_unit")
    amount = abs(value) if intent is Intent.TARGET else value
    fits = SMALLEST_SIZE <= amount <= LARGEST_SIZE or (intent is Intent.TARGET and not value)
    if not fits:
        raise Refused(
            "qty_out_of_range",
            f'"size" was {strict.word(fields, "size")}; expected {SMALLEST_SIZE:f} to {LARGEST_SIZE:f}',
        )
    return Size(value or ZERO, unit)


def _level(fields: Fields, name: str, habits: Habits) -> Level | None:
    """A stop or target: the field itself, or one that says its unit, as stop_loss_pips."""
    found = [n for n in (name, *(f"{name}_{unit}" for unit in LEVELS)) if strict.word(fields, n)]
    if len(found) > 1:
        raise Refused(
            "two_levels", f'"{found[0]}" and "{found[1]}" both stand; expected one of them'
        )
    if not found:
        return None
    value = strict.positive(fields, found[0])
    if value is None:
        return None
    unit = _bare(name, habits) if found[0] == name else LEVELS[found[0].removeprefix(f"{name}_")]
    return Level(value, unit)


def _bare(name: str, habits: Habits) -> LevelIn:
    """The unit of a level that names none; what trails is a way, never a place."""
    trails = name == "trail" and habits.level_in is LevelIn.PRICE
    return LevelIn.DISTANCE if trails else habits.level_in


def _duration(fields: Fields) -> Duration:
    text = strict.word(fields, "duration").lower()
    if not text:
        return Duration.GTD if strict.word(fields, "expires_at") else Duration.GTC
    return _one_of(fields, {unit.value: unit for unit in Duration}, "duration", code="duration")


def _one_of(fields: Fields, known: dict[str, T], name: str, *, code: str) -> T:
    text = strict.word(fields, name).lower()
    if text not in known:
        words = ", ".join(word for word in known if word)
        raise Refused(code, f'"{name}" was {text[:40]!r}; expected one of {words}')
    return known[text]


def _yes(fields: Fields, name: str) -> bool:
    return bool(_one_of(fields, {"": False, "false": False, "true": True}, name, code="yes_or_no"))


def _refuse_odd(fields: Fields, draft: Draft) -> None:
    """Raises Refused for a price or unit beside which nothing stands that has one."""
    for name in ENTRY:
        if name not in NEEDS.get(draft.kind, ()) and getattr(draft, name) is not None:
            owners = " or ".join(kind for kind, needs in NEEDS.items() if name in needs)
            text = (
                f'"{name}" was {strict.word(fields, name)}, and a {draft.kind} order has none; '
                f'expected no "{name}", or "order" to be {owners}'
            )
            raise Refused("odd_price", text)
    if draft.size is None and not draft.is_exit and (unit := strict.word(fields, "size_in")):
        raise Refused("no_size", f'"size_in" was {unit[:40]!r} without a "size"; expected both')


def _refuse_incomplete(draft: Draft) -> None:
    for name in NEEDS.get(draft.kind, ()):
        if getattr(draft, name) is None:
            raise Refused("no_price", f'A {draft.kind} order needs "{name}"; found none')
    if draft.duration is Duration.GTD and draft.expires_at is None:
        raise Refused("no_expiry", 'An order "gtd" needs "expires_at"; found none')
    if draft.expires_at and draft.duration is not Duration.GTD and not draft.is_exit:
        text = (
            f'"expires_at" stands beside the duration {draft.duration}; expected it with gtd only'
        )
        raise Refused("expiry", text)
    if draft.is_exit and draft.kind is not Kind.MARKET and draft.intent is not Intent.CANCEL:
        raise Refused("exit_kind", f"An exit goes to the market; found {draft.kind}")
    _refuse_odd_share(draft)
    if draft.size and draft.size.unit is SizeIn.PERCENT_RISK and not draft.is_exit:
        _refuse_odd_risk(draft, draft.size)


def _refuse_odd_risk(draft: Draft, size: Size) -> None:
    if draft.stop_loss is None:
        raise Refused("no_stop", 'A size in percent of risk needs a "stop_loss"; found none')
    if abs(size.value) > HUNDRED:
        text = f'"size" was {size.value:f} percent of risk; expected at most 100'
        raise Refused("qty_out_of_range", text)


def _refuse_odd_share(draft: Draft) -> None:
    before = draft.size_before
    if before is None:
        return
    if not draft.is_exit or draft.size is None or not draft.size.value:
        raise Refused("size_before", '"size_before" stands beside the "size" of an exit only')
    if draft.size.value > before:
        text = f'"size" was {draft.size.value:f}; expected at most the "size_before" of {before:f}'
        raise Refused("size_before", text)

"""What a person is told of orders, signals, accounts and connections: when, under which key, in which words.

One call stands at each place where such a thing happens; here it becomes a row of the outbox, or nothing.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from django.conf import settings
from django.utils import timezone

from accounts.models import Account, Topic
from accounts.notify import Words, drop, named, settle, tell
from brokers.models import Connection
from brokers.platforms import PLATFORMS
from risk.facts import Check
from tradershub.core.formats import lots, plain, signed
from tradershub.finance.decimals import ZERO
from trading.ids import FLATTEN
from trading.models import Flattening, Order, OrderAttempt, Signal
from trading.queries import deals_of
from trading.states import MAYBE, OPEN, State

PART_SECONDS = 10.0  # a part that filled is told alone only where the rest takes longer
TROUBLE_SECONDS = 20.0
BY_A_PERSON = ("OPERATOR", "KILL_SWITCH")  # they know, or are told once of all
LOST = (State.BLOCKED, State.REJECTED, State.NOT_SENT, State.EXPIRED)
DOUBT = {State.UNKNOWN: "unknown", State.QUARANTINED: "quarantined"}


# -- Orders ------------------------------------------------------------------------------------
class News(NamedTuple):
    """What is told of an order. after: seconds in which it may still be settled by itself."""

    topic: Topic
    words: Callable[[], Words]
    after: float = 0.0


def moved(order: Order, origin: State, target: State) -> None:
    """The order came from that state to this one, just now."""
    if origin in DOUBT:
        _settled(order, origin, target)
    if _is_whole(order, target):
        _drop(order, "partial")
    if news := _news(order, origin, target):
        _say(news.topic, order, target, news.words, after=news.after)


def _news(order: Order, origin: State, target: State) -> News | None:
    if _is_whole(order, target):
        return News(_side(order), lambda: _filled(order, target))
    if target == State.PARTIAL and origin in OPEN | {State.SENDING}:
        return News(_side(order), lambda: _filled(order, target), PART_SECONDS)
    if target == State.UNKNOWN:
        return News(Topic.UNKNOWN, lambda: _unknown(order), float(settings.UNKNOWN_SECONDS))
    if target == State.QUARANTINED:
        return News(Topic.UNKNOWN, lambda: _quarantined(order))
    if origin == State.NOT_SENT and target in OPEN:
        return News(Topic.UNKNOWN, lambda: _works(order))
    return _news_of_lost(order, target) if target in LOST else None


def _news_of_lost(order: Order, target: State) -> News | None:
    """Nothing came of it; of flattening the first one is told, and what is in its way."""
    if _is_tried_again(order):
        return None
    if target == State.BLOCKED:
        return News(Topic.REFUSED, lambda: _blocked(order))
    if order.code in BY_A_PERSON:
        return None
    return News(Topic.REJECTED, lambda: _lost(order))


def _is_whole(order: Order, target: State) -> bool:
    """Whether nothing more comes of an order of which something was filled."""
    return bool(order.filled) and target in (State.FILLED, State.CANCELLED, State.EXPIRED)


def deals_came(order: Order) -> None:
    """An order that the broker called filled before its deals were there is told with them, once."""
    if order.state == State.FILLED:
        _say(_side(order), order, State.FILLED, lambda: _filled(order, State.FILLED))


def _say(topic: Topic, order: Order, target: State, words: Any, *, after: float = 0.0) -> None:
    tell(topic, _key(order, target), words, owner_id=order.account.owner_id, after=after)


def _drop(order: Order, what: str) -> None:
    drop(_key(order, what), owner_id=order.account.owner_id)


def _key(order: Order, what: str) -> str:
    return f"order:{order.pk}:{what}"


def _is_tried_again(order: Order) -> bool:
    return order.origin_kind == FLATTEN and order.generation > 0


def _side(order: Order) -> Topic:
    return Topic.EXIT if order.reduces else Topic.ENTRY


def _filled(order: Order, target: State) -> Words:
    whole = target == State.FILLED
    size = lots(order.filled) if whole else f"{lots(order.filled)} of {lots(order.lots)}"
    word = "Exit" if order.reduces else "Entry"
    how = f"{word} filled" if whole else f"{word} partly filled"
    title = f"{how}: {order.side} {size} {order.symbol.name} at {plain(order.average_price)}"
    lines = [_where(order), _levels(order), _profit(order)]
    if target in (State.CANCELLED, State.EXPIRED):
        lines.append(f"The rest is {order.get_state_display().lower()}.")
    return _words(title, *lines)


def _levels(order: Order) -> str:
    pairs = (("stop", order.stop_loss), ("target", order.take_profit))
    return ", ".join(f"{name} {plain(price)}" for name, price in pairs if price is not None)


def _profit(order: Order) -> str:
    """Of the order's own deals, with what they cost; an entry that closed nothing has none."""
    rows = deals_of(order).values_list("profit", "swap", "commission", "fee", "tax", "currency")
    found = list(rows)
    if not order.reduces and not any(row[0] for row in found):
        return ""
    totals: dict[str, Decimal] = {}
    for *parts, currency in found:
        totals[currency] = sum((part or ZERO for part in parts), totals.get(currency, ZERO))
    return ", ".join(f"profit {signed(sum_, name)} {name}" for name, sum_ in totals.items())


def _blocked(order: Order) -> Words:
    return _words(f"Refused: {_asked(order)}", order.reason, _where(order))


def _lost(order: Order) -> Words:
    word = {State.REJECTED: "Rejected by the broker", State.EXPIRED: "Expired"}
    state = word.get(State(order.state), "Not sent")
    return _words(f"{state}: {_asked(order)}", order.reason, _where(order))


def _unknown(order: Order) -> Words:
    return _words(
        f"Outcome unknown: {_asked(order)}",
        "It was sent and the answer is lost. The hub asks the broker, and sends nothing again.",
        order.reason,
        _where(order),
    )


def _quarantined(order: Order) -> Words:
    return _words(
        f"Look at your broker: {_asked(order)}",
        order.reason,
        "Nobody knows whether the broker has this order. Look there, then settle it on the order's page.",
        _where(order),
    )


def _works(order: Order) -> Words:
    return _words(f"It works after all: {_asked(order)}", order.reason, _where(order))


def _settled(order: Order, origin: State, target: State) -> None:
    key, owner = _key(order, DOUBT[origin]), order.account.owner_id
    if target in MAYBE:
        drop(key, owner_id=owner)
        return
    state = order.get_state_display().lower()
    settle(
        key, lambda: _words(f"Settled: {_asked(order)} is {state}", order.reason), owner_id=owner
    )


def request_settled(attempt: OrderAttempt, before: str) -> None:
    """A change, a cancel or stops: its answer is lost, or came after all. Orders tell of themselves."""
    Action, Outcome = OrderAttempt.Action, OrderAttempt.Outcome  # noqa: N806
    if attempt.action in (Action.PLACE, Action.CLOSE):
        return
    key, owner = f"request:{attempt.pk}", attempt.account.owner_id
    what = str(attempt.order or f"position {attempt.position_ref}")
    doing = attempt.get_action_display()
    if attempt.outcome == Outcome.UNKNOWN and before != Outcome.UNKNOWN:
        words = Words(f"Outcome unknown: {doing.lower()} {what}", attempt.text)
        tell(Topic.UNKNOWN, key, words, owner_id=owner, after=float(settings.UNKNOWN_SECONDS))
    elif before == Outcome.UNKNOWN and attempt.outcome != Outcome.UNKNOWN:
        state = attempt.get_outcome_display().lower()
        settle(
            key, Words(f"Settled: {doing.lower()} {what}: {state}", attempt.text), owner_id=owner
        )


# -- Signals -----------------------------------------------------------------------------------
def approval_wanted(signal: Signal) -> None:
    """It is a person's turn, for an entry not for long."""

    def words() -> Words:
        until = signal.approve_until
        what = "Approve or decline it on its page"
        return _words(
            f"Waits for approval: {signal.source.name}, number {signal.pk}",
            *signal.planned,
            f"{what} until {until:%H:%M:%S} UTC." if until else f"{what}: it closes, and waits.",
        )

    tell(Topic.APPROVAL, _approval_key(signal), words, owner_id=signal.source.owner_id)


def approval_over(signal: Signal) -> None:
    """Somebody has decided, or the time has."""
    drop(_approval_key(signal), owner_id=signal.source.owner_id)


def _approval_key(signal: Signal) -> str:
    return f"signal:{signal.pk}:approval"


def signal_refused(signal: Signal, why: Check) -> None:
    """No order comes of the signal."""

    def words() -> Words:
        return _words(f"Signal refused: {signal.source.name}, number {signal.pk}", why.text)

    tell(Topic.REFUSED, f"signal:{signal.pk}", words, owner_id=signal.source.owner_id)


def signal_unreadable(signal: Signal) -> None:
    """A message of a known sender that is no signal; once a minute for the same fault of a source."""
    source, minute = signal.source, int(signal.received_at.timestamp()) // 60
    words = Words(
        f"Signal not understood: {source.name}, number {signal.pk}",
        f"{signal.reason}\nNothing was ordered or closed by it.",
    )
    key = f"source:{source.pk}:{signal.code}:{minute}"
    tell(Topic.REFUSED, key, words, owner_id=source.owner_id)


def signal_not_taken(first: Signal) -> None:
    """A message that looks like the first one and says something else; once for each first one."""
    words = Words(
        f"Signal not taken: {first.source.name}",
        f"It cannot be told from signal {first.pk} and says something else: nothing was ordered or closed by "
        "it. Look at what is open, and give each message an id of its own.",
    )
    tell(Topic.REFUSED, f"signal:{first.pk}:other", words, owner_id=first.source.owner_id)


# -- Flattening --------------------------------------------------------------------------------
def flattening_begun(row: Flattening, *, by_hand: str = "") -> None:
    """by_hand: why only a person can empty it, in a sentence; then this is told instead, as what is in its way."""
    if by_hand:
        not_flat_yet(row, by_hand, after=0)
        return
    words = Words(
        f"Flattening: {named(row.account)}",
        f"Asked by {row.asked_by}. Orders are being cancelled and positions closed.",
    )
    tell(Topic.STOP, f"flatten:{row.pk}:begun", words, owner_id=row.account.owner_id)


def not_flat_yet(row: Flattening, words: str, *, after: float = TROUBLE_SECONDS) -> None:
    """There is an obstacle; told once, where it is still there after so many seconds."""
    said = Words(f"Not flat: {named(row.account)}", words)
    key, owner = f"flatten:{row.pk}:trouble", row.account.owner_id
    tell(Topic.STOP, key, said, owner_id=owner, after=after)


def flattening_over(row: Flattening, state: str, words: str) -> None:
    owner = row.account.owner_id
    drop(f"flatten:{row.pk}:trouble", owner_id=owner)
    if state == Flattening.State.FLAT:
        said = Words(
            f"Flat: {named(row.account)}", "No order and no position, by the word of its broker."
        )
    else:
        said = Words(f"Not flat, and left so: {named(row.account)}", words)
    tell(Topic.STOP, f"flatten:{row.pk}:over", said, owner_id=owner)


def lane_halted(account: Account, because: str) -> None:
    words = Words(f"No order goes out: {named(account)}", because)
    mark = hashlib.sha256(because.encode()).hexdigest()[:12]
    key = f"lane:{account.pk}:{timezone.now():%Y%m%d%H%M}:{mark}"
    tell(Topic.LINK, key, words, owner_id=account.owner_id)


# -- Connections and platforms -----------------------------------------------------------------
def link_dead(connection: Connection, words: str, *, since: dt.datetime | None) -> None:
    """Told once for each last answer, however often it is called. since: of that answer."""
    stamp = f"{since.timestamp():.3f}" if since else "never"
    said = Words(f"No answer: {connection.name}", words)
    key = f"link:{connection.pk}:dead:{stamp}"
    tell(Topic.LINK, key, said, owner_id=connection.owner_id)


def link_back(connection: Connection) -> None:
    said = Words(f"It answers again: {connection.name}")
    key = f"link:{connection.pk}:back:{timezone.now().timestamp():.3f}"
    tell(Topic.LINK, key, said, owner_id=connection.owner_id)


def platform_off(key: str) -> None:
    """All who have channels hear of it; whose connection failed, and how, stays between it and its owner."""
    words = Words(
        f"Switched off: {PLATFORMS.label(key)}",
        f"{settings.PLATFORM_ERRORS_IN_ROW} errors in a row. Only what cancels or closes goes there until "
        "a person switches it on again.",
    )
    tell(Topic.LINK, f"platform:{key}:{timezone.now().timestamp():.0f}", words, owner_id=None)


# -- Small parts -------------------------------------------------------------------------------
def _asked(order: Order) -> str:
    word = "close" if order.reduces else order.side
    return f"{word} {lots(order.lots)} {order.symbol.name}"


def _where(order: Order) -> str:
    strategy = f", strategy {order.strategy}" if order.strategy else ""
    return f"{named(order.account)}{strategy}"


def _words(title: str, *lines: str) -> Words:
    return Words(title, "\n".join(line for line in lines if line))

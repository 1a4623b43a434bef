"""What can become of an order: its states, the moves between them, and what a broker's word does. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from brokers.adapters.messages import Status
from tradershub.finance.decimals import ZERO


class State(StrEnum):
    """Where an order stands. SENDING, UNKNOWN and QUARANTINED may exist at the broker or not."""

    RECEIVED = "received"
    BLOCKED = "blocked"
    QUEUED = "queued"
    SENDING = "sending"
    UNKNOWN = "unknown"
    QUARANTINED = "quarantined"
    WORKING = "working"
    PARTIAL = "partial"
    CANCEL_PENDING = "cancel_pending"
    REPLACE_PENDING = "replace_pending"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"


class ImpossibleMove(Exception):
    """The table has no such move: a fault of the hub, never of the broker."""


BEFORE = frozenset({State.RECEIVED, State.QUEUED})  # certainly not at the broker
MAYBE = frozenset({State.SENDING, State.UNKNOWN, State.QUARANTINED})
PENDING = frozenset({State.CANCEL_PENDING, State.REPLACE_PENDING})
OPEN = frozenset({State.WORKING, State.PARTIAL})
ENDED = frozenset({State.FILLED, State.CANCELLED, State.EXPIRED, State.REJECTED})  # by the broker
OVER = ENDED | {State.BLOCKED, State.NOT_SENT}
LIVE = frozenset(State) - OVER

# Rules T1 to T17 of the order's life; T11, sending again, does not exist.
TABLE: tuple[tuple[str, Iterable[State], Iterable[State]], ...] = (
    ("T2", {State.RECEIVED}, {State.BLOCKED}),
    ("T3", {State.RECEIVED}, {State.QUEUED}),
    ("T4", {State.QUEUED}, {State.BLOCKED}),
    ("T4", BEFORE, {State.NOT_SENT}),
    ("T5", {State.QUEUED}, {State.SENDING}),
    ("T6", {State.SENDING}, OPEN | ENDED - {State.REJECTED}),
    ("T7", {State.SENDING}, {State.REJECTED}),
    ("T8", {State.SENDING}, {State.QUEUED, State.NOT_SENT}),
    ("T9", {State.SENDING}, {State.UNKNOWN}),
    ("T10", {State.UNKNOWN, State.QUARANTINED}, OPEN | ENDED),
    ("T12", {State.UNKNOWN}, {State.NOT_SENT}),
    ("T13", {State.UNKNOWN}, {State.QUARANTINED}),
    ("T14", {State.QUARANTINED}, {State.NOT_SENT}),
    ("T15", OPEN, {State.PARTIAL} | ENDED),
    ("T16", OPEN, {State.CANCEL_PENDING}),
    ("T16", {State.CANCEL_PENDING}, OPEN | ENDED),
    ("T17", OPEN, {State.REPLACE_PENDING}),
    ("T17", {State.REPLACE_PENDING}, OPEN | ENDED),
    # The broker has what we believed unsent: a restored backup, or a worker that slept over its lease.
    ("late", BEFORE | {State.NOT_SENT}, OPEN | ENDED),
    ("late", {State.EXPIRED}, {State.REJECTED, State.CANCELLED, State.FILLED}),
    ("late", {State.REJECTED}, {State.CANCELLED, State.FILLED}),
    ("late", {State.CANCELLED}, {State.FILLED}),
)
MOVES: dict[tuple[State, State], str] = {
    (origin, target): rule
    for rule, origins, targets in TABLE
    for origin in origins
    for target in targets
    if origin != target
}


def rule_of(origin: State, target: State) -> str:
    """The name of the rule that allows the move. Raises ImpossibleMove where none does."""
    try:
        return MOVES[origin, target]
    except KeyError:
        raise ImpossibleMove(f"An order that is {origin} cannot become {target}") from None


# -- What a broker says ------------------------------------------------------------------------
# A report of lower rank changes nothing but the fills; of two endings the one with more filled counts.
SAID: dict[Status, State] = {status: State(status.value) for status in Status}
RANK: dict[State, int] = dict.fromkeys(State, 0) | {
    State.WORKING: 1,
    State.PARTIAL: 2,
    State.EXPIRED: 3,
    State.REJECTED: 4,  # below what it becomes where something had filled
    State.CANCELLED: 5,
    State.FILLED: 6,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What of an order its broker's word can change. resume: where it is while a change is pending."""

    state: State
    filled: Decimal = ZERO
    resume: State | None = None


def after_report(
    standing: Standing, *, lots: Decimal, status: Status | None, filled: Decimal
) -> Standing:
    """The order after the broker said `status` (None: nothing) and its deals sum up to `filled` lots.

    Reports may come twice, late and in any order: the result is the same. Fills only add. A blocked
    order was never sent and stays. `filled` above `lots` is kept as it is.
    """
    if standing.state is State.BLOCKED:
        return standing
    filled = max(standing.filled, filled)
    is_pending = standing.state in PENDING
    before = standing.resume if is_pending and standing.resume else standing.state
    said = _highest(before, status, filled=filled, lots=lots)
    if is_pending and said not in OVER:
        return Standing(state=standing.state, filled=filled, resume=said)
    return Standing(state=said, filled=filled)


def _highest(before: State, status: Status | None, *, filled: Decimal, lots: Decimal) -> State:
    state = before
    if status is not None and RANK[SAID[status]] > RANK[before]:
        state = SAID[status]
    if filled >= lots:
        return State.FILLED
    if filled and state not in ENDED:
        return State.PARTIAL
    if filled and state is State.REJECTED:
        return State.CANCELLED  # what had filled stays filled, the rest was refused
    return state

"""The only writer of orders: every move is a conditional update whose row count decides, and an event.

What is written here stands or falls with the caller's transaction. An order that is over lets go of what it
held at risk in the same one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from risk import gate
from risk.facts import Verdict
from tradershub.core import rows
from tradershub.core.audit import plain, record
from tradershub.core.errors import Conflict
from tradershub.core.queue import EXECUTION, enqueue
from trading import telling
from trading.models import Order, OrderAttempt, OrderCheck, OrderEvent
from trading.queries import waits_of
from trading.states import ENDED, OPEN, OVER, State, rule_of

LONGEST = 300


class Lost(Conflict):
    """Somebody else moved the order first: read it again."""

    def __init__(self, order: Order) -> None:
        super().__init__(f"Order {order.client_order_id} was changed meanwhile", code="moved")


def open_order(order: Order, *, actor: Any) -> Order:
    """Write a new order down as received, and its first event."""
    order.received_at = order.received_at or timezone.now()
    order.asked_by = str(actor)[:150]
    rows.insert([order])
    _note(order, "", "T1", at=order.received_at, code="", text="", actor=actor, details={})
    return order


@transaction.atomic(savepoint=False)
def move(
    order: Order,
    target: State,
    *,
    actor: Any = "hub",
    code: str = "",
    text: str = "",
    details: Mapping[str, Any] | None = None,
    **changes: Any,
) -> None:
    """Bring the order to that state, with these other fields, and note why.

    Raises Lost where it is no longer as the caller read it, ImpossibleMove for a move that no rule knows.
    """
    origin = State(order.state)
    rule = rule_of(origin, target)
    now = timezone.now()
    changes |= {"code": code[:40], "reason": text[:LONGEST]}
    if target in OVER:
        changes.setdefault("done_at", now)
    elif origin in OVER:
        changes["done_at"] = None
    # Before the order is moved: counters are locked before orders by everybody.
    is_held = changes.get("holds", order.holds)
    if target in OVER and is_held and not waits_for_deals(order, target, **changes):
        gate.release(order.client_order_id)
        changes["holds"] = False
    _update(order, state=target.value, **changes)
    _note(order, origin, rule, at=now, code=code, text=text, actor=actor, details=details or {})
    if _is_told(origin, target):
        _tell(order, origin, rule, actor=actor, text=text)
    telling.moved(order, origin, target)
    if target in SETTLED:
        _wake_waiting(order)


def waits_for_deals(order: Order, target: State, *, filled: Any = None, **_: Any) -> bool:
    """Whether an entry is called filled before its deals are booked: until then it is all that counts it."""
    known = order.filled if filled is None else filled
    return target == State.FILLED and not order.reduces and known < order.lots


@transaction.atomic(savepoint=False)
def amend(order: Order, *, actor: Any = "hub", text: str = "", **changes: Any) -> None:
    """Change fields without a move: fills that came in, terms that the broker took over. Raises Lost."""
    _update(order, **changes)
    details = {name: str(value) for name, value in changes.items()}
    _note(
        order, State(order.state), "same", at=timezone.now(), code="", text=text, actor=actor,
        details=details,
    )  # fmt: skip
    if "filled" in changes:
        telling.deals_came(order)
        _wake_waiting(order)


SETTLED = OPEN | OVER | {State.QUARANTINED}


def _wake_waiting(order: Order) -> None:
    """Signals that waited to know what it comes to are looked at again, once this is committed."""
    owner = order.account.owner_id
    if waits_of(owner):
        enqueue("trading.tasks.look_again", owner, cluster=EXECUTION, keep_result=False)


def _update(order: Order, **changes: Any) -> None:
    changes["version"] = order.version + 1
    as_read = {"pk": order.pk, "version": order.version, "state": order.state}
    if not rows.change(Order, as_read, changes):
        raise Lost(order)
    for name, value in changes.items():
        setattr(order, name, value)


def _note(
    order: Order,
    origin: str,
    rule: str,
    *,
    at: dt.datetime,
    code: str,
    text: str,
    actor: Any,
    details: Mapping[str, Any],
) -> None:
    event = OrderEvent(
        order=order,
        seq=order.version,
        at=at,
        origin=str(origin),
        target=order.state,
        rule=rule,
        code=code[:40],
        text=text[:LONGEST],
        actor=str(actor)[:150],
        details=plain(details),
    )
    rows.insert([event])


# Moves that are trading actions, or that a person must hear of, stand in the audit log too.
TOLD = (
    {State.BLOCKED, State.QUEUED, State.NOT_SENT, State.QUARANTINED, State.UNKNOWN} | OPEN | ENDED
)


def _is_told(origin: State, target: State) -> bool:
    return target in TOLD and not (origin in OPEN and target in OPEN)


def _tell(order: Order, origin: State, rule: str, *, actor: Any, text: str) -> None:
    state = order.get_state_display().lower()
    record(
        f"order.{order.state}",
        actor=actor,
        target=order,
        summary=f"{order}: {state}{', ' + text if text else ''}",
        details={
            "client_order_id": order.client_order_id,
            "rule": rule,
            "from": origin.value,
            "code": order.code,
        },
        owner=order.account.owner_id,
    )


def keep_verdict(order: Order, verdict: Verdict, *, stage: str, at: dt.datetime) -> None:
    """Keep what every rule said, with its figures."""
    checks = [
        OrderCheck(
            order=order,
            stage=stage,
            at=at,
            place=place,
            rule=check.rule[:60],
            passed=check.passed,
            code=check.code[:40],
            text=check.text[:LONGEST],
            figures=plain(check.figures),
        )
        for place, check in enumerate(verdict.checks)
    ]
    rows.insert(checks)


# -- Requests ----------------------------------------------------------------------------------
Outcome = OrderAttempt.Outcome


def settle(
    attempt: OrderAttempt,
    outcome: str,
    *,
    code: str = "",
    text: str = "",
    evidence: Iterable[str] = (),
    **changes: Any,
) -> bool:
    """Close a request, or leave it as unknown; False where somebody else settled it first."""
    if evidence:
        changes["evidence"] = [*attempt.evidence, *evidence]
    changes |= {
        "outcome": str(outcome),
        "code": code[:40],
        "text": text[:LONGEST],
        "answered_at": timezone.now(),
        "sent_at": attempt.sent_at,
    }
    as_read = {"pk": attempt.pk, "outcome": attempt.outcome, "fence": attempt.fence}
    if not rows.change(OrderAttempt, as_read, changes):
        return False
    before = attempt.outcome
    for name, value in changes.items():
        setattr(attempt, name, value)
    telling.request_settled(attempt, before)
    return True

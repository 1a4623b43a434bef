"""What only a person can decide: the fate of an order that nobody knows, and whether a lane goes on."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import Account
from risk import gate
from tradershub.core.audit import record
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.step_up import Kind as Step
from tradershub.core.step_up import demand
from trading import journal, lanes
from trading.models import Flattening, Lane, Order, OrderAttempt
from trading.own_orders import is_unknown_there
from trading.services import locked, wake
from trading.states import BEFORE, OPEN, State

Action, Outcome = OrderAttempt.Action, OrderAttempt.Outcome


@transaction.atomic
def settle_by_hand(order: Order, *, actor: Any, evidence: str, broker_order_id: str = "") -> Order:
    """Say what became of an order that only a person can find: it is the broker's of that id, or is not there.

    One that is quarantined (T14), or works by our books and the broker does not know it. evidence: how the person
    knows. Raises Conflict for any other order, BadInput, StepUpNeeded.
    """
    gate.hold_still([order.client_order_id])
    order = locked(order)
    if not may_be_settled(order):
        raise Conflict(f"Order {order.client_order_id} is not quarantined, and not unknown there")
    if len(evidence.strip()) < LEAST_EVIDENCE:
        raise BadInput("Expected how you know, in a sentence", param="evidence")
    demand(actor, Step.SETTLE)
    found, text = broker_order_id.strip(), evidence.strip()
    for attempt in order.attempts.filter(outcome=Outcome.UNKNOWN):
        outcome = Outcome.DONE if found else Outcome.PROVED_ABSENT
        journal.settle(attempt, outcome, text=f"{actor}: {evidence}")
    if found and order.state in OPEN:
        journal.amend(order, actor=actor, text=text, broker_order_id=found)
        return order
    said = partial(journal.move, order, actor=actor, code="OPERATOR", text=text)
    if found:
        said(State.WORKING, broker_order_id=found)
    else:
        said(State.CANCELLED if order.state in OPEN else State.NOT_SENT)
    return order


def may_be_settled(order: Order) -> bool:
    """Whether only a person can say what became of it."""
    return order.state == State.QUARANTINED or is_unknown_there(order)


LEAST_EVIDENCE = 10  # characters


@transaction.atomic
def resume_lane(account: Account, *, actor: Any, reason: str) -> None:
    """Let the account's orders out again. Raises Conflict where nothing holds them up; StepUpNeeded."""
    if not reason.strip():
        raise BadInput("Expected a reason", param="reason")
    halted = Lane.objects.filter(account=account, halted=True)
    if not halted.update(halted=False, halted_because=""):
        raise Conflict(f"Nothing holds up the orders of {account}")
    if account.is_for_real_money:
        demand(actor, Step.TRADING)
    record(
        "lane.resume", actor=actor, target=account, owner=account.owner_id,
        summary=f"{account}: orders go out again. {reason.strip()}",
    )  # fmt: skip
    wake(account)


@transaction.atomic
def hold_after_restore() -> int:
    """Hold up the orders of every connected account: a backup knows nothing of what was sent after it.

    Returns how many. Each is let out by a person; from then on the broker is asked before every order whether
    it has it already. Nothing is made flat, changed or closed that was asked for before: a position's closing may
    bear no name to ask by.
    """
    connected = list(Account.objects.filter(connection__isnull=False))
    for account in connected:
        lanes.lane_of(account)
    because = "Restored from a backup: compare it with the broker first"
    held = Lane.objects.filter(account__in=connected)
    held.update(halted=True, halted_because=because, forgets=True, holder="", until=None)
    now, words = timezone.now(), "Asked before the backup: ask anew"
    changes = OrderAttempt.objects.filter(outcome=Outcome.WAITING).exclude(action=Action.CANCEL)
    changes.update(outcome=Outcome.WITHDRAWN, text=words, answered_at=now)
    _withdraw_closings(words)
    Flattening.objects.filter(state__in=Flattening.OPEN).update(
        state=Flattening.State.WITHDRAWN, words=words, done_at=now
    )
    return len(connected)


def _withdraw_closings(words: str) -> None:
    waiting = Order.objects.filter(state__in=BEFORE).exclude(position_ref="")
    closings = list(waiting.select_related("account", "symbol").order_by("id"))
    gate.hold_still([order.client_order_id for order in closings])
    for order in closings:
        journal.move(order, State.NOT_SENT, code="RESTORED", text=words)

"""The lane's work: claimed in one transaction, sent in none, recorded in another.

A worker that ends in between leaves its request under way; whoever takes the lane next asks what became of it.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Account
from brokers.adapters.base import Adapter
from brokers.adapters.errors import AdapterError, KeyRefused, OutcomeUnknown, Rejected, Unavailable
from brokers.adapters.messages import AccountReport, Ack, PositionReport
from brokers.connecting import note_error, note_success, open_adapter
from brokers.platforms import is_by_hand
from risk import kill_switch
from tradershub.core.failpoints import failpoint
from tradershub.core.prepared import prepared
from tradershub.core.queue import EXECUTION, enqueue
from tradershub.core.spans import past, span
from trading import journal, lanes, reconcile, reports, sync, telling, tickets
from trading.lanes import Claim, Held, LeaseLost
from trading.links import note_fault
from trading.models import Order, OrderAttempt
from trading.states import PENDING, State

log = structlog.get_logger("trading.execution")
Action, Outcome = OrderAttempt.Action, OrderAttempt.Outcome
Answer = Ack | PositionReport | AdapterError
LOOK_LASTS = 0.05  # seconds


@dataclass(frozen=True, slots=True)
class Way:
    """The way to an account's platform, or why there is none. watermark: of its history, read just now."""

    adapter: Adapter | None
    watermark: str = ""
    fault: AdapterError | None = None


def pump(account: Account) -> None:
    """Work the account's lane: settle what is unknown, send what is due. Safe at any time, by anyone.

    A lane that never comes to rest is handed on to the next worker after PUMP_SECONDS.
    """
    if not lanes.is_due(account):
        return  # what is not due must not even connect: a refused key is tried once
    until = time.monotonic() + settings.PUMP_SECONDS
    while held := lanes.take(account):
        try:
            worked = _work(held, until)
        except LeaseLost as lost:
            log.warning("lease_lost", account=account.pk, why=str(lost))
            return
        finally:
            lanes.let_go(held)
        if not (worked and lanes.is_due(account)):
            return
        if time.monotonic() > until:
            enqueue("trading.tasks.pump", account.pk, cluster=EXECUTION, keep_result=False)
            return


def _work(held: Held, until: float) -> bool:
    """Whether anything was sent or ended; what was only looked for has its next turn later.

    until: time.monotonic() after which no other claim is made.
    """
    way, worked = way_to(held.account), False
    try:
        if held.doubts:
            _look_for_answers(held, way)
        while claim := lanes.claim_next(held, watermark=way.watermark):
            _carry_out(way, claim)
            worked = True
            if time.monotonic() > until or not lanes.at_work(held.account):
                break
    finally:
        if way.adapter:
            with suppress(AdapterError):
                way.adapter.close_session()
    return worked


def _look_for_answers(held: Held, way: Way) -> None:
    for attempt in lanes.unsettled(held.account):
        lanes.keep(held)
        reconcile.look(attempt, way.adapter)


def _carry_out(way: Way, claim: Claim) -> None:
    """Sent in one span of the signal's trace, recorded in another; before them its order waited."""
    order = claim.order
    origin = order.origin_id if order and order.origin_kind == "signal" else ""
    if order and claim.attempt.action in (Action.PLACE, Action.CLOSE):
        waited = {"account": order.account_id, "order": order.client_order_id}
        past("wait in the lane", origin, order.decided_at, order.claimed_at, **waited)
    with span("send", origin, action=claim.attempt.action):
        answer = ask(way, claim)
    with span("record", origin, answer=type(answer).__name__):
        record(claim, answer)


def way_to(account: Account) -> Way:
    """Open the account's adapter and have it say which account it speaks for, where anything answers there."""
    if account.connection is None:
        return Way(None, fault=Unavailable(f"{account} has no connection"))
    try:
        adapter = open_adapter(account.connection, account.number)
        adapter.line = replace(adapter.line, deadline=settings.ORDER_SECONDS)
        if is_by_hand(account.connection.platform):
            return Way(adapter)
        found = adapter.identity()
    except KeyRefused as error:
        note_fault(account.connection, error.message)
        reports.halt(account, because=error.message, tells=False)
        return Way(None, fault=error)
    except AdapterError as error:
        return Way(None, fault=error)
    if differs := _stranger(account, found):
        reports.halt(account, because=differs)
        return Way(None, fault=Unavailable(differs, code="WRONG_ACCOUNT"))
    if otherwise := _other_mode(account, found):
        reports.halt(account, because=otherwise)
    return Way(adapter, watermark=found.watermark)


def _stranger(account: Account, found: AccountReport) -> str:
    """In what the platform's account is not ours; empty where it is."""
    assert account.connection is not None  # noqa: S101 - its adapter was opened
    pairs = [
        ("number", account.number, found.number),
        ("currency", account.currency, found.currency),
        ("real money", account.connection.live, found.live),
    ]
    wrong = [f"{name} {theirs}, expected {ours}" for name, ours, theirs in pairs if ours != theirs]
    return f"The platform answered for another account: {', '.join(wrong)}" if wrong else ""


def _other_mode(account: Account, found: AccountReport) -> str:
    """How the platform keeps positions, where a person or a file said it otherwise; empty where it does not.

    An assumed mode gives way when the account is looked at.
    """
    if account.mode_is_assumed or account.mode == found.mode:
        return ""
    return f"The account is {found.mode} at its platform, {account.mode} in the books: set its mode"


# -- To the broker -----------------------------------------------------------------------------
def ask(way: Way, claim: Claim) -> Answer:
    """Make the request, at most once. Whatever is neither proved refused nor proved unsent is unknown.

    What is no failure of the platform is recorded as unknown and raised on, the task's time limit too.
    """
    if way.adapter is None:
        return way.fault or Unavailable("There is no way to the platform")
    try:
        if known := _known_already(way.adapter, claim):
            return known
        failpoint("send.before_check")
        if why_not := _too_late(claim):
            return why_not
        look_again = partial(_look_again, claim, time.monotonic())
        way.adapter.line = replace(way.adapter.line, last_look=look_again)
        failpoint("send.before_write")
        claim.attempt.sent_at = timezone.now()
        answer = _send(way.adapter, claim)
        failpoint("send.answered")
    except AdapterError as error:
        return error
    except BaseException as error:
        lost = OutcomeUnknown(f"The worker was interrupted: {type(error).__name__}")
        record(claim, lost)
        raise
    return answer


def _too_late(claim: Claim) -> Unavailable | None:
    """The last look before the first byte: has the claim grown old, has somebody stopped everything?"""
    if time.monotonic() > claim.until:
        return Unavailable("It was not sent in time after its claim", code="LATE")
    if _is_exempt(claim):
        return None
    standing = kill_switch.standing(
        claim.attempt.account,
        strategy=claim.order.strategy if claim.order else "",
        source=claim.order.source if claim.order else "",
    )
    return (
        Unavailable("Stopped right before it was sent", code="STOP") if standing.engaged else None
    )


def _is_exempt(claim: Claim) -> bool:
    """Whether it goes out although everything is stopped: it cancels or closes."""
    cancels_or_closes = claim.attempt.action in (Action.CANCEL, Action.CLOSE)
    return cancels_or_closes or bool(claim.order and claim.order.reduces)


def _look_again(claim: Claim, looked_at: float) -> None:
    """The adapter has read meanwhile, maybe for long. What cancels or closes may take as long as its lease."""
    if time.monotonic() - looked_at < LOOK_LASTS:
        return
    lease_ends = claim.until - settings.CLAIM_SECONDS + settings.LANE_SECONDS
    if not _is_exempt(claim):
        if why_not := _too_late(claim):
            raise why_not
    elif time.monotonic() > lease_ends - settings.ORDER_SECONDS:
        raise Unavailable("Another worker may have the lane by now", code="LATE")


def _known_already(adapter: Adapter, claim: Claim) -> Ack | None:
    """What the broker has of an order that a restored backup does not know to be sent."""
    attempt, order = claim.attempt, claim.order
    if order is None or attempt.action not in (Action.PLACE, Action.CLOSE):
        return None
    if not claim.forgets:
        return None
    return adapter.find_by_client_id(order.client_order_id).found


def _send(adapter: Adapter, claim: Claim) -> Ack | PositionReport:
    attempt, order = claim.attempt, claim.order
    if attempt.action == Action.PROTECT:
        return _protect(adapter, attempt)
    assert order is not None  # noqa: S101 - the database's own rule
    if attempt.action == Action.CANCEL:
        return adapter.cancel(order.broker_order_id)
    ticket = lanes.ticket_asked(attempt)
    if attempt.action == Action.AMEND:
        return adapter.amend(order.broker_order_id, ticket)
    if attempt.action == Action.CLOSE:
        return adapter.close(attempt.position_ref, client_id=ticket.client_id, lots=ticket.lots)
    return adapter.place(ticket)


def _protect(adapter: Adapter, attempt: OrderAttempt) -> PositionReport:
    """Set the stops that were named; the others go along as the platform states them this moment.

    Raises Rejected where one of those is not stated, for it would be removed.
    """
    ref = attempt.position_ref
    held = next((position for position in adapter.positions() if position.ref == ref), None)
    if held is None:
        raise Rejected(f"Position {ref} is not there any more", code="NO_POSITION")
    if kept := held.differing - attempt.asked.keys():
        words = " and ".join(sorted(name.replace("_", " ") for name in kept))
        raise Rejected(f"Its trades share no {words}: say that, too", code="STOPS_DIFFER")
    return adapter.protect(ref, tickets.stops_asked(attempt.asked, held.stops))


# -- What came back ----------------------------------------------------------------------------
def record(claim: Claim, answer: Answer) -> None:
    """Write down what became of the request. What somebody else settled meanwhile is only added to."""
    failpoint("record.before")
    if isinstance(answer, Ack):
        take_answer(claim.attempt, answer)
    elif isinstance(answer, PositionReport):
        with transaction.atomic():
            sync.keep_answer(claim.attempt.account, [answer], at=timezone.now())
            journal.settle(claim.attempt, Outcome.DONE)
    else:
        with transaction.atomic():
            _failed(claim, answer)
            failpoint("record.inside")
    failpoint("record.committed")
    _count(claim, answer)


def _count(claim: Claim, answer: Answer) -> None:
    """A platform that fails again and again is switched off until a person acts."""
    account = claim.attempt.account
    if account.connection is None:
        return
    if isinstance(answer, Unavailable | OutcomeUnknown):
        failed = answer.code not in ("LATE", "STOP")
        if failed and note_error(account.connection.platform, answer.message):
            telling.platform_off(account.connection.platform)
    else:
        note_success(account.connection.platform)


def take_answer(attempt: OrderAttempt, ack: Ack) -> None:
    """The broker has it: its deals are booked, the order and the request brought up in one transaction."""
    assert attempt.order is not None  # noqa: S101 - only orders are acknowledged
    reports.insist(attempt.order, partial(_take, attempt, ack))


def _take(attempt: OrderAttempt, ack: Ack, order: Order) -> None:
    if order is not attempt.order:  # tried anew: what was settled of the request was taken back
        attempt.order = order
        _see_as_it_is(attempt)
    sync.book_with_order(attempt.account, ack.deals)
    _bring_up(attempt, ack, order)
    failpoint("record.inside")


def _bring_up(attempt: OrderAttempt, ack: Ack, order: Order) -> None:
    if differs := reports.difference(order, ack.order):
        lanes.doubt(attempt, f"The broker answered with another order: {differs}")
        return
    _close(attempt, ack.order.reason)
    besides = {}
    if attempt.action in (Action.PLACE, Action.CLOSE):
        besides = {"sent_at": attempt.sent_at, "answered_at": timezone.now()}
    elif attempt.action == Action.AMEND:
        besides = tickets.terms_of(lanes.ticket_asked(attempt))
    found = reports.take_answer(order, ack.order, actor="broker", **besides)
    line = attempt.account.connection
    if line and is_by_hand(line.platform):  # who carries it out enters there what came of it
        sync.keep_orders(attempt.account, [replace(ack.order, filled=(found or order).filled)])
    if found is None or State(found.state) in PENDING:
        reports.resume(found or order)


def _close(attempt: OrderAttempt, text: str) -> None:
    """The request is done; what somebody else settled meanwhile stays as it is."""
    if journal.settle(attempt, Outcome.DONE, text=text):
        return
    _see_as_it_is(attempt)
    if attempt.outcome in (Outcome.OPEN, Outcome.UNKNOWN):
        journal.settle(attempt, Outcome.DONE, text=text)


def _see_as_it_is(attempt: OrderAttempt) -> None:
    ((attempt.outcome, attempt.fence, attempt.evidence),) = _as_it_is(attempt)


@prepared
def _as_it_is(attempt: OrderAttempt) -> QuerySet[Any]:
    return OrderAttempt.objects.filter(pk=attempt).values_list("outcome", "fence", "evidence")


def _failed(claim: Claim, error: AdapterError) -> None:
    attempt, order = claim.attempt, claim.order
    if isinstance(error, OutcomeUnknown):
        lanes.doubt(attempt, error.message, code=error.code)
        return
    written = isinstance(error, Rejected)
    outcome = Outcome.REJECTED if written else Outcome.NOT_WRITTEN
    if not journal.settle(attempt, outcome, code=error.code, text=error.message):
        return  # another worker has the lane and looks for it
    if order is None:
        return
    if attempt.action in (Action.PLACE, Action.CLOSE):
        _not_placed(attempt, order, error)
        return
    reports.resume(order)
    if not written:
        lanes.again(attempt, after=Outcome.NOT_WRITTEN)


def _not_placed(attempt: OrderAttempt, order: Order, error: AdapterError) -> None:
    """T7: refused for good. T8: it never left and has another turn, three times at most."""
    code, text = error.code, error.message
    if isinstance(error, Rejected):
        times = {"sent_at": attempt.sent_at, "answered_at": timezone.now()}
        journal.move(order, State.REJECTED, actor="broker", code=code, text=text, **times)
        return
    tries = order.attempts.filter(outcome=Outcome.NOT_WRITTEN).count()
    if tries >= lanes.MOST_TRIES or isinstance(error, KeyRefused):
        journal.move(order, State.NOT_SENT, code=code or "UNREACHABLE", text=text)
        return
    later = timezone.now() + timedelta(seconds=settings.RETRY_SECONDS * tries)
    journal.move(order, State.QUEUED, code=code, text=text, not_before=later)

"""An account's orders go out in their turn: who works the lane, and what comes next.

The lease is taken and renewed by conditional updates on the database's clock. What the last holder left under
way is unknown to the next one: it is asked for, never sent again.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
import time
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import DurationField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import Account, Position
from brokers.adapters.messages import OrderTicket
from brokers.connecting import why_shut
from risk import gate, kill_switch, pace
from risk.facts import Verdict
from tradershub.core import rows
from tradershub.core.clock import APART, due, too_far
from tradershub.core.clock import is_due as is_due_at
from tradershub.core.failpoints import failpoint
from tradershub.core.prepared import Change, first, prepared
from trading import journal, tickets
from trading.easing import may_lose_more, risks_more
from trading.facts import change_facts, order_facts
from trading.loosening import refusal_of
from trading.models import Lane, Order, OrderAttempt, OrderCheck
from trading.states import OPEN, OVER, State

Action, Outcome = OrderAttempt.Action, OrderAttempt.Outcome
BUSY = "BUSY"
MOST_TRIES = 3  # of a request that could not be written
LONGEST_PAUSE = dt.timedelta(minutes=10)  # between two looks at what is quarantined
# What a rule says of an order that is sound but too late: it ends as not sent, the others as blocked.
STOPPED = {"KILL_SWITCH", "STALE"}


class LeaseLost(Exception):
    """Another worker has the lane: let go of everything."""


@dataclass(frozen=True, slots=True)
class Held:
    """The lane as this worker holds it."""

    account: Account
    holder: str
    fence: int
    forgets: bool  # a restored backup may not know what was sent
    doubts: bool  # something was left under way, or its answer is lost


@dataclass(frozen=True, slots=True)
class Claim:
    """One request that is now ours to make, once. until: time.monotonic() by which it must leave.

    forgets: it may have been made before, and only the broker knows.
    """

    attempt: OrderAttempt
    order: Order | None
    until: float
    forgets: bool = False


# -- The lease ---------------------------------------------------------------------------------
def take(account: Account) -> Held | None:
    """The lane, where nobody works it and anything at all is to be done.

    What was left under way becomes unknown in the same step.
    """
    failpoint("lane.before_take")
    holder = f"{socket.gethostname()[:20]}.{os.getpid()}.{uuid.uuid4().hex[:12]}"
    with transaction.atomic():
        seized = _seize(account, holder)
        if seized is None:
            return None
        held = Held(account, holder, *seized)
        if held.doubts:
            _doubt_what_was_left(account)
    failpoint("lane.taken")
    return held


def _seize(account: Account, holder: str) -> tuple[int, bool, bool] | None:
    """Its fence, whether it forgets, and whether anything of it is in doubt."""
    terms = account, holder, _lease(), _lease() + APART
    if found := first(_seized(*terms)):
        return found
    _, is_new = Lane.objects.get_or_create(account=account)
    return first(_seized(*terms)) if is_new else None


@prepared
def _seized(account: Account, holder: str, lease: dt.timedelta, longest: dt.timedelta) -> Change:
    left = OrderAttempt.objects.filter(
        account=OuterRef("account"), outcome__in=[Outcome.OPEN, Outcome.UNKNOWN]
    )
    idle = _is_free(_from_now(longest))
    free = Lane.objects.filter(idle, _has_work("account", "halted"), account=account)
    free = free.annotate(doubts=Exists(left))
    ours = {"holder": holder, "fence": F("fence") + 1, "until": _from_now(lease)}
    return Change(free.values_list("fence", "forgets", "doubts"), ours)


def is_free() -> Q:
    """Lanes that nobody works, by the database's clock, which may have been set back since one was taken."""
    return _is_free(Now() + _lease() + APART)


def _is_free(beyond: Any) -> Q:
    return Q(holder="") | due("until", Now(), beyond=beyond)


def lane_of(account: Account) -> Lane:
    return first(_lanes(account)) or Lane.objects.get_or_create(account=account)[0]


@prepared
def _lanes(account: Account) -> QuerySet[Lane]:
    return Lane.objects.filter(account=account)


def _lease() -> dt.timedelta:
    return dt.timedelta(seconds=settings.LANE_SECONDS)


def _from_now(lease: Any) -> Any:
    """By the database's clock. lease: the argument of a prepared query."""
    return Now() + ExpressionWrapper(lease, output_field=DurationField())


def _doubt_what_was_left(account: Account) -> None:
    for attempt in _under_way(account):
        doubt(attempt, "Its worker ended before the answer came")


@prepared
def _under_way(account: Account) -> QuerySet[OrderAttempt]:
    left = OrderAttempt.objects.filter(account=account, outcome=Outcome.OPEN)
    return left.select_related("order__account", "order__symbol")


def doubt(attempt: OrderAttempt, text: str, *, code: str = "") -> None:
    """The request may have left: nobody knows (T9)."""
    order = attempt.order
    if not journal.settle(attempt, Outcome.UNKNOWN, code=code, text=text):
        return
    if order and order.state == Order.State.SENDING:
        journal.move(order, State.UNKNOWN, code=code or "NO_ANSWER", text=text)


def keep(held: Held) -> None:
    """Renew the lease. Raises LeaseLost where it has run out."""
    if not _kept(held.account, held.holder, held.fence, _lease()):
        raise LeaseLost(f"{held.holder} has lost the lane of {held.account}")


@prepared
def _kept(account: Account, holder: str, fence: int, lease: dt.timedelta) -> Change:
    mine = Lane.objects.filter(account=account, holder=holder, fence=fence, until__gte=Now())
    return Change(mine.values_list("pk"), {"until": _from_now(lease)})


def let_go(held: Held) -> None:
    failpoint("lane.before_let_go")
    _left(held.account, held.holder, held.fence)


@prepared
def _left(account: Account, holder: str, fence: int) -> Change:
    mine = Lane.objects.filter(account=account, holder=holder, fence=fence)
    return Change(mine.values_list("pk"), {"holder": "", "until": None})


def next_place(account: Account) -> int:
    """The order's turn in its lane. Holds the lane's row until the caller's transaction ends."""
    if not (places := _advanced(account)):
        lane_of(account)  # made now
        places = _advanced(account)
    return int(places[0]) - 1


@prepared
def _advanced(account: Account) -> Change:
    mine = Lane.objects.filter(account=account)
    return Change(mine.values_list("next_seq", flat=True), {"next_seq": F("next_seq") + 1})


# -- What is due -------------------------------------------------------------------------------
def is_due(account: Account) -> bool:
    """Whether a worker would find something to do."""
    kinds = (_next_queued, _next_request, _next_look, _left_open)
    return bool(at_work(account)) and any(found(account) is not None for found in kinds)


@prepared
def at_work(account: Account) -> QuerySet[Any]:
    """The account, where anything at all is to be done: one question for most lanes."""
    mine = Account.objects.filter(_has_work("pk", "lane__halted"), pk=account)
    return mine.order_by().values_list("pk", flat=True)


def _has_work(account: str, halted: str) -> Q:
    """Where anything is queued that may leave, asked for or unsettled. account, halted: the fields that say so."""
    queued = Order.objects.filter(account=OuterRef(account), state=State.QUEUED)
    asked = OrderAttempt.objects.filter(
        account=OuterRef(account), outcome__in=[Outcome.WAITING, Outcome.OPEN, Outcome.UNKNOWN]
    )
    entries = Exists(queued) & ~Q(**{halted: True})
    return entries | Exists(queued.filter(reduces=True)) | Exists(asked)


def _left_open(account: Account) -> OrderAttempt | None:
    """What a worker that is gone left under way."""
    free = Lane.objects.filter(is_free(), account=account)
    left = OrderAttempt.objects.filter(account=account, outcome=Outcome.OPEN)
    return left.first() if free.exists() else None


def _longest_wait() -> dt.timedelta:
    """Of what waits for another try."""
    return dt.timedelta(seconds=settings.RETRY_SECONDS * MOST_TRIES)


def unsettled(account: Account) -> list[OrderAttempt]:
    """Requests whose answer is lost and that may be looked for now, oldest first."""
    now, pause = timezone.now(), dt.timedelta(seconds=settings.ABSENCE_SECONDS)
    return _unknown(account, now, too_far(now, pause), too_far(now, max(pause, LONGEST_PAUSE)))


@prepared
def _unknown(
    account: Account, now: dt.datetime, soon: dt.datetime, late: dt.datetime
) -> QuerySet[OrderAttempt]:
    """soon, late: how far ahead a look can be, and that at what is quarantined."""
    quarantined = Q(order__isnull=False, order__state=State.QUARANTINED)
    come = due("not_before", now, beyond=late) | Q(not_before__gt=soon) & ~quarantined
    rows = OrderAttempt.objects.filter(come, account=account, outcome=Outcome.UNKNOWN)
    return rows.select_related("order__account", "order__symbol").order_by("id")


def _next_look(account: Account) -> OrderAttempt | None:
    return first(unsettled(account))


def _next_request(account: Account) -> OrderAttempt | None:
    """The next change of something at the broker; one whose order is over comes to be withdrawn.

    One of an order of which another request is unsettled waits for that, and holds up nothing else.
    """
    now = timezone.now()
    return first(_requests(account, now, too_far(now, _longest_wait())))


def _next_cancel(account: Account) -> OrderAttempt | None:
    now = timezone.now()
    return first(_cancels(account, now, too_far(now, _longest_wait())))


@prepared
def _requests(account: Account, now: dt.datetime, beyond: dt.datetime) -> QuerySet[OrderAttempt]:
    return _waiting(account, now, beyond)[:1]


@prepared
def _cancels(account: Account, now: dt.datetime, beyond: dt.datetime) -> QuerySet[OrderAttempt]:
    return _waiting(account, now, beyond).filter(action="cancel")[:1]


def _waiting(account: Account, now: dt.datetime, beyond: dt.datetime) -> QuerySet[OrderAttempt]:
    ready = due("not_before", now, beyond=beyond)
    rows = OrderAttempt.objects.filter(ready, account=account, outcome=Outcome.WAITING)
    possible = Q(order__isnull=True) | Q(order__state__in=OPEN | OVER)
    unsettled = OrderAttempt.objects.filter(
        order=OuterRef("order"), outcome__in=[Outcome.OPEN, Outcome.UNKNOWN]
    )
    mine = rows.filter(possible).exclude(Exists(unsettled))
    mine = mine.select_related("order__account", "order__symbol")
    return mine.order_by("id")


def _next_queued(account: Account) -> Order | None:
    """The order whose turn it is. One that may be at the broker holds up others of its symbol, not exits.

    A lane that is halted lets exits pass, too. An order that waits for another try holds up the entries behind
    it, and no exit.
    """
    order, now = first(_queue(account)), timezone.now()
    if order is None or is_due_at(order.not_before, now, beyond=too_far(now, _longest_wait())):
        return order
    return _next_exit(account)


def _next_exit(account: Account) -> Order | None:
    now = timezone.now()
    return first(_queued_exits(account, now, too_far(now, _longest_wait())))


@prepared
def _queue(account: Account) -> QuerySet[Order]:
    halted = Lane.objects.filter(account=account, halted=True)
    doubtful = Order.objects.filter(
        account=account, symbol=OuterRef("symbol"), state__in=Order.MAYBE
    )
    free = ~Exists(halted) & ~Exists(doubtful)
    return _in_turn(Order.objects.filter(Q(reduces=True) | free, account=account, state="queued"))


@prepared
def _queued_exits(account: Account, now: dt.datetime, beyond: dt.datetime) -> QuerySet[Order]:
    ready = due("not_before", now, beyond=beyond)
    return _in_turn(Order.objects.filter(ready, account=account, state="queued", reduces=True))


def _in_turn(queued: QuerySet[Order]) -> QuerySet[Order]:
    """The first of them, with whether any change waits to be asked for."""
    asked = OrderAttempt.objects.filter(account=OuterRef("account"), outcome=Outcome.WAITING)
    queued = queued.annotate(change_waits=Exists(asked))
    return queued.select_related("symbol").order_by("lane_seq")[:1]


# -- Claims ------------------------------------------------------------------------------------
def claim_next(held: Held, *, watermark: str) -> Claim | None:
    """What is to be sent now, written down as sent; None where nothing may be. Raises LeaseLost.

    What must not be sent any more ends here, with the reason on it.
    """
    while True:
        failpoint("claim.before")
        until = time.monotonic() + settings.CLAIM_SECONDS
        with transaction.atomic():
            found = _claim(held, until, watermark)
            failpoint("claim.inside")
        if found is not ENDED:
            failpoint("claim.committed")
            return found


ENDED = object()  # what was next is over; look again
HELD_UP = (
    object()
)  # it has to wait: the requests of this while are used up, or its counters are taken


def _claim(held: Held, until: float, watermark: str) -> Any:
    """What is next; where that must wait, the next cancel or closing, which have a reserve of their own."""
    account, order = held.account, _next_queued(held.account)
    request = _next_request(account) if order is None or order.change_waits else None
    found = _claim_either(held, request, order, until=until, watermark=watermark)
    if found is not HELD_UP:
        return found
    cancel, closing = _next_cancel(account), _next_exit(account)
    found = _claim_either(held, cancel, closing, until=until, watermark=watermark)
    return None if found is HELD_UP else found


def _claim_either(
    held: Held, request: OrderAttempt | None, order: Order | None, *, until: float, watermark: str
) -> Any:
    """The request, or without one the order that is queued; None where there is neither."""
    if request:
        return _claim_request(held, request, until, watermark)
    return _claim_order(held, order, until, watermark) if order else None


def _claim_order(held: Held, order: Order, until: float, watermark: str) -> Any:
    """T5, or T4 where it may not go any more."""
    now, order.account = timezone.now(), held.account
    if not order.reduces and now > order.received_at + dt.timedelta(seconds=settings.STALE_SECONDS):
        text = f"It waited longer than {settings.STALE_SECONDS:g} s and is not sent so late"
        journal.move(order, State.NOT_SENT, code="STALE", text=text)
        return ENDED
    verdict = gate.recheck(order_facts(order, at=now, again=True))
    if not verdict.passed and verdict.refusal and verdict.refusal.code == BUSY:
        return HELD_UP
    journal.keep_verdict(order, verdict, stage=OrderCheck.Stage.CLAIM, at=now)
    if not verdict.passed:
        _end_refused(order, verdict)
        return ENDED
    if verdict.paced and not pace.may_send_message(
        account_id=order.account_id, at=now, cancels=order.reduces
    ):
        return HELD_UP
    keep(held)
    attempt = OrderAttempt(
        account=order.account,
        order=order,
        number=order.attempts.count() + 1 if order.claimed_at else 1,
        action=Action.CLOSE if order.position_ref else Action.PLACE,
        position_ref=order.position_ref,
        asked=tickets.to_plain(tickets.ticket_of(order, lots=_lots_now(order, verdict))),
        asked_by=order.asked_by,
        outcome=Outcome.OPEN,
        fence=held.fence,
        watermark=watermark,
        made_at=now,
        opened_at=now,
    )
    rows.insert([attempt])
    journal.move(order, State.SENDING, claimed_at=now, not_before=None)
    return Claim(attempt, order, until, held.forgets)


def _lots_now(order: Order, verdict: Verdict) -> Decimal:
    """Its lots; of a closing no more than was open when it was looked at last: platforms refuse more."""
    still_open = [check.figures["open"] for check in verdict.checks if check.rule == "closing"]
    return min(order.lots, *map(Decimal, still_open)) if still_open else order.lots


def _end_refused(order: Order, verdict: Verdict) -> None:
    refusal = verdict.refusal
    assert refusal is not None  # noqa: S101 - a verdict that did not pass has one
    target = State.NOT_SENT if refusal.code in STOPPED else State.BLOCKED
    journal.move(order, target, code=refusal.code, text=refusal.text)


def _claim_request(held: Held, request: OrderAttempt, until: float, watermark: str) -> Any:
    """A change of a working order or of a position's stops (T16, T17)."""
    now, order = timezone.now(), request.order
    why_not = _why_not(request) or _why_not_more(request, now)
    if why_not is HELD_UP:
        return HELD_UP
    if why_not:
        journal.settle(request, Outcome.WITHDRAWN, text=why_not)
        return ENDED
    cancels = request.action == Action.CANCEL
    if not pace.may_send_message(account_id=request.account_id, at=now, cancels=cancels):
        return HELD_UP
    keep(held)
    mine = OrderAttempt.objects.filter(pk=request.pk, outcome=Outcome.WAITING)
    mine.update(outcome=Outcome.OPEN, fence=held.fence, watermark=watermark, opened_at=now)
    request.refresh_from_db(fields=["outcome", "fence", "watermark", "opened_at"])
    if order:
        pending = State.CANCEL_PENDING if cancels else State.REPLACE_PENDING
        journal.move(order, pending, actor=request.asked_by, resume_state=order.state)
    return Claim(request, order, until)


def _why_not(request: OrderAttempt) -> str:
    """Why the request must not be made any more. A stop holds up everything but cancels."""
    order, account = request.order, request.account
    if order and order.state in OVER:
        return f"The order is {order.get_state_display().lower()} already"
    if account.connection is None or not account.is_open:
        return f"{account} has no way to a broker any more"
    eases = request.action != Action.AMEND or bool(order and order.reduces)
    if shut := why_shut(account.connection, closing=eases):
        return shut
    if request.action == Action.CANCEL:
        return ""
    if not (account.may_close if eases else account.may_trade):
        return f"Trading is switched off for {account}"
    standing = kill_switch.standing(
        account,
        strategy=order.strategy if order else "",
        source=order.source if order else "",
        share_lock=True,
    )
    return f"Stopped: {standing.reason or standing.words}" if standing.engaged else ""


def _why_not_more(request: OrderAttempt, now: dt.datetime) -> Any:
    """What could lose more is held to what an entry that waited is; HELD_UP where that cannot be said now."""
    if not _may_lose_more(request):
        return ""
    lane = lane_of(request.account)
    if lane.halted:
        return f"Nothing goes out that could lose more: {lane.halted_because}"
    if now > request.made_at + dt.timedelta(seconds=settings.STALE_SECONDS):
        return f"It waited longer than {settings.STALE_SECONDS:g} s and is not sent so late"
    if request.order is None:
        return _why_not_looser(request, now)
    verdict = gate.recheck(change_facts(_wanted(request.order, request), at=now, again=True))
    if verdict.refusal and verdict.refusal.code == BUSY:
        return HELD_UP
    journal.keep_verdict(request.order, verdict, stage=OrderCheck.Stage.CLAIM, at=now)
    return verdict.refusal.text if verdict.refusal else ""


def _why_not_looser(request: OrderAttempt, now: dt.datetime) -> Any:
    position = _position(request)
    if position is None:  # the platform says so
        return ""
    refusal = refusal_of(position, tickets.levels_asked(request.asked), at=now, again=True)
    if refusal is None:
        return ""
    return HELD_UP if refusal.code == BUSY else refusal.text


def _may_lose_more(request: OrderAttempt) -> bool:
    """Whether it asks for more than the broker has now: of an order, or of a position's stops."""
    if request.action == Action.CANCEL:
        return False
    if request.order:
        return risks_more(request.order, _wanted(request.order, request))
    position = _position(request)
    return position is None or may_lose_more(position, tickets.levels_asked(request.asked))


def _position(request: OrderAttempt) -> Position | None:
    held = Position.objects.filter(account=request.account, ref=request.position_ref)
    beside = ("account__broker", "account__connection", "symbol__last_quote")
    return held.filter(open_volume__gt=0).select_related(*beside).first()


def _wanted(order: Order, request: OrderAttempt) -> Order:
    return tickets.changed(order, ticket_asked(request))


def again(attempt: OrderAttempt, *, after: str) -> None:
    """A change that did not happen waits for another turn, three times at most. after: that outcome."""
    order = attempt.order
    if order is None or order.state in OVER:
        return
    if order.attempts.filter(outcome=Outcome.WAITING).exists():
        return  # somebody has asked anew meanwhile
    tries = order.attempts.filter(action=attempt.action, outcome=after).count()
    if tries >= MOST_TRIES:
        return
    now = timezone.now()
    OrderAttempt.objects.create(
        account=attempt.account,
        order=order,
        number=order.attempts.count() + 1,
        action=attempt.action,
        asked=attempt.asked,
        asked_by=attempt.asked_by,
        outcome=Outcome.WAITING,
        made_at=now,
        not_before=now + dt.timedelta(seconds=settings.RETRY_SECONDS * tries),
    )


def ticket_asked(attempt: OrderAttempt) -> OrderTicket:
    """The ticket as it was written down before it was sent."""
    return tickets.from_plain(attempt.asked)

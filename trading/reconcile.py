"""What became of a request whose answer is lost: the broker is asked, nothing is guessed, nothing sent again.

Found by our id, the order is taken over. Not found, it is proved absent only by three complete reads in a row
after the time in which it must have become visible; a change that cannot be seen, by two. Where no proof can be
had it is left to a person.
"""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from brokers.adapters.base import Adapter
from brokers.adapters.errors import AdapterError
from brokers.adapters.messages import (
    NEEDS,
    Duration,
    OrderReport,
    OrderTicket,
    PositionReport,
    Search,
    Status,
    Tier,
)
from tradershub.core.failpoints import failpoint
from trading import journal, lanes, reports, sync, tickets
from trading.models import Order, OrderAttempt
from trading.states import State

Action, Outcome = OrderAttempt.Action, OrderAttempt.Outcome
LOOKS = 3  # complete reads in a row that prove an order absent
LOOKS_AT_CHANGE = 2  # and that a change of an order or of stops did not happen
KEPT = 20  # lines of evidence a request keeps
# Of what is quarantined: looked for more and more seldom, a tenth of its age apart.
AGE_BY_PAUSE = 10
PLACED = (Action.PLACE, Action.CLOSE)


def look(attempt: OrderAttempt, adapter: Adapter | None) -> None:
    """Ask the broker once what became of it, and settle it if the answer is proof.

    adapter: freshly opened, its account checked; None where it cannot be had, which proves nothing.
    """
    now = timezone.now()
    _count_from(attempt, now)
    if adapter is not None and now >= _visible_at(attempt, adapter):
        try:
            _ask(attempt, adapter)
        except AdapterError as error:
            _saw(attempt, looks=0, line=f"{error.message}")
        failpoint("reconcile.asked")
    attempt.refresh_from_db()
    if attempt.outcome == Outcome.UNKNOWN:
        _wait(attempt, now, nears_proof=_nears_proof(attempt, adapter))


def _count_from(attempt: OrderAttempt, now: dt.datetime) -> None:
    """What went out later than now went out before the clock was set back: its time is counted anew."""
    if attempt.opened_at and attempt.opened_at > now:
        attempt.opened_at = now
        attempt.save(update_fields=["opened_at"])


def _visible_at(attempt: OrderAttempt, adapter: Adapter) -> dt.datetime:
    """From when on a request that arrived must be found."""
    lag = max(settings.SETTLE_SECONDS, settings.ORDER_SECONDS + adapter.capabilities.visible_within)
    opened: dt.datetime = attempt.opened_at or attempt.made_at
    return opened + dt.timedelta(seconds=lag)


def _ask(attempt: OrderAttempt, adapter: Adapter) -> None:
    if attempt.action == Action.PROTECT:
        _ask_of_position(attempt, adapter)
        return
    order = attempt.order
    assert order is not None  # noqa: S101 - the database's own rule
    search = adapter.find_by_client_id(order.client_order_id, since=attempt.watermark)
    if search.found is not None:
        _found(attempt, order, search)
    elif attempt.action in PLACED:
        _missed(attempt, order, search, adapter)
    else:
        _saw(attempt, looks=0, line=f"{search.evidence}: not found, although it worked before")


def _found(attempt: OrderAttempt, order: Order, search: Search) -> None:
    """T10, and what a change came to."""
    ack = search.found
    assert ack is not None  # noqa: S101 - the caller looked
    if attempt.action in PLACED and reports.difference(order, ack.order):
        reports.take_order(attempt.account, ack.order, actor="reconciliation")
        _saw(attempt, looks=0, line=search.evidence)
        return
    outcome, text = _came_to(attempt, ack.order)
    # To cancel twice is to cancel once; a change that shows late would be taken for none.
    unsure = outcome == Outcome.PROVED_ABSENT and attempt.action == Action.AMEND
    if unsure and not _proves(attempt, f"{search.evidence}: {text}", looks=LOOKS_AT_CHANGE):
        return
    with transaction.atomic():
        sync.book_with_order(attempt.account, ack.deals)
        if not journal.settle(attempt, outcome, text=text, evidence=[search.evidence]):
            return
        changed = attempt.action == Action.AMEND and outcome == Outcome.DONE
        besides = tickets.terms_of(lanes.ticket_asked(attempt)) if changed else {}
        reports.take_order(attempt.account, ack.order, actor="reconciliation", **besides)
        failpoint("reconcile.inside")
        reports.resume(order)
        if attempt.action == Action.CANCEL and outcome == Outcome.PROVED_ABSENT:
            lanes.again(attempt, after=outcome)  # to cancel twice is to cancel once


def _came_to(attempt: OrderAttempt, found: OrderReport) -> tuple[str, str]:
    over = found.status not in (Status.WORKING, Status.PARTIAL)
    if attempt.action in PLACED:
        return Outcome.DONE, "Found at the broker"
    if attempt.action == Action.CANCEL:
        if over:
            return Outcome.DONE, f"The order is {found.status} at the broker"
        return Outcome.PROVED_ABSENT, "The order still works at the broker: it was not cancelled"
    if is_as_asked(lanes.ticket_asked(attempt), found):
        return Outcome.DONE, "The broker states the order as it was asked for"
    return Outcome.PROVED_ABSENT, "The broker states the order as it was before"


def is_as_asked(ticket: OrderTicket, found: OrderReport) -> bool:
    """Whether the broker states each term as it was asked for. A price that its kind has not is the platform's own."""
    terms = ("lots", "stops", "duration", *NEEDS.get(ticket.kind, ()))
    if any(getattr(found, name) != getattr(ticket, name) for name in terms):
        return False
    return ticket.duration != Duration.GTD or _same_second(found.expires_at, ticket.expires_at)


def _same_second(one: dt.datetime | None, other: dt.datetime | None) -> bool:
    """Platforms keep seconds, or less of them."""
    return bool(one and other) and abs(one - other) <= dt.timedelta(seconds=1)


def _missed(attempt: OrderAttempt, order: Order, search: Search, adapter: Adapter) -> None:
    """A complete read without it counts, where the platform can prove anything by one."""
    proves = adapter.capabilities
    if proves.proof is Tier.C:
        _saw(attempt, looks=0, line=f"{search.evidence}: not found, which proves nothing here")
        return
    # Where orders that are over cannot be found, only a history that stood still says something.
    unmoved = proves.finds_closed or search.watermark == attempt.seen_watermark
    line = f"not found: {search.evidence}"
    proven = _proves(attempt, line, looks=LOOKS, unmoved=unmoved, watermark=search.watermark)
    if not proven or order.state != Order.State.UNKNOWN:
        return
    text = f"The broker does not have it, by {LOOKS} complete reads"
    with transaction.atomic():
        if journal.settle(attempt, Outcome.PROVED_ABSENT, text=text):
            details = {"evidence": attempt.evidence}
            journal.move(order, State.NOT_SENT, code="PROVED_ABSENT", text=text, details=details)


def _proves(
    attempt: OrderAttempt, line: str, *, looks: int, unmoved: bool = True, watermark: str = ""
) -> bool:
    """Count a complete read without it; whether so many, a pause apart, have now followed each other."""
    now, since = timezone.now(), attempt.looked_at
    pause = dt.timedelta(seconds=settings.ABSENCE_SECONDS)
    if attempt.looks and since and since <= now < since + pause:
        return False
    in_row = attempt.looks + 1 if unmoved else 1
    _saw(attempt, looks=in_row, line=f"{now:%H:%M:%S} {line}", watermark=watermark)
    return in_row >= looks


def _saw(attempt: OrderAttempt, *, looks: int, line: str, watermark: str = "") -> None:
    now = timezone.now()
    lines = [*attempt.evidence, line[:300]][-KEPT:]
    mine = OrderAttempt.objects.filter(pk=attempt.pk, outcome=Outcome.UNKNOWN)
    mine.update(looks=looks, looked_at=now, seen_watermark=watermark[:120], evidence=lines)
    attempt.refresh_from_db()


def _nears_proof(attempt: OrderAttempt, adapter: Adapter | None) -> bool:
    """Whether the last look was one of those in a row that prove an order absent, if none fails."""
    return bool(attempt.looks) and adapter is not None and adapter.capabilities.finds_closed


def _wait(attempt: OrderAttempt, now: dt.datetime, *, nears_proof: bool = False) -> None:
    """When to look again; what stays without proof for too long is left to a person (T13).

    After a long standstill the first look comes late: the proof that it begins is waited for.
    """
    order = attempt.order
    opened: dt.datetime = attempt.opened_at or attempt.made_at
    pause = dt.timedelta(seconds=settings.ABSENCE_SECONDS)
    if order and order.state == Order.State.QUARANTINED:
        pause = max(pause, min((now - opened) / AGE_BY_PAUSE, lanes.LONGEST_PAUSE))
    OrderAttempt.objects.filter(pk=attempt.pk).update(not_before=now + pause)
    waited = now >= opened + dt.timedelta(seconds=settings.QUARANTINE_SECONDS)
    too_long = waited and not nears_proof
    if order is None and too_long:
        journal.settle(
            attempt, Outcome.NOT_WRITTEN, text="The platform did not say what became of it"
        )
    if order and too_long and order.state == Order.State.UNKNOWN:
        text = "The broker could not be brought to say what became of it"
        journal.move(order, State.QUARANTINED, code="NO_PROOF", text=text)


def _ask_of_position(attempt: OrderAttempt, adapter: Adapter) -> None:
    """Stops were set or not: what the position carries says it."""
    at = timezone.now()
    held = {position.ref: position for position in adapter.positions()}
    found = held.get(attempt.position_ref)
    if found is not None and _carries(found, attempt):
        with transaction.atomic():
            sync.keep_answer(attempt.account, [found], at=at)
            journal.settle(attempt, Outcome.DONE, text="The position carries them")
        return
    text = "The position is closed" if found is None else "The position carries other stops"
    if found is None or _proves(attempt, text, looks=LOOKS_AT_CHANGE):
        journal.settle(attempt, Outcome.PROVED_ABSENT, text=text)


def _carries(position: PositionReport, attempt: OrderAttempt) -> bool:
    is_shared = position.differing.isdisjoint(attempt.asked)
    return is_shared and position.stops == tickets.stops_asked(attempt.asked, position.stops)

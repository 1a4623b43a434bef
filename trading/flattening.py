"""Stop and flatten: after the stop, cancel every order and close every position, until the broker says so.

A round asks the broker what is left, has it cancelled and closed, works the account's lane itself and asks again:
no message of the queue is needed, and a round that was cut off is made anew. Flat is an answer without orders
and without positions, begun when nothing of ours was under way, worked by our books or had just filled. It goes
on until then, or until a person ends it.
"""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import Account, BrokerOrder, Position
from brokers.adapters.base import Adapter
from brokers.adapters.errors import AdapterError, Unavailable
from brokers.adapters.messages import OrderReport, PositionReport
from brokers.connecting import why_shut
from brokers.contracts import contracts_on
from brokers.platforms import is_by_hand
from brokers.services import symbol_for
from risk import kill_switch, pace
from risk.kill_switch import Scope, ScopeKind
from tradershub.core.audit import record
from tradershub.core.clock import due as moment_due
from tradershub.core.clock import is_due, too_far
from tradershub.core.errors import BadInput, Conflict, HubError
from tradershub.finance.sides import OPPOSITE
from trading import execution, exits, reports, services, telling
from trading.following import AWAY
from trading.ids import FLATTEN, Origin
from trading.mirroring import book_news
from trading.models import Flattening, Order, OrderAttempt
from trading.own_orders import ask_for
from trading.sizing import in_one_order

LONGEST_PAUSE = 30  # times FLATTEN_SECONDS, while nothing changes
LONGEST_REFUSAL = (
    300  # times FLATTEN_SECONDS, between two closings that are refused with the same word
)
SCOPES = (ScopeKind.ALL, ScopeKind.OWNER, ScopeKind.ACCOUNT)
REFUSED = (Order.State.BLOCKED, Order.State.REJECTED, Order.State.NOT_SENT)
log = structlog.get_logger("trading.flattening")
State = Flattening.State


# -- Asked and withdrawn by a person -----------------------------------------------------------
def stop_and_flatten(scope: Scope, *, actor: Any, reason: str = "") -> list[Flattening]:
    """Stop the scope, then ask for its accounts to become flat; those asked for, also before.

    The stop is committed first: it waits for nothing, and stands where the rest fails.
    Raises BadInput for a scope that is not whole accounts, NotAllowed for one that is not this person's.
    """
    if scope.kind not in SCOPES:
        raise BadInput(f"Only whole accounts are made flat, not a {scope.kind}", param="scope")
    kill_switch.engage(scope, actor=actor, reason=reason)
    with transaction.atomic():
        return [_ask(account, actor) for account in to_flatten(scope)]


def to_flatten(scope: Scope) -> QuerySet[Account]:
    """The open accounts of the scope that are connected, or hold something by the books."""
    held = Position.objects.filter(open_volume__gt=0).values("account")
    working = BrokerOrder.objects.filter(state__in=BrokerOrder.LIVE).values("account")
    something = Q(connection__isnull=False) | Q(pk__in=held) | Q(pk__in=working)
    rows = kill_switch.accounts_in(scope).filter(something, status=Account.Status.OPEN)
    return rows.select_related("broker", "connection").order_by("pk")


def _ask(account: Account, actor: Any) -> Flattening:
    """The account's open row, made where there is none; its next round is due at once."""
    now = timezone.now()
    asked = {"asked_by": str(actor)[:150], "asked_at": now, "next_at": now}
    row, is_new = Flattening.objects.get_or_create(
        account=account, state__in=Flattening.OPEN, defaults=asked
    )
    if is_new:
        record(
            "account.flatten", actor=actor, target=account, owner=account.owner_id,
            summary=f"{account}: cancel every order, close every position",
        )  # fmt: skip
        telling.flattening_begun(row, by_hand=by_hand(account))
    else:
        Flattening.objects.filter(pk=row.pk).update(tries=0, next_at=now)
    return row


def withdraw(row: Flattening, *, actor: Any) -> None:
    """Look at the account no more; trading stays stopped. Raises Conflict where it is over already."""
    if not _end(row, State.WITHDRAWN, actor=actor, words=f"Withdrawn by {actor}"):
        raise Conflict(f"It is over already: {row.account}")


# -- A round -----------------------------------------------------------------------------------
def due() -> list[Flattening]:
    """Rows whose next round is due, with their accounts."""
    now, longest = timezone.now(), dt.timedelta(seconds=LONGEST_PAUSE * settings.FLATTEN_SECONDS)
    come = moment_due("next_at", now, beyond=too_far(now, longest))
    rows = Flattening.objects.filter(come, state__in=Flattening.OPEN)
    return list(
        rows.select_related("account__connection", "account__broker", "account__owner").order_by(
            "id"
        )
    )


def work(row: Flattening) -> None:
    """One round. Safe at any time, by anyone. Raises only what a database that is away raises."""
    account = row.account
    if not kill_switch.standing(account).engaged:
        _end(row, State.WITHDRAWN, actor="hub", words="Trading was released before it was flat")
        return
    try:
        left = _round(row)
    except AWAY:
        raise
    except (AdapterError, HubError) as error:
        _go_on(row, words=error.message)
    except Exception as error:
        log.exception("flattening_failed", account=account.pk)
        _go_on(row, words=f"It failed: {type(error).__name__}; the log says more")
    else:
        _conclude(row, left)


@dataclass(frozen=True, slots=True)
class Left:
    """What the broker said is left, and what it did not list.

    unlisted: orders of ours that work by the books. in_doubt: of ours something was under way when it was asked.
    """

    orders: tuple[OrderReport, ...]
    positions: tuple[PositionReport, ...]
    unlisted: tuple[Order, ...]
    in_doubt: bool
    words: str = ""

    @property
    def is_nothing(self) -> bool:
        return not self.orders and not self.positions and not self.unlisted

    @property
    def doubt(self) -> str:
        """Why it is not flat although nothing is listed; empty where it is."""
        if self.unlisted:
            number = self.unlisted[0].broker_order_id
            return f"Order {number} works by the books, and the broker does not list it"
        return "What became of a request is not known yet" if self.in_doubt else ""


def _round(row: Flattening) -> Left:
    """Raises Unavailable where the hub cannot ask, and whatever the adapter raises while reading."""
    account = row.account
    if why_not := by_hand(account):
        raise Unavailable(why_not)
    execution.pump(account)
    way = execution.way_to(account)
    if way.adapter is None:
        raise way.fault or Unavailable("There is no way to the platform")
    try:
        left = _left(account, way.adapter)
        if left.is_nothing:
            return left
        if not account.may_close:
            raise Unavailable(
                f"Trading is switched off for {account}: let closings out, or close there"
            )
        words = _empty(row, way.adapter, left)
        left = _left(account, way.adapter)
        return replace(left, words=words)
    finally:
        with suppress(AdapterError):
            way.adapter.close_session()


def by_hand(account: Account) -> str:
    """Why only a person can empty the account now, in a sentence; empty where the hub can."""
    if account.connection is None:
        return "No connection: cancel and close at the broker by hand"
    if shut := why_shut(account.connection, closing=True):
        return f"{shut}: switch it on, or cancel and close by hand"
    if is_by_hand(account.connection.platform):
        return "A person carries out the orders of this platform: cancel and close there by hand"
    return ""


def _left(account: Account, adapter: Adapter) -> Left:
    """Orders first: one that fills between the two answers is found in one of them.

    Ours before them: a platform may list neither an order for some moments after it has taken it.
    """
    in_doubt = is_in_doubt(account) or _has_just_filled(account, adapter)
    mine = list(reports.at_broker(account))
    orders = tuple(adapter.working_orders())
    unlisted = tuple(reports.unlisted(mine, orders))
    return Left(orders, tuple(adapter.positions()), unlisted, in_doubt)


def is_in_doubt(account: Account) -> bool:
    """Whether something of ours is on its way to the broker, or may be there without our knowing."""
    outcomes = (OrderAttempt.Outcome.OPEN, OrderAttempt.Outcome.UNKNOWN)
    sent = OrderAttempt.objects.filter(account=account, outcome__in=outcomes)
    maybe = Order.objects.filter(account=account, state__in=Order.MAYBE)
    return sent.exists() or maybe.exists()


def _has_just_filled(account: Account, adapter: Adapter) -> bool:
    """Whether an entry filled so short a while ago that its position may not be listed yet."""
    now, lag = timezone.now(), dt.timedelta(seconds=adapter.capabilities.visible_within)
    has_filled = Q(filled__gt=0) | Q(state=Order.State.FILLED)  # its deals may come later
    entries = Order.objects.filter(has_filled, account=account, reduces=False)
    # Farther ahead than that it was done before the clock was set back.
    return entries.filter(done_at__gt=now - lag, done_at__lt=now + lag).exists()


def _empty(row: Flattening, adapter: Adapter, left: Left) -> str:
    """Cancel and close what is left, and work the lane; the first refusal in words, empty without any."""
    foreign = [report for report in left.orders if not _cancelled_as_ours(row, report)]
    faults = [_book_news(row, adapter)]
    faults += [_cancel_unlisted(row, adapter, order) for order in left.unlisted]
    faults += [_close(row, report) for report in left.positions]
    execution.pump(row.account)
    faults += [_refusal(row, report) for report in left.positions]
    faults += [_cancel_there(row, adapter, report) for report in foreign]
    return next((fault for fault in faults if fault), "")


def _book_news(row: Flattening, adapter: Adapter) -> str:
    """Book what others did at the broker: risk lets no more be closed than the books have; why not, in words."""
    try:
        book_news(row.account, adapter)
    except AdapterError as error:
        return f"The broker's deals: {error.message}"
    return ""


def _cancelled_as_ours(row: Flattening, report: OrderReport) -> bool:
    """Ask for the cancel of an order of ours that works by our books too; False where it is not one."""
    order = reports.order_of(row.account, report)
    if order is None or order.state not in Order.AT_BROKER:
        return False
    with suppress(Conflict):  # it is being cancelled already
        services.cancel(order, actor=row.asked_by)
    return True


def _cancel_unlisted(row: Flattening, adapter: Adapter, order: Order) -> str:
    """Bring it up to what the broker says of it, and have it cancelled where it still works; why not, in words."""
    try:
        is_there = ask_for(order, adapter)
    except AdapterError as error:
        return f"Order {order.broker_order_id}: {error.message}"
    order.refresh_from_db()
    if order.state in Order.AT_BROKER and (is_there or not _was_refused(row, order)):
        with suppress(Conflict):  # it is being cancelled already
            services.cancel(order, actor=row.asked_by)
    return ""


def _was_refused(row: Flattening, order: Order) -> bool:
    """Whether the broker has refused to cancel it: it is not asked again what it does not know."""
    action, outcome = OrderAttempt.Action.CANCEL, OrderAttempt.Outcome.REJECTED
    return order.attempts.filter(action=action, outcome=outcome, made_at__gte=row.asked_at).exists()


def _cancel_there(row: Flattening, adapter: Adapter, report: OrderReport) -> str:
    """Cancel an order that no lane knows; why not, in words. Again and again does no harm."""
    account = row.account
    if not pace.may_send_message(account_id=account.pk, at=timezone.now(), cancels=True):
        return "The limit on requests to the broker is reached: it goes on when there is room"
    record(
        "order.cancel", actor=row.asked_by, target=account, owner=account.owner_id,
        summary=f"Asked to cancel order {report.broker_order_id} of the broker, to become flat",
    )  # fmt: skip
    try:
        adapter.cancel(report.broker_order_id)
    except AdapterError as error:
        return f"Order {report.broker_order_id}: {error.message}"
    return ""


def _close(row: Flattening, report: PositionReport) -> str:
    """Have all of it closed that no closing under way takes, a round as much as one order may; why not, in words.

    As much as the broker says; what it has is in the books by now, unless a deal of it cannot be booked.
    """
    account = row.account
    symbol = symbol_for(account.broker, report.symbol)
    under_way = exits.closing_lots(account, symbol=symbol, side=report.side, ref=report.ref)
    if under_way >= report.lots or _was_refused_just_now(row, report):
        return ""
    mine = _closings(row, report)
    terms = contracts_on([symbol], timezone.now().date()).get(symbol.pk)
    try:
        services.ask(
            account,
            actor=row.asked_by,
            origin=Origin(FLATTEN, _id(row, report), generation=mine.count()),
            symbol=symbol,
            side=OPPOSITE[report.side],
            lots=in_one_order(report.lots - under_way, terms)[0],
            position_ref=report.ref,
            reduces=True,
        )
    except HubError as refusal:
        return f"Position {report.ref}: {refusal.message}"
    return ""


def _id(row: Flattening, report: PositionReport) -> str:
    return f"{row.pk}:{report.ref}"


def _closings(row: Flattening, report: PositionReport) -> QuerySet[Order]:
    return Order.objects.filter(
        account=row.account, origin_kind=FLATTEN, origin_id=_id(row, report)
    )


def _was_refused_just_now(row: Flattening, report: PositionReport) -> bool:
    """Whether its last closings were refused with one word, so that the next one waits longer each time.

    As at a market that is closed. What changed at the broker, or a person who asks again, ends the wait.
    """
    if not row.tries:
        return False
    ended = _closings(row, report).order_by("-id").values_list("state", "code", "done_at")
    last = list(ended[: LONGEST_REFUSAL.bit_length()])
    alike = list(takewhile(lambda one: one[0] in REFUSED and one[1] == last[0][1], last))
    if not alike:
        return False
    longest = dt.timedelta(seconds=LONGEST_REFUSAL * settings.FLATTEN_SECONDS)
    pause = min(2 ** len(alike) * dt.timedelta(seconds=settings.FLATTEN_SECONDS), longest)
    now = timezone.now()
    return not is_due(alike[0][2] + pause, now, beyond=too_far(now, longest))


def _refusal(row: Flattening, report: PositionReport) -> str:
    """What refused the last closing of the position; empty where nothing did."""
    last = _closings(row, report).order_by("-id").first()
    return f"Position {report.ref}: {last.reason}" if last and last.state in REFUSED else ""


# -- What is written down ----------------------------------------------------------------------
def _conclude(row: Flattening, left: Left) -> None:
    found = {
        "orders": len(left.orders),
        "positions": len(left.positions),
        "looked_at": timezone.now(),
    }
    if left.is_nothing and not left.in_doubt:
        _end(row, State.FLAT, actor="hub", words="", **found)
        return
    _go_on(row, words=left.words or left.doubt, **found)


def _go_on(row: Flattening, *, words: str, **found: Any) -> None:
    """The next round comes soon where this one changed something, else later each time."""
    before, now = (row.orders, row.positions), (found.get("orders"), found.get("positions"))
    has_moved = bool(found) and now != before
    tries = 0 if has_moved else row.tries + 1
    if words:
        telling.not_flat_yet(row, words)
    pause = min(2 ** min(tries, LONGEST_PAUSE), LONGEST_PAUSE) * settings.FLATTEN_SECONDS
    _still_open(row).update(
        state=State.WORKING,
        words=words[:300],
        tries=tries,
        next_at=timezone.now() + dt.timedelta(seconds=pause),
        **found,
    )


@transaction.atomic
def _end(row: Flattening, state: State, *, actor: Any, words: str, **found: Any) -> bool:
    done = {"state": state, "words": words[:300], "done_at": timezone.now()}
    if not _still_open(row).update(**done, **found):
        return False
    record(
        f"account.{'flat' if state == State.FLAT else 'flatten_end'}", actor=actor,
        target=row.account, owner=row.account.owner_id,
        summary=f"{row.account}: {words or 'flat, by the word of its broker'}",
    )  # fmt: skip
    telling.flattening_over(row, state, words)
    return True


def note_silence(row: Flattening, seconds: float) -> None:
    """Say that the round under way hangs."""
    words = f"No answer for more than {seconds:.0f} s"
    _still_open(row).exclude(words=words).update(state=State.WORKING, words=words)


def _still_open(row: Flattening) -> QuerySet[Flattening]:
    """A person may have ended it meanwhile."""
    return Flattening.objects.filter(pk=row.pk, state__in=Flattening.OPEN)

"""What a broker says of our orders, applied: twice, late and in any order, to the same end.

Fills are the deals in the books and nothing else; a status only says where the order stands. Whoever books
deals calls `take_deals`, whoever reads orders calls `take_order`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

import structlog
from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import Account, BrokerOrder
from brokers.adapters.messages import DealReport, Kind, OrderReport, Status
from risk import gate
from tradershub.core.audit import record
from tradershub.core.clock import due, too_far
from tradershub.core.prepared import first, prepared
from tradershub.core.spans import span
from tradershub.finance.decimals import ZERO
from trading import journal, telling
from trading.ids import is_client_order_id
from trading.models import Lane, Order
from trading.queries import executions_of
from trading.states import OPEN, OVER, PENDING, SAID, Standing, State, after_report

log = structlog.get_logger("trading.reports")
TRIES = 5
LATE = "LATE"
Came = TypeVar("Came")


class Filled(NamedTuple):
    """Lots of an order by its deals, and their average price, None without any."""

    lots: Decimal
    average: Decimal | None


def booked_of(order: Order, *, number: str = "") -> Filled:
    """What the books have of the order. number: the broker's, where it was told just now."""
    rows = executions_of(order, number=number)
    lots = sum((volume for volume, _ in rows), ZERO)
    worth = sum((volume * price for volume, price in rows), ZERO)
    return Filled(lots, round(worth / lots, 9) if lots else None)


def take_deals(
    account: Account,
    deals: Iterable[DealReport],
    *,
    known: Collection[str] = (),
    actor: Any = "mirror",
) -> None:
    """Bring our orders up to deals that were just booked. In the caller's transaction.

    known: ids of deals that were booked before, which tell nothing new of an order that has filled whole.
    """
    reports = [deal for deal in deals if deal.client_id or deal.broker_order_id]
    ids = {deal.client_id for deal in reports if is_client_order_id(deal.client_id)}
    named = {deal.broker_order_id for deal in reports} - {""}
    if not ids and not named:
        return
    theirs = {deal.client_id: deal.broker_order_id for deal in reports}
    mine = Order.objects.filter(Q(client_order_id__in=ids) | Q(broker_order_id__in=named))
    told = {name for deal in reports if deal.deal_id not in known for name in _names(deal)}
    rows = mine.filter(account=account).select_related("account", "symbol")
    orders = [
        order
        for order in rows
        if order.state != State.FILLED
        or order.filled < order.lots
        or {order.client_order_id, order.broker_order_id} & told
    ]
    if len(orders) > 1:  # what the first writes would else be locked before what the next one holds
        gate.hold_still([order.client_order_id for order in orders])
    for order in orders:
        broker_order_id = theirs.get(order.client_order_id, "")
        with span("mirror", order.origin_id if order.origin_kind == "signal" else ""):
            insist(
                order, lambda order, found=broker_order_id: _apply(order, None, found, actor=actor)
            )


def _names(deal: DealReport) -> set[str]:
    return {deal.client_id, deal.broker_order_id} - {""}


def take_order(
    account: Account, report: OrderReport, *, actor: Any = "mirror", **besides: Any
) -> Order | None:
    """Bring our order up to what the broker states of it; None where it is none of ours.

    besides: other fields to write with it. An order with our id that is not what we asked for is never taken
    for ours: it is left to a person.
    """
    order = order_of(account, report)
    if order is None:
        return None
    if differs := difference(order, report):
        insist(order, lambda order: _doubt(order, differs, actor=actor))
        return None
    return insist(
        order, lambda order: _apply(order, report, report.broker_order_id, actor=actor, **besides)
    )


def take_answer(order: Order, report: OrderReport, *, actor: Any, **besides: Any) -> Order | None:
    """The same of an order as the caller has it at hand. In his transaction; raises journal.Lost."""
    if report.client_id != order.client_order_id:
        return take_order(order.account, report, actor=actor, **besides)
    return _apply(order, report, report.broker_order_id, actor=actor, **besides)


def take_orders(account: Account, stated: Collection[OrderReport]) -> None:
    """Bring our orders up to all that work at the broker; those that are as stated are left alone."""
    ids = {report.client_id for report in stated if is_client_order_id(report.client_id)}
    mine = Order.objects.filter(account=account, client_order_id__in=ids)
    known = dict(mine.values_list("client_order_id", "state"))
    for report in stated:
        state = known.get(report.client_id)
        if state is not None and state != SAID[report.status] and State(state) not in PENDING:
            take_order(account, report)


def take_booked(order: Order) -> None:
    """Bring an order that a person carries out up to what he entered of it."""
    booked = BrokerOrder.objects.filter(
        account=order.account, broker_order_id=order.broker_order_id
    ).first()
    if booked is None or (booked.state, booked.filled) == (order.state, order.filled):
        return
    report = OrderReport(
        broker_order_id=booked.broker_order_id,
        client_id=order.client_order_id,
        symbol=order.symbol.name,
        side=order.side,
        lots=booked.volume,
        kind=Kind(order.kind),
        status=Status(booked.state),
        placed_at=booked.placed_at,
    )
    take_order(order.account, report, actor="books")


def vanished(account: Account, stated: Collection[OrderReport]) -> list[Order]:
    """Our orders that work by our books and not by what the broker stated just now: to be asked for.

    An order that was answered within the last seconds, or sent where no answer came, may be younger than what
    was stated.
    """
    now = timezone.now()
    before = now - dt.timedelta(seconds=settings.SETTLE_SECONDS)
    since = Coalesce("answered_at", "claimed_at", "received_at")
    mine = at_broker(account).annotate(there_since=since)
    return unlisted(mine.filter(due("there_since", before, beyond=too_far(now))), stated)


def at_broker(account: Account) -> QuerySet[Order]:
    """Our orders that work by our books."""
    mine = Order.objects.filter(account=account, state__in=Order.AT_BROKER)
    return mine.select_related("account", "symbol")


def unlisted(mine: Iterable[Order], stated: Collection[OrderReport]) -> list[Order]:
    """Those of them that are not in what the broker stated, by our id or by its number."""
    ids = {report.client_id for report in stated} - {""}
    named = {report.broker_order_id for report in stated}
    return [
        order
        for order in mine
        if order.client_order_id not in ids and order.broker_order_id not in named
    ]


def order_of(account: Account, report: OrderReport) -> Order | None:
    """Our order of that report: by our id, else by the broker's. Never by time, symbol and size."""
    if is_client_order_id(report.client_id):
        return first(_by_client_id(account, report.client_id))
    return first(_by_number(account, report.broker_order_id))


@prepared
def _by_client_id(account: Account, client_order_id: str) -> QuerySet[Order]:
    mine = Order.objects.filter(account=account, client_order_id=client_order_id)
    return mine.select_related("account", "symbol")


@prepared
def _by_number(account: Account, broker_order_id: str) -> QuerySet[Order]:
    mine = Order.objects.filter(account=account, broker_order_id=broker_order_id)
    return mine.select_related("account", "symbol")[:1]


def difference(order: Order, report: OrderReport) -> str:
    """In what the broker's order is not the one that we sent; empty where it is."""
    pairs = [
        ("symbol", order.symbol.name, report.symbol),
        ("side", order.side, report.side),
    ]
    closes_less = order.reduces and report.lots < order.lots  # there was no more to close
    if order.state in Order.MAYBE and not closes_less:  # later, either side may have changed it
        pairs.append(("lots", order.lots, report.lots))
    wrong = [f"{name} {theirs}, asked {ours}" for name, ours, theirs in pairs if ours != theirs]
    return ", ".join(wrong)


def insist(order: Order, change: Callable[[Order], Came]) -> Came:
    """Do it to the order as one step; anew to the order as it is now, where another process was faster.

    So it is where the database ended a deadlock with it: a new counter may have taken in what an order holds.
    """
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                return change(order)
        except (journal.Lost, OperationalError) as met:
            if isinstance(met, OperationalError) and not gate.is_busy(met):
                raise
            order = Order.objects.select_related("account", "symbol").get(pk=order.pk)
    raise journal.Lost(order)


def _apply(
    order: Order, report: OrderReport | None, broker_order_id: str, *, actor: Any, **besides: Any
) -> Order:
    number = _number_of(order, report, broker_order_id)
    filled = booked_of(order, number=number)
    before = Standing(
        state=State(order.state),
        filled=order.filled,
        resume=State(order.resume_state) if order.resume_state else None,
    )
    after = after_report(
        before, lots=order.lots, status=report.status if report else None, filled=filled.lots
    )
    if after.state in OPEN and not (order.broker_order_id or broker_order_id):
        after = Standing(state=before.state, filled=after.filled, resume=before.resume)
    changes = _changes(order, after, filled, number) | besides
    if before.state in OVER and after.state not in OVER:  # before what filled of it is used
        changes["holds"] = gate.hold_again(order.client_order_id)
    if _use(order, after):
        changes["holds"] = False
    if after.state != before.state:
        text, code = _why(report, before)
        journal.move(order, after.state, actor=actor, code=code, text=text, **changes)
    elif changes:
        journal.amend(order, actor=actor, **changes)
    if after.filled > order.lots:
        _overfilled(order, after)
    return order


def _changes(order: Order, after: Standing, filled: Filled, broker_order_id: str) -> dict[str, Any]:
    resume = after.resume.value if after.resume and after.state in PENDING else ""
    wanted = {
        "filled": after.filled,
        "average_price": filled.average if filled.average is not None else order.average_price,
        "resume_state": resume,
        "broker_order_id": broker_order_id,
    }
    return {name: value for name, value in wanted.items() if value != getattr(order, name)}


def _number_of(order: Order, report: OrderReport | None, told: str) -> str:
    """The broker's number of the order now. A change may give it another, which its own report tells.

    A deal tells the number that filled, maybe an older one.
    """
    if report is not None and report.client_id == order.client_order_id:
        return report.broker_order_id or order.broker_order_id
    return order.broker_order_id or told


def _use(order: Order, after: Standing) -> bool:
    """What filled is used at risk, no longer reserved; whether nothing is held any more."""
    if after.filled <= order.filled:
        return False
    return gate.consume(order.client_order_id, lots=after.filled - order.filled)


def _why(report: OrderReport | None, before: Standing) -> tuple[str, str]:
    """A sentence and a code for the move."""
    late = before.state in (State.NOT_SENT, State.RECEIVED, State.QUEUED)
    if late:
        return "The broker has it, although it was believed not to be sent", LATE
    return (report.reason, report.code) if report else ("", "")


def _doubt(order: Order, differs: str, *, actor: Any) -> Order:
    if order.state == Order.State.UNKNOWN:
        text = f"The broker has an order with our id, but of {differs}"
        journal.move(order, State.QUARANTINED, actor=actor, code="MISMATCH", text=text)
    else:
        log.warning("foreign_order", order=order.client_order_id, differs=differs)
    return order


def resume(order: Order) -> None:
    """An order whose change is settled goes on from where it stood."""
    order.refresh_from_db()
    unsettled = order.attempts.filter(outcome__in=["open", "unknown"])
    if State(order.state) in PENDING and not unsettled.exists():
        journal.move(order, State(order.resume_state), resume_state="")


def _overfilled(order: Order, after: Standing) -> None:
    because = f"Order {order.client_order_id} filled {after.filled} of {order.lots} lots"
    halt(order.account, because=because)


def halt(account: Account, *, because: str, actor: Any = "hub", tells: bool = True) -> None:
    """Let no further order of the account out until a person says so. tells: unless they were told already."""
    halted = Lane.objects.filter(account=account, halted=False)
    if halted.update(halted=True, halted_because=because[:300]):
        if tells:
            telling.lane_halted(account, because)
        record(
            "lane.halt", actor=actor, target=account, owner=account.owner_id,
            summary=f"{account}: no order goes out. {because}",
        )  # fmt: skip

"""Our orders beside what the broker states of them: what became of each, and where the two differ.

A platform may list an order, or a change of it, only some moments after it has answered: what was answered within
the last seconds is not compared.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from accounts.models import Account, Break
from accounts.tieout import Finding
from brokers.adapters.base import Adapter
from brokers.adapters.messages import NEEDS, Kind, OrderReport
from risk import gate
from tradershub.core.clock import due, too_far
from tradershub.core.formats import plain
from trading import reports, sync, tickets
from trading.easing import risks_more
from trading.facts import order_facts
from trading.ids import is_client_order_id
from trading.models import Order, OrderAttempt

UNSETTLED = (OrderAttempt.Outcome.OPEN, OrderAttempt.Outcome.UNKNOWN)
UNKNOWN_THERE = "works by the books, and the broker does not know it"
OTHER_THERE = "works at the broker with other terms than the books have"
WORKS_THERE = "is over by the books, and works at the broker"


# -- What became of them -----------------------------------------------------------------------
def follow(account: Account, adapter: Adapter, stated: Collection[OrderReport]) -> list[Order]:
    """Bring our orders up to all that work at the broker; one that works no more is asked for by our id.

    Those that work by our books and that the broker neither lists nor finds are returned.
    """
    reports.take_orders(account, stated)
    return [order for order in reports.vanished(account, stated) if not ask_for(order, adapter)]


def ask_for(order: Order, adapter: Adapter) -> bool:
    """Bring our order up to what the broker says of it by our id; False where it finds none."""
    found = adapter.find_by_client_id(order.client_order_id).found
    if found is None:
        return False
    with transaction.atomic():
        sync.book_with_order(order.account, found.deals)
        reports.take_order(order.account, found.order)
    return True


# -- Where they differ -------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Apart:
    """An order of ours that is another at the broker. report: as it works there, None where it is unknown."""

    order: Order
    how: str
    report: OrderReport | None = None
    rows: tuple[str, ...] = ()

    @property
    def finding(self) -> Finding:
        cause = f"Order {self.order.client_order_id} {self.how}"
        symbol = self.order.symbol.name
        return Finding(Break.Kind.LIVE_ORDER, cause, symbol=symbol, details=self.rows)


def apart(
    account: Account, stated: Collection[OrderReport], unknown: Iterable[Order]
) -> Iterator[Apart]:
    """Our orders that differ from what the broker stated. unknown: those that it does not know."""
    working = {order.pk: order for order in _calm(account).filter(state__in=Order.OPEN)}
    yield from (Apart(order, UNKNOWN_THERE) for order in unknown if order.pk in working)
    by_id = {order.client_order_id: order for order in working.values()}
    by_number = {order.broker_order_id: order for order in working.values()}
    others = []
    for report in stated:
        order = by_id.get(report.client_id) or by_number.get(report.broker_order_id)
        if order is None:
            others.append(report)
        elif rows := tuple(_differing(order, report)):
            yield Apart(order, OTHER_THERE, report, rows)
    yield from _over_here(account, others)


def is_unknown_there(order: Order) -> bool:
    """Whether it works by our books and the broker was found not to know it, in looks that followed each other."""
    finding = Apart(order, UNKNOWN_THERE).finding
    standing = Break.objects.filter(account=order.account, kind=finding.kind, cause=finding.cause)
    return order.state in Order.OPEN and standing.exclude(state=Break.State.CLOSED).exists()


def _over_here(account: Account, stated: Iterable[OrderReport]) -> Iterator[Apart]:
    by_id = {report.client_id: report for report in stated if is_client_order_id(report.client_id)}
    if not by_id:
        return
    for order in _calm(account).filter(state__in=Order.OVER, client_order_id__in=by_id):
        yield Apart(order, WORKS_THERE, by_id[order.client_order_id])


def _calm(account: Account) -> QuerySet[Order]:
    """Our orders of which no request is under way, nor was answered within the last seconds."""
    now = timezone.now()
    before = now - dt.timedelta(seconds=settings.SETTLE_SECONDS)
    asked = OrderAttempt.objects.filter(order=OuterRef("pk"))
    lately = asked.exclude(due("answered_at", before, beyond=too_far(now)))
    unsettled = asked.filter(outcome__in=UNSETTLED)
    mine = Order.objects.filter(~Exists(lately), ~Exists(unsettled), account=account)
    return mine.select_related("account", "symbol").order_by("pk")


def _differing(order: Order, report: OrderReport) -> Iterator[str]:
    """Each term that is another, in words. Of what filled in part some platforms state the rest as an order."""
    theirs = {name: getattr(report, name) for name in ("symbol", "side", *_prices(order))}
    theirs |= {name: getattr(report.stops, name) for name in tickets.STOPS}
    theirs["lots"] = report.lots - report.filled
    for name, there in theirs.items():
        ours = {"symbol": order.symbol.name, "lots": order.left}.get(name, getattr(order, name))
        if there != ours:
            yield f"{name.replace('_', ' ')}: broker {_said(there)}, booked {_said(ours)}"


def _prices(order: Order) -> tuple[str, ...]:
    """A price that its kind has not is the platform's own."""
    return NEEDS.get(Kind(order.kind), ())


def _said(value: Decimal | str | None) -> str:
    return plain(value) if isinstance(value, Decimal) else str(value or "none")


# -- What they may come to ---------------------------------------------------------------------
def count_larger(found: Iterable[Apart]) -> None:
    """Have risk count the larger of ours and of what works at the broker."""
    for one in found:
        if one.how == OTHER_THERE and one.report is not None:
            there = _as_stated(one.order, one.report)
            if risks_more(one.order, there):
                gate.hold_larger(order_facts(there, at=timezone.now()))


def _as_stated(order: Order, report: OrderReport) -> Order:
    """The order as it works at the broker; nothing is written."""
    there = copy(order)
    there.lots = order.filled + report.lots - report.filled
    for name in _prices(order):
        setattr(there, name, getattr(report, name))
    for name in tickets.STOPS:
        setattr(there, name, getattr(report.stops, name))
    return there

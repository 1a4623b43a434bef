"""What pages and messages read of orders."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from django.db.models import Case, Count, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, Concat
from django.utils import timezone

from accounts.models import Account, Deal, Position
from brokers.models import BrokerSymbol, SymbolTerms
from strategies.models import Strategy
from tradershub.core.formats import plain
from tradershub.core.prepared import prepared
from tradershub.finance.sides import OPPOSITE
from trading.models import Flattening, Lane, Order, Signal

LOOK_BACK = dt.timedelta(days=31)  # a deal may be older than our row of its order, after a restore
PATIENCE = dt.timedelta(seconds=30)  # an unknown outcome that lasts longer is told


def in_doubt(user: Any) -> QuerySet[Order]:
    """The person's orders of which nobody knows whether the broker has them, and that a person must see."""
    long = Q(state=Order.State.UNKNOWN, claimed_at__lt=timezone.now() - PATIENCE)
    rows = Order.objects.for_user(user).filter(long | Q(state=Order.State.QUARANTINED))
    return rows.select_related("account", "symbol")


def halted_lanes(user: Any) -> QuerySet[Lane]:
    """The person's accounts whose orders are held up."""
    return Lane.objects.for_user(user).filter(halted=True).select_related("account__broker")


def for_approval(user: Any) -> QuerySet[Signal]:
    """The person's signals that wait for a person's word."""
    rows = Signal.objects.for_user(user).filter(state=Signal.State.WAITING)
    return rows.select_related("source").order_by("id")


def not_flat(user: Any) -> QuerySet[Flattening]:
    """The person's accounts that are to become flat and are not."""
    rows = Flattening.objects.for_user(user).filter(state__in=Flattening.OPEN)
    return rows.select_related("account__broker")


def deals_of(order: Order, *, number: str = "") -> QuerySet[Deal]:
    """The executions of the order that are booked. number: the broker's, where it was told just now."""
    of_it = Q(client_order_id=order.client_order_id)
    if numbers := {number, order.broker_order_id} - {""}:
        of_it |= Q(broker_order_id__in=numbers, client_order_id="")
    deals = Deal.objects.filter(of_it, account=order.account_id, kind=Deal.Kind.TRADE)
    return deals.filter(symbol=order.symbol_id, at__gte=order.received_at - LOOK_BACK)


def closing_orders(
    account: Account, *, symbol: BrokerSymbol, side: str, ref: str
) -> QuerySet[Order]:
    """The orders that close a position of that side; where all is one, a strategy's name no position."""
    nets = account.mode == Account.Mode.NETTING
    of_it = Q(symbol=symbol) if nets else Q(symbol=symbol, position_ref=ref)
    return Order.objects.filter(of_it, account=account, side=OPPOSITE[side], reduces=True)


def closings_of(position: Position) -> QuerySet[Order]:
    """All closings of the position that were asked for, whatever came of them.

    Where all is one, those that were booked or asked for while it stood: others stood before and after it.
    """
    account, symbol = position.account, position.symbol
    rows = closing_orders(account, symbol=symbol, side=position.side, ref=position.ref)
    if account.mode != Account.Mode.NETTING:
        return rows
    deals = Deal.objects.filter(_while_it_stood(position, "at"), account=account, symbol=symbol)
    booked = deals.exclude(client_order_id="").values("client_order_id")
    return rows.filter(_while_it_stood(position, "received_at") | Q(client_order_id__in=booked))


def _while_it_stood(position: Position, field: str) -> Q:
    since = Q(**{f"{field}__gte": position.opened_at})
    if position.closed_at is None:
        return since
    return since & Q(**{f"{field}__lte": position.closed_at})


def unlike_lots(strategy: Strategy) -> str:
    """In words, an instrument of which a lot is not the same at the brokers that the strategy is routed to; or ""."""
    rows = SymbolTerms.objects.filter(symbol__broker__accounts__routes__strategy=strategy)
    rows = rows.filter(symbol__instrument__isnull=False)
    if allowed := strategy.instruments.all():
        rows = rows.filter(symbol__instrument__in=allowed)
    names = ("symbol__instrument__symbol", "symbol__broker__name", "contract_size")
    found: dict[str, dict[str, Decimal]] = {}
    for instrument, broker, size in rows.order_by("valid_from").values_list(*names):
        found.setdefault(instrument, {})[broker] = size
    unlike = [(name, sizes) for name, sizes in found.items() if len(set(sizes.values())) > 1]
    if not unlike:
        return ""
    name, sizes = min(unlike)
    lots = ", ".join(f"{plain(size)} at {broker}" for broker, size in sorted(sizes.items()))
    return f"A lot of {name} is {lots}"


def waiting_signals() -> QuerySet[Signal]:
    """Signals that wait for orders, by their place: a rest has that of the message it is of."""
    rows = Signal.objects.filter(state=Signal.State.RECEIVED, code=Signal.WAITS)
    rows = rows.select_related("source__owner", "source__strategy", "rest_of", "account")
    return rows.annotate(place=Coalesce("rest_of_id", "id")).order_by("place", "id")


def executions_of(order: Order, *, number: str = "") -> list[tuple[Decimal, Decimal]]:
    """Volume and price of each of `deals_of` the order."""
    numbers = sorted({number, order.broker_order_id} - {""})
    if len(numbers) != 1:
        return list(deals_of(order, number=number).values_list("volume", "price"))
    since = order.received_at - LOOK_BACK
    return _executions(order.account_id, order.symbol_id, order.client_order_id, numbers[0], since)


@prepared
def _executions(
    account: int, symbol: int, client_order_id: str, number: str, since: dt.datetime
) -> QuerySet[Any]:
    of_it = Q(client_order_id=client_order_id) | Q(broker_order_id=number, client_order_id="")
    deals = Deal.objects.filter(of_it, account=account, kind=Deal.Kind.TRADE)
    return deals.filter(symbol=symbol, at__gte=since).values_list("volume", "price")


@prepared
def waits_of(owner: int) -> QuerySet[Any]:
    """The id of one of the person's signals that wait for orders, where there is any."""
    rows = Signal.objects.filter(state=Signal.State.RECEIVED, code=Signal.WAITS)
    return rows.filter(source__owner=owner).order_by().values_list("pk", flat=True)[:1]


def orders_of(signal: Signal) -> QuerySet[Order]:
    """What a signal became; of the rest of one, at its own account."""
    rows = Order.objects.filter(origin_kind="signal", origin_id=signal.origin)
    return rows.filter(account=signal.account_id) if signal.account_id else rows


UNSENT = (Order.State.BLOCKED, Order.State.NOT_SENT, Order.State.REJECTED)


def with_orders(signals: QuerySet[Signal]) -> QuerySet[Signal]:
    """The signals with how many orders they made (made), of how many nothing came (failed), and why of the first.

    said: the signal's own reason, else that of the order.
    """
    origin = Concat("source__uid", Value(":"), Coalesce("rest_of__key", "key"))
    orders = Order.objects.filter(origin_kind="signal", origin_id=OuterRef("origin_text"))
    mine = orders.filter(account=Coalesce(OuterRef("account"), F("account")))
    failed = mine.filter(state__in=UNSENT)
    because = Subquery(failed.order_by("id").values("reason")[:1])
    rows = signals.annotate(origin_text=origin)
    return rows.annotate(
        made=_count(mine),
        failed=_count(failed),
        said=Case(When(reason="", then=Coalesce(because, Value(""))), default="reason"),
    )


def _count(orders: QuerySet[Order]) -> Coalesce:
    counted = orders.order_by().values("origin_id").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0)


def became(signal: Any) -> str:
    """In words, what came of a signal that was read by `with_orders`."""
    if signal.state != Signal.State.ORDERED or signal.made and not signal.failed:
        return str(signal.state_in_words)
    if not signal.made:
        return "Took orders back"
    return "No order went through" if signal.failed == signal.made else "Became orders, not all"

"""What a platform says of an account goes into the books: deals once, orders and positions as they are now."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal
from typing import Any

import structlog
from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone

from accounts import booking, kept
from accounts.booking import Booked, Mark, NewDeal
from accounts.derivation import bring_up
from accounts.models import Account, BrokerOrder, Deal, Position, StatementImport
from accounts.statements import importer
from accounts.statements.settling import COUNTED
from accounts.tieout import reconcile
from accounts.trail import trail
from brokers.adapters.messages import (
    OVER,
    DealKind,
    DealReport,
    Kind,
    OrderReport,
    PositionReport,
    Status,
)
from brokers.services import symbol_for
from tradershub.core.audit import record
from tradershub.core.errors import BadInput
from tradershub.core.fields import SCALE
from tradershub.core.prepared import prepared
from tradershub.finance.decimals import ZERO

log = structlog.get_logger("trading.sync")
SOURCE = Deal.Source.LIVE.value
# Which column the amount of a row that is no trade stands in; the profit, where none is named for it.
COLUMN = {DealKind.SWAP: "swap", DealKind.COMMISSION: "commission", DealKind.FEE: "fee"}


@transaction.atomic
def book_reports(account: Account, deals: Iterable[DealReport]) -> Booked:
    """Book what a platform reports, each of its deals once however often and in whatever order it comes.

    Returns the ids of the deals by the platform's deal id: new ones, and those booked before, live or
    from a statement. Positions and figures follow. Raises BadInput, and books nothing, for a deal that the
    books cannot keep.
    """
    reports = list(deals)
    if not reports:
        return Booked({}, {})
    account = booking.lock(account)
    symbols = {name: symbol_for(account.broker, name).pk for name in _named(reports)}
    wanted = [_new_deal(account, report, symbols) for report in reports]
    booked = booking.add(account, wanted)
    if booked.new:
        _follow(account, [deal for deal in wanted if deal.key in booked.new])
    return booked


def book_with_order(account: Account, deals: Iterable[DealReport]) -> None:
    """Book the deals that a platform tells with an order, or none of them where the books cannot keep one.

    The order stands all the same: the mirror finds these deals again and says which cannot be kept.
    """
    try:
        book_reports(account, deals)
    except BadInput as error:
        log.error("deals_refused", account=account.pk, why=error.message)


def _named(reports: Collection[DealReport]) -> list[str]:
    return sorted({report.symbol for report in reports} - {""})


def _new_deal(account: Account, report: DealReport, symbols: dict[str, int]) -> NewDeal:
    if report.currency != account.currency:
        raise BadInput(
            f"Deal {report.deal_id} is in {report.currency}, expected {account.currency} as the account"
        )
    money = {
        "profit": report.profit,
        "swap": report.swap,
        "commission": report.commission,
        "fee": report.fee,
    }
    money[COLUMN.get(report.kind, "profit")] += report.amount
    is_trade = report.kind == DealKind.TRADE
    return NewDeal(
        key=report.deal_id,
        kind=str(report.kind),
        at=report.at,
        source=SOURCE,
        symbol_id=symbols[report.symbol] if report.symbol else None,
        side=str(report.side or "") if is_trade else "",
        entry=str(report.entry or "") if is_trade else "",
        volume=report.lots if is_trade else None,
        price=report.price if is_trade else None,
        **money,
        broker_time=report.broker_time,
        broker_deal_id=report.deal_id,
        position_ref=report.position_ref,
        broker_order_id=report.broker_order_id,
        client_order_id=report.client_id,
        comment=report.comment,
    )


def _follow(account: Account, new: Collection[NewDeal]) -> None:
    """Bring what follows from the deals up; what files have inferred, too, where a deal is of their time.

    The account is locked.
    """
    first = min(deal.at for deal in new)
    symbols = {deal.symbol_id for deal in new}
    files = _files_until(account, first)
    if not files:
        bring_up(account, symbols=symbols, since=first)
        return
    latest = files[0]
    with trail(actor="mirror", target=latest) as changed:
        importer.follow(account, symbols - {None})
    if details := changed.details():
        words = f"{account}: live deals stand where files had left a gap"
        record(
            "deals.follow", actor="mirror", target=latest, summary=words, details=details,
            owner=account.owner_id,
        )  # fmt: skip
    reconcile(account)


@prepared
def _files_until(account: Account, moment: dt.datetime) -> QuerySet[StatementImport]:
    """The file whose time ends last, where that is then or later."""
    files = StatementImport.objects.filter(account=account, state__in=COUNTED)
    return files.filter(period_to__gte=moment).order_by("-period_to")[:1]


# -- Orders ------------------------------------------------------------------------------------
TYPES = {Kind.TRAILING_STOP: BrokerOrder.Type.STOP}


def keep_orders(
    account: Account, reports: Iterable[OrderReport], *, complete: bool = False
) -> list[str]:
    """Keep orders as the platform states them; the ids of those that say something new.

    complete: these are all that work. What the books hold as working besides is over then: filled where its
    deals, which must be booked before, make it whole.
    """
    stated = {report.broker_order_id: report for report in reports}
    mine = BrokerOrder.objects.filter(account=account).select_related("symbol")
    known = {order.broker_order_id: order for order in mine.filter(broker_order_id__in=stated)}
    changed = [
        order
        for number, report in stated.items()
        if (order := _stated(account, known.get(number), report))
    ]
    if complete:
        working = mine.filter(state__in=BrokerOrder.LIVE).exclude(broker_order_id__in=stated)
        changed += _over(account, working.exclude(broker_order_id__startswith=BrokerOrder.OWN))
    if changed:
        _write_orders(account, changed)
    return [order.broker_order_id for order in changed]


def _stated(account: Account, known: BrokerOrder | None, report: OrderReport) -> BrokerOrder | None:
    """The order as it is to be kept; None where the books say so already."""
    name = known.symbol.name if known else ""
    symbol = (
        known.symbol
        if known and name == report.symbol
        else symbol_for(account.broker, report.symbol)
    )
    said: dict[str, Any] = {
        "symbol": symbol,
        "type": str(TYPES.get(report.kind, report.kind)),
        "side": str(report.side),
        "volume": report.lots,
        "filled": report.filled,
        "price": report.price,
        "limit_price": report.limit_price,
        "stop_loss": report.stops.stop_loss,
        "take_profit": report.stops.take_profit,
        "trailing_distance": report.distance,
        "state": str(report.status),
        "placed_at": report.placed_at,
        "done_at": (report.done_at or timezone.now()) if report.status in OVER else None,
        "expires_at": report.expires_at,
        "position_ref": report.position_ref,
        "comment": report.comment[:LONGEST_COMMENT],
    }  # fmt: skip
    if known is None:
        return BrokerOrder(
            account=account, broker_order_id=report.broker_order_id, source=SOURCE, **said
        )
    if known.done_at and report.done_at is None and report.status in OVER:
        said["done_at"] = known.done_at
    if all(getattr(known, name) == value for name, value in said.items()):
        return None
    for name, value in said.items():
        setattr(known, name, value)
    return known


LONGEST_COMMENT = BrokerOrder._meta.get_field("comment").max_length


def _over(account: Account, gone: Iterable[BrokerOrder]) -> list[BrokerOrder]:
    """Orders that worked and do so no more. Why one did not fill the platform does not say any longer."""
    orders = list(gone)
    if not orders:
        return []
    ids = [order.broker_order_id for order in orders]
    deals = Deal.objects.filter(account=account, broker_order_id__in=ids)
    filled = dict(deals.order_by().values_list("broker_order_id").annotate(lots=Sum("volume")))
    now = timezone.now()
    for order in orders:
        order.filled = max(order.filled, filled.get(order.broker_order_id) or ZERO)
        has_expired = order.expires_at is not None and order.expires_at <= now
        short = Status.EXPIRED if has_expired else Status.CANCELLED
        order.state = str(Status.FILLED if order.filled >= order.volume else short)
        order.done_at = now
    return orders


def _write_orders(account: Account, orders: list[BrokerOrder]) -> None:
    kept_fields = [
        field.name
        for field in BrokerOrder._meta.concrete_fields
        if field.name not in ("id", "account", "broker_order_id", "source", "statement", "bracket")
    ]
    for order in orders:
        order.pk = None
    BrokerOrder.objects.bulk_create(
        orders,
        update_conflicts=True,
        unique_fields=["account", "broker_order_id"],
        update_fields=kept_fields,
    )
    kept.forget(account)


# -- Positions ---------------------------------------------------------------------------------
MARKED_BY = "live"
WITHOUT_QUOTES, WITH_QUOTES = dt.timedelta(seconds=5), dt.timedelta(seconds=60)


def keep_marks(account: Account, reports: Iterable[PositionReport], *, at: dt.datetime) -> int:
    """Mark the open positions as the platform does: stop, target, swap, and profit where no quote tells it.

    Returns how many marks were worth writing.
    """
    held = Position.objects.filter(account=account, open_volume__gt=0)
    pairs = _pairs(list(held.select_related("symbol__last_quote")), reports)
    marks = [
        mark
        for position, report in pairs
        if _is_news(position, mark := _mark(account, position, report), at)
    ]
    return booking.mark(account, marks, at=at, source=MARKED_BY) if marks else 0


def keep_answer(account: Account, reports: Iterable[PositionReport], *, at: dt.datetime) -> None:
    """Mark them as the platform states them in an answer of that moment, news or not: no older look undoes it."""
    held = Position.objects.filter(account=account, open_volume__gt=0)
    pairs = _pairs(list(held.select_related("symbol")), reports)
    marks = [_mark(account, position, report) for position, report in pairs]
    booking.mark(account, marks, at=at, source=MARKED_BY)


def _pairs(
    held: list[Position], reports: Iterable[PositionReport]
) -> Iterator[tuple[Position, PositionReport]]:
    """Ours and theirs by the position's name, else where there is one of a symbol and side."""
    by_ref = {(position.symbol.name, position.ref): position for position in held}
    by_side: dict[tuple[str, str], list[Position]] = defaultdict(list)
    for position in held:
        by_side[position.symbol.name, position.side].append(position)
    for report in reports:
        alike = by_side[report.symbol, str(report.side)]
        found = by_ref.get((report.symbol, report.ref)) or (alike[0] if len(alike) == 1 else None)
        if found:
            yield found, report


def _mark(account: Account, position: Position, report: PositionReport) -> Mark:
    is_ours = report.currency == account.currency
    return Mark(
        position.symbol_id,
        position.ref,
        report.price,
        report.profit if is_ours else None,
        report.swap if is_ours else None,
        report.stops.stop_loss,
        report.stops.take_profit,
        report.lots,
        _as_ours(report.open_price, position.open_price),
        report.stops.trail,
        not report.differing.isdisjoint(("stop_loss", "trail")),
    )


def _as_ours(theirs: Decimal, ours: Decimal | None) -> Decimal:
    """Our average of several openings where the platform's is the same one rounded; else theirs as it is kept."""
    digits = min(max(-int(theirs.as_tuple().exponent), 0), SCALE)
    if ours is not None and abs(ours - theirs) <= Decimal(1).scaleb(-digits):
        return ours
    return round(theirs, SCALE)


def _is_news(position: Position, mark: Mark, at: dt.datetime) -> bool:
    kept_now = (
        position.mark_swap, position.stop_loss, position.take_profit, position.trailing_distance,
        position.stops_differ, position.mark_volume, position.mark_open_price,
    )  # fmt: skip
    if position.mark_at is None or kept_now != (
        mark.swap, mark.stop_loss, mark.take_profit, mark.trailing_distance, mark.stops_differ,
        mark.volume, mark.open_price,
    ):  # fmt: skip
        return True
    if (position.mark_price, position.mark_profit) == (mark.price, mark.profit):
        return False
    quote = getattr(position.symbol, "last_quote", None)
    is_quoted = quote is not None and at - quote.at < WITHOUT_QUOTES
    return at - position.mark_at >= (WITH_QUOTES if is_quoted else WITHOUT_QUOTES)

"""What happens at a venue in the words of all platforms: events and state to messages, tickets to requests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from brokers.adapters.errors import Rejected
from brokers.adapters.messages import (
    Ack,
    DealKind,
    DealReport,
    Duration,
    Entry,
    Kind,
    OrderReport,
    OrderTicket,
    PositionReport,
    Status,
    Stops,
    SymbolReport,
)
from tradershub.finance.decimals import ZERO
from tradershub.finance.fx import NoRate
from tradershub.finance.venue import events, orders
from tradershub.finance.venue.account import Account
from tradershub.finance.venue.events import Event
from tradershub.finance.venue.market import Market, NoPrice
from tradershub.finance.venue.symbols import Symbol
from tradershub.finance.venue.worth import closing_price, floating_of

DEALS = ("Filled", "SwapCharged", "Compensation", "Posted", "Credited")
ENTRIES = {"in": Entry.IN, "out": Entry.OUT, "inout": Entry.REVERSAL, "out_by": Entry.OUT}
COLUMNS = {DealKind.SWAP: "swap", DealKind.COMMISSION: "commission", DealKind.FEE: "fee"}


def request_of(ticket: OrderTicket) -> orders.OrderRequest:
    """The ticket as the venue takes it. Raises Rejected for a position that cannot be the venue's."""
    return orders.OrderRequest(
        symbol=ticket.symbol,
        side=ticket.side,
        lots=ticket.lots,
        kind=orders.Kind(ticket.kind),
        price=ticket.price,
        limit_price=ticket.limit_price,
        distance=ticket.distance,
        bound=ticket.bound,
        duration=orders.Duration(ticket.duration),
        expires_at=ticket.expires_at,
        stops=stops_of(ticket.stops),
        position=number_of(ticket.position_ref, "position") if ticket.position_ref else None,
        reduce_only=ticket.reduce_only,
        client_id=ticket.client_id,
        label=ticket.label,
        comment=ticket.comment,
    )


def stops_of(stops: Stops) -> orders.Stops:
    return orders.Stops(stop_loss=stops.stop_loss, take_profit=stops.take_profit, trail=stops.trail)


def number_of(text: str, what: str) -> int:
    """The venue's number of an order or position. Raises Rejected for a text that is none."""
    if not (text.isascii() and text.isdigit()):
        raise Rejected(f"no {what} is called {text!r}", code=f"unknown_{what}")
    return int(text)


def of_order(order: int, happened: Iterable[Event]) -> list[Event]:
    """Those of the events that tell of an order."""
    return [event for event in happened if _order_of(event) == order]


def _order_of(event: Event) -> int | None:
    order = getattr(event, "order", None)
    return order.id if isinstance(order, orders.Order) else order


def ack_of(story: Iterable[Event], *, currency: str) -> Ack | None:
    """What became of an order by what happened to it, oldest first; None where it was never taken."""
    order: orders.Order | None = None
    fills: list[events.Filled] = []
    end: events.Cancelled | events.Expired | None = None
    for event in story:
        if isinstance(event, events.Accepted | events.Amended):
            order = event.order
        elif isinstance(event, events.Trailed) and order is not None:
            order = replace(order, level=event.level)
        elif isinstance(event, events.Filled):
            fills.append(event)
        elif isinstance(event, events.Cancelled | events.Expired):
            end = event
    if order is None:
        return None
    deals = tuple(deal_of(fill, currency=currency) for fill in fills)
    return Ack(order=order_report(order, fills, end), deals=deals)


def order_report(
    order: orders.Order,
    fills: list[events.Filled],
    end: events.Cancelled | events.Expired | None = None,
) -> OrderReport:
    """The order with its fills and its end, None while it works."""
    request, filled = order.request, sum((fill.lots for fill in fills), ZERO)
    worth = sum((fill.lots * fill.price for fill in fills), ZERO)
    whole = bool(fills) and not fills[-1].left
    ended = end or (fills[-1] if whole else None)
    cancelled = end if isinstance(end, events.Cancelled) else None
    return OrderReport(
        broker_order_id=str(order.id),
        client_id=request.client_id,
        symbol=request.symbol,
        side=request.side,
        lots=request.lots,
        kind=_kind(request.kind),
        status=_status(fills, end),
        placed_at=order.placed_at,
        filled=filled,
        average_price=worth / filled if filled else None,
        price=order.limit if request.kind is orders.Kind.LIMIT else order.level,
        limit_price=request.limit_price,
        distance=request.distance,
        duration=Duration(request.duration.value),
        expires_at=order.expires_at,
        done_at=ended.at if ended else None,
        stops=Stops(
            stop_loss=request.stops.stop_loss,
            take_profit=request.stops.take_profit,
            trail=request.stops.trail,
        ),
        position_ref=str(request.position) if request.position is not None else "",
        reason=cancelled.message if cancelled else "",
        code=cancelled.code.value if cancelled else "",
        comment=request.comment,
    )


def _kind(kind: orders.Kind) -> Kind:
    """No ticket asks for IF_TOUCHED, which fills as a limit order does."""
    return Kind.LIMIT if kind is orders.Kind.IF_TOUCHED else Kind(kind.value)


def _status(fills: list[events.Filled], end: events.Cancelled | events.Expired | None) -> Status:
    if end is not None:
        return Status.CANCELLED if isinstance(end, events.Cancelled) else Status.EXPIRED
    if not fills:
        return Status.WORKING
    return Status.PARTIAL if fills[-1].left else Status.FILLED


def deals_of(happened: Iterable[Event], *, currency: str) -> tuple[DealReport, ...]:
    """The rows of the account's history among the events."""
    return tuple(deal_of(event, currency=currency) for event in happened if _is_booked(event))


def _is_booked(event: Event) -> bool:
    if isinstance(event, events.SwapCharged):
        return event.booked
    return type(event).__name__ in DEALS


def deal_of(event: Event, *, currency: str) -> DealReport:
    """The row that an event is. Its id is the event's number, which only this event ever has."""
    row = DealReport(
        deal_id=str(event.seq), kind=DealKind.CORRECTION, at=event.at, currency=currency
    )
    match event:
        case events.Filled():
            return replace(
                row,
                kind=DealKind.TRADE,
                symbol=event.symbol,
                side=event.side,
                entry=ENTRIES[event.entry],
                lots=event.lots,
                price=event.price,
                profit=event.profit,
                swap=event.swap,
                commission=event.commission,
                position_ref=str(event.position),
                broker_order_id=str(event.order),
                client_id=event.client_id,
                comment="" if event.reason is orders.Reason.CLIENT else event.reason.value,
            )
        case events.SwapCharged():
            comment = f"{event.nights} nights from {event.day}"
            position = str(event.position)
            return replace(
                row, kind=DealKind.SWAP, swap=event.amount, position_ref=position, comment=comment
            )
        case events.Compensation():
            return replace(row, kind=DealKind.COMPENSATION, amount=event.amount)
        case events.Credited():
            return replace(row, kind=DealKind.CREDIT, amount=event.amount, comment=event.comment)
        case events.Posted():
            kind = DealKind(event.kind)
            money = {COLUMNS.get(kind, "amount"): event.amount}
            return replace(row, kind=kind, comment=event.comment, **money)
    raise ValueError(f"{type(event).__name__} books nothing")


def position_report(market: Market, account: Account, position: orders.Position) -> PositionReport:
    """An open position, valued at the last price known."""
    quote = market.quotes.get(position.symbol)
    try:
        profit = floating_of(market, account, position)
    except (NoPrice, NoRate):
        profit = None
    return PositionReport(
        ref=str(position.id),
        symbol=position.symbol,
        side=position.side,
        lots=position.lots,
        open_price=position.price,
        opened_at=position.opened_at,
        currency=account.rules.currency,
        price=closing_price(position.side, quote) if quote else None,
        profit=profit,
        swap=position.swap,
        stops=Stops(
            stop_loss=position.stop_loss, take_profit=position.take_profit, trail=position.trail
        ),
        client_id=position.client_id,
    )


def symbol_report(symbol: Symbol) -> SymbolReport:
    return SymbolReport(
        name=symbol.name,
        base=symbol.base,
        quote=symbol.quote,
        terms=symbol.terms,
        swap_mode=symbol.swap.mode.value,
        swap_long=symbol.swap.long,
        swap_short=symbol.swap.short,
    )

"""Orders placed at the broker, entered by hand: placed, modified, filled in parts, cancelled."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts import kept
from accounts.manual.entries import (
    SOURCE,
    Number,
    check_open,
    moment,
    open_and_locked,
    own_key,
    plain,
    positive,
    side_of,
    symbol_of,
)
from accounts.manual.order_checks import LEVELS, check_closing, check_levels, check_volume
from accounts.manual.trades import Costs, trade
from accounts.models import Account, BrokerOrder, Deal, Position
from brokers.models import BrokerSymbol
from tradershub.core.audit import record
from tradershub.core.changes import changes_since, state_of
from tradershub.core.errors import BadInput, Conflict

PRICES = ("price", "limit_price", "stop_loss", "take_profit", "trailing_distance")
CHANGEABLE = (*PRICES, "volume", "expires_at", "comment")
NEEDS_PRICE = (BrokerOrder.Type.LIMIT, BrokerOrder.Type.STOP, BrokerOrder.Type.STOP_LIMIT)
State = BrokerOrder.State


@transaction.atomic
def place_order(
    account: Account,
    *,
    actor: Any,
    symbol: BrokerSymbol | str,
    side: str,
    volume: Number,
    type: str = BrokerOrder.Type.MARKET,  # noqa: A002 (the word of the model)
    placed_at: dt.datetime | None = None,
    position: Position | None = None,
    broker_order_id: str = "",
    bracket: str = "",
    **details: Any,
) -> BrokerOrder:
    """An order that works at the broker. details: CHANGEABLE fields other than the volume.

    position: what it closes when it fills, on a hedging account. bracket: orders of one name; when one
    is filled the others are cancelled.
    """
    account = open_and_locked(account)
    _check_names(details, allowed=CHANGEABLE)
    order = BrokerOrder(
        account=account,
        broker_order_id=broker_order_id or own_key(BrokerOrder.OWN),
        symbol=symbol_of(account, symbol),
        type=type,
        side=side_of(side),
        volume=positive(volume, "volume"),
        placed_at=moment(placed_at, param="placed_at"),
        position_ref=position.ref if position else "",
        bracket=bracket,
        source=SOURCE,
        **_values(details),
    )
    _check(order)
    if position:
        check_closing(order, position)
    check_levels(order)
    check_volume(order, on=order.placed_at.date())
    taken = BrokerOrder.objects.filter(account=account, broker_order_id=order.broker_order_id)
    if taken.exists():
        raise Conflict(f"Order {order.broker_order_id} is in {account} already")
    order.save()
    kept.forget(account)
    record(
        "order.place", actor=actor, target=order, summary=f"Placed {order}", owner=account.owner_id
    )
    return order


@transaction.atomic
def modify_order(order: BrokerOrder, *, actor: Any, **changes: Any) -> BrokerOrder:
    """Change a working order (CHANGEABLE). Raises Conflict where it is over."""
    order = _working(order)
    _check_names(changes, allowed=CHANGEABLE)
    before = state_of(order, changes)
    values = _values(changes)
    changed = {name for name, value in values.items() if value != getattr(order, name)}
    for name, value in values.items():
        setattr(order, name, value)
    _check(order)
    if LEVELS & changed:
        check_levels(order)
    if "volume" in changed:
        check_volume(order, on=timezone.now().date())
    order.save(update_fields=list(changes))
    kept.forget(order.account)
    record(
        "order.modify",
        actor=actor,
        target=order,
        summary=f"Modified {order}",
        details=changes_since(before, order),
        owner=order.account.owner_id,
    )
    return order


@transaction.atomic
def fill_order(
    order: BrokerOrder,
    *,
    actor: Any,
    price: Number | None = None,
    volume: Number | None = None,
    at: dt.datetime | None = None,
    profit: Number | None = None,
    costs: Costs = Costs(),  # noqa: B008 (immutable)
    broker_deal_id: str = "",
) -> Deal:
    """The order was executed: at its own price and for all that is left, unless told otherwise.

    Books the deal as `trade` does; all fills make one position, as at MetaTrader 5. Filled wholly, the
    other orders of its bracket are cancelled.
    """
    order = _working(order)
    left = order.volume - order.filled
    lots = left if volume is None else positive(volume, "volume")
    if lots > left:
        raise BadInput(
            f"Expected at most the {plain(left)} lots that are left, found {plain(lots)}",
            param="volume",
        )
    at = moment(at)
    deal = trade(
        order.account,
        actor=actor,
        symbol=order.symbol,
        side=order.side,
        volume=lots,
        price=_fill_price(order, price),
        at=at,
        position=_closed_by(order),
        profit=profit,
        costs=costs,
        stop_loss=order.stop_loss,
        take_profit=order.take_profit,
        broker_deal_id=broker_deal_id,
        broker_order_id=order.broker_order_id,
        opens=order.broker_order_id,
        action="order.fill",
    )
    _note_fill(order, lots, at=at)
    if order.state == State.FILLED:
        _cancel_the_others(order, actor=actor, at=at)
    return deal


@transaction.atomic
def cancel_order(order: BrokerOrder, *, actor: Any, at: dt.datetime | None = None) -> BrokerOrder:
    """What is left of the order works no more."""
    order = _working(order)
    return _cancel(order, actor=actor, at=moment(at))


def _working(order: BrokerOrder) -> BrokerOrder:
    """The order as it is now, its account ours. Raises Conflict where it is over or the account closed."""
    account = open_and_locked(order.account)
    order = BrokerOrder.objects.select_related("symbol__broker", "symbol__instrument").get(
        pk=order.pk
    )
    order.account = account
    check_working(order)
    return order


def check_working(order: BrokerOrder) -> None:
    """Raises Conflict where the order is over, or its account closed."""
    check_open(order.account)
    if order.state not in BrokerOrder.LIVE:
        raise Conflict(
            f"Order {order.broker_order_id} is {order.get_state_display().lower()} already"
        )


def _check_names(given: dict[str, Any], *, allowed: tuple[str, ...]) -> None:
    for name in given:
        if name not in allowed:
            raise BadInput(
                f"{name} of an order cannot be set; expected one of {', '.join(allowed)}",
                param=name,
            )


def _values(given: dict[str, Any]) -> dict[str, Any]:
    """Numbers made exact and checked; None empties a price."""
    numbers = (*PRICES, "volume")
    return {
        name: positive(value, name) if name in numbers and value is not None else value
        for name, value in given.items()
    }


def _check(order: BrokerOrder) -> None:
    if order.type not in BrokerOrder.Type.values:
        expected = ", ".join(BrokerOrder.Type.values)
        raise BadInput(f"Expected one of {expected}, found {order.type!r}", param="type")
    if order.type in NEEDS_PRICE and order.price is None:
        raise BadInput(f"A {order.get_type_display().lower()} order needs a price", param="price")
    if order.type == BrokerOrder.Type.STOP_LIMIT and order.limit_price is None:
        raise BadInput("A stop limit order needs the price of its limit", param="limit_price")
    if order.volume is None or order.volume <= order.filled:
        raise BadInput(
            f"Expected more than the {plain(order.filled)} lots that are filled, "
            f"found {order.volume}",
            param="volume",
        )
    if order.expires_at and order.expires_at <= order.placed_at:
        raise BadInput(
            f"Expected an expiry after {order.placed_at:%Y-%m-%d %H:%M:%S}, "
            f"found {order.expires_at:%Y-%m-%d %H:%M:%S}",
            param="expires_at",
        )


def held_position(account: Account, ref: str, symbol: str) -> Position:
    """The account's open position of that ref. Raises BadInput where there is none of the symbol."""
    held = Position.objects.filter(account=account, ref=ref.strip(), open_volume__gt=0)
    position = held.filter(symbol__name=symbol.strip()).select_related("symbol").first()
    if position is None:
        raise BadInput(
            f"There is no open position {ref!r} of {symbol} in {account}", param="position"
        )
    return position


def _fill_price(order: BrokerOrder, price: Number | None) -> Decimal:
    if price is not None:
        return positive(price, "price")
    own = order.limit_price or order.price
    if own is None:
        raise BadInput("A market order has no price of its own: give the price", param="price")
    return own


def _closed_by(order: BrokerOrder) -> Position | None:
    if not order.position_ref:
        return None
    held = Position.objects.filter(
        account=order.account, symbol=order.symbol, ref=order.position_ref
    )
    position = held.select_related("symbol__instrument", "symbol__broker").first()
    if position is None:
        raise Conflict(f"Position {order.position_ref}, which the order closes, is not there")
    return position


def _note_fill(order: BrokerOrder, lots: Decimal, *, at: dt.datetime) -> None:
    order.filled += lots
    whole = order.filled == order.volume
    order.state = State.FILLED if whole else State.PARTIAL
    order.done_at = at if whole else None
    order.save(update_fields=["filled", "state", "done_at"])
    kept.forget(order.account)


def _cancel_the_others(order: BrokerOrder, *, actor: Any, at: dt.datetime) -> None:
    if not order.bracket:
        return
    others = BrokerOrder.objects.filter(
        account=order.account, bracket=order.bracket, state__in=BrokerOrder.LIVE
    )
    for other in others.exclude(pk=order.pk).select_related("account", "symbol"):
        _cancel(other, actor=actor, at=at)


def _cancel(order: BrokerOrder, *, actor: Any, at: dt.datetime) -> BrokerOrder:
    order.state, order.done_at = State.CANCELLED, at
    order.save(update_fields=["state", "done_at"])
    kept.forget(order.account)
    record(
        "order.cancel",
        actor=actor,
        target=order,
        summary=f"Cancelled {order}",
        owner=order.account.owner_id,
    )
    return order

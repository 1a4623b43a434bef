"""What an order, or a position's stops, can be asked for: what no broker could be meant to do is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils import timezone

from accounts.models import Position
from brokers.adapters.base import Adapter
from brokers.adapters.messages import ENTRY, NEEDS, Duration, Kind
from brokers.models import BrokerSymbol
from brokers.platforms import PLATFORMS
from tradershub.core.errors import BadInput
from tradershub.core.formats import plain
from tradershub.finance.decimals import to_decimal
from tradershub.finance.opening import likely_price, opens_at_once
from trading import tickets
from trading.bounds import price_to_close, why_too_far, why_too_wide
from trading.easing import comes_nearer
from trading.facts import quote_of_now
from trading.models import Order
from trading.tickets import STOPS

NUMBERS = (*tickets.PRICES, "lots", "bound")


def exact(values: dict[str, Any]) -> dict[str, Any]:
    """The same with its numbers as decimals, which may come as plain text. Raises BadInput."""
    numbers = dict(values)
    for name in NUMBERS:
        if values.get(name) is not None:
            try:
                numbers[name] = to_decimal(values[name])
            except (TypeError, ValueError) as error:
                raise BadInput(f"{name.replace('_', ' ')}: {error}", param=name) from error
    return numbers


def check_order(order: Order) -> None:
    """Raises BadInput for what contradicts itself, or what its platform cannot do."""
    if order.side not in Order.Side.values:
        raise BadInput(f"Expected buy or sell, found {str(order.side)[:20]!r}", param="side")
    if order.kind not in Order.Kind.values:
        raise BadInput(f"Expected one of {', '.join(Order.Kind.values)}", param="kind")
    if order.lots is None or order.lots <= 0:
        raise BadInput(f"Expected lots above zero, found {order.lots}", param="lots")
    _check_entry(order)
    _check_prices(order)
    if order.duration == Duration.GTD and order.expires_at is None:
        raise BadInput("An order until a time needs that time", param="expires_at")
    if order.duration != Duration.GTD and order.expires_at is not None:
        raise BadInput(
            "Only an order until a time has one: expected duration gtd", param="expires_at"
        )
    if order.expires_at and order.expires_at <= timezone.now():
        raise BadInput("Expected a time that is still to come", param="expires_at")
    _check_platform(order)


def _check_entry(order: Order) -> None:
    """The prices that its kind needs, and no other: one that nobody looks at would mislead."""
    needs = NEEDS.get(Kind(order.kind), ())
    for name in ENTRY:
        word, kind = name.replace("_", " "), order.get_kind_display().lower()
        if name in needs and getattr(order, name) is None:
            raise BadInput(f"A {kind} order needs its {word}", param=name)
        if name not in needs and getattr(order, name) is not None:
            raise BadInput(f"A {kind} order has no {word}", param=name)


def _check_prices(order: Order) -> None:
    for name in (*tickets.PRICES, "bound"):
        value = getattr(order, name)
        if value is not None and value <= 0:
            raise BadInput(f"Expected a {name.replace('_', ' ')} above zero", param=name)
    stop, target = order.stop_loss, order.take_profit
    if order.reduces or (stop is None and target is None):
        return
    price = order.limit_price or order.price
    if _opens_at_once(order):
        refuse_passed(order.symbol, order.side, stop_loss=stop, take_profit=target)
        price = None
    if price is None and (stop is None or target is None):
        return
    is_buy = order.side == Order.Side.BUY
    for name, level, below in (("stop_loss", stop, is_buy), ("take_profit", target, not is_buy)):
        against = price if price is not None else (target if name == "stop_loss" else stop)
        if level is None or against is None:
            continue
        if not (level < against if below else level > against):
            where = "below" if below else "above"
            words = f"{name.replace('_', ' ')} of a {order.side} {where} {plain(against)}"
            raise BadInput(f"Expected the {words}, found {plain(level)}", param=name)


def refuse_far_levels(order: Order) -> None:
    """Raises BadInput for a stop or a way that was meant in another unit: it is off by more than any other.

    By where the order opens, at the last quote however old.
    """
    quote = getattr(order.symbol, "last_quote", None)
    found = likely_price(
        order.side,
        order.kind,
        price=order.price,
        limit_price=order.limit_price,
        bid=quote.bid if quote else None,
        ask=quote.ask if quote else None,
    )
    if found is not None and not order.reduces:
        _refuse_far(order.stop_loss, found)
        _refuse_wide("trail", order.trail, found)
        _refuse_wide("distance", order.distance, found)


def _opens_at_once(order: Order) -> bool:
    """Whether it fills at the market's price of now; where there is none, nobody knows."""
    quote = quote_of_now(order.symbol, at=timezone.now())
    return quote is not None and opens_at_once(
        order.side,
        order.kind,
        price=order.price,
        limit_price=order.limit_price,
        bid=quote.bid,
        ask=quote.ask,
    )


def refuse_passed(symbol: BrokerSymbol, side: str, **levels: Decimal | None) -> None:
    """Raises BadInput for a stop_loss or take_profit at which a position of that side would close at once.

    By a price of now: where there is none, nobody knows.
    """
    quote = quote_of_now(symbol, at=timezone.now())
    if quote is None:
        return
    is_buy = side == Order.Side.BUY
    price = quote.bid if is_buy else quote.ask
    for name, below in (("stop_loss", is_buy), ("take_profit", not is_buy)):
        level = levels.get(name)
        if level is None or (level < price if below else level > price):
            continue
        where = "below" if below else "above"
        words = f"{name.replace('_', ' ')} of a {side} {where} the market's {plain(price)}"
        raise BadInput(f"Expected the {words}, found {plain(level)}", param=name)


def _check_platform(order: Order) -> None:
    """What the platform cannot do is refused before it is asked. Without a connection risk refuses."""
    connection = order.account.connection
    if connection is None:
        return
    adapter: type[Adapter] = PLATFORMS.load(connection.platform)
    can, label = adapter.capabilities, PLATFORMS.label(connection.platform)
    if order.kind not in can.kinds:
        raise BadInput(f"{label} takes no {order.get_kind_display().lower()} orders", param="kind")
    if order.duration not in can.durations:
        word = order.get_duration_display().lower()
        raise BadInput(f"{label} takes no orders of this duration: {word}", param="duration")
    has_stops = any(getattr(order, name) is not None for name in STOPS)
    if has_stops and not can.stops_with_order:
        raise BadInput(f"{label} takes no stops with an order", param="stop_loss")


def check_stops(position: Position, stops: dict[str, Decimal | None]) -> None:
    """Raises BadInput for what no position could have, or for a level that was meant otherwise."""
    if unknown := set(stops) - set(STOPS):
        raise BadInput(f"{min(unknown)} of a position cannot be set", param=min(unknown))
    if not stops:
        raise BadInput("Expected a stop, a target or a trail that is to be another; found none")
    for name, value in stops.items():
        if value is not None and value <= 0:
            word = name.replace("_", " ")
            raise BadInput(f"Expected a {word} above zero, found {plain(value)}", param=name)
    refuse_passed(position.symbol, position.side, **stops)
    price = price_to_close(position.symbol, position.side)
    prices = [found for found in (price, position.open_price) if found is not None]
    if prices:
        looser = {
            name: stops[name] for name in stops if not comes_nearer(position, name, stops[name])
        }
        _refuse_far(looser.get("stop_loss"), *prices)
        _refuse_wide("trail", looser.get("trail"), prices[0])


def _refuse_far(stop: Decimal | None, *prices: Decimal) -> None:
    if why := why_too_far(stop, *prices):
        raise BadInput(why, param="stop_loss")


def _refuse_wide(name: str, away: Decimal | None, price: Decimal) -> None:
    if why := why_too_wide(name, away, price):
        raise BadInput(why, param=name)

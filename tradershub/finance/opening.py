"""At which price an order opens: what its risk, margin and worth are measured at, and its levels counted from.

A limit or stop that the market has passed already fills at the market. One that it has not yet reached fills at
its price: a limit never worse, a stop perhaps beyond (a gap is not foreseen).
"""

from decimal import Decimal

from tradershub.finance.sides import Side

MARKET, LIMIT, STOP, STOP_LIMIT = "market", "limit", "stop", "stop_limit"
TRAILING_STOP = "trailing_stop"


def opening_price(
    side: Side,
    kind: str,
    *,
    price: Decimal | None,
    limit_price: Decimal | None = None,
    distance: Decimal | None = None,
    bid: Decimal | None,
    ask: Decimal | None,
) -> Decimal | None:
    """The highest price for a buy, the lowest for a sell, by the market now; None where it cannot be known.

    price: of a limit or the level of a stop. limit_price: of a stop limit. distance: of a trailing stop from the
    market. What the kind does not use is ignored. bid, ask: None without a quote, which a limit can do without.
    """
    market = ask if side == "buy" else bid
    if kind == STOP_LIMIT:
        return limit_price
    if kind == LIMIT:
        return _better(price, market, side)
    if market is None or kind == MARKET:
        return market
    if kind == TRAILING_STOP:
        price = _beyond(market, distance, side)
    return None if price is None else _worse(price, market, side)


def likely_price(
    side: Side,
    kind: str,
    *,
    price: Decimal | None,
    limit_price: Decimal | None = None,
    bid: Decimal | None,
    ask: Decimal | None,
) -> Decimal | None:
    """Where it opens by the market now, else its own price; None where neither is known.

    Of a trailing stop the market's: its own level moves with it. Arguments as of `opening_price`.
    """
    market = ask if side == "buy" else bid
    if kind in (MARKET, TRAILING_STOP):
        return market
    if kind == LIMIT or price is None or market is None:
        return _better(price, market, side)
    reached = _worse(price, market, side)
    return _better(limit_price, reached, side) if kind == STOP_LIMIT else reached


def opens_at_once(
    side: Side,
    kind: str,
    *,
    price: Decimal | None,
    limit_price: Decimal | None = None,
    bid: Decimal,
    ask: Decimal,
) -> bool:
    """Whether it fills at the market now: it waits for no price, its stop is reached and its limit allows it.

    Arguments as of `opening_price`.
    """
    if kind == MARKET:
        return True
    market = ask if side == "buy" else bid
    is_reached = price is not None and _worse(price, market, side) == market
    limit = price if kind == LIMIT else limit_price
    is_within = _better(limit, market, side) == market
    at_once = {LIMIT: is_within, STOP: is_reached, STOP_LIMIT: is_reached and is_within}
    return at_once.get(kind, False)


def _better(price: Decimal | None, other: Decimal | None, side: Side) -> Decimal | None:
    """The one that is better for that side; where one is not known, the own price, which comes first."""
    if price is None or other is None:
        return price
    return min(price, other) if side == "buy" else max(price, other)


def _worse(price: Decimal, market: Decimal, side: Side) -> Decimal:
    return max(price, market) if side == "buy" else min(price, market)


def _beyond(market: Decimal, distance: Decimal | None, side: Side) -> Decimal | None:
    if distance is None:
        return None
    return market + distance if side == "buy" else market - distance

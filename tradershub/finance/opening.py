"""The worst price at which an order may open: what its risk, margin and worth are measured at.

A limit never fills worse than its price. A stop that the market has passed already fills at the market, and one
that it has not yet reached fills at its price or beyond (a gap is not foreseen).
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
    if kind == LIMIT:
        return price
    if kind == STOP_LIMIT:
        return limit_price
    market = ask if side == "buy" else bid
    if market is None or kind == MARKET:
        return market
    if kind == TRAILING_STOP:
        price = _beyond(market, distance, side)
    if price is None:
        return None
    return max(price, market) if side == "buy" else min(price, market)


def _beyond(market: Decimal, distance: Decimal | None, side: Side) -> Decimal | None:
    if distance is None:
        return None
    return market + distance if side == "buy" else market - distance

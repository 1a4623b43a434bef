"""How a trade runs along the price path: to its stop, its target, or the end of patience.

Everything is in points of the instrument and bars of the market's grid.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from tradershub.example.market import Contract, Market
from tradershub.example.records import BUY


@dataclass(frozen=True, slots=True)
class Plan:
    """A trade as planned.

    patience: bars until it is closed by hand; scale_out: take half off half way.
    """

    side: str
    bar: int
    price: int
    stop: int
    target: int
    patience: int
    scale_out: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """Where a part of the trade ended. reason: "sl", "tp", "half" or "" for patience."""

    bar: int
    price: int
    reason: str


def closing_price(market: Market, contract: Contract, side: str, bar: int) -> int:
    """What closing a trade of this side gets: bid for a buy, ask for a sell."""
    bid = market.bids(contract.name)[bar]
    return bid if side == BUY else bid + contract.spread


def opening_price(market: Market, contract: Contract, side: str, bar: int) -> int:
    """What opening a trade of this side pays: ask for a buy, bid for a sell."""
    bid = market.bids(contract.name)[bar]
    return bid + contract.spread if side == BUY else bid


def run(market: Market, contract: Contract, plan: Plan) -> list[Step]:
    """The ends of the trade's parts in order; the last is missing while it is still open."""
    steps: list[Step] = []
    sign = 1 if plan.side == BUY else -1
    half_way = plan.price + (plan.target - plan.price) // 2
    for bar in range(plan.bar + 1, market.last_bar):
        price = closing_price(market, contract, plan.side, bar)
        if sign * (price - plan.stop) <= 0:
            return [*steps, Step(bar, plan.stop, "sl")]
        if sign * (price - plan.target) >= 0:
            return [*steps, Step(bar, plan.target, "tp")]
        if plan.scale_out and not steps and sign * (price - half_way) >= 0:
            steps.append(Step(bar, price, "half"))
            plan = replace(plan, stop=plan.price)
        if bar - plan.bar >= plan.patience:
            return [*steps, Step(bar, price, "")]
    return steps


def is_over(steps: list[Step]) -> bool:
    """True when nothing of the trade is left open."""
    return bool(steps) and steps[-1].reason != "half"


def result(plan: Plan, steps: list[Step]) -> int:
    """The last step's gain in points, to compare one plan with another."""
    sign = 1 if plan.side == BUY else -1
    return sign * (steps[-1].price - plan.price)


def with_slippage(step: Step, side: str, rng: random.Random) -> int:
    """The filled price: now and then a stop is filled a few points worse than it was set."""
    if step.reason != "sl" or rng.random() > 0.1:
        return step.price
    worse = rng.randint(1, 6)
    return step.price - worse if side == BUY else step.price + worse

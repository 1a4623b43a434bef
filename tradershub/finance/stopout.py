"""Margin call and stop-out: what is closed, in which order, and at which price it happens.

Source: MetaQuotes, "Processing of Stop Out by Server"; Spotware, "Smart Stop Out".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from tradershub.finance.decimals import HUNDRED, ONE, ZERO, Rounding, round_to_step
from tradershub.finance.sides import DIRECTION, Side
from tradershub.finance.valuation import margin_level


class AtRisk(NamedTuple):
    """An open position as stop-out sees it, account currency.

    profit: from price alone, without swap and commission, by which the order of closing is decided.
    costs: swap and commission, which count towards equity. tradable: its market is open.
    """

    key: str
    profit: Decimal
    margin: Decimal
    costs: Decimal = ZERO
    tradable: bool = True

    @property
    def result(self) -> Decimal:
        return self.profit + self.costs


class PendingOrder(NamedTuple):
    """An order that reserves margin."""

    key: str
    margin: Decimal


class StopOut(NamedTuple):
    """What a stop-out leaves behind. level_*: percent, None without margin.

    compensation: posted apart as "so compensation" so that the balance is zero, never negative.
    """

    level_before: Decimal | None
    deleted: tuple[str, ...]
    closed: tuple[str, ...]
    balance: Decimal
    equity: Decimal
    margin: Decimal
    level_after: Decimal | None
    compensation: Decimal


def stop_out(
    positions: Sequence[AtRisk],
    *,
    balance: Decimal,
    level: Decimal,
    credit: Decimal = ZERO,
    orders: Sequence[PendingOrder] = (),
    protected: bool = False,
    hedged_too: bool = False,
    margin_of: Callable[[Sequence[AtRisk]], Decimal] | None = None,
) -> StopOut:
    """Run MetaTrader's stop-out at the positions' present values.

    level: percent of margin; closing goes on until the margin level is higher. First the pending
    order with the largest margin, again and again; then the tradable position with the largest
    loss, or the smallest profit where none loses. protected: negative balances are made good.
    hedged_too: without margin, as when fully hedged, close while the equity is negative. margin_of:
    margin of the positions that are left, where hedging makes it other than the sum of theirs.
    """
    state = _Account(
        cash=balance + credit,
        held=list(positions),
        pending=sorted(orders, key=lambda order: -order.margin),
        margin_of=margin_of or _sum_of_margins,
    )
    before = state.level()
    deleted: list[str] = []
    while state.pending and state.is_low(level, hedged_too=hedged_too):
        deleted.append(state.pending.pop(0).key)
    closed: list[str] = []
    while state.is_low(level, hedged_too=hedged_too):
        worst = min((p for p in state.held if p.tradable), key=lambda p: p.profit, default=None)
        if worst is None:
            break
        closed.append(state.close(worst))
    debt = credit - state.cash
    compensation = max(debt, ZERO) if protected and closed and not state.held else ZERO
    state.cash += compensation
    return StopOut(
        level_before=before,
        deleted=tuple(deleted),
        closed=tuple(closed),
        balance=state.cash - credit,
        equity=state.equity(),
        margin=state.margin(),
        level_after=state.level(),
        compensation=compensation,
    )


def _sum_of_margins(held: Sequence[AtRisk]) -> Decimal:
    return sum((position.margin for position in held), ZERO)


@dataclass(slots=True)
class _Account:
    """An account while it is being closed out. cash: balance and credit."""

    cash: Decimal
    held: list[AtRisk]
    pending: list[PendingOrder]
    margin_of: Callable[[Sequence[AtRisk]], Decimal]

    def equity(self) -> Decimal:
        return self.cash + sum((position.result for position in self.held), ZERO)

    def margin(self) -> Decimal:
        return self.margin_of(self.held) + sum((order.margin for order in self.pending), ZERO)

    def level(self) -> Decimal | None:
        return margin_level(self.equity(), self.margin())

    def is_low(self, level: Decimal, *, hedged_too: bool) -> bool:
        """At or below the level; without margin only where hedged accounts are stopped too."""
        now = self.level()
        if now is None:
            return hedged_too and bool(self.held) and self.equity() < 0
        return now <= level

    def close(self, position: AtRisk) -> str:
        self.held.remove(position)
        self.cash += position.result
        return position.key


def stop_out_price(
    *,
    side: Side,
    units: Decimal,
    open_price: Decimal,
    balance: Decimal,
    margin: Decimal,
    level: Decimal,
) -> Decimal:
    """Price at which a single position reaches the level, its margin fixed when it was opened.

    For a quote currency that is the account's. units: positive. level: percent. May be negative:
    then no price closes it. Source: equity = level x margin, solved for the price.
    """
    distance = (balance - level / HUNDRED * margin) / units
    return open_price - distance * DIRECTION[side]


def stop_out_price_revalued(
    *,
    side: Side,
    units: Decimal,
    open_price: Decimal,
    balance: Decimal,
    leverage: Decimal,
    level: Decimal,
) -> Decimal:
    """As `stop_out_price`, where the margin follows the price (OANDA)."""
    direction = DIRECTION[side]
    share = ONE - direction * level / HUNDRED / leverage
    return (open_price * units - direction * balance) / (units * share)


class Reduction(NamedTuple):
    """Units taken off each position, and the margin and level that remain."""

    units: tuple[Decimal, ...]
    margin: Decimal
    level: Decimal | None


def smart_stop_out(
    units: Sequence[Decimal],
    *,
    margin_per_unit: Sequence[Decimal],
    equity: Decimal,
    level: Decimal,
    step: Decimal,
) -> Reduction:
    """cTrader: reduce the position with the largest margin, in steps, until above the level.

    Once it is gone the next largest follows.

    units: positive sizes, with the margin of one unit of each. Equity does not change: closing
    only realises what floats.
    """
    left = list(units)
    allowed = max(equity, ZERO) * HUNDRED / level
    for index in _by_margin(units, margin_per_unit):
        excess = _total(left, margin_per_unit) - allowed
        if excess < 0:
            break
        a_step = step * margin_per_unit[index]
        steps = round_to_step(excess / a_step, ONE, rounding=Rounding.FLOOR) + ONE
        left[index] -= min(left[index], steps * step)
    total = _total(left, margin_per_unit)
    closed = tuple(size - kept for size, kept in zip(units, left, strict=True))
    return Reduction(closed, total, margin_level(equity, total))


def _total(units: Sequence[Decimal], margin_per_unit: Sequence[Decimal]) -> Decimal:
    margins = (size * each for size, each in zip(units, margin_per_unit, strict=True))
    return sum(margins, ZERO)


def _by_margin(units: Sequence[Decimal], margin_per_unit: Sequence[Decimal]) -> list[int]:
    """Places of the positions, largest margin first."""
    return sorted(range(len(units)), key=lambda place: -units[place] * margin_per_unit[place])

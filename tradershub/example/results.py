"""The statistics block of a statement, computed from the results of its trades alone.

Amounts are net of costs and signed. Flows are left out of the curve: a withdrawal is no drawdown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from statistics import mean, stdev

from tradershub.example.records import BUY, ZERO

HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one booked row brought.

    side: of the position it closed; empty for a row that only opened one.
    """

    amount: Decimal
    side: str = ""

    @property
    def won(self) -> bool:
        """True for a gain."""
        return self.amount > 0


@dataclass(frozen=True, slots=True)
class Run:
    """A run of wins or of losses."""

    count: int = 0
    money: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Drawdown:
    """Falls of the balance.

    absolute: below the start. deepest: the largest in money, with its percent. steepest: the
    largest in percent of its peak, with its money.
    """

    absolute: Decimal
    deepest: tuple[Decimal, Decimal]
    steepest: tuple[Decimal, Decimal]


@dataclass(frozen=True, slots=True)
class Results:
    """Everything the block prints. gross_loss, losses and losing runs are not positive."""

    net: Decimal
    gross_profit: Decimal
    gross_loss: Decimal
    profit_factor: Decimal
    expected: Decimal
    recovery: Decimal
    sharpe: Decimal
    drawdown: Drawdown
    shorts: tuple[int, Decimal]
    longs: tuple[int, Decimal]
    wins: tuple[int, Decimal]
    losses: tuple[int, Decimal]
    trades: int
    largest: tuple[Decimal, Decimal]
    average: tuple[Decimal, Decimal]
    longest: tuple[Run, Run]
    richest: tuple[Run, Run]
    average_run: tuple[int, int]


def ratio(part: Decimal, whole: Decimal, digits: str = "0.01") -> Decimal:
    """The quotient to two digits, 0 where there is nothing to divide by."""
    return (part / whole).quantize(Decimal(digits), ROUND_HALF_UP) if whole else Decimal(digits) * 0


def percent(part: Decimal | int, whole: Decimal | int) -> Decimal:
    """The share in percent to two digits."""
    return ratio(Decimal(part) * HUNDRED, Decimal(whole))


def drawdown(amounts: Iterable[Decimal], start: Decimal) -> Drawdown:
    """Falls of the balance from its own peaks, after each booked row."""
    level = peak = lowest = start
    deepest = steepest = (ZERO, ZERO)
    for amount in amounts:
        level += amount
        peak, lowest = max(peak, level), min(lowest, level)
        fall = peak - level
        share = fall / peak * HUNDRED if peak > 0 else ZERO
        deepest = max(deepest, (fall, share))
        steepest = max(steepest, (share, fall))
    return Drawdown(start - lowest, deepest, steepest)


def _runs(closed: Sequence[Outcome], won: bool) -> list[Run]:
    groups = ((key, [o.amount for o in group]) for key, group in groupby(closed, lambda o: o.won))
    return [Run(len(amounts), sum(amounts, ZERO)) for key, amounts in groups if key == won]


def _share_won(closed: Sequence[Outcome]) -> tuple[int, Decimal]:
    return len(closed), percent(sum(o.won for o in closed), len(closed))


def _average(amounts: Sequence[Decimal], digits: str) -> Decimal:
    return ratio(sum(amounts, ZERO), Decimal(len(amounts)), digits)


def _sharpe(amounts: Sequence[Decimal]) -> Decimal:
    return ratio(mean(amounts), stdev(amounts)) if len(amounts) > 2 else ZERO


def _average_run(runs: Sequence[Run]) -> int:
    return round(sum(run.count for run in runs) / len(runs)) if runs else 0


def compute(outcomes: Sequence[Outcome], *, start: Decimal, digits: str) -> Results:
    """The block for these rows.

    start: the balance before them; digits: the currency's smallest unit, as "0.01".
    """
    amounts = [outcome.amount for outcome in outcomes]
    closed = [outcome for outcome in outcomes if outcome.side]
    won = [outcome.amount for outcome in closed if outcome.won]
    lost = [outcome.amount for outcome in closed if not outcome.won]
    profit = sum((amount for amount in amounts if amount > 0), ZERO)
    loss = sum((amount for amount in amounts if amount < 0), ZERO)
    fall = drawdown(amounts, start)
    winning, losing = _runs(closed, won=True), _runs(closed, won=False)
    return Results(
        net=profit + loss,
        gross_profit=profit,
        gross_loss=loss,
        profit_factor=ratio(profit, -loss),
        expected=ratio(profit + loss, Decimal(len(closed))),
        recovery=ratio(profit + loss, fall.deepest[0]),
        sharpe=_sharpe([outcome.amount for outcome in closed]),
        drawdown=fall,
        shorts=_share_won([outcome for outcome in closed if outcome.side != BUY]),
        longs=_share_won([outcome for outcome in closed if outcome.side == BUY]),
        wins=(len(won), percent(len(won), len(closed))),
        losses=(len(lost), percent(len(lost), len(closed))),
        trades=len(closed),
        largest=(max(won, default=ZERO), min(lost, default=ZERO)),
        average=(_average(won, digits), _average(lost, digits)),
        longest=(_longest(winning), _longest(losing)),
        richest=(_richest(winning), _richest(losing)),
        average_run=(_average_run(winning), _average_run(losing)),
    )


def _longest(runs: Sequence[Run]) -> Run:
    return max(runs, key=lambda run: run.count, default=Run())


def _richest(runs: Sequence[Run]) -> Run:
    return max(runs, key=lambda run: abs(run.money), default=Run())

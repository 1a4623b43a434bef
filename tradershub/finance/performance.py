"""Statistics of a list of trades as MetaTrader's report states them.

A trade's result is net: profit, commission, swap and fees together. Money is exact; ratios that
need a root or a regression are floats. What has no meaning is None, never infinite.
Source: MetaQuotes, client help, "Trading report"; MQL5 article 1492.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import accumulate, pairwise
from statistics import NormalDist, fmean, pstdev
from typing import NamedTuple

from tradershub.finance.decimals import ZERO
from tradershub.finance.drawdown import Drawdown, drawdown
from tradershub.finance.sides import Side

# Below this many trades a Z-score says nothing.
ENOUGH_TRADES = 30


class Streak(NamedTuple):
    """Wins or losses in a row and their sum."""

    length: int
    total: Decimal
    won: bool


NO_STREAK = Streak(0, ZERO, won=False)


class Counting(NamedTuple):
    """How results are counted, where platforms differ.

    zero_wins: a result of zero is a win; else it is neither and breaks no streak.
    larger_of_equals: of equally long streaks the one with more money; else the first.
    """

    zero_wins: bool
    larger_of_equals: bool


# Found in printed reports of MetaTrader 5, which documents neither.
METATRADER = Counting(zero_wins=True, larger_of_equals=True)
STRICT = Counting(zero_wins=False, larger_of_equals=False)


class Regression(NamedTuple):
    """The balance points against their index 0..N. None for a flat or too short curve."""

    correlation: float | None
    standard_error: float | None


class WinRate(NamedTuple):
    """Trades of one side, and the share of them that earned; None without trades."""

    trades: int
    wins: int

    @property
    def share(self) -> Decimal | None:
        return Decimal(self.wins) / self.trades if self.trades else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeStatistics:
    """All figures of a list of trades. Losses are negative, drawdowns positive, shares 0 to 1.

    longest_*: by number of trades. best_run, worst_run: by money. average_wins, average_losses:
    mean length of the streaks.
    """

    trades: int
    wins: int
    losses: int
    net_profit: Decimal
    gross_profit: Decimal
    gross_loss: Decimal
    profit_factor: Decimal | None
    expected_payoff: Decimal | None
    win_rate: Decimal | None
    average_win: Decimal | None
    average_loss: Decimal | None
    payoff_ratio: Decimal | None
    largest_win: Decimal
    largest_loss: Decimal
    drawdown: Drawdown
    recovery_factor: Decimal | None
    mean_holding_return: float | None
    geometric_holding_return: float | None
    runs: int
    z_score: float | None
    sharpe: float | None
    regression: Regression
    longest_wins: Streak
    longest_losses: Streak
    best_run: Streak
    worst_run: Streak
    average_wins: Decimal | None
    average_losses: Decimal | None


def trade_statistics(
    results: Sequence[Decimal], *, deposit: Decimal, counting: Counting = METATRADER
) -> TradeStatistics:
    """Statistics of net results in the order in which the trades were closed, without flows."""
    balances = list(accumulate(results, initial=deposit))
    wins = [result for result in results if is_win(result, counting)]
    losses = [result for result in results if result < 0]
    net, fall = sum(results, ZERO), drawdown(balances)
    average_win, average_loss = mean(wins), mean(losses)
    streaks = streaks_of(results, counting)
    won = [streak for streak in streaks if streak.won]
    lost = [streak for streak in streaks if not streak.won]
    return TradeStatistics(
        trades=len(results),
        wins=len(wins),
        losses=len(losses),
        net_profit=net,
        gross_profit=sum(wins, ZERO),
        gross_loss=sum(losses, ZERO),
        profit_factor=profit_factor(results),
        expected_payoff=mean(results),
        win_rate=ratio(Decimal(len(wins)), Decimal(len(results))),
        average_win=average_win,
        average_loss=average_loss,
        payoff_ratio=ratio(average_win, -average_loss if average_loss else None),
        largest_win=max(wins, default=ZERO),
        largest_loss=min(losses, default=ZERO),
        drawdown=fall,
        recovery_factor=ratio(net, fall.maximal),
        mean_holding_return=mean_holding_return(balances),
        geometric_holding_return=geometric_holding_return(balances),
        runs=len(streaks),
        z_score=z_score([won for streak in streaks for won in [streak.won] * streak.length]),
        sharpe=sharpe_of_trades(balances),
        regression=regression(balances),
        longest_wins=longest(won, counting),
        longest_losses=longest(lost, counting),
        best_run=max(won, key=_total, default=NO_STREAK),
        worst_run=min(lost, key=_total, default=NO_STREAK),
        average_wins=mean([Decimal(streak.length) for streak in won]),
        average_losses=mean([Decimal(streak.length) for streak in lost]),
    )


def mean(values: Sequence[Decimal]) -> Decimal | None:
    """The unrounded mean; None of nothing."""
    return sum(values, ZERO) / len(values) if values else None


def ratio(above: Decimal | None, below: Decimal | None) -> Decimal | None:
    """A quotient; None where a part is missing or the divisor is zero."""
    return above / below if above is not None and below else None


def profit_factor(results: Iterable[Decimal]) -> Decimal | None:
    """Sum of wins by sum of losses, positive; None without losses."""
    listed = list(results)
    lost = -sum((result for result in listed if result < 0), ZERO)
    return ratio(sum((result for result in listed if result > 0), ZERO), lost)


def win_rates(
    trades: Iterable[tuple[Side, Decimal]], counting: Counting = METATRADER
) -> dict[Side, WinRate]:
    """Trades won by side of the position: longs under "buy", shorts under "sell"."""
    listed = list(trades)
    rates: dict[Side, WinRate] = {}
    sides: tuple[Side, Side] = ("buy", "sell")
    for side in sides:
        results = [result for of, result in listed if of == side]
        rates[side] = WinRate(len(results), sum(is_win(each, counting) for each in results))
    return rates


def is_win(result: Decimal, counting: Counting = METATRADER) -> bool:
    """Whether a net result counts as a win."""
    return result > 0 or (counting.zero_wins and not result)


def streaks_of(results: Iterable[Decimal], counting: Counting = METATRADER) -> list[Streak]:
    """Runs of wins and of losses in order."""
    streaks: list[Streak] = []
    for result in results:
        won = is_win(result, counting)
        if not result and not won:
            continue
        if streaks and streaks[-1].won == won:
            last = streaks[-1]
            streaks[-1] = Streak(last.length + 1, last.total + result, won)
        else:
            streaks.append(Streak(1, result, won))
    return streaks


def _total(streak: Streak) -> Decimal:
    return streak.total


def longest(streaks: Iterable[Streak], counting: Counting = METATRADER) -> Streak:
    """The longest streak; of equals the larger sum or the first, as counting says."""
    if not counting.larger_of_equals:
        return max(streaks, key=lambda streak: streak.length, default=NO_STREAK)
    return max(streaks, key=lambda s: (s.length, abs(s.total)), default=NO_STREAK)


def count_runs(outcomes: Sequence[bool]) -> int:
    """Stretches of equal outcomes."""
    return sum(one != other for one, other in pairwise(outcomes)) + bool(outcomes)


def z_score(outcomes: Sequence[bool]) -> float | None:
    """Dependence between neighbouring trades: negative streaky, positive alternating.

    None unless both wins and losses occur. Below ENOUGH_TRADES it is not to be relied on.
    Z = (N (R - 1/2) - P) / sqrt(P (P - N) / (N - 1)), P = 2 W L. Source: MQL5 article 1492.
    """
    n, wins = len(outcomes), sum(outcomes)
    product = 2 * wins * (n - wins)
    spread = product * (product - n)
    if n < 2 or spread <= 0:
        return None
    return (n * (count_runs(outcomes) - 0.5) - product) / math.sqrt(spread / (n - 1))


def z_confidence(score: float) -> float:
    """The probability that a Z-score means dependence, as the report prints it in brackets."""
    return 2 * NormalDist().cdf(abs(score)) - 1


def mean_holding_return(balances: Sequence[Decimal]) -> float | None:
    """AHPR: the mean of each balance by the one before; None unless all were positive."""
    if len(balances) < 2 or min(balances) <= 0:
        return None
    return fmean(float(after / before) for before, after in pairwise(balances))


def sharpe_of_trades(balances: Sequence[Decimal]) -> float | None:
    """The Sharpe ratio that MetaTrader 5 prints in an account's history report.

    Mean by population deviation of each trade's return on the balance before it; not scaled to a
    year. None where the returns do not vary. Source: recomputed from printed reports; the strategy
    tester's ratio is another one.
    """
    if len(balances) < 3 or min(balances) <= 0:
        return None
    returns = [float(after / before - 1) for before, after in pairwise(balances)]
    spread = pstdev(returns)
    return fmean(returns) / spread if spread else None


def geometric_holding_return(balances: Sequence[Decimal]) -> float | None:
    """GHPR: the N-th root of the last balance by the first; None unless both are positive."""
    if len(balances) < 2 or balances[0] <= 0 or balances[-1] <= 0:
        return None
    return math.pow(float(balances[-1] / balances[0]), 1 / (len(balances) - 1))


def regression(points: Sequence[Decimal]) -> Regression:
    """Pearson's r of the points against 0..N, and sqrt(SSE / (n - 2)) with n points.

    MetaQuotes does not publish the divisor of its standard error: n - 2 is our convention.
    """
    n = len(points)
    if n < 3:
        return Regression(None, None)
    base = points[0]
    ys = [float(point - base) for point in points]
    mean_x, mean_y = (n - 1) / 2, fmean(ys)
    xx = math.fsum((x - mean_x) ** 2 for x in range(n))
    yy = math.fsum((y - mean_y) ** 2 for y in ys)
    xy = math.fsum((x - mean_x) * (y - mean_y) for x, y in enumerate(ys))
    slope = xy / xx
    residuals = math.fsum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in enumerate(ys))
    correlation = xy / math.sqrt(xx * yy) if yy else None
    return Regression(correlation, math.sqrt(residuals / (n - 2)))


def holding_time(opened_at: datetime, closed_at: datetime) -> timedelta:
    """From the first opening to the last closing; partial closes do not count."""
    return closed_at - opened_at

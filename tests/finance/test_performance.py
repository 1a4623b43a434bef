from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradershub.finance.performance import (
    STRICT,
    count_runs,
    holding_time,
    profit_factor,
    regression,
    streaks_of,
    trade_statistics,
    win_rates,
    z_confidence,
    z_score,
)


def results(*amounts):
    return [D(amount) for amount in amounts]


def test_without_losses_the_profit_factor_is_undefined():
    assert profit_factor(results(5, 3)) is None
    assert profit_factor(results(-5)) == 0
    assert profit_factor([]) is None


def test_no_trades_have_no_ratios():
    found = trade_statistics([], deposit=D(1000))
    assert (found.trades, found.net_profit, found.runs) == (0, 0, 0)
    assert (found.expected_payoff, found.win_rate, found.z_score) == (None, None, None)
    assert (found.recovery_factor, found.mean_holding_return) == (None, None)
    assert found.longest_wins[:2] == (0, 0)


def test_metatrader_counts_a_zero_as_a_win():
    found = trade_statistics(results(-5, -3, 0, -1), deposit=D(100))
    assert (found.wins, found.losses, found.longest_losses[:2]) == (1, 3, (2, -8))
    assert found.average_win == 0
    assert win_rates([("sell", D(0))])["sell"].wins == 1


def test_strictly_a_zero_is_neither_and_breaks_no_streak():
    found = trade_statistics(results(5, 0, 3, -1), deposit=D(100), counting=STRICT)
    assert (found.trades, found.wins, found.losses) == (4, 2, 1)
    assert found.longest_wins[:2] == (2, 8)


def test_of_equal_streaks_metatrader_names_the_larger_and_strict_the_first():
    listed = results(1, 2, -1, 5, 6, -2)
    assert trade_statistics(listed, deposit=D(100)).longest_wins[:2] == (2, 11)
    strict = trade_statistics(listed, deposit=D(100), counting=STRICT)
    assert strict.longest_wins[:2] == (2, 3)
    assert strict.best_run[:2] == (2, 11)
    assert strict.worst_run[:2] == (1, -2)
    assert (strict.average_wins, strict.average_losses) == (2, 1)


def test_sharpe_is_the_mean_by_the_deviation_of_each_trade_s_return():
    found = trade_statistics(results(10, -11, 9), deposit=D(100))
    returns = [0.1, -0.1, 9 / 99]
    mean = sum(returns) / 3
    deviation = (sum((each - mean) ** 2 for each in returns) / 3) ** 0.5
    assert found.sharpe == pytest.approx(mean / deviation)
    assert trade_statistics(results(0, 0), deposit=D(100)).sharpe is None


def test_only_losses_have_no_best_run():
    found = trade_statistics(results(-1, -2), deposit=D(100))
    assert found.best_run[:2] == (0, 0)
    assert found.recovery_factor == -1


def test_z_of_the_published_sequence():
    outcomes = [sign == "+" for sign in "++--+-+-++-+--+-+-"]
    assert count_runs(outcomes) == 14
    assert z_score(outcomes) == pytest.approx(2.1866069605669876)
    assert z_confidence(1.959963984540054) == pytest.approx(0.95)


@pytest.mark.parametrize("outcomes", [[], [True], [True, True], [False] * 40, [True, False]])
def test_z_needs_both_wins_and_losses(outcomes):
    assert z_score(outcomes) is None


def test_a_flat_curve_has_no_correlation():
    assert regression(results(5, 5, 5)) == (None, 0)
    assert regression(results(5, 6)) == (None, None)
    assert regression(results(1, 2, 3)).correlation == pytest.approx(1)


def test_a_wiped_account_has_no_holding_returns():
    found = trade_statistics(results(-150, 100), deposit=D(100))
    assert found.mean_holding_return is None
    assert found.geometric_holding_return == pytest.approx(0.5**0.5)


def test_long_and_short_are_counted_apart():
    rates = win_rates([("buy", D(5)), ("buy", D(-5)), ("buy", D(0))])
    assert (rates["buy"].trades, rates["buy"].wins) == (3, 2)
    assert rates["sell"].share is None


def test_holding_time_is_from_first_opening_to_last_closing():
    opened = datetime(2024, 1, 1, tzinfo=UTC)
    assert holding_time(opened, opened + timedelta(hours=5)) == timedelta(hours=5)


amounts = st.lists(st.decimals(min_value=-500, max_value=500, places=2), max_size=40)


@given(amounts)
def test_parts_make_the_whole(listed):
    found = trade_statistics(listed, deposit=D(10_000))
    assert found.gross_profit + found.gross_loss == found.net_profit == sum(listed)
    assert found.wins + found.losses == found.trades
    assert sum(streak.total for streak in streaks_of(listed)) == found.net_profit


@given(st.lists(st.booleans(), max_size=60))
def test_z_does_not_care_who_wins(outcomes):
    assert z_score(outcomes) == z_score([not outcome for outcome in outcomes])

"""How two prices move together."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from tradershub.finance.correlation import correlation

D = Decimal


def prices(moves, start="1", since=date(2026, 1, 1)):
    """A price a day, each as many per cent above the one before."""
    start = D(start)
    found = {since: start}
    for n, move in enumerate(moves, start=1):
        start *= 1 + D(move) / 100
        found[since + timedelta(days=n)] = start
    return found


@pytest.mark.parametrize(("way", "r"), [(1, 1), (-1, -1)])
def test_what_moves_alike_or_against_each_other(way, r):
    moves = [D((-1) ** n * (n % 7)) / 10 for n in range(60)]
    found = correlation(prices(moves), prices([way * move for move in moves], start="50"))
    assert round(found.r, 3) == r and found.n == 60


def test_a_worked_example():
    """Returns 1, -1, 1, -1 ... beside 1, 1, -1, -1 ...: half of them agree, so r is 0."""
    first = prices([(-1) ** n for n in range(64)])
    second = prices([1 if n % 4 < 2 else -1 for n in range(64)])
    assert abs(correlation(first, second).r) < D("0.001")


@pytest.mark.parametrize("days", [0, 59])
def test_too_few_days_in_common_say_nothing(days):
    moves = [(-1) ** n for n in range(days)]
    assert correlation(prices(moves), prices([1] * 300)) is None


def test_a_price_that_never_moved_has_none():
    assert correlation(prices([0] * 80), prices([(-1) ** n for n in range(80)])) is None


def test_only_the_last_250_count():
    assert correlation(*[prices([(-1) ** n for n in range(400)])] * 2).n == 250

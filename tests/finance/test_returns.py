from datetime import date
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradershub.finance.drawdown import largest_fall
from tradershub.finance.returns import (
    CashFlow,
    Span,
    WeightedFlow,
    compound,
    daily_return,
    growth_index,
    internal_rate,
    modified_dietz,
    time_weighted,
)


def flows(*rows):
    return [CashFlow(date.fromisoformat(on), D(amount)) for on, amount in rows]


def test_a_deposit_is_no_return():
    spans = [Span(D(10_000), D(5000)), Span(D(15_000))]
    assert time_weighted(D(10_000), spans) == 0


@pytest.mark.parametrize("start", [0, -100])
def test_without_capital_there_is_no_return(start):
    assert time_weighted(D(start), [Span(D(100))]) is None
    assert daily_return(D(start), D(100)) is None
    assert modified_dietz(D(start), D(100), [], days=D(30)) is None


def test_months_compound():
    assert compound([D("0.1025"), D("0.0799"), D("0.0154")]) == D("0.20892483215")


def test_a_flow_counts_at_the_start_or_the_end_of_the_day():
    assert daily_return(D(100), D(220), flow=D(100)) == D("0.1")
    assert daily_return(D(100), D(220), flow=D(100), flow_at_start=False) == D("0.2")


def test_dietz_weighs_a_flow_by_the_days_it_worked():
    worked = modified_dietz(D(1000), D(2100), [WeightedFlow(D(15), D(1000))], days=D(30))
    assert round(worked, 6) == D("0.066667")


def test_the_index_does_not_see_a_withdrawal():
    steps = [(D(0), D(1000)), (D(100), D(0)), (D(0), D(-600)), (D(-50), D(0))]
    assert growth_index(steps) == [1, 1, D("1.1"), D("1.1"), D("0.99")]
    assert largest_fall(growth_index(steps)) == D("0.1")


def test_a_result_without_capital_moves_nothing():
    assert growth_index([(D(50), D(0)), (D(0), D(100)), (D(15), D(0))])[1] == 1


def test_internal_rate_of_microsoft_s_example():
    found = internal_rate(
        flows(
            ("1992-01-01", "-10000"),
            ("1992-03-01", "2750"),
            ("1992-10-30", "4250"),
            ("1993-02-15", "3250"),
            ("1993-04-01", "2750"),
        )
    )
    assert found.rate == pytest.approx(0.373363, abs=1e-6)
    assert found.unique


def test_several_rates_are_said():
    found = internal_rate(
        flows(("2022-01-01", "-1000"), ("2023-01-01", "2500"), ("2024-01-01", "-1540"))
    )
    assert not found.unique
    assert found.rate == pytest.approx(0.1, abs=1e-3)


@pytest.mark.parametrize(
    "rows",
    [[], [("2024-01-01", "-100")], [("2024-01-01", "100"), ("2024-06-01", "50")]],
)
def test_flows_of_one_sign_have_no_rate(rows):
    assert internal_rate(flows(*rows)) is None


def test_a_century_does_not_overflow():
    found = internal_rate(flows(("1924-01-01", "-1"), ("2024-01-01", "2")))
    assert found.rate == pytest.approx(2 ** (365 / 36525) - 1, rel=1e-6)


rates = st.floats(min_value=-0.9, max_value=5)


@given(rates, st.integers(1, 3650))
def test_the_rate_that_made_the_flows_is_found(rate, days):
    final = round(D(1_000_000) * D(repr((1 + rate) ** (days / 365))), 6)
    start = date(2010, 1, 1)
    listed = [
        CashFlow(start, D(-1_000_000)),
        CashFlow(date.fromordinal(start.toordinal() + days), final),
    ]
    found = internal_rate(listed)
    assert found.rate == pytest.approx(rate, rel=1e-3, abs=1e-3)


values = st.decimals(min_value=1, max_value=10**6, places=2)


@given(values, st.lists(values, min_size=1, max_size=6))
def test_stretches_without_flows_are_the_whole(start, ends):
    whole = ends[-1] / start - 1
    assert abs(time_weighted(start, [Span(end) for end in ends]) - whole) < D("1e-15") * ends[-1]

from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st

from tradershub.finance.ledger import (
    Entry,
    external_flows,
    position_totals,
    running_balance,
    trading_result,
)

ENTRIES = [
    Entry(kind="deposit", profit=D(10_000)),
    Entry(kind="credit", profit=D(500)),
    Entry(kind="in", ref="1", commission=D("-3.50")),
    Entry(kind="out", ref="1", profit=D("84.20"), commission=D("-1.75"), swap=D("-2.13")),
    Entry(kind="compensation", profit=D(10)),
    Entry(kind="withdrawal", profit=D(-2500)),
]


def test_credit_is_kept_apart_from_the_balance():
    balances = running_balance(ENTRIES)
    assert balances[:2] == [10_000, 10_000]
    assert balances[-1] == D("7586.82")


def test_flows_are_no_performance_and_compensation_is():
    assert external_flows(ENTRIES) == 7500
    assert trading_result(ENTRIES) == D("86.82")


def test_the_entry_commission_belongs_to_the_position():
    [total] = position_totals(ENTRIES).values()
    assert (total.profit, total.commission, total.net) == (D("84.20"), D("-5.25"), D("76.82"))


entries = st.lists(
    st.builds(
        Entry,
        kind=st.sampled_from(["deposit", "withdrawal", "in", "out", "bonus", "fee", "credit"]),
        ref=st.sampled_from(["", "1", "2"]),
        profit=st.decimals(min_value=-999, max_value=999, places=2),
        swap=st.decimals(min_value=-9, max_value=9, places=2),
        commission=st.decimals(min_value=-9, max_value=0, places=2),
        fee=st.decimals(min_value=-9, max_value=0, places=2),
    ),
    max_size=20,
)


@given(entries)
def test_flows_and_results_make_the_balance(listed):
    last = running_balance(listed, opening=D(100))[-1:] or [D(100)]
    assert last[0] == 100 + external_flows(listed) + trading_result(listed)

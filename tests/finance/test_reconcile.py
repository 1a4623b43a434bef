from decimal import Decimal as D

import pytest

from tradershub.finance.decimals import Rounding
from tradershub.finance.pnl import price_profit
from tradershub.finance.reconcile import Row, Verdict, explain, reconcile, verdict
from tradershub.finance.terms import CalcMode, ContractTerms


@pytest.mark.parametrize(
    ("computed", "stated", "expected"),
    [
        ("84.20", "84.2", Verdict.MATCH),
        ("-12.40", "-12.41", Verdict.ROUNDING),
        ("231.00", "230.40", Verdict.MISMATCH),
        ("15.00", None, Verdict.MISSING_ON_STATEMENT),
        (None, "-9.99", Verdict.MISSING_IN_BOOKS),
    ],
)
def test_each_row_gets_a_verdict(computed, stated, expected):
    row = Row("t", computed and D(computed), stated and D(stated))
    assert verdict(row) is expected


def test_differences_add_up_and_verdicts_are_counted():
    found = reconcile([Row("a", D(5), D(4)), Row("b", None, D(3)), Row("c", D(2), None)])
    assert found.difference == 0
    assert found.counts[Verdict.MISMATCH] == 1


def test_the_rule_that_explains_a_row_to_the_cent_comes_first():
    trade = {
        "side": "buy",
        "lots": D("0.01"),
        "open_price": D("1.23456"),
        "close_price": D("1.23512"),
    }
    terms = ContractTerms(mode=CalcMode.FOREX, contract_size=D(10_000))
    cut = ContractTerms(mode=CalcMode.CFD, contract_size=D(10_000), rounding=Rounding.TRUNCATE)
    found = explain(
        D("0.06"),
        {
            "rounded twice": lambda: price_profit(terms=terms, **trade),
            "rounded once": lambda: price_profit(terms=terms, round_once=True, **trade),
            "truncated": lambda: price_profit(terms=cut, **trade),
        },
    )
    assert [(each.rule, each.residual) for each in found] == [
        ("rounded once", D("0.00")),
        ("rounded twice", D("0.01")),
        ("truncated", D("0.01")),
    ]

"""What a size is made of, as it is told."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from tradershub.finance.terms import CalcMode, ContractTerms
from trading.sizing import Basis, lots_of
from trading.sources.draft import Size, SizeIn


@pytest.mark.parametrize(
    ("contract_size", "told"), [(D(1), "0.00500"), (D(1000), "5.00"), (D(100000), "500.00")]
)
def test_what_a_lot_loses_is_told_by_digits_that_count(contract_size, told):
    """50 pips of EURUSD: a lot may be one unit, 1,000 or 100,000."""
    terms = ContractTerms(mode=CalcMode.FOREX, contract_size=contract_size, tick_size=D("0.00001"))
    basis = Basis(
        terms=terms, point_value=contract_size, price=D("1.1"), rate=D(1), equity=D(100_000)
    )
    size = Size(D("0.5"), SizeIn.PERCENT_RISK)
    found = lots_of(size, basis, share=D(1), stop=D("1.095"))
    assert found.figures["a lot loses at the stop"] == told


@pytest.mark.parametrize(
    ("units", "told", "ordered"),
    [
        ("1", "0.0000100", None),
        ("1234", "0.0123", "0.01"),
        ("123456789000", "1234567.8900", "1234567.89"),
    ],
)
def test_lots_are_told_by_digits_that_count_and_as_numbers(units, told, ordered):
    terms = ContractTerms(mode=CalcMode.FOREX, contract_size=D(100000), tick_size=D("0.00001"))
    basis = Basis(terms=terms, point_value=D(100000), price=D("1.1"), rate=D(1), equity=D(100_000))
    found = lots_of(Size(D(units), SizeIn.UNITS), basis, share=D(1), stop=None)
    assert (found.figures["lots"], found.figures.get("ordered")) == (told, ordered)
    assert ordered or "1 units come to 0.00001 lots" in found.text

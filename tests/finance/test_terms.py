from decimal import Decimal

import pytest

from tradershub.finance.terms import CalcMode, ContractTerms


@pytest.mark.parametrize("name", ["contract_size", "lot_step", "tick_size", "pip_size"])
def test_sizes_must_be_positive(name):
    with pytest.raises(ValueError, match=f"{name} must be positive, was 0"):
        ContractTerms(mode=CalcMode.CFD, **{name: Decimal(0)})


def test_the_point_is_the_last_digit():
    assert ContractTerms(mode=CalcMode.FOREX, digits=3).point == Decimal("0.001")

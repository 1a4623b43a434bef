from decimal import Decimal as D

from tradershub.finance.valuation import equity, free_margin, margin_level


def test_equity_adds_everything_signed():
    value = equity(
        balance=D(4000),
        credit=D(100),
        floating=D("50.60"),
        open_swap=D("-2.10"),
        blocked_commission=D("-1.40"),
    )
    assert value == D("4147.10")


def test_a_group_may_ignore_floating_profit():
    assert free_margin(D(1100), D(300), ignored_profit=D(100)) == 700
    assert free_margin(D(900), D(300), ignored_profit=D(-100)) == 600


def test_without_margin_there_is_no_level():
    assert margin_level(D(1000), D(0)) is None
    assert margin_level(D(-500), D(1000)) == -50

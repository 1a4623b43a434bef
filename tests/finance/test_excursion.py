from decimal import Decimal as D

from tradershub.finance.excursion import PriceRange, excursion, exit_efficiency

BARS = [PriceRange(D("1.0846"), D("1.0831")), PriceRange(D("1.0888"), D("1.0854"))]


def test_a_long_gains_at_the_high():
    found = excursion(side="buy", entry=D("1.0845"), bars=BARS, value_of_one=D(50_000))
    assert found == (215, -70)


def test_a_short_gains_at_the_low():
    found = excursion(side="sell", entry=D("1.0845"), bars=BARS, value_of_one=D(50_000))
    assert found == (70, -215)


def test_a_trade_that_never_won_has_no_efficiency():
    found = excursion(
        side="buy", entry=D("1.1"), bars=[PriceRange(D("1.09"), D("1.08"))], value_of_one=D(1)
    )
    assert found.favourable == 0
    assert exit_efficiency(D(-5), found.favourable) is None
    assert exit_efficiency(D(135), D(270)) == D("0.5")

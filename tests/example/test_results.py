"""The statistics block, on examples that can be done by hand."""

from __future__ import annotations

from decimal import Decimal

from tradershub.example.results import Outcome, Run, compute, drawdown


def outcomes(*amounts: int) -> list[Outcome]:
    return [Outcome(Decimal(amount), "buy") for amount in amounts]


def test_drawdowns_in_money_and_percent_may_be_different_falls():
    """MetaQuotes' definitions on the balances 5000, 6000, 4000, 8000, 5500."""
    found = drawdown(map(Decimal, (1000, -2000, 4000, -2500)), Decimal(5000))
    assert found.absolute == 1000
    assert found.deepest == (2500, Decimal("31.25"))
    assert round(found.steepest[0], 2) == Decimal("33.33")
    assert found.steepest[1] == 2000


def test_runs_are_counted_and_valued_apart():
    block = compute(outcomes(5, 5, -1, 20, -2, -3, -1), start=Decimal(100), digits="0.01")
    assert block.longest == (Run(2, Decimal(10)), Run(3, Decimal(-6)))
    assert block.richest == (Run(1, Decimal(20)), Run(3, Decimal(-6)))
    assert block.average_run == (2, 2)
    assert (block.net, block.gross_profit, block.gross_loss) == (23, 30, -7)
    assert block.profit_factor == Decimal("4.29")


def test_an_entry_with_a_commission_is_a_loss_but_no_trade():
    rows = [Outcome(Decimal(-3)), Outcome(Decimal(10), "sell")]
    block = compute(rows, start=Decimal(100), digits="0.01")
    assert block.trades == 1
    assert block.gross_loss == -3
    assert block.shorts == (1, Decimal("100.00"))
    assert block.longs == (0, 0)


def test_no_trades_give_zeros():
    block = compute([], start=Decimal(100), digits="0.01")
    assert (block.net, block.profit_factor, block.expected, block.sharpe) == (0, 0, 0, 0)
    assert block.longest == (Run(), Run())

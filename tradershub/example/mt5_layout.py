"""What MT5's HTML and XLSX reports share: printed numbers and the grid of statistics."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from tradershub.example.market import MARKS
from tradershub.example.records import Account
from tradershub.example.results import Results, Run

Value = Decimal | int | str
Field = tuple[str, Value]


def digits_of(currency: str) -> int:
    """Digits after the point of money in this currency."""
    return 0 if currency in MARKS else 2


def number(value: Decimal | int, digits: int) -> str:
    """`-1 234.50`: point decimal, groups of thousands parted by a space."""
    return f"{value + 0:,.{digits}f}".replace(",", " ")


def volume(lots: Decimal) -> str:
    """Lots as newer terminals print them: `0.1`, `1`."""
    return f"{lots.normalize():f}"


def account_line(account: Account) -> str:
    """`5512 (USD, Some-Server, real, Hedge)`."""
    return f"{account.number} ({account.currency}, {account.server}, real, {account.margin_mode})"


def results_grid(results: Results, currency: str) -> list[list[Field] | None]:
    """Rows of (label key, value); None is an empty line.

    Pairs come as the text that both formats print.
    """
    money = digits_of(currency)
    return [
        [
            ("net_profit", results.net),
            ("gross_profit", results.gross_profit),
            ("gross_loss", results.gross_loss),
        ],
        [("profit_factor", results.profit_factor), ("expected_payoff", results.expected)],
        [("recovery_factor", results.recovery), ("sharpe", results.sharpe)],
        None,
        [("drawdown", "")],
        _drawdown_row(results, money),
        None,
        [
            ("trades", results.trades),
            ("shorts", _counted(results.shorts)),
            ("longs", _counted(results.longs)),
        ],
        *([("", ""), *row] for row in _pairs(results, money)),
    ]


def _drawdown_row(results: Results, money: int) -> list[Field]:
    fall, fall_share = results.drawdown.deepest
    share, share_fall = results.drawdown.steepest
    return [
        ("drawdown_absolute", results.drawdown.absolute),
        ("drawdown_maximal", f"{number(fall, money)} ({number(fall_share, money)}%)"),
        ("drawdown_relative", f"{number(share, money)}% ({number(share_fall, money)})"),
    ]


def _pairs(results: Results, money: int) -> list[list[Field]]:
    return [
        [("wins", _counted(results.wins)), ("losses", _counted(results.losses))],
        [("largest_win", results.largest[0]), ("largest_loss", results.largest[1])],
        [("average_win", results.average[0]), ("average_loss", results.average[1])],
        [
            ("longest_wins", _run(results.longest[0], money)),
            ("longest_losses", _run(results.longest[1], money)),
        ],
        [
            ("richest_wins", _run_money(results.richest[0], money)),
            ("richest_losses", _run_money(results.richest[1], money)),
        ],
        [("average_wins", results.average_run[0]), ("average_losses", results.average_run[1])],
    ]


def _counted(pair: tuple[int, Decimal]) -> str:
    return f"{pair[0]} ({pair[1]}%)"


def _run(run: Run, money: int) -> str:
    return f"{run.count} ({number(run.money, money)})"


def _run_money(run: Run, money: int) -> str:
    return f"{number(run.money, money)} ({run.count})"


def printed(labels: Mapping[str, str], key: str) -> str:
    """The label with its colon; nothing for an empty place in the grid."""
    return f"{labels[key]}:" if key else ""

"""Our statistics against what MetaTrader 5 printed under the same trades."""

import os
import re
from decimal import ROUND_DOWN, Decimal
from html import unescape
from pathlib import Path

import pytest

from accounts.statements import mt5
from tradershub.finance.performance import trade_statistics, win_rates

FOLDER = os.environ.get("TRADERSHUB_STATEMENTS", "")
REPORTS = [
    "2016-hedge-usd-en-old-layout.html",
    "2016-netting-usd-en-inout-deal.html",
    "2023-hedge-eur-en-many-open.html",
    "2023-hedge-usd-bg-utf8.html",
    "2025-hedge-jpy-ja-oanda-japan.html",
]
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
# The last rows of a report, counted from its end; the words before them differ by language.
RESULT_ROWS = {
    -12: ("net_profit", "gross_profit", "gross_loss"),
    -11: ("profit_factor", "expected_payoff"),
    -10: ("recovery_factor", "sharpe"),
    -8: ("dd_absolute", "dd_maximal", "dd_percent", "dd_relative_percent", "dd_relative"),
    -7: ("trades", "shorts", "shorts_won", "longs", "longs_won"),
    -6: ("wins", "wins_percent", "losses", "losses_percent"),
    -5: ("largest_win", "largest_loss"),
    -4: ("average_win", "average_loss"),
    -3: ("most_wins", "most_wins_sum", "most_losses", "most_losses_sum"),
    -2: ("best_run_sum", "best_run", "worst_run_sum", "worst_run"),
    -1: ("average_wins", "average_losses"),
}


def printed(path):
    raw = path.read_bytes()
    text = raw.decode("utf-16" if raw[:1] in b"\xff\xfe" else "utf-8", "replace")
    rows = [
        [
            unescape(re.sub("<[^>]+>", "", cell)).strip()
            for cell in re.findall("<t[dh].*?</t[dh]>", row, re.S)
        ]
        for row in re.findall("<tr.*?</tr>", text, re.S)
    ]
    results = [row for row in rows if any(cell.endswith(":") for cell in row)][-12:]
    figures = {}
    for place, names in RESULT_ROWS.items():
        cells = [cell for cell in results[place] if cell and not cell.endswith(":")]
        numbers = NUMBER.findall(" ".join(re.sub(r"\s(?=\d)", "", cell) for cell in cells))
        figures |= dict(zip(names, map(Decimal, numbers), strict=True))
    return figures


def computed(path):
    deals = mt5.read(path).deals
    deposit = next(deal.amount for deal in deals if deal.kind != "trade")
    closings = [deal for deal in deals if deal.entry in ("out", "inout", "out_by")]
    found = trade_statistics([deal.amount for deal in closings], deposit=deposit)
    sides = win_rates(("buy" if deal.side == "sell" else "sell", deal.amount) for deal in closings)
    fall = found.drawdown
    names = (
        "net_profit gross_profit gross_loss profit_factor expected_payoff recovery_factor sharpe "
        "trades wins losses largest_win largest_loss average_win average_loss average_wins average_losses"
    )
    return {name: getattr(found, name) for name in names.split()} | {
        "dd_absolute": fall.absolute,
        "dd_maximal": fall.maximal,
        "dd_percent": fall.maximal_percent,
        "dd_relative": fall.relative,
        "dd_relative_percent": fall.relative_percent,
        "shorts": sides["sell"].trades,
        "longs": sides["buy"].trades,
        "shorts_won": (sides["sell"].share or 0) * 100,
        "longs_won": (sides["buy"].share or 0) * 100,
        "wins_percent": (found.win_rate or 0) * 100,
        "losses_percent": (1 - found.win_rate) * 100,
        "most_wins": found.longest_wins.length,
        "most_wins_sum": found.longest_wins.total,
        "most_losses": found.longest_losses.length,
        "most_losses_sum": found.longest_losses.total,
        "best_run": found.best_run.length,
        "best_run_sum": found.best_run.total,
        "worst_run": found.worst_run.length,
        "worst_run_sum": found.worst_run.total,
    }


@pytest.mark.skipif(not FOLDER, reason="TRADERSHUB_STATEMENTS names no folder")
@pytest.mark.parametrize("name", REPORTS)
def test_every_printed_figure_is_ours(name):
    path = Path(FOLDER) / "mt5" / name
    wanted, ours = printed(path), computed(path)
    differ = {}
    for figure, value in wanted.items():
        unit = Decimal(1).scaleb(value.as_tuple().exponent)
        found = Decimal(str(ours[figure] or 0))
        if abs(found - value) > unit / 2:
            differ[figure] = (value, found.quantize(unit, rounding=ROUND_DOWN))
    assert differ == {}

"""The year as a whole: who, where, how much, and the same every time."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.example import reading
from tests.example.conftest import LAST, UNTIL
from tradershub import example
from tradershub.example import write_example


def text_of(path: Path) -> str:
    """Everything a file says, for searching."""
    if path.suffix == ".xlsx":
        return "\n".join("|".join(row) for row in reading.mt5_xlsx(path))
    data = path.read_bytes()
    return data.decode("utf-16" if data.startswith(b"\xff\xfe") else "cp1252")


def test_same_seed_and_day_give_the_same_bytes(example_files: list[Path], tmp_path: Path):
    again = write_example(tmp_path / "new", until=UNTIL, seed=7)
    assert [path.name for path in again] == [path.name for path in example_files]
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in example_files]


def test_another_seed_gives_another_year(example_files: list[Path], tmp_path: Path):
    others = write_example(tmp_path, until=UNTIL, seed=8)
    for ours, other in zip(sorted(example_files), sorted(others), strict=True):
        assert ours.read_bytes() != other.read_bytes()


def test_four_accounts_at_three_brokers_in_three_currencies(example_files: list[Path]):
    texts = [text_of(path) for path in example_files]
    numbers = {
        n for text in texts for n in re.findall(r"\b(50481127|50481203|772106|1200458)\b", text)
    }
    brokers = {b for text in texts for b in re.findall(r"Northgate|Harbour|Kaede", text)}
    mt5 = {
        c
        for text in texts
        for c in re.findall(r"\((USD|EUR|JPY|GBP),", text.replace("&nbsp;", " "))
    }
    mt4 = {c for text in texts for c in re.findall(r"Currency: (\w+)", text)}
    assert len(numbers) == 4
    assert len(brokers) == 3
    assert mt5 | mt4 == {"USD", "EUR", "JPY"}
    assert all("Alex Morgan" in text for text in texts)


def test_no_moment_lies_on_a_weekend_or_outside_the_year(example_files: list[Path]):
    for path in example_files:
        stamps = set(re.findall(r"(\d{4})\.(\d\d)\.(\d\d) \d\d:\d\d:\d\d", text_of(path)))
        days = {date(*map(int, stamp)) for stamp in stamps}
        assert max(days) <= LAST
        assert min(days) >= LAST.replace(year=LAST.year - 1)
        assert not [day for day in days if day.weekday() > 4]


def test_each_account_trades_between_150_and_400_times(
    dollar_report, euro_report, harbour, yen_report, market
):
    reports = (dollar_report, euro_report, harbour.report(market.end), yen_report)
    counts = [report.results.trades for report in reports]
    assert all(150 <= count <= 400 for count in counts), counts


def test_each_account_ends_with_open_positions_and_a_working_order(
    dollar_report, euro_report, harbour, yen_report, market
):
    for report in (dollar_report, euro_report):
        assert 2 <= len(report.open_positions) <= 4
        assert len(report.working) >= 1
    for report in (harbour.report(market.end), yen_report):
        assert 2 <= len(report.open_trades) <= 4
        assert len(report.working) >= 1


def test_the_dollar_account_gains_over_the_year_and_loses_in_some_month(dollar_report):
    months: dict[str, Decimal] = defaultdict(Decimal)
    for deal in dollar_report.deals:
        if deal.is_trade:
            months[f"{deal.at:%Y-%m}"] += deal.amount
    assert sum(months.values()) > 0
    assert min(months.values()) < 0


def test_stops_targets_partial_closes_and_lapsed_orders_occur(dollar_report, euro_report):
    comments = {deal.comment[:4] for deal in dollar_report.deals}
    assert {"[sl ", "[tp "} <= comments
    states = {order.state for order in dollar_report.orders}
    assert states == {"filled", "canceled", "expired"}
    outs = sum(deal.entry == "out" for deal in dollar_report.deals)
    assert outs > len(dollar_report.positions)
    assert {"in", "out", "in/out"} <= {deal.entry for deal in euro_report.deals}


def test_prices_of_a_stop_comment_and_its_deal_agree_or_slip_by_a_few_points(dollar_report):
    for deal in dollar_report.deals:
        if deal.comment.startswith("[tp "):
            assert deal.comment == f"[tp {deal.price}]"
        elif deal.comment.startswith("[sl "):
            level = Decimal(deal.comment[4:-1])
            point = Decimal(1).scaleb(level.as_tuple().exponent)
            assert abs(deal.price - level) <= 6 * point


@pytest.mark.parametrize("until", [date(2024, 3, 1), date(2026, 11, 20), date(2031, 1, 1)])
def test_any_day_can_end_the_year(tmp_path: Path, until: date):
    files = write_example(tmp_path, until=until)
    stamps = re.findall(r"(\d{4}\.\d\d\.\d\d) \d\d:\d\d:\d\d", text_of(files[-1]))
    last = datetime.strptime(max(stamps), "%Y.%m.%d").date()  # noqa: DTZ007 - a day, not a moment
    assert 0 <= (until - last).days <= 7


def test_the_example_imports_nothing_from_the_parsers_or_django():
    folder = Path(example.__file__).parent
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [a.name for a in node.names] if isinstance(node, ast.Import) else []
            assert not [n for n in names if n.split(".")[0] in {"accounts", "django"}], path.name

"""The example's market and accounts, made once for all tests of this folder."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from tradershub.example import story, write_example
from tradershub.example.market import Market

UNTIL = date(2026, 5, 17)  # a Sunday
LAST = date(2026, 5, 15)


@pytest.fixture(scope="session")
def market() -> Market:
    return Market(first=LAST - timedelta(days=365), last=LAST, seed=7)


@pytest.fixture(scope="session")
def example_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_example(tmp_path_factory.mktemp("example"), until=UNTIL, seed=7)


@pytest.fixture(scope="session")
def dollar_report(market: Market):
    return story.dollars(market, 7).report(market.end)


@pytest.fixture(scope="session")
def euro_report(market: Market):
    return story.euros(market, 7).report(market.end)


@pytest.fixture(scope="session")
def harbour(market: Market):
    return story.harbour(market, 7)


@pytest.fixture(scope="session")
def yen_report(market: Market):
    return story.yen(market, 7).report(market.end)

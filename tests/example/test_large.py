"""The large report for benchmarks is consistent at any size."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.example import reading
from tests.example.reading import after, money, section
from tradershub.example import write_large_mt5

READERS = {"html": reading.mt5_html, "xlsx": reading.mt5_xlsx}


@pytest.mark.parametrize("kind", ["html", "xlsx"])
@pytest.mark.parametrize("deals", [2, 3, 500, 501])
def test_it_has_exactly_the_deals_asked_for_and_they_add_up(tmp_path: Path, deals: int, kind: str):
    path = write_large_mt5(tmp_path / f"large.{kind}", deals=deals, format=kind)
    rows = READERS[kind](path)
    found = section(rows, "Deals", 14)
    assert len(found) == deals
    balance = 0
    for row in found:
        balance += sum(map(money, row[8:12]))
        assert money(row[12]) == balance
    assert money(after(rows, "Balance:")) == balance
    assert len(section(rows, "Open Positions", 12)) == (deals + 1) % 2
    assert len(section(rows, "Positions", 13)) == (deals - 1) // 2
    times = [row[0] for row in found]
    assert times == sorted(times)
    assert len({row[1] for row in found}) == deals


def test_same_seed_gives_the_same_bytes(tmp_path: Path):
    first = write_large_mt5(tmp_path / "a.xlsx", deals=50, seed=3).read_bytes()
    assert write_large_mt5(tmp_path / "b.xlsx", deals=50, seed=3).read_bytes() == first
    assert write_large_mt5(tmp_path / "c.xlsx", deals=50, seed=4).read_bytes() != first


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"deals": 1}, "deals was 1"), ({"format": "csv"}, "format was 'csv'")],
)
def test_what_cannot_be_written_is_refused(tmp_path: Path, wrong: dict, message: str):
    with pytest.raises(ValueError, match=message):
        write_large_mt5(tmp_path / "x", **wrong)
    assert not (tmp_path / "x").exists()

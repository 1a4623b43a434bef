from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradershub.finance.netting import Fill, build_positions, natural

START = datetime(2024, 3, 4, 10, 0, tzinfo=UTC)
COLUMNS = ("profit", "swap", "commission", "fee", "tax")


def fill(key, side, lots, price, **given):
    facts = {"ref": "", "symbol": "EURUSD", "entry": "", "at": START + timedelta(minutes=int(key))}
    facts |= given
    for column in COLUMNS:
        facts[column] = Decimal(facts.get(column, "0"))
    return Fill(key=key, side=side, lots=Decimal(lots), price=Decimal(price), **facts)


def test_a_ticket_closed_in_two_parts_is_one_position():
    fills = [
        fill("1", "buy", "1.00", "1.08450", ref="77", entry="in", commission="-3.50"),
        fill(
            "2", "sell", "0.40", "1.08600", ref="77", entry="out", profit="60", commission="-1.40"
        ),
        fill("3", "sell", "0.60", "1.08700", ref="77", entry="out", profit="150", swap="-2.10"),
    ]
    [position] = build_positions(fills, mode="hedging")
    assert (position.ref, position.side, position.keys) == ("77", "buy", ("1", "2", "3"))
    assert (position.lots_opened, position.lots_open, position.lots_closed) == (1, 0, 1)
    assert position.open_price == Decimal("1.08450")
    assert position.close_price == Decimal("1.08660")
    assert position.closed_at == START + timedelta(minutes=3)
    assert position.net == Decimal("203.00")
    assert not position.unopened


def test_opposite_tickets_live_side_by_side():
    fills = [
        fill("1", "buy", "1", "1.08", ref="1", entry="in"),
        fill("2", "sell", "1", "1.09", ref="2", entry="in"),
    ]
    assert [p.side for p in build_positions(fills, mode="hedging")] == ["buy", "sell"]
    assert all(p.lots_open == 1 for p in build_positions(fills, mode="hedging"))


def test_close_by_closes_both_tickets():
    fills = [
        fill("1", "buy", "1", "1.08", ref="1", entry="in"),
        fill("2", "sell", "0.4", "1.09", ref="2", entry="in"),
        fill("3", "sell", "0.4", "1.09", ref="1", entry="out_by", profit="400"),
        fill("4", "buy", "0.4", "1.09", ref="2", entry="out_by"),
    ]
    long, short = build_positions(fills, mode="hedging")
    assert (long.lots_open, long.profit) == (Decimal("0.6"), Decimal(400))
    assert (short.lots_open, short.closed_at) == (0, START + timedelta(minutes=4))


def test_without_tickets_the_oldest_of_the_other_side_is_closed():
    fills = [
        fill("1", "buy", "1", "1.08", entry="in"),
        fill("2", "buy", "2", "1.09", entry="in"),
        fill("3", "sell", "1.5", "1.10", entry="out", profit="300"),
    ]
    first, second = build_positions(fills, mode="hedging")
    assert (first.ref, first.lots_open, first.profit) == ("1", 0, Decimal(200))
    assert (second.ref, second.lots_open, second.profit) == ("2", Decimal("1.5"), Decimal(100))


def test_a_second_that_prints_out_before_in_is_the_same_position():
    fills = [
        fill("2", "buy", "1", "1.08", ref="7", entry="in", at=START),
        fill("1", "sell", "1", "1.09", ref="7", entry="out", at=START, profit="1000"),
    ]
    [position] = build_positions(fills, mode="hedging")
    assert (position.lots_open, position.side, position.unopened) == (0, "buy", False)


def test_netting_adds_at_the_average_and_reduces_at_it():
    fills = [
        fill("1", "buy", "1.00", "1.08450"),
        fill("2", "buy", "0.50", "1.08720"),
        fill("3", "sell", "0.60", "1.08900", profit="216"),
    ]
    [position] = build_positions(fills, mode="netting")
    assert (position.lots_open, position.open_price) == (Decimal("0.90"), Decimal("1.0854"))
    assert position.close_price == Decimal("1.08900")


def test_netting_takes_off_the_opening_that_the_closing_names():
    """OANDA closes the oldest trade of a netting account, and averages what is left."""
    fills = [
        fill("5", "buy", "100", "1.05", ref="5", entry="in"),
        fill("8", "buy", "100", "1.10", ref="8", entry="in"),
        fill("9", "sell", "60", "1.10", ref="5", entry="out", profit="3"),
    ]
    [position] = build_positions(fills, mode="netting")
    assert (position.lots_open, position.open_price) == (140, Decimal("152") / 140)
    rest = fill("10", "sell", "40", "1.10", ref="5", entry="out", profit="2")
    [position] = build_positions([*fills, rest], mode="netting")
    assert (position.lots_open, position.open_price) == (100, Decimal("1.10"))


def test_netting_closes_at_the_average_what_is_more_than_the_opening_it_names():
    fills = [
        fill("5", "buy", "1", "1.00", ref="5", entry="in"),
        fill("8", "buy", "3", "1.20", ref="8", entry="in"),
        fill("9", "sell", "2", "1.20", ref="5", entry="out"),
        fill("10", "sell", "0.5", "1.20", ref="5", entry="out"),
    ]
    *_, before = build_positions(fills[:3], mode="netting")
    assert (before.lots_open, before.open_price) == (2, Decimal("1.15"))
    *_, after = build_positions(fills, mode="netting")
    assert (after.lots_open, after.open_price) == (Decimal("1.5"), Decimal("1.2"))


def test_netting_reversal_closes_and_opens_the_rest_at_the_fill():
    fills = [
        fill("1", "buy", "1", "1.08", ref="50", entry="in"),
        fill(
            "2",
            "sell",
            "3",
            "1.09",
            ref="50",
            entry="inout",
            profit="1000",
            swap="-3",
            commission="-6.00",
        ),
    ]
    long, short = build_positions(fills, mode="netting")
    assert (long.ref, long.lots_open, long.profit, long.swap, long.commission) == (
        "50",
        0,
        1000,
        -3,
        -2,
    )
    assert (short.ref, short.side, short.lots_open, short.open_price) == (
        "2",
        "sell",
        2,
        Decimal("1.09"),
    )
    assert (short.profit, short.commission) == (0, -4)


def test_netting_keeps_one_position_a_symbol():
    fills = [
        fill("1", "buy", "1", "1.08"),
        fill("2", "sell", "1", "1.27", symbol="GBPUSD"),
        fill("3", "sell", "1", "1.09", profit="1000"),
        fill("4", "buy", "1", "1.10"),
    ]
    closed, other, again = build_positions(fills, mode="netting")
    assert (closed.lots_open, other.lots_open, again.lots_open) == (0, 1, 1)
    assert again.ref == "4"


def test_fifo_closes_the_oldest_opening_first():
    fills = [
        fill("1", "buy", "12", "100"),
        fill("2", "buy", "17", "99"),
        fill("3", "sell", "13", "101"),
    ]
    first, second = build_positions(fills, mode="fifo")
    assert (first.lots_open, second.lots_open, second.open_price) == (0, 16, 99)


@pytest.mark.parametrize("mode", ["hedging", "netting", "fifo"])
def test_a_close_without_its_opening_is_reported_and_keeps_its_money(mode):
    fills = [
        fill("1", "buy", "1", "1.08", entry="in"),
        fill("2", "sell", "3", "1.09", entry="out", profit="900", commission="-9"),
    ]
    known, unknown = build_positions(fills, mode=mode)
    assert (known.unopened, known.profit, known.commission) == (False, 300, -3)
    assert (unknown.unopened, unknown.side, unknown.open_price) == (True, "buy", None)
    assert (unknown.lots_closed, unknown.profit, unknown.commission) == (2, 600, -6)


def test_a_ticket_that_closes_more_than_it_opened_is_reported():
    fills = [
        fill("1", "buy", "1", "1.08", ref="7", entry="in"),
        fill("2", "sell", "1.5", "1.09", ref="7", entry="out", profit="900"),
    ]
    [position] = build_positions(fills, mode="hedging")
    assert (position.unopened, position.lots_open, position.profit) == (True, 0, 900)


def test_an_inferred_fill_marks_its_position():
    fills = [fill("1", "buy", "1", "1.08", ref="7", entry="in", inferred=True)]
    assert build_positions(fills, mode="hedging")[0].inferred


def test_keys_sort_as_people_count():
    keys = ["D10", "D9", "10", "9", "", "D9b", "9" * 200]
    assert sorted(keys, key=natural) == ["", "9", "10", "9" * 200, "D9", "D9b", "D10"]


amounts = st.decimals(min_value=-1000, max_value=1000, places=2)
fills = st.builds(
    Fill,
    key=st.integers(1, 40).map(str),
    ref=st.sampled_from(["", "", "1", "2", "3"]),
    symbol=st.sampled_from(["EURUSD", "XAUUSD"]),
    side=st.sampled_from(["buy", "sell"]),
    entry=st.sampled_from(["in", "out", "inout", "out_by", ""]),
    lots=st.decimals(min_value=0, max_value=5, places=2),
    price=st.decimals(min_value=1, max_value=2, places=5),
    at=st.integers(0, 5).map(lambda minutes: START + timedelta(minutes=minutes)),
    profit=amounts,
    swap=amounts,
    commission=amounts,
    fee=amounts,
    tax=amounts,
    inferred=st.booleans(),
)
histories = st.lists(fills, max_size=25)
modes = st.sampled_from(["hedging", "netting", "fifo"])


@given(histories, modes)
def test_no_cent_is_lost_or_made(history, mode):
    positions = build_positions(history, mode=mode)
    for column in COLUMNS:
        booked = sum(getattr(fill, column) for fill in history)
        assert sum(getattr(position, column) for position in positions) == booked


@given(histories, modes)
def test_every_fill_is_found_and_every_ref_is_one_position(history, mode):
    positions = build_positions(history, mode=mode)
    refs = Counter(position.ref for position in positions)
    assert max(refs.values(), default=1) == 1
    assert {key for p in positions for key in p.keys} == {fill.key for fill in history}


@given(histories, modes, st.randoms())
def test_the_order_of_arrival_does_not_matter(history, mode, random):
    arrived = list(history)
    random.shuffle(arrived)
    assert build_positions(arrived, mode=mode) == build_positions(history, mode=mode)


@given(histories, modes)
def test_lots_add_up(history, mode):
    for position in build_positions(history, mode=mode):
        assert position.lots_open == max(0, position.lots_opened - position.lots_closed)
        assert position.unopened or position.lots_opened >= position.lots_closed
        assert (position.closed_at is None) == (position.lots_open > 0)


@given(histories)
def test_netting_holds_one_position_a_symbol(history):
    positions = build_positions(history, mode="netting")
    held = Counter(position.symbol for position in positions if position.lots_open)
    assert max(held.values(), default=1) == 1

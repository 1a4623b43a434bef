from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st

from tradershub.finance.inventory import Trade, run_inventory
from tradershub.finance.netting import Fill, build_positions
from tradershub.finance.sides import DIRECTION

START = datetime(2024, 3, 4, tzinfo=UTC)


def trades(*rows):
    return [Trade(side, D(quantity), D(price)) for side, quantity, price in rows]


PUBLISHED = trades(
    ("buy", 12, 100), ("buy", 17, 99), ("sell", 9, 101), ("sell", 4, 105), ("buy", 3, 103)
)


def test_average_cost_of_the_published_example():
    last = run_inventory(PUBLISHED)[-1]
    assert (last.quantity, round(last.average, 8)) == (19, D("99.98003630"))
    assert round(last.realised, 8) == D("36.62068966")


def test_fifo_of_the_published_example():
    last = run_inventory(PUBLISHED, method="fifo")[-1]
    assert (round(last.average, 8), last.realised) == (D("99.63157895"), 30)


def test_a_reversal_opens_the_rest_at_the_fill():
    last = run_inventory(trades(("buy", 3, 100), ("sell", 5, 110)))[-1]
    assert last == (-2, 110, 30)


def test_flat_has_no_average():
    assert run_inventory(trades(("buy", 3, 100), ("sell", 3, 110)))[-1] == (0, None, 30)


histories = st.lists(
    st.builds(
        Trade,
        side=st.sampled_from(["buy", "sell"]),
        quantity=st.decimals(min_value="0.01", max_value=5, places=2),
        price=st.decimals(min_value=1, max_value=2, places=5),
    ),
    min_size=1,
    max_size=20,
)
marks = st.decimals(min_value=1, max_value=2, places=5)


def close(one, other):
    return abs(one - other) < D("1e-15")


def worth(step, mark):
    return step.realised + step.quantity * (mark - (step.average or mark))


def fills_of(history):
    return [
        Fill(str(n), "", "X", t.side, "in", t.quantity, t.price, START + timedelta(seconds=n))
        for n, t in enumerate(history)
    ]


def floating(position, mark):
    moved = mark - (position.open_price or mark)
    return moved * position.lots_open * DIRECTION[position.side]


@given(histories, marks)
def test_average_and_fifo_are_worth_the_same(history, mark):
    by_average, by_fifo = run_inventory(history)[-1], run_inventory(history, method="fifo")[-1]
    assert close(worth(by_average, mark), worth(by_fifo, mark))


@given(histories)
def test_a_full_round_trip_realises_the_same_either_way(history):
    open_quantity = run_inventory(history)[-1].quantity
    side = "sell" if open_quantity > 0 else "buy"
    flat = [*history, Trade(side, abs(open_quantity), D("1.5"))]
    by_average, by_fifo = run_inventory(flat)[-1], run_inventory(flat, method="fifo")[-1]
    assert by_average.quantity == 0
    assert close(by_average.realised, by_fifo.realised)


@given(histories, marks)
def test_hedging_is_worth_what_netting_is(history, mark):
    tickets = build_positions(fills_of(history), mode="hedging")
    hedged = sum(floating(ticket, mark) for ticket in tickets)
    assert close(worth(run_inventory(history)[-1], mark), hedged)


@given(histories)
def test_netting_positions_hold_what_the_inventory_holds(history):
    last = run_inventory(history)[-1]
    held = [p for p in build_positions(fills_of(history), mode="netting") if p.lots_open]
    assert sum(p.lots_open * DIRECTION[p.side] for p in held) == last.quantity
    assert all(close(p.open_price, last.average) for p in held)


@given(histories, marks)
def test_fifo_positions_float_what_the_inventory_floats(history, mark):
    last = run_inventory(history, method="fifo")[-1]
    held = build_positions(fills_of(history), mode="fifo")
    floats = last.quantity * (mark - (last.average or mark))
    assert close(sum(floating(p, mark) for p in held), floats)

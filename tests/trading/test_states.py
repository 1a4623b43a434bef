"""The order's life: no move outside of the table, and one ending whatever the order of the broker's words."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokers.adapters.messages import Status
from trading.states import (
    ENDED,
    LIVE,
    MOVES,
    OVER,
    PENDING,
    RANK,
    ImpossibleMove,
    Standing,
    State,
    after_report,
    rule_of,
)

LOTS = Decimal(10)
SENT = [state for state in State if state is not State.BLOCKED and state not in PENDING]


def standing(state, filled=0, resume=None):
    return Standing(state=state, filled=Decimal(filled), resume=resume)


def after(before, status=None, filled=0):
    return after_report(before, lots=LOTS, status=status, filled=Decimal(filled))


def test_nothing_leads_from_unknown_to_a_second_send():
    assert {target for origin, target in MOVES if origin is State.UNKNOWN} & {
        State.QUEUED,
        State.SENDING,
    } == set()
    assert {origin for origin, target in MOVES if target is State.SENDING} == {State.QUEUED}
    assert {origin for origin, target in MOVES if target is State.QUEUED} == {
        State.RECEIVED,
        State.SENDING,
    }


def test_what_a_broker_ended_only_gains_fills():
    for origin, target in MOVES:
        if origin in ENDED:
            assert target in ENDED
            assert RANK[target] > RANK[origin]
    assert not [target for origin, target in MOVES if origin is State.BLOCKED]


def test_every_live_state_has_a_way_to_an_end():
    for state in LIVE:
        reached, ahead = {state}, [state]
        while ahead:
            here = ahead.pop()
            following = {target for origin, target in MOVES if origin is here} - reached
            reached |= following
            ahead += following
        assert reached & OVER


def test_a_move_outside_of_the_table_is_refused():
    assert rule_of(State.QUEUED, State.SENDING) == "T5"
    with pytest.raises(ImpossibleMove, match="unknown cannot become queued"):
        rule_of(State.UNKNOWN, State.QUEUED)


@pytest.mark.parametrize(
    ("before", "status", "filled", "expected"),
    [
        (State.SENDING, Status.WORKING, 0, State.WORKING),
        (State.SENDING, Status.FILLED, 10, State.FILLED),
        (State.UNKNOWN, Status.REJECTED, 0, State.REJECTED),
        (State.WORKING, None, 4, State.PARTIAL),
        (State.WORKING, Status.CANCELLED, 4, State.CANCELLED),
        (State.FILLED, Status.WORKING, 0, State.FILLED),  # older than what is known
        (State.CANCELLED, None, 4, State.CANCELLED),  # a late fill of a part
        (State.CANCELLED, None, 10, State.FILLED),  # a late fill of all
        (State.REJECTED, None, 4, State.CANCELLED),
        (State.NOT_SENT, Status.WORKING, 0, State.WORKING),
        (State.QUEUED, Status.FILLED, 10, State.FILLED),  # sent before the backup was restored
        (State.BLOCKED, Status.WORKING, 0, State.BLOCKED),
        (State.SENDING, Status.FILLED, 0, State.FILLED),  # its deals are still to come
        (State.WORKING, None, 12, State.FILLED),  # more than was ordered is never clipped
    ],
)
def test_a_report_moves_the_order(before, status, filled, expected):
    found = after(standing(before), status, filled)
    assert found.state is expected
    assert found.filled == (0 if before is State.BLOCKED else filled)


def test_a_pending_change_waits_until_the_order_is_over():
    pending = standing(State.CANCEL_PENDING, resume=State.WORKING)
    assert after(pending, filled=3) == standing(State.CANCEL_PENDING, 3, State.PARTIAL)
    assert after(pending, Status.CANCELLED, 3) == standing(State.CANCELLED, 3)


words = st.sampled_from([*Status, None])


@st.composite
def histories(draw):
    """Reports as (status, index of the last fill that it knows), fills in parts up to the lots."""
    parts = draw(st.lists(st.integers(1, 4), max_size=5))
    return [
        (draw(words), draw(st.integers(0, len(parts)))) for _ in range(draw(st.integers(1, 8)))
    ], [sum(parts[:n]) for n in range(len(parts) + 1)]


@settings(max_examples=500)
@given(histories(), st.randoms(use_true_random=False), st.sampled_from(SENT))
def test_the_end_does_not_depend_on_the_order_of_reports(history, chance, first):
    reports, sums = history

    def played(order):
        found = standing(first)
        for status, known in order:
            following = after(found, status, sums[known])
            if following.state is not found.state:
                assert rule_of(found.state, following.state)
            assert following.filled >= found.filled
            found = following
        return found

    shuffled = reports + chance.sample(reports, chance.randint(0, len(reports)))
    chance.shuffle(shuffled)
    assert played(shuffled) == played(reports)

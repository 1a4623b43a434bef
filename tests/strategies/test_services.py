"""Strategies are registered and changed by services, each change in the audit log."""

import datetime as dt

import pytest
from django.db import IntegrityError, transaction

from brokers.models import Instrument
from strategies.models import Strategy
from strategies.queries import by_key
from strategies.services import create_strategy, edit_strategy
from tests.factories import make_account, make_owner, make_strategy
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.models import AuditEntry
from tradershub.core.step_up import Proof, StepUpNeeded

pytestmark = pytest.mark.django_db


def test_a_new_strategy_begins_in_testing():
    ada = make_owner()
    euro = Instrument.objects.get(symbol="EURUSD")
    made = create_strategy(actor=ada, owner=ada, key="mr-1", instruments=[euro])

    assert (made.status, list(made.instruments.all())) == (Strategy.Status.TESTING, [euro])
    assert AuditEntry.objects.get(action="strategy.create").owner_id == ada.pk


def test_a_key_is_one_strategy_whatever_its_letters():
    ada = make_owner()
    make_strategy(ada, "Mean-Rev")

    with pytest.raises(Conflict, match="mean-rev"):
        create_strategy(actor=ada, owner=ada, key="mean-rev")
    assert by_key(ada, "MEAN-REV").key == "Mean-Rev"
    assert by_key(make_owner(), "Mean-Rev") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": ""},
        {"key": "with blank"},
        {"key": "-x"},
        {"size": "0"},
        {"size": "-1"},
        {"size_in": "bags"},
        {"status": "running"},
        {"platforms": ["nowhere"]},
        {"platforms": "paper"},
        {"weekdays": ["Someday"]},
        {"timeframes": ["M7"]},
        {"category": "x" * 61},
        {"trades_from": dt.time(9)},
        {"time_zone": "Mars/Olympus"},
    ],
)
def test_a_wrong_field_is_refused_and_nothing_is_written(wrong):
    ada = make_owner()

    with pytest.raises(BadInput):
        create_strategy(actor=ada, owner=ada, **{"key": "mr", **wrong})
    assert not Strategy.objects.exists()


def test_an_edit_says_what_changed():
    ada = make_owner()
    mine = make_strategy(ada)
    euro = Instrument.objects.get(symbol="EURUSD")
    edit_strategy(mine, actor=ada, status="live", size="0.5", instruments=[euro])

    told = AuditEntry.objects.get(action="strategy.edit").details
    assert told == {
        "status": ["testing", "live"],
        "size": ["None", "0.5"],
        "instruments": ["", "EURUSD"],
    }


def test_the_key_stays_for_a_stop_and_limits_name_the_strategy_by_it():
    ada = make_owner()
    mine = make_strategy(ada, "mr")

    for other in ("mr2", "MR", ""):
        with pytest.raises(BadInput, match="key of a strategy is fixed"):
            edit_strategy(mine, actor=ada, key=other, name="Renamed")
    assert edit_strategy(mine, actor=ada, key="mr", name="Mean reversion").name == "Mean reversion"
    assert Strategy.objects.get().key == "mr"


@pytest.fixture
def routed():
    """A live strategy of one lot of the euro on one platform, one at a time, on an account with real money."""
    ada = make_owner()
    euro = Instrument.objects.get(symbol="EURUSD")
    narrow = {"size": "1", "platforms": ["oanda"], "one_at_a_time": True, "weekdays": ["Mon"]}
    mine = create_strategy(
        actor=ada, owner=ada, key="mr", status="live", instruments=[euro], **narrow
    )
    mine.routes.create(account=make_account(owner=ada, kind="live"))
    return mine


@pytest.mark.second_factor
@pytest.mark.parametrize(
    "more",
    [
        {"size": "1.01"},
        {"size": None},
        {"size_in": "percent_equity"},
        {"platforms": ["oanda", "paper"]},
        {"platforms": []},
        {"one_at_a_time": False},
        {"instruments": []},
    ],
)
def test_more_real_money_by_the_same_signals_asks_for_a_code(routed, more):
    with pytest.raises(StepUpNeeded):
        edit_strategy(routed, actor=routed.owner, **more)
    assert Strategy.objects.get().size == 1
    routed.owner.proof = Proof(is_given=True)
    edit_strategy(routed, actor=routed.owner, **more)


@pytest.mark.second_factor
@pytest.mark.parametrize("state", ["testing", "paused", "archived"])
def test_a_strategy_becomes_live_for_real_money_by_a_code(routed, state):
    edit_strategy(routed, actor=routed.owner, status=state)
    edit_strategy(routed, actor=routed.owner, size="50")
    with pytest.raises(StepUpNeeded):
        edit_strategy(routed, actor=routed.owner, status="live")
    assert Strategy.objects.get().status == state


@pytest.mark.second_factor
def test_less_real_money_and_other_words_ask_for_no_code(routed):
    gold = Instrument.objects.get(symbol="XAUUSD")
    less = {"size": "0.5", "name": "Mean reversion", "weekdays": ["Tue"], "notes": "x"}
    edit_strategy(routed, actor=routed.owner, **less)
    edit_strategy(routed, actor=routed.owner, instruments=routed.instruments.all())
    routed.routes.update(enabled=False)
    edit_strategy(routed, actor=routed.owner, size="50", instruments=[gold])
    routed.routes.update(enabled=True)
    routed.owner.accounts.update(kind="paper")
    kept = edit_strategy(routed, actor=routed.owner, size="500")

    assert kept.size == 500
    assert list(kept.instruments.all()) == [gold]


@pytest.mark.second_factor
def test_a_size_that_the_signal_said_is_not_larger_for_its_unit(routed):
    Strategy.objects.update(size=None)
    edit_strategy(routed, actor=routed.owner, size_in="units")
    with pytest.raises(StepUpNeeded):
        edit_strategy(routed, actor=routed.owner, size="0.01")


def test_the_database_itself_keeps_a_key_single():
    ada = make_owner()
    make_strategy(ada)

    with pytest.raises(IntegrityError), transaction.atomic():
        make_strategy(ada)

"""Strategies are registered and changed by services, each change in the audit log."""

import datetime as dt

import pytest
from django.db import IntegrityError, transaction

from brokers.models import Instrument
from strategies.models import Strategy
from strategies.queries import by_key
from strategies.services import create_strategy, edit_strategy
from tests.factories import make_owner, make_strategy
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.models import AuditEntry

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


def test_the_database_itself_keeps_a_key_single():
    ada = make_owner()
    make_strategy(ada)

    with pytest.raises(IntegrityError), transaction.atomic():
        make_strategy(ada)

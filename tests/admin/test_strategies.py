"""The registry is kept by forms."""

import pytest
from django.urls import reverse

from strategies.models import Strategy
from tests.factories import make_strategy
from tradershub.core.models import AuditEntry

pytestmark = pytest.mark.django_db

ADD = "admin:strategies_strategy_add"
LIST = "admin:strategies_strategy_changelist"


def test_a_strategy_is_added_and_edited(trader):
    about = {"category": "Mean reversion", "timeframes": ["M15", "H1"]}
    answer = trader.send(reverse(ADD), key="mr-1", size="0.5", weekdays=["Mon", "Tue"], **about)
    assert answer.status_code == 302, trader.said(answer)
    mine = Strategy.objects.get(owner=trader.user)
    assert (mine.status, mine.weekdays) == ("testing", ["Mon", "Tue"])
    assert {name: getattr(mine, name) for name in about} == about

    page = reverse("admin:strategies_strategy_change", args=[mine.pk])
    trader.send(page, status="live", weekdays=["Mon"])
    mine.refresh_from_db()
    assert (mine.status, mine.weekdays) == ("live", ["Mon"])
    told = AuditEntry.objects.get(action="strategy.edit").details
    assert told["status"] == ["testing", "live"]


def test_the_key_of_a_strategy_is_shown_and_stays(trader):
    mine = make_strategy(trader.user, "mr-1")
    page = reverse("admin:strategies_strategy_change", args=[mine.pk])

    assert "key" not in trader.shown(page)
    trader.send(page, key="mr-2", name="Other")
    mine.refresh_from_db()
    assert (mine.key, mine.name) == ("mr-1", "Other")


def test_a_key_that_is_taken_is_said_beside_the_field(trader):
    make_strategy(trader.user, "mr-1")

    assert "already" in trader.said(trader.send(reverse(ADD), key="MR-1"))


def test_many_are_paused_at_once(trader):
    pks = [make_strategy(trader.user, f"mr-{n}").pk for n in range(2)]
    trader.client.post(reverse(LIST), {"action": "pause", "_selected_action": pks})

    assert set(Strategy.objects.values_list("status", flat=True)) == {"paused"}

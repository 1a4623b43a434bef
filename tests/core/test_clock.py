"""Waits under a clock that is set back."""

import datetime as dt

import pytest
from django.utils import timezone

from tests.factories import make_account
from tradershub.core.clock import APART, due, is_due, too_far
from tradershub.core.prepared import prepared
from trading.models import Lane

MINUTE = dt.timedelta(minutes=1)


@pytest.mark.parametrize(
    ("wait", "expected"),
    [
        (None, True),
        (-MINUTE, True),
        (dt.timedelta(0), True),
        (MINUTE / 2, False),
        (MINUTE, False),
        (MINUTE + APART, False),
        (dt.timedelta(hours=1), True),
    ],
)
@pytest.mark.django_db
def test_a_moment_is_due_once_come_or_farther_ahead_than_any_wait(wait, expected):
    now = timezone.now()
    moment = None if wait is None else now + wait
    beyond = too_far(now, MINUTE)
    assert is_due(moment, now, beyond=beyond) is expected
    Lane.objects.create(account=make_account(), until=moment)
    assert bool(waiting(now, beyond)) is expected
    assert Lane.objects.filter(due("until", now, beyond=beyond)).exists() is expected


@prepared
def waiting(at, beyond):
    return Lane.objects.filter(due("until", at, beyond=beyond))

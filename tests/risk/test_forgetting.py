"""What risk counted long ago goes; what an order may still meet stays."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from risk import gate, tasks
from risk.counters import Counter, latch, lock
from risk.kinds import Basis, Kind, Unit, Window
from risk.models import Hold, Reservation, RiskEvent, Usage
from tests.risk.orders import Desk, d

pytestmark = pytest.mark.django_db
LONG_AGO = timezone.now() - dt.timedelta(days=401)


@pytest.fixture
def desk():
    return Desk()


def age(*models):
    for model in models:
        name = {Usage: "changed_at", Reservation: "over_at"}.get(model, "at")
        model.objects.update(**{name: LONG_AGO})


def counters():
    return set(Usage.objects.values_list("scope", flat=True))


def test_what_an_order_took_and_gave_back_long_ago_is_forgotten(desk):
    trades = desk.limit(Kind.TRADES, 5, Unit.COUNT)
    lots = desk.limit(Kind.SYMBOL_LOTS, 5, Unit.LOTS)
    order = desk.order(lots=d(1), parent="whole", parent_lots=d(1))
    assert gate.authorise(order).passed
    gate.consume(order.client_order_id, lots=d(1))
    before = counters()
    assert tasks.forget() == 0
    age(Usage, Reservation)
    assert tasks.forget() > 0
    passed = {f"limit:{trades.pk}", f"parent:{desk.owner.pk}:whole"}
    assert passed < before
    assert counters() == before - passed
    assert f"limit:{lots.pk}" in counters()
    assert not Hold.objects.exists()
    assert Reservation.objects.count() == 1


def test_what_an_order_holds_stays_however_old(desk):
    desk.limit(Kind.TRADES, 5, Unit.COUNT)
    assert gate.authorise(desk.order(lots=d(1), parent="whole", parent_lots=d(1))).passed
    before, held = counters(), Hold.objects.count()
    age(Usage)
    Reservation.objects.update(at=LONG_AGO)
    assert tasks.forget() == 0
    assert (counters(), Hold.objects.count()) == (before, held)


def test_a_break_goes_with_its_window_and_stays_where_no_window_ends(desk):
    of_days = desk.limit(Kind.LOSS, 5, Unit.PERCENT, window=Window.DAY, basis=Basis.BALANCE)
    for_good = desk.limit(Kind.DRAWDOWN, 5, Unit.PERCENT)
    for limit, key in ((of_days, "1:2020-01-01"), (for_good, "1")):
        lock([Counter(f"limit:{limit.pk}", key, limit.pk)])
        latch(Counter(f"limit:{limit.pk}", key, limit.pk), at=LONG_AGO)
    age(Usage)
    assert tasks.forget() == 1
    assert counters() == {f"limit:{for_good.pk}"}


def test_old_refusals_go_and_new_ones_stay(desk):
    for at in (LONG_AGO, timezone.now()):
        RiskEvent.objects.create(
            account=desk.account, kind="refused", rule="margin", code="MARGIN", text="x", at=at
        )
    assert tasks.forget() == 1
    assert RiskEvent.objects.get().at > LONG_AGO

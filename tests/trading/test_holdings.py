"""What a strategy holds on an account where all positions of a symbol are one."""

from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.models import Account, Position
from brokers.adapters.messages import DealKind, DealReport, Entry
from tests.trading.test_pipeline import Charts
from tradershub.core.errors import BadInput
from trading import pipeline, receiving, services, signals, sync
from trading.facts import order_facts
from trading.holdings import held_by
from trading.models import Order

D = Decimal


@pytest.fixture
def charts(desk, monkeypatch):
    monkeypatch.setattr(receiving, "enqueue", lambda *args, **kwargs: "")
    monkeypatch.setattr(signals, "enqueue", lambda *args, **kwargs: "")
    desk.account.mode = Account.Mode.NETTING
    desk.account.save()
    return Charts(desk)


def by_the_broker(desk, *, side, lots="1"):
    """A deal that no order of ours asked for, as of a stop."""
    deal = DealReport(
        deal_id=f"stop {side} {lots}", kind=DealKind.TRADE, at=timezone.now(), currency="USD",
        symbol="EURUSD", side=side, entry=Entry.OUT, lots=D(lots), price=D("1.1"),
    )  # fmt: skip
    sync.book_reports(desk.account, [deal])


def held(desk, strategy="mr"):
    return [(h.side, h.lots) for h in held_by(strategy, desk.account, [desk.symbol.pk])]


def test_what_a_stop_at_the_broker_closed_is_held_no_more(charts, desk):
    charts.send()
    assert held(desk) == [("buy", D(1))]
    by_the_broker(desk, side="sell")
    assert held(desk) == []

    charts.send(action="sell")
    assert held(desk) == [("sell", D(1))]
    signal = charts.send(action="close", size=None)
    assert signal.state == "ordered"
    assert not Position.objects.filter(open_volume__gt=0).exists()


def test_what_others_hold_is_not_the_strategys(charts, desk):
    charts.send()
    by_the_broker(desk, side="sell")
    desk.place("2")
    desk.pump()
    assert held(desk) == []

    charts.send()
    assert held(desk) == [("buy", D(1))]
    assert Position.objects.get(open_volume__gt=0).open_volume == D(3)


def test_a_turn_is_the_strategys_from_the_order_that_made_it(charts, desk):
    charts.send()
    charts.send(action="sell", size="3")
    assert held(desk) == [("sell", D(2))]


def test_closings_by_hand_and_by_signal_take_from_the_same_lots(charts, desk):
    charts.send(size="2")
    pipeline.run(charts.signal(action="close", size="1.5"))
    position = Position.objects.get()
    with pytest.raises(BadInput, match=r"at most 0\.5"):
        services.close_position(position, actor=desk.owner, lots=D(1))
    by_hand = services.close_position(position, actor=desk.owner)

    assert by_hand.lots == D("0.5")
    facts = [order_facts(o, at=timezone.now()) for o in Order.objects.filter(reduces=True)]
    assert [fact.position_ref for fact in facts] == ["", ""]

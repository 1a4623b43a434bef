"""What a strategy holds on an account where all positions of a symbol are one."""

import datetime as dt
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.models import Account, Position
from brokers.adapters.messages import DealKind, DealReport, Entry
from tests.trading.test_pipeline import Charts
from tradershub.core.errors import BadInput
from trading import exits, pipeline, receiving, signals, sync
from trading.facts import order_facts
from trading.holdings import held_by, result_of_day
from trading.models import Order

D = Decimal


@pytest.fixture
def charts(desk, monkeypatch):
    monkeypatch.setattr(receiving, "enqueue", lambda *args, **kwargs: "")
    monkeypatch.setattr(signals, "enqueue", lambda *args, **kwargs: "")
    desk.account.mode = desk.adapter.mode = Account.Mode.NETTING
    desk.account.save()
    return Charts(desk)


def by_the_broker(desk, *, side, lots="1", profit="0", entry=Entry.OUT):
    """A deal that no order of ours asked for, as of a stop."""
    deal = DealReport(
        deal_id=f"stop {side} {lots}", kind=DealKind.TRADE, at=timezone.now(), currency="USD",
        symbol="EURUSD", side=side, entry=entry, lots=D(lots), price=D("1.1"), profit=D(profit),
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
        exits.close_position(position, actor=desk.owner, lots=D(1))
    by_hand = exits.close_position(position, actor=desk.owner)

    assert by_hand.lots == D("0.5")
    facts = [order_facts(o, at=timezone.now()) for o in Order.objects.filter(reduces=True)]
    assert [fact.position_ref for fact in facts] == ["", ""]


# -- The day -------------------------------------------------------------------------------------
def made(desk, strategy="mr", at=None):
    return result_of_day(strategy, desk.account, at=at or timezone.now())


def test_what_a_stop_at_the_broker_lost_is_the_strategys_loss_of_the_day(charts, desk):
    charts.send()
    by_the_broker(desk, side="sell", profit="-1000")
    assert made(desk) == D(-1000)
    charts.send(action="sell")
    by_the_broker(desk, side="buy", profit="-200")
    assert made(desk) == D(-1200)
    assert made(desk, at=timezone.now() + dt.timedelta(days=1)) == 0


def test_of_a_stop_for_lots_of_several_the_strategy_bears_its_own(charts, desk):
    charts.send()
    desk.place("2")
    desk.pump()
    by_the_broker(desk, side="sell", lots="1.5", profit="-1500")
    by_the_broker(desk, side="sell", lots="1", profit="-1100")
    assert made(desk) == D(-550)
    by_the_broker(desk, side="sell", lots="0.5", profit="-600")
    assert made(desk) == D(-1150)
    assert made(desk, "other") == 0


def test_a_loss_of_others_in_the_same_symbol_is_not_the_strategys(charts, desk):
    desk.place("2")
    desk.pump()
    by_the_broker(desk, side="sell", lots="2", profit="-2000")
    charts.send()
    assert held(desk) == [("buy", D(1))]
    assert made(desk) == 0


def test_what_others_turned_is_lost_once(charts, desk):
    charts.send()
    by_the_broker(desk, side="sell", lots="3", profit="-900", entry=Entry.REVERSAL)
    assert (made(desk), held(desk)) == (D(-900), [])
    charts.send()
    by_the_broker(desk, side="buy", lots="1", profit="-70")
    assert (made(desk), held(desk)) == (D(-900), [])

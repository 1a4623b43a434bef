"""What only a person decides: orders whose fate nobody knows, lanes that are held up, what a backup brought back."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from accounts.models import Position
from accounts.valuation import states_of
from tradershub.reports.needs import what_needs
from trading import exits, in_doubt, reports, services
from trading.models import Order
from trading.tickets import ticket_of


def test_a_restored_change_is_not_sent_over_later_ones(desk, working, position):
    change = services.amend(working, actor=desk.owner, price=D("1.06"))
    stops = exits.protect(position, actor=desk.owner, stop_loss=D("1.09"))
    in_doubt.hold_after_restore()
    in_doubt.resume_lane(desk.account, actor=desk.owner, reason="compared")
    desk.pump()
    for asked in (change, stops):
        asked.refresh_from_db()
        assert (asked.outcome, asked.text) == ("withdrawn", "Asked before the backup: ask anew")
    assert desk.ledger.of("amend") == desk.ledger.of("protect") == []


def test_a_restored_closing_does_not_close_again_what_was_closed_since(desk, position, risk):
    closing = exits.close_position(position, actor=desk.owner, lots=D(1))
    in_doubt.hold_after_restore()
    desk.pump()
    assert (desk.state(closing), closing.code) == ("not_sent", "RESTORED")
    assert closing.reason == "Asked before the backup: ask anew"
    assert (desk.ledger.of("close"), closing.client_order_id in risk.held) == ([], False)
    exits.close_position(position, actor=desk.owner, lots=D(1))
    desk.pump()
    assert Position.objects.get().open_volume == D(1)


def test_a_restored_cancel_goes_out(desk, working):
    services.cancel(working, actor=desk.owner)
    in_doubt.hold_after_restore()
    desk.pump()
    assert desk.state(working) == "cancelled"


@pytest.mark.parametrize("word", ["found again", "said by hand", "come late"])
def test_an_order_whose_answer_never_came_is_found_gone_all_the_same(desk, word):
    from trading.mirroring import look

    order = desk.place("3", kind="limit", price=D("1.05"))
    if word == "found again":
        desk.ledger.plan("lose")
        desk.pump()
    if word == "said by hand":
        desk.adapter.place(ticket_of(order))
        Order.objects.update(state="quarantined")
        in_doubt.settle_by_hand(
            order, actor=desk.owner, evidence="It stands there", broker_order_id="1"
        )
    if word == "come late":
        services.cancel(order, actor=desk.owner)
        desk.adapter.place(ticket_of(order))
        look(desk.account, desk.adapter)
    assert (desk.state(order), order.answered_at) == ("working", None)
    desk.ledger.append(action="cancel", order=order.broker_order_id)
    look(desk.account, desk.adapter)
    assert desk.state(order) == "cancelled"


def test_what_only_a_person_can_settle_is_on_the_dashboard(desk, settings):
    settings.SETTLE_SECONDS, settings.QUARANTINE_SECONDS = 60, 0
    desk.ledger.plan("drop")
    order = desk.place()
    desk.pump()
    reports.halt(desk.account, because="a test")
    told = [need.text for need in what_needs(desk.owner, states_of([desk.account], base="USD"))]
    assert any(order.client_order_id in text for text in told)
    assert any("No order of" in text and "a test" in text for text in told)

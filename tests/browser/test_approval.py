"""A signal that waits for a person, as the person meets it: read, asked about, let through or declined."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from playwright.sync_api import expect

from tests.browser import test_ticket
from tests.browser.conftest import PHONE
from tests.browser.test_ticket import is_readable, shoot
from tests.factories import make_strategy
from trading import signals
from trading.models import Order, Signal

account, symbol = test_ticket.account, test_ticket.symbol


@pytest.fixture
def waiting(account, symbol, owner):
    """A signal that came over HTTP and would buy 0.1."""
    strategy = make_strategy(owner, "mr", status="live")
    signals.set_route(strategy, account, actor=owner)
    source, token = signals.create_source(
        actor=owner, owner=owner, name="charts", mode="approval", strategy=strategy
    )
    sent = {"id": "1", "symbol": "EURUSD", "action": "buy", "size": "0.1"}
    address = f"/api/v1/signals/{source.uid}/{token}"
    assert Client().post(address, json.dumps(sent), "application/json").status_code == 202
    signal = Signal.objects.get()
    assert signal.state == "waiting", signal.reason
    return signal


def test_it_is_let_through_by_who_says_yes_and_becomes_an_order(open_page, waiting):
    questions, answers = [], iter([False, True])

    def answer(dialog):
        questions.append(dialog.message)
        dialog.accept() if next(answers) else dialog.dismiss()

    page = open_page(f"/signals/{waiting.pk}/")
    page.on("dialog", answer)
    page.wait_for_selector("text=It waits, and would")
    is_readable(page)
    shoot(page, "signal-waiting")
    page.click("button:has-text('Approve')")
    assert "buy 0.1 EURUSD" in questions[0] and not Order.objects.exists()
    page.click("button:has-text('Approve')")
    page.wait_for_selector("text=Its orders")
    page.wait_for_selector("td >> text=Filled")
    is_readable(page)
    shoot(page, "signal-approved")
    waiting.refresh_from_db()
    assert (len(questions), waiting.state) == (2, "ordered")


def test_on_a_phone_in_the_dark_it_is_declined(open_page, waiting):
    page = open_page(f"/signals/{waiting.pk}/", size=PHONE, dark=True)
    is_readable(page)
    page.click("button:has-text('Decline')")
    page.wait_for_selector("button:has-text('Approve')", state="detached")
    is_readable(page)
    waiting.refresh_from_db()
    assert (waiting.state, Order.objects.count()) == ("declined", 0)


def test_the_page_follows_what_becomes_of_it(open_page, waiting, owner):
    page = open_page(f"/signals/{waiting.pk}/")
    signals.approve(waiting, actor=owner)
    row = page.locator("section:has(#orders-title) tbody tr")
    expect(row.locator(".tag")).to_have_text("Filled", timeout=9_000)
    expect(row.locator("[data-label='Average price']")).to_have_text("1.10010")
    expect(row.locator("[data-label='What the broker said']")).to_contain_text("number ")
    expect(page.locator("section:has(#events-title) [data-label=Account]").first).to_have_text(
        "Practice"
    )
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    expect(page.locator("#live-lead .tag")).to_have_text("Became orders")
    is_readable(page)

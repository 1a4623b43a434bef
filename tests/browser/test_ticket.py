"""An order from the ticket to its story, and a position, as a person meets them; on a phone in the dark too."""

from __future__ import annotations

import os
from decimal import Decimal as D
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts import manual
from accounts.models import Position
from accounts.papers import open_paper_account
from brokers.catalogue import instruments
from brokers.models import BrokerSymbol, Instrument, Quote
from tests.browser.conftest import PHONE, at_rest
from tests.browser.test_contrast import POOR_CONTRAST, UNLABELLED
from trading import execution, services
from trading.models import Order

SHOTS = os.environ.get("TRADERSHUB_SHOTS", "")
THEMES = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])


def shoot(page, name):
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


def is_readable(page):
    assert page.evaluate(POOR_CONTRAST) == []
    assert page.evaluate(UNLABELLED) == []
    width = page.evaluate("document.scrollingElement.scrollWidth")
    assert width <= page.viewport_size["width"]


@pytest.fixture
def account(owner):
    for row in instruments():  # the catalogue went with the test before
        Instrument.objects.get_or_create(symbol=row["symbol"], defaults=row)
    account = open_paper_account(
        actor=owner, owner=owner, name="Practice", currency="USD", deposit=10_000, leverage=100
    )
    manual.deposit(account, actor=owner, amount=10_000, at=timezone.now())
    return account


@pytest.fixture
def symbol(account):
    symbol = BrokerSymbol.objects.get(broker=account.broker, name="EURUSD")
    quoted(symbol)
    return symbol


def quoted(symbol, bid="1.1", ask="1.1001"):
    now = {"bid": bid, "ask": ask, "at": timezone.now(), "source": "test"}
    Quote.objects.update_or_create(symbol=symbol, defaults=now)


@pytest.fixture
def position(account, symbol, owner):
    """Long 0.5 from 1.095, at the venue too."""
    quoted(symbol, "1.0949", "1.095")
    services.place_by_hand(account, actor=owner, symbol="EURUSD", side="buy", lots=D("0.5"))
    quoted(symbol)
    return Position.objects.get()


def test_an_order_is_made_asked_about_once_and_sent_once(open_page, symbol):
    page = open_page("/ticket/")
    page.check("[name=side][value=buy]", force=True)
    page.fill("[name=stop_loss]", "1.0951")
    page.fill("[name=take_profit]", "1.1101")
    page.select_option("[name=size_in]", "percent_risk")
    page.fill("[name=size]", "1")
    page.wait_for_selector("#ticket-now >> text=0.20")
    page.wait_for_selector("text=Within every limit")
    assert not page.is_visible("[name=price]")
    page.select_option("[name=kind]", "limit")
    page.wait_for_selector("text=A limit order needs its price")
    assert page.is_visible("[name=price]")
    page.select_option("[name=kind]", "market")
    page.wait_for_selector("text=Within every limit")
    is_readable(page)
    shoot(page, "ticket")
    page.click("text=Look at the order once more")
    page.wait_for_selector("text=Buy 0.20 EURUSD at Practice?")
    is_readable(page)
    shoot(page, "ticket-question")
    page.focus("text=Send: buy 0.20 EURUSD")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1 >> text=What came of order")
    page.wait_for_selector("text=Step by step")
    is_readable(page)
    shoot(page, "order-story")
    assert Order.objects.get().lots == D("0.2")


def test_the_price_moves_beside_the_ticket(open_page, symbol):
    page = open_page("/ticket/")
    ask = page.locator("[data-price=ask]")
    expect(ask).to_contain_text("1.10010")
    just_answered(page)
    quoted(symbol, "1.2", "1.2001")
    expect(ask).to_contain_text("1.20010")
    expect(page.locator("#ticket-now")).to_contain_text("1.20000 / 1.20010")


@THEMES
def test_it_fits_a_phone(open_page, symbol, position, dark, live_server):
    page = open_page("/ticket/?size=0.5&stop_loss=1.0951", size=PHONE, dark=dark)
    page.wait_for_selector("text=Within every limit")
    name = "dark" if dark else "light"
    for path in ("ticket/", "orders/", f"positions/{position.pk}/", "reports/positions/"):
        if path != "ticket/":
            page.goto(f"{live_server.url}/{path}")
            at_rest(page)
        is_readable(page)
        shoot(page, f"phone-{path.replace('/', '-')}{name}")


def test_a_position_is_closed_from_its_table_by_keyboard(open_page, symbol, position):
    page = open_page("/reports/positions/")
    shoot(page, "positions")
    page.locator("td a", has_text="Close").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Close 0.50 EURUSD at Practice, now +250.00 USD?")
    shoot(page, "position-close")
    page.fill("[name=lots]", "0.2")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1 >> text=What came of order")
    order = Order.objects.first()
    assert (order.lots, order.reduces, order.position_ref) == (D("0.2"), True, position.ref)
    page.wait_for_selector("#live-state >> text=Filled")
    position.refresh_from_db()
    assert position.open_volume == D("0.3")
    page.goto(page.url.split("/orders/")[0] + "/orders/")
    shoot(page, "orders")


def just_answered(page):
    """Now is time to write: SQLite in memory refuses a page that asks meanwhile, as a file would not."""
    with page.expect_response("**"):
        pass


def test_pages_follow_what_happens_by_themselves(
    open_page, account, symbol, position, owner, monkeypatch
):
    monkeypatch.setattr(services, "enqueue", lambda *args, **kwargs: "")
    order = services.place_by_hand(
        account, actor=owner, symbol="EURUSD", side="buy", lots=D("0.1"), kind="limit", price=D(1)
    )
    page = open_page(f"/orders/{order.pk}/")
    assert page.inner_text("#live-state .figure-lead .figure-value") == "Queued"
    just_answered(page)
    execution.pump(account)
    page.wait_for_selector("#live-state >> text=Working")
    page.wait_for_selector("#live-actions >> text=Change")
    page.close()
    held = open_page("/reports/positions/")
    held.wait_for_selector("td >> text=+250.00")
    just_answered(held)
    quoted(symbol, "1.2", "1.2001")
    held.wait_for_selector("td >> text=+5,250.00".replace(",", "\u202f"))

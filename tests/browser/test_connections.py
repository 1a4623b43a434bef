"""A connection as a person makes it: opened, tested, switched, on a desk and on a phone, by day and night."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from brokers import connecting
from brokers.models import Connection
from tests.brokers.example_platform import CANARY, KEY, add_example, settings_given
from tests.browser.conftest import DESKTOP, PHONE
from tests.factories import make_account, make_broker

SHOTS = os.environ.get("TRADERSHUB_SHOTS", "")


def shoot(page, name):
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


@pytest.fixture(autouse=True)
def example(monkeypatch):
    return add_example(monkeypatch)


def test_a_connection_is_opened_tested_and_switched(open_page):
    make_broker(name="Example Brokers")
    page = open_page("/platforms/")
    shoot(page, "platforms-empty")
    page.click("a.button:has-text('Connect') >> nth=0")
    page.wait_for_selector("text=What do you want to connect?")
    shoot(page, "connection-choose")
    page.click(".card >> text=Example")
    page.wait_for_selector("text=Connect to Example")
    page.fill("[name=name]", "Main")
    page.fill("[name=setting_pause]", "1.5")
    page.fill("[name=secret_token]", CANARY)
    page.click("button:has-text('Open the connection')")
    page.wait_for_selector("text=Expected a value, found none")
    shoot(page, "connection-refused")
    assert page.input_value("[name=name]") == "Main"
    assert page.input_value("[name=secret_token]") == "" and CANARY not in page.content()
    page.fill("[name=setting_pause]", "3")
    page.fill("[name=setting_host]", "api.example.com")
    page.fill("[name=secret_token]", CANARY)
    page.click("button:has-text('Open the connection')")
    page.wait_for_selector("text=is open. Test it now.")
    row = Connection.objects.get()
    make_account(owner=row.owner, broker=row.broker, connection=row, number="001", name="Savings")
    page.click("button:has-text('Test it')")
    page.wait_for_selector("text=EURUSD 1.1/1.1002")
    shoot(page, "connection-tested")
    assert CANARY not in page.content()
    page.click("text=Switch it off")
    page.wait_for_selector("text=is switched off")
    shoot(page, "connection-off")
    page.click("text=Switch it on")
    page.wait_for_selector("text=Switch it off")
    assert Connection.objects.get().enabled


def test_a_platform_is_switched_off_with_a_reason_and_on_again(open_page):
    page = open_page(f"/platforms/{KEY}/")
    page.click("text=Switch Example off")
    page.wait_for_selector("text=Switch Example off?")
    page.fill("[name=reason]", "Maintenance of the broker")
    shoot(page, "platform-off")
    page.click("button:has-text('Switch Example off')")
    page.wait_for_selector("text=no order goes there. Maintenance of the broker")
    shoot(page, "platform-is-off")
    page.click("text=Switch Example on")
    page.wait_for_selector("text=Example is switched on")
    assert connecting.platform_row(KEY).enabled


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_pages_fit(open_page, owner, size, dark):
    broker = make_broker(name="A broker with a name as long as brokers like them")
    row = connecting.open_connection(
        actor=owner, owner=owner, broker=broker, platform=KEY, name="Main",
        settings=settings_given(), secrets={"token": CANARY}, expires_on="2020-01-01",
    )  # fmt: skip
    make_account(owner=owner, broker=broker, connection=row, number="001")
    Connection.objects.filter(pk=row.pk).update(fault="Account 001: the key is not known")
    addresses = {
        "platforms": "/platforms/",
        "platform": f"/platforms/{KEY}/",
        "connection": f"/connections/{row.pk}/",
        "connection-edit": f"/connections/{row.pk}/edit",
    }
    for name, address in addresses.items():
        page = open_page(address, size=size, dark=dark)
        shoot(page, f"{name}-{size[0]}-{'dark' if dark else 'light'}")
        assert page.evaluate("document.scrollingElement.scrollWidth") <= size[0], address
        page.close()

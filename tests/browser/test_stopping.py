"""Stop and release as a person meets them: one click from any page, on a phone too; back only with a code."""

from __future__ import annotations

import base64
import time

import pytest
from django_otp.oath import TOTP
from playwright.sync_api import expect

from risk import kill_switch
from tests.browser import test_ticket
from tests.browser.conftest import DESKTOP, PHONE, at_rest
from tests.browser.test_ticket import is_readable, shoot
from tradershub.core import second_factor
from tradershub.core.models import Authenticator

account, symbol = test_ticket.account, test_ticket.symbol
PASSWORD = "a-long-password"


@pytest.fixture(autouse=True)
def data_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def release(page):
    form = page.locator("form[action='/release']")
    form.locator("[name=reason]").fill("The market is calm")
    form.locator("button").click()


@pytest.mark.parametrize(("size", "dark"), [(DESKTOP, False), (PHONE, True)], ids=["desk", "phone"])
def test_one_click_stops_the_ticket_refuses_and_a_reason_releases(
    open_page, account, symbol, size, dark
):
    page = open_page("/ticket/?size=0.1", size=size, dark=dark)
    page.wait_for_selector("text=Within every limit")
    page.click(".trading-stop button")
    page.wait_for_selector("text=Stopped. Nothing is sent but cancels and closes")
    standing = kill_switch.standing(account)
    assert (standing.engaged, standing.scope) == (True, "owner")
    assert page.inner_text("h1") == "What do I risk if I send this?"
    page.wait_for_selector("#ticket-now >> text=Trading is stopped")
    is_readable(page)
    shoot(page, f"stopped-{size[0]}")
    page.click(".trading-release")
    release(page)
    page.wait_for_selector("text=Released: all of your accounts")
    assert not kill_switch.standing(account).engaged


def code_of(secret):
    clock = TOTP(base64.b32decode(secret))
    clock.time = time.time()
    return f"{clock.token():06}"


@pytest.mark.second_factor
def test_who_sets_up_an_app_on_its_page_releases_with_its_code(
    open_page, live_server, owner, faults
):
    kill_switch.engage(kill_switch.of_owner(owner), actor=owner)
    page = open_page("/security/")
    page.click("button:has-text('Set up an authenticator app')")
    secret = page.inner_text(".secret-text")
    is_readable(page)
    page.fill("[name=code]", code_of(secret))
    page.fill("[name=password]", PASSWORD)
    page.click("button:has-text('Take this app')")
    page.wait_for_selector(".recovery-codes li")
    assert page.locator(".recovery-codes li").count() == 10
    assert second_factor.has_one(owner)

    page.goto(f"{live_server.url}/reports/risk/")
    at_rest(page)
    release(page)
    page.fill("#step-up-code", "000000")
    page.click("button:has-text('Confirm and do it')")
    page.wait_for_selector(".step-up [role=alert]")
    is_readable(page)
    shoot(page, "step-up")
    assert kill_switch.engaged_for(owner).engaged
    Authenticator.objects.update(  # as half a minute later, when the app shows another
        last_step=-1, throttling_failure_count=0, throttling_failure_timestamp=None
    )
    page.fill("#step-up-code", code_of(secret))
    page.click("button:has-text('Confirm and do it')")
    page.wait_for_selector("text=Released: all of your accounts")
    assert not kill_switch.engaged_for(owner).engaged
    assert len(faults) == 2 and all("403 (Forbidden)" in fault for fault in faults)
    faults.clear()  # the browser's word for a page that asks for the code


@pytest.mark.parametrize("width", [1024, 1280, 1366, 1600])
def test_stop_is_on_the_screen_beside_many_actions(open_page, account, width):
    page = open_page(f"/accounts/account/{account.pk}/change/", size=(width, 800))
    expect(page.get_by_role("link", name="Close the account")).to_be_in_viewport(ratio=1)
    expect(page.locator(".trading-stop button")).to_be_in_viewport(ratio=1)
    assert page.locator(".trading-stop button").bounding_box()["y"] < 40
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width


CUT = """() => [...document.querySelectorAll(".filters[method=post] select, .filters select[data-submit]")]
  .filter((box) => {
    const whole = box.cloneNode(true);
    whole.style.cssText = "position: absolute; width: auto; max-width: none";
    box.after(whole);
    const wide = whole.offsetWidth;
    whole.remove();
    return wide > box.offsetWidth;
  })
  .map((box) => box.name)"""


@pytest.mark.parametrize(
    ("path", "size", "name"),
    [("/reports/risk/", PHONE, "Swing"), ("/ticket/", DESKTOP, "OANDA hedging in euro")],
)
def test_what_is_acted_on_can_be_read_in_full(open_page, account, path, size, name):
    account.name = name
    account.save()
    page = open_page(path, size=size)
    assert page.evaluate(CUT) == []
    assert page.evaluate("document.scrollingElement.scrollWidth") <= size[0]

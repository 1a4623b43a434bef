"""An entry by hand, as a person makes it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from accounts.models import Deal
from tests.browser.conftest import PHONE
from tests.factories import make_account

SHOTS = os.environ.get("TRADERSHUB_SHOTS", "")


def shoot(page, name):
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


@pytest.fixture
def account(owner):
    return make_account(owner=owner, name="Savings")


def test_a_deposit_is_entered_and_a_wrong_one_keeps_what_was_typed(open_page, account):
    page = open_page("/accounts/deal/deposit/")
    page.fill("[name=amount]", "ten")
    page.fill("[name=comment]", "salary")
    page.click("text=Book the deposit")
    page.wait_for_selector("text=Expected a number such as 1234.50")
    shoot(page, "entry-refused")
    assert page.input_value("[name=comment]") == "salary"
    page.fill("[name=amount]", "10.50")
    page.click("text=Book the deposit")
    page.wait_for_selector("text=Booked in Savings")
    shoot(page, "entry-list")
    assert Deal.objects.get().comment == "salary"


def test_the_form_of_a_trade_fits_a_phone_in_the_dark(open_page, account):
    page = open_page("/accounts/deal/trade/", size=PHONE, dark=True)
    shoot(page, "entry-phone")
    width = page.evaluate("document.scrollingElement.scrollWidth")
    assert width <= PHONE[0]
    page.fill("[name=symbol]", "EURUSD")
    page.fill("[name=price]", "1.1")
    page.click("text=Book the trade")
    page.wait_for_selector("text=Booked in Savings")

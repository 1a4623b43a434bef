"""Stop and flatten as a person meets it: asked, confirmed, followed until the broker says flat."""

from __future__ import annotations

import pytest

from tests.browser import test_ticket
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.test_ticket import is_readable, shoot
from trading import flattening
from trading.models import Flattening, Order

account, symbol, position = test_ticket.account, test_ticket.symbol, test_ticket.position


@pytest.mark.parametrize(("size", "dark"), [(DESKTOP, False), (PHONE, True)], ids=["desk", "phone"])
def test_it_is_asked_confirmed_and_followed_until_flat(
    open_page,
    position,
    settings,
    tmp_path,
    size,
    dark,
):
    settings.DATA_DIR = tmp_path
    page = open_page("/reports/risk/", size=size, dark=dark)
    page.click("button:has-text('Stop and flatten…')")
    assert "Close 1 position and cancel 0 orders in 1 account, now +" in page.inner_text("h1")
    is_readable(page)
    shoot(page, f"flatten-{size[0]}")
    page.click("form.panel button:has-text('Stop and flatten')")
    page.wait_for_selector("text=1 not flat yet")
    assert page.inner_text("h1") == "Are the accounts flat?"
    is_readable(page)
    [row] = flattening.due()
    flattening.work(row)
    page.wait_for_selector("text=1 flat.")  # without anybody's click
    assert page.inner_text("tbody .tag") == "Flat"
    assert page.locator("button:has-text('Withdraw')").count() == 0
    is_readable(page)
    shoot(page, f"flat-{size[0]}")
    assert Flattening.objects.get().state == "flat"
    assert Order.objects.get(reduces=True).state == "filled"


def test_it_is_withdrawn_while_the_page_renews_itself(open_page, position, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    page = open_page("/stop/flatten")
    page.click("form.panel button:has-text('Stop and flatten')")
    page.wait_for_selector("text=1 not flat yet")
    page.wait_for_timeout(2500)
    page.click("button:has-text('Withdraw')")
    page.wait_for_selector("text=Trading stays stopped")
    assert Flattening.objects.get().state == "withdrawn"

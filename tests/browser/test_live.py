"""Pages that follow: what changed is shown in its place, whatever a person has clicked, opened or typed there."""

from __future__ import annotations

import re

import pytest
from django.conf import settings as hub_settings
from playwright.sync_api import expect

from accounts.subscribing import connect_chat
from tests.accounts.chats import chat_server, telegram
from tests.browser import test_ticket
from tests.browser.conftest import PHONE
from tests.browser.test_ticket import quoted

account, symbol, position = test_ticket.account, test_ticket.symbol, test_ticket.position
SOON = 9_000  # milliseconds: a look each five seconds, and some patience


def test_a_table_clicked_into_goes_on_and_keeps_what_is_opened(open_page, position, symbol):
    page = open_page("/reports/positions/")
    row = page.locator("#live-table tbody tr")
    row.locator("td[data-label=Lots]").click()
    page.locator("#live-table summary", has_text="Columns").click()
    page.locator("#live-table [name='positions.cols'][value=broker]").check()
    quoted(symbol, "1.11", "1.1101")
    expect(row.locator("td[data-label='Price now']")).to_have_text("1.11000", timeout=SOON)
    expect(page.locator("#live-table [name='positions.cols'][value=broker]")).to_be_checked()
    row.focus()
    quoted(symbol, "1.12", "1.1201")
    expect(row.locator("td[data-label='Price now']")).to_have_text("1.12000", timeout=SOON)
    expect(row.locator("td[data-label='Price now']")).to_have_class(re.compile("is-changed"))
    expect(row).to_be_focused()


def test_an_opened_card_goes_on_and_stays_open(open_page, position, symbol):
    page = open_page("/reports/positions/", size=PHONE)
    row = page.locator("#live-table tbody tr")
    row.locator("td[data-label=Lots]").click()
    quoted(symbol, "1.11", "1.1101")
    expect(row.locator("td[data-label='Price now']")).to_have_text("1.11000", timeout=SOON)
    expect(row.locator("td[data-label='Price now']")).to_be_visible()


def test_a_position_stands_with_its_account_beside_what_is_done_with_it(open_page, position):
    position.account.name = "The account with the longest name of all"
    position.account.save()
    page = open_page("/reports/positions/")
    row = page.locator("#live-table tbody tr")
    for shown in ("Symbol", "Account", "Profit now", "Close", "Set stops"):
        expect(row.locator(f"td[data-label='{shown}']")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("path", ["/reports/positions/", "/ticket/"])
def test_a_page_that_cannot_follow_says_that_it_is_old(open_page, position, path):
    page = open_page(path)
    expect(page.locator("#is-old")).to_have_count(0)
    page.context.clear_cookies(name=hub_settings.SESSION_COOKIE_NAME)
    expect(page.locator("#is-old")).to_contain_text("not followed any more", timeout=SOON)
    expect(page.locator("#is-old")).to_be_in_viewport()


def test_a_page_says_while_the_hub_does_not_answer(open_page, position, symbol, faults):
    page = open_page("/reports/positions/")
    page.context.set_offline(True)
    expect(page.locator("#is-old")).to_contain_text("does not answer", timeout=SOON)
    page.context.set_offline(False)
    expect(page.locator("#is-old")).to_have_count(0, timeout=2 * SOON)
    faults.clear()


def test_a_channel_notices_the_chat_that_sent_its_code(open_page, owner, settings):
    with chat_server(settings):
        channel = telegram(owner, chat=None)
        page = open_page(f"/channels/{channel.pk}/")
        page.get_by_role("button", name="Connect a chat").click()
        code = page.locator("[data-once]")
        expect(code).to_have_text(re.compile("/start [A-Z0-9]{10}"))
        shown = code.text_content()
        page.wait_for_timeout(3000)
        assert code.text_content() == shown
        connect_chat(channel, chat=7, name="Pocket", person=7, person_name="Ada")
        expect(code).to_have_count(0, timeout=SOON)
        expect(page.locator("#live-chat")).to_contain_text("Pocket")
        expect(page.locator("#live-state")).not_to_contain_text("No chat yet")

"""The frame in a real browser: keys, theme, phone, filters, exports; the policy refuses nothing of ours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from playwright.sync_api import expect

from tests.browser.conftest import PHONE, at_rest
from tests.factories import make_strategy
from tests.reports.books import make_books
from tradershub.core import audit
from trading import signals

PAGES = ("/", "/reports/equity/", "/reports/trades/", "/reports/positions/", "/reports/statement/",
         "/reports/breaks/", "/reports/audit/", "/reports/health/", "/reports/", "/accounts/account/",
         "/accounts/deal/", "/brokers/broker/add/", "/auth/group/add/")  # fmt: skip


@pytest.fixture
def books(owner):
    return make_books(owner, days=60)


@pytest.mark.parametrize("size", [(1280, 900), PHONE])
def test_no_page_scrolls_sideways_or_breaks_the_policy(open_page, books, size):
    page = open_page("/", size=size)
    for path in PAGES:
        page.goto(page.url.split("/", 3)[0] + "//" + page.url.split("/", 3)[2] + path)
        at_rest(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], path
        expect(page.get_by_text("Recording only")).to_be_visible()


def test_the_bar_of_the_sandbox_hides_no_foot_of_a_list(open_page, books):
    page = open_page("/accounts/deal/")
    page.evaluate(
        """(words) => {
          const sheet = new CSSStyleSheet();
          sheet.replaceSync(words);
          document.adoptedStyleSheets = [sheet];
        }""",
        Path(finders.find("css/sandbox.css")).read_text(),
    )
    foot = page.locator(":text('deals')").last.bounding_box()
    bar = page.evaluate(
        "innerHeight - parseFloat(getComputedStyle(document.body, '::after').height)"
    )
    assert foot["y"] + foot["height"] <= bar


def test_charts_are_drawn_from_the_pages_own_data(open_page, books):
    page = open_page("/reports/equity/")
    expect(page.locator("#chart-curve canvas").first).to_be_visible()


def test_a_picture_of_the_chart_is_saved(open_page, books):
    page = open_page("/reports/equity/")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save picture").click()
    assert saved.value.suggested_filename == "chart-curve.png"


def test_a_filter_goes_into_the_address_and_is_kept_on_the_next_page(open_page, books):
    page = open_page("/reports/trades/")
    page.get_by_label("Period").select_option("month")
    page.wait_for_url(re.compile("period=month"))
    page.get_by_role("link", name="Equity and balance").click()
    page.wait_for_url(re.compile("equity/.*period=month"))
    page.get_by_role("link", name="Clear filters").click()
    expect(page.get_by_label("Period")).to_have_value("all")


def test_an_export_holds_what_is_shown(open_page, books):
    page = open_page("/reports/trades/")
    with page.expect_download() as saved:
        page.get_by_role("link", name="CSV").click()
    lines = saved.value.path().read_text(encoding="utf-8-sig").splitlines()
    shown = page.locator("table.data-table thead th").count()
    assert lines[0].count(",") == shown - 1 and len(lines) > 100


def test_slash_searches_and_finds_an_account(open_page, books):
    page = open_page("/")
    page.keyboard.press("/")
    box = page.locator("#search-input-command")
    expect(box).to_be_focused()
    box.press_sequentially("tokyo")
    expect(page.locator("#command-results a").filter(has_text="Tokyo")).to_be_visible()


def test_g_and_a_letter_go_to_a_page(open_page, books):
    page = open_page("/")
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url(re.compile("/reports/trades/"))


def test_arrows_walk_the_rows_and_enter_follows_the_link(open_page, books):
    page = open_page("/")
    rows = page.locator("#table-accounts tbody tr")
    rows.nth(0).focus()
    page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/reports/account/\d+/"))


def test_the_theme_is_switched_by_keyboard_and_stays(open_page, books):
    page = open_page("/reports/equity/")
    menu = page.locator("[x-on\\:click='openUserLinks = !openUserLinks']")
    menu.focus()
    page.keyboard.press("Enter")
    dark = page.get_by_role("button", name="Dark")
    dark.focus()
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_class(re.compile("dark"))
    page.reload()
    expect(page.locator("html")).to_have_class(re.compile("dark"))


def test_on_a_phone_a_row_is_a_card_that_opens(open_page, books):
    page = open_page("/reports/trades/", size=PHONE)
    row = page.locator("#table-trades tbody tr").first
    swap = row.locator("td[data-label=Swap]")
    expect(swap).to_be_hidden()
    row.locator("td[data-label=Net]").click()
    expect(swap).to_be_visible()


def test_on_a_phone_the_menu_opens(open_page, books):
    page = open_page("/", size=PHONE)
    page.get_by_role("button", name="Open the menu").click()
    page.get_by_role("link", name="Closed trades").click()
    page.wait_for_url(re.compile("/reports/trades/"))


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_on_a_phone_a_key_told_once_can_be_read(open_page):
    page = open_page("/core/apikey/add/", size=PHONE)
    page.fill("[name=name]", "charts")
    page.locator("[name=scopes]").first.check()
    page.click("[name=_save]")
    told = page.get_by_text("Copy the key now")
    expect(told).to_be_visible()
    assert fits(page) and told.evaluate("one => one.scrollWidth <= one.clientWidth")


def test_on_a_phone_an_address_told_once_can_be_read(open_page, owner):
    source, _ = signals.create_source(
        actor=owner, owner=owner, name="charts", strategy=make_strategy(owner, "mr")
    )
    page = open_page(f"/signals/sources/{source.pk}/", size=PHONE)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="New secret").click()
    told = page.get_by_text("Copy the address now")
    expect(told).to_be_visible()
    assert fits(page) and told.evaluate("one => one.scrollWidth <= one.clientWidth")


def test_on_a_phone_the_audit_breaks_long_names(open_page, owner):
    audit.record("second_factor.recovery_code_of_a_long_name", actor=owner)
    assert fits(open_page("/reports/audit/", size=PHONE))


def test_chosen_columns_are_shown_and_remembered(open_page, books):
    page = open_page("/reports/trades/")
    page.get_by_text("Columns ▾").click()
    page.locator("input[name='trades.cols'][value=swap]").uncheck()
    page.get_by_role("button", name="Show these columns").click()
    page.wait_for_url(re.compile("trades.cols"))
    expect(page.locator("#table-trades th", has_text="Swap")).to_have_count(0)
    page.goto(page.url.split("?")[0])
    expect(page.locator("#table-trades th", has_text="Swap")).to_have_count(0)


NAMELESS = """() => [...document.querySelectorAll("input, select, textarea")]
  .filter((box) => !["hidden", "submit", "button"].includes(box.type) && !box.labels.length)
  .filter((box) => !box.getAttribute("aria-label") && !box.getAttribute("aria-labelledby"))
  .map((box) => box.outerHTML)"""


@pytest.mark.parametrize("path", ["/accounts/account/", "/core/apikey/add/", "/reports/trades/"])
def test_every_box_has_a_name(open_page, books, path):
    assert open_page(path).evaluate(NAMELESS) == []


def test_the_two_boxes_of_a_moment_are_told_apart(open_page):
    page = open_page("/core/apikey/add/")
    expect(page.get_by_label("Expires at, date")).to_be_visible()
    expect(page.get_by_label("Expires at, time")).to_be_visible()

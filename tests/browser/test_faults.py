"""The pages of faults as a person sees them: readable in both themes, on a phone too, with a way on."""

from __future__ import annotations

import pytest
from django.template.loader import render_to_string
from playwright.sync_api import expect

from tests.browser.conftest import PHONE, at_rest
from tests.browser.test_contrast import POOR_CONTRAST

LIMITS = {"megabytes": 2, "upload_megabytes": 200, "files": 200, "request_id": "a1" * 16}


def show(page, live_server, name):
    """The page of that fault at an address of its own, with the hub's own style and script."""
    html = render_to_string(f"{name}.html", LIMITS)

    def answer(route):
        route.fulfill(body=html, content_type="text/html")

    page.route("**/fault", answer)
    page.goto(f"{live_server.url}/fault")
    at_rest(page)
    page.unroute("**/fault", answer)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [(1280, 900), PHONE])
def test_a_fault_looks_like_the_house_and_shows_a_way_on(open_page, live_server, dark, size):
    page = open_page("/login/", size=size, dark=dark)
    for name in ("400", "403", "403_csrf", "404", "413", "500"):
        show(page, live_server, name)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], name
        assert page.evaluate("document.fonts.check('600 14px Inter')"), name
        assert page.evaluate(POOR_CONTRAST.replace(".page *", "body *")) == [], name
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground != "rgb(255, 255, 255)") is dark, name
        expect(page.get_by_role("link", name="To the dashboard")).to_be_visible()


def test_a_fault_has_the_theme_that_was_chosen_in_the_frame(open_page, live_server):
    page = open_page("/login/")
    page.evaluate("localStorage.setItem('adminTheme', '\"dark\"')")
    show(page, live_server, "404")
    scheme = "getComputedStyle(document.documentElement).colorScheme"
    assert page.evaluate(scheme) == "dark"

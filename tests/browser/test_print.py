"""On paper a page is whole: no menu, no dark ground, no table that is cut off."""

from __future__ import annotations

import pytest

from tests.reports.books import make_books

A4 = (718, 1016)  # pixels between margins of 1 cm


@pytest.mark.parametrize("page", ["trades", "statement", "breaks", "positions"])
def test_a_printed_table_fits_on_a_sheet(open_page, owner, page):
    make_books(owner, days=10)
    paper = open_page(f"/reports/{page}/?period=all", dark=True)
    paper.emulate_media(media="print")
    paper.set_viewport_size({"width": A4[0], "height": A4[1]})
    widths = paper.evaluate(
        "[document.documentElement, ...document.querySelectorAll('table.data-table')]"
        ".map((one) => one.scrollWidth)"
    )
    assert max(widths) <= A4[0]
    assert not paper.locator("#nav-sidebar").is_visible()
    assert paper.locator(".only-print").first.is_visible()
    ground = paper.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)"

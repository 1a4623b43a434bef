"""Every text of our pages is readable: contrast AA in both themes, a label on every control."""

from __future__ import annotations

import pytest

from tests.browser.conftest import at_rest
from tests.reports.books import make_books

PAGES = ("/", "/reports/trades/", "/reports/breaks/", "/reports/health/")

# Each visible text with too little contrast to the ground behind it: 4.5, or 3 for large text (WCAG 1.4.3).
POOR_CONTRAST = """() => {
  const brush = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = (colour) => {
    brush.clearRect(0, 0, 1, 1); brush.fillStyle = colour; brush.fillRect(0, 0, 1, 1);
    return Array.from(brush.getImageData(0, 0, 1, 1).data);
  };
  const light = (c) => {
    const linear = (v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = c.slice(0, 3).map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c[3] > 250) return c;
    }
    return [255, 255, 255, 255];
  };
  const poor = [];
  for (const e of document.querySelectorAll('.page *, .hub-headline *, .hub-header-side *')) {
    const own = Array.from(e.childNodes).some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility({visibilityProperty: true}) || ['SCRIPT', 'STYLE'].includes(e.tagName)) continue;
    const style = getComputedStyle(e), a = light(rgb(style.color)), b = light(ground(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize), bold = parseInt(style.fontWeight) >= 700;
    const wanted = size >= 24 || (bold && size >= 18.66) ? 3 : 4.5;
    const words = e.textContent.trim().slice(0, 30);
    if (ratio < wanted) poor.push(`${e.className || e.tagName} "${words}" ${ratio.toFixed(2)}`);
  }
  return poor;
}"""

UNLABELLED = """() => Array.from(document.querySelectorAll(
    '.page input:not([type=hidden]), .page select, .page button, .page summary'))
  .filter((e) => !(e.labels && e.labels.length) && !e.getAttribute('aria-label') && !e.textContent.trim())
  .map((e) => e.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("dark", [False, True])
def test_text_has_contrast_and_controls_have_labels(open_page, owner, live_server, dark):
    make_books(owner, days=20)
    page = open_page("/", dark=dark)
    for path in PAGES:
        page.goto(live_server.url + path)
        at_rest(page)
        assert page.evaluate(POOR_CONTRAST) == [], path
        assert page.evaluate(UNLABELLED) == [], path

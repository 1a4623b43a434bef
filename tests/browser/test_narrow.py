"""Long words and figures on a phone: whole where they tell something only whole, and never wider than the page."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from django.utils import timezone

from tests.browser import test_ticket
from tests.browser.conftest import PHONE
from tests.browser.test_ticket import is_readable
from tests.factories import make_strategy
from tradershub.core.once import new_token
from trading import services, signals
from trading.models import Gate, Order, Signal

account, symbol = test_ticket.account, test_ticket.symbol

HASH = "6643ed" * 12

BROKEN = """(cells) => cells.filter((cell) => {
  const words = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    for (const word of words.currentNode.data.matchAll(/[0-9:.]+/g)) {
      const range = document.createRange();
      range.setStart(words.currentNode, word.index);
      range.setEnd(words.currentNode, word.index + word[0].length);
      if (new Set(Array.from(range.getClientRects(), (box) => Math.round(box.top))).size > 1) return true;
    }
  }
  return false;
}).map((cell) => cell.textContent)"""

RUNS_OVER = """(tags) => tags.filter((tag) =>
    tag.getBoundingClientRect().right > tag.closest('td').getBoundingClientRect().right + 1)
  .map((tag) => tag.textContent)"""

LABELS = """(cells) => cells.filter((cell) => {
  const label = getComputedStyle(cell, '::before');
  return parseFloat(label.height) > 1.5 * parseFloat(label.lineHeight);
}).map((cell) => cell.dataset.label)"""


CUT = """(cells) => cells.filter((cell) => cell.scrollHeight > cell.clientHeight + 1)
  .map((cell) => cell.textContent)"""


@pytest.fixture
def source(owner):
    strategy = make_strategy(
        owner, "mr", status="live", name="A strategy with the longest of names"
    )
    source, _ = signals.create_source(
        actor=owner, owner=owner, name="ChartsOfTheDeskWithoutASingleSpace" * 2, mode="approval",
        strategy=strategy,
    )  # fmt: skip
    return source


@pytest.fixture
def story(source):
    """What came of a message without an id of its own."""
    now, words = timezone.now(), {"symbol": "EURUSD", "intent": "buy", "comment": HASH}
    signal = Signal.objects.create(
        source=source, key=f"bar:{HASH}", body=HASH, body_hash=HASH[:64], mode=source.mode,
        received_at=now, last_delivery_at=now, state="ordered", draft=words, reason=HASH,
    )  # fmt: skip
    Gate.objects.create(
        signal=signal, at=now, name="age", passed=True, text=HASH, figures={HASH: HASH}
    )
    return signal


def placed(account, owner):
    return services.place_by_hand(
        account, actor=owner, symbol="EURUSD", side="buy", lots=D("0.1"), token=new_token()
    )


@pytest.mark.parametrize("dark", [False, True])
def test_no_long_word_widens_the_page_of_a_signal_or_of_its_source(open_page, story, dark):
    for address in (f"/signals/{story.pk}/", f"/signals/sources/{story.source_id}/"):
        is_readable(open_page(address, size=PHONE, dark=dark))


def test_a_state_stays_within_its_own_cell(open_page, account, symbol, owner, story):
    order = placed(account, owner)
    Order.objects.filter(pk=order.pk).update(
        origin_kind="signal", origin_id=story.origin, state="blocked"
    )
    page = open_page(f"/signals/sources/{story.source_id}/", size=PHONE)
    tags = page.locator("td .tag")
    assert tags.all_text_contents() == ["No order went through"]
    assert tags.evaluate_all(RUNS_OVER) == []


def test_a_time_of_the_day_is_not_broken(open_page, account, symbol, owner):
    order = placed(account, owner)
    page = open_page(f"/orders/{order.pk}/", size=PHONE)
    cells = page.locator("td.nowrap")
    assert cells.count() > 2
    assert cells.evaluate_all(BROKEN) == []


def test_a_label_beside_a_long_value_stays_whole(open_page, source):
    page = open_page("/trading/signalsource/", size=PHONE)
    cells = page.locator("#result_list tbody :is(th, td)[data-label]")
    assert cells.count() > 5
    assert cells.evaluate_all(LABELS) == []
    is_readable(page)


def test_a_list_shows_the_whole_of_a_reason(open_page, story):
    story.reason = "Margin against what is free: 17 713 500.00 USD asked, 94 469.79 left. " * 3
    story.save()
    page = open_page("/trading/signal/", size=PHONE)
    assert "94 469.79 left" in page.locator("#result_list").inner_text()
    assert page.locator("#result_list tbody :is(th, td)").evaluate_all(CUT) == []

"""The promises of `brokers.adapters.base`, which each platform that places orders is held to.

A platform's test inherits AdapterContract and supplies samples and the fixture `bench`, which has `adapter`,
`clock` free of meaning here, `move(symbol, bid, ask)`: the market is there, and has done what follows, and
`offer(symbol, bid, ask, lots)`: the same, with so many lots on offer only.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal as D
from typing import Any, TypeVar

import pytest

from brokers.adapters.errors import Rejected
from brokers.adapters.messages import DealKind, Entry, Kind, OrderTicket, Status, Stops

T = TypeVar("T")
_numbers = itertools.count(1)


class AdapterContract:
    """Samples: an account flat and funded, a symbol at bid and ask, lots that can be halved."""

    number: str
    currency: str
    symbol: str
    bid: D
    ask: D
    step: D  # a price's move that nothing else than the test's own orders notices
    lots: D
    half: D
    too_small: D

    @pytest.fixture
    def bench(self) -> Any:
        raise NotImplementedError

    @pytest.fixture
    def adapter(self, bench: Any) -> Any:
        return bench.adapter

    # -- Words ---------------------------------------------------------------------------------
    def ticket(self, side: str = "buy", **more: Any) -> OrderTicket:
        fields = {"client_id": f"c{next(_numbers)}", "symbol": self.symbol, "lots": self.lots}
        return OrderTicket(side=side, **fields | more)

    def limit(self, **more: Any) -> OrderTicket:
        """A buy below the market."""
        return self.ticket(**{"kind": Kind.LIMIT, "price": self.bid - 10 * self.step} | more)

    def visible(self, adapter: Any, read: Callable[[], T]) -> T:
        """What is read once it is there, as soon as the platform promises."""
        ends = time.monotonic() + adapter.capabilities.visible_within
        while not (found := read()) and time.monotonic() < ends:
            time.sleep(0.05)
        return found

    def position(self, adapter: Any, *, side: str = "buy") -> Any:
        found = self.visible(adapter, lambda: [p for p in adapter.positions() if p.side == side])
        (position,) = found
        return position

    def deals(self, adapter: Any, cursor: str = "") -> tuple[list[Any], str]:
        found, more = [], True
        while more:
            page = adapter.deals_since(cursor)
            found += page.deals
            cursor, more = page.cursor, page.more
        return found, cursor

    # -- The account ---------------------------------------------------------------------------
    def test_the_account_is_the_one_that_was_asked_for(self, adapter):
        account = adapter.account()
        assert (account.number, account.currency) == (self.number, self.currency)
        assert account.mode in adapter.capabilities.modes
        assert account.live is False
        assert account.equity == account.balance > 0
        told, names = adapter.identity(), ("number", "currency", "mode", "live", "watermark")
        assert [getattr(told, name) for name in names] == [getattr(account, name) for name in names]

    def test_terms_and_prices_of_unknown_symbols_are_left_out(self, adapter):
        (found,) = adapter.terms([self.symbol, "NO-SUCH"])
        assert (found.name, found.terms.lot_step > 0) == (self.symbol, True)
        (quote,) = adapter.quotes([self.symbol, "NO-SUCH"])
        assert (quote.symbol, quote.bid, quote.ask) == (self.symbol, self.bid, self.ask)
        assert quote.at.tzinfo is not None

    # -- Placing -------------------------------------------------------------------------------
    def test_an_order_at_the_market_fills_once(self, adapter):
        asked = self.ticket()
        ack = adapter.place(asked)
        search = self.visible(adapter, lambda: adapter.find_by_client_id(asked.client_id).found)
        assert search.order.status is Status.FILLED
        assert search.order.filled == search.order.lots == self.lots
        assert search.order.average_price == self.ask
        assert ack.order.broker_order_id == search.order.broker_order_id
        rows = [d for d in self.deals(adapter)[0] if d.broker_order_id == ack.order.broker_order_id]
        assert [(d.kind, d.side, d.entry, d.lots, d.price) for d in rows] == [
            (DealKind.TRADE, "buy", Entry.IN, self.lots, self.ask)
        ]
        position = self.position(adapter)
        assert (position.symbol, position.lots) == (self.symbol, self.lots)
        assert (position.open_price, position.ref) == (self.ask, rows[0].position_ref)

    def test_a_limit_waits_for_its_price(self, adapter, bench):
        ack = adapter.place(self.limit())
        assert (ack.order.status, ack.deals) == (Status.WORKING, ())
        (working,) = adapter.working_orders()
        assert (working.broker_order_id, working.price) == (
            ack.order.broker_order_id,
            self.bid - 10 * self.step,
        )
        bench.move(self.symbol, working.price - 2 * self.step, working.price - self.step)
        assert adapter.working_orders() == []
        found = adapter.find_by_client_id(working.client_id).found
        assert found.order.status is Status.FILLED
        assert found.order.average_price <= working.price
        assert self.position(adapter).lots == self.lots

    def test_a_stop_goes_to_the_market_at_its_price(self, adapter, bench):
        level = self.ask + 10 * self.step
        ack = adapter.place(self.ticket(kind=Kind.STOP, price=level))
        assert ack.order.status is Status.WORKING
        bench.move(self.symbol, level, level + self.step)
        found = adapter.find_by_client_id(ack.order.client_id).found
        assert found.order.status is Status.FILLED
        assert found.order.average_price >= level

    def test_stops_of_an_order_are_those_of_its_position(self, adapter, bench):
        if not adapter.capabilities.stops_with_order:
            return
        loss, profit = self.bid - 20 * self.step, self.ask + 20 * self.step
        adapter.place(self.ticket(stops=Stops(stop_loss=loss, take_profit=profit)))
        stops = self.position(adapter).stops
        assert (stops.stop_loss, stops.take_profit) == (loss, profit)
        bench.move(self.symbol, loss - self.step, loss)
        assert adapter.positions() == []

    @pytest.mark.parametrize("wrong", ["symbol", "lots"])
    def test_what_cannot_be_traded_is_rejected(self, adapter, wrong):
        value = "NO-SUCH" if wrong == "symbol" else self.too_small
        asked = self.ticket(**{wrong: value})
        before = self.deals(adapter)[0]
        with pytest.raises(Rejected) as refusal:
            adapter.place(asked)
        assert refusal.value.message
        assert refusal.value.code
        # Some platforms keep what they refused, and say so later.
        found = adapter.find_by_client_id(asked.client_id).found
        assert found is None or found.order.status is Status.REJECTED
        assert (adapter.positions(), self.deals(adapter)[0]) == ([], before)

    # -- Our own ids ---------------------------------------------------------------------------
    def test_an_order_that_works_is_found_by_our_id(self, adapter):
        asked = self.limit()
        ack = adapter.place(asked)
        search = adapter.find_by_client_id(asked.client_id)
        assert search.found.order.broker_order_id == ack.order.broker_order_id
        assert search.found.order.status is Status.WORKING
        assert search.evidence

    def test_what_was_never_sent_is_not_found(self, adapter):
        search = adapter.find_by_client_id("never-sent")
        assert search.found is None
        assert search.evidence

    def test_our_id_given_again_is_refused_as_far_as_promised(self, adapter):
        asked = self.limit()
        first = adapter.place(asked).order.broker_order_id
        if adapter.capabilities.refuses_repeats in ("working", "always"):
            with pytest.raises(Rejected):
                adapter.place(asked)
            assert [o.broker_order_id for o in adapter.working_orders()] == [first]
        adapter.cancel(first)
        if adapter.capabilities.refuses_repeats == "always":
            with pytest.raises(Rejected):
                adapter.place(asked)
            assert adapter.find_by_client_id(asked.client_id).found.order.broker_order_id == first

    # -- Changing ------------------------------------------------------------------------------
    def test_an_amended_order_works_at_its_new_price(self, adapter, bench):
        asked = self.limit()
        order = adapter.place(asked).order.broker_order_id
        price = self.bid - 5 * self.step
        changed = self.limit(client_id=asked.client_id, price=price)
        ack = adapter.amend(order, changed)
        assert (ack.order.price, ack.order.status) == (price, Status.WORKING)
        (works,) = adapter.working_orders()
        assert (works.broker_order_id, works.price) == (ack.order.broker_order_id, price)
        bench.move(self.symbol, price - 2 * self.step, price - self.step)
        assert self.position(adapter).open_price <= price
        assert adapter.working_orders() == []

    def test_an_amended_order_answers_to_the_number_it_had(self, adapter):
        asked = self.limit()
        order = adapter.place(asked).order.broker_order_id
        for steps in (5, 6):
            price = self.bid - steps * self.step
            adapter.amend(order, self.limit(client_id=asked.client_id, price=price))
        assert adapter.cancel(order).order.status is Status.CANCELLED
        assert adapter.working_orders() == []

    def test_a_part_filled_order_that_is_amended_fills_its_lots_at_most(self, adapter, bench):
        asked = self.limit()
        first = adapter.place(asked).order.broker_order_id
        price, step = asked.price, self.step
        bench.offer(self.symbol, price - 2 * step, price - step, self.half)
        assert self.position(adapter).lots == self.half
        newest = adapter.find_by_client_id(asked.client_id).found.order.broker_order_id
        changed = self.limit(client_id=asked.client_id, price=price - 3 * step)
        for number in (first, newest):
            with suppress(Rejected):
                adapter.amend(number, changed)
        bench.move(self.symbol, price - 6 * step, price - 5 * step)
        assert sum(position.lots for position in adapter.positions()) == self.lots
        assert adapter.working_orders() == []

    def test_a_cancelled_order_works_no_more(self, adapter, bench):
        order = adapter.place(self.limit()).order.broker_order_id
        assert adapter.cancel(order).order.status is Status.CANCELLED
        bench.move(self.symbol, self.bid - 20 * self.step, self.ask - 20 * self.step)
        assert (adapter.working_orders(), adapter.positions()) == ([], [])

    def test_cancelling_what_filled_tells_of_the_fill(self, adapter):
        order = adapter.place(self.ticket()).order.broker_order_id
        ack = adapter.cancel(order)
        assert (ack.order.status, ack.order.filled) == (Status.FILLED, self.lots)
        assert self.position(adapter).lots == self.lots

    def test_cancelling_twice_is_once(self, adapter):
        order = adapter.place(self.limit()).order.broker_order_id
        first, second = adapter.cancel(order), adapter.cancel(order)
        assert first.order.status is second.order.status is Status.CANCELLED

    def test_an_order_that_is_not_there_cannot_be_cancelled(self, adapter):
        with pytest.raises(Rejected):
            adapter.cancel("999999999")

    # -- Positions -----------------------------------------------------------------------------
    def test_a_position_is_closed_in_part_and_whole(self, adapter):
        adapter.place(self.ticket())
        position = self.position(adapter)
        if adapter.capabilities.closes_in_part:
            adapter.close(position.ref, client_id=f"c{next(_numbers)}", lots=self.half)
            assert self.position(adapter).lots == self.lots - self.half
        ack = adapter.close(position.ref, client_id=f"c{next(_numbers)}")
        assert ack.order.status is Status.FILLED
        assert adapter.positions() == []
        trades = [d for d in self.deals(adapter)[0] if d.kind is DealKind.TRADE]
        assert {d.entry for d in trades[1:]} == {Entry.OUT}
        assert sum(d.lots for d in trades[1:]) == self.lots

    def test_a_position_that_is_not_there_cannot_be_closed(self, adapter):
        with pytest.raises(Rejected):
            adapter.close("999999999", client_id=f"c{next(_numbers)}")

    def test_a_protected_position_is_left_at_its_stop(self, adapter, bench):
        adapter.place(self.ticket())
        loss = self.bid - 20 * self.step
        ref = self.position(adapter).ref
        assert adapter.protect(ref, Stops(stop_loss=loss)).stops.stop_loss == loss
        assert adapter.protect(ref, Stops()).stops == Stops()
        adapter.protect(ref, Stops(stop_loss=loss))
        bench.move(self.symbol, loss - self.step, loss)
        assert adapter.positions() == []

    def test_reducing_only_never_opens_the_other_side(self, adapter):
        with pytest.raises(Rejected):
            adapter.place(self.ticket("sell", reduce_only=True))
        adapter.place(self.ticket(lots=self.half))
        adapter.place(self.ticket("sell", lots=self.lots, reduce_only=True))
        assert adapter.positions() == []

    # -- History -------------------------------------------------------------------------------
    def test_each_deal_comes_once_whatever_the_cursor(self, adapter):
        cursor, seen = "", []
        for side in ("buy", "sell", "sell", "buy"):
            adapter.place(self.ticket(side))
            found, cursor = self.deals(adapter, cursor)
            seen += found
            assert self.deals(adapter, cursor) == ([], cursor)
        ids = [deal.deal_id for deal in seen]
        assert len(set(ids)) == len(ids)
        assert seen == self.deals(adapter)[0]
        assert [deal.at for deal in seen] == sorted(deal.at for deal in seen)

    def test_the_balance_is_the_sum_of_the_deals(self, adapter, bench):
        adapter.place(self.ticket())
        adapter.place(self.ticket("sell", lots=self.half))
        bench.move(self.symbol, self.bid + 50 * self.step, self.ask + 50 * self.step)
        for position in adapter.positions():
            adapter.close(position.ref, client_id=f"c{next(_numbers)}")
        account = adapter.account()
        assert account.balance == balance_of(self.deals(adapter)[0])
        assert account.equity == account.balance + account.credit


def balance_of(deals: list[Any]) -> D:
    """What the rows of a history add up to; credit is no part of a balance."""
    return sum(
        (
            d.profit + d.swap + d.commission + d.fee + d.amount
            for d in deals
            if d.kind is not DealKind.CREDIT
        ),
        D(0),
    )

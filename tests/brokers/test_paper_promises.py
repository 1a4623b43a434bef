"""Random days on paper: the books that the deals make are those of the venue, in every process."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brokers.adapters.errors import Rejected
from brokers.adapters.messages import DealKind, Kind
from brokers.adapters.paper import KEPT
from tests.brokers.adapter_contract import balance_of
from tests.brokers.venues import PRICES, Bench, Clock, ticket
from tradershub.finance.netting import Fill, build_positions

pytestmark = pytest.mark.django_db

TICK = {"EURUSD": D("0.00001"), "USDJPY": D("0.001"), "GER40": D("0.1")}
COSTS = {
    "swap_mode": "points", "swap_long": "-7", "swap_short": "2",
    "commission_scheme": "per_lot_side", "commission_rate": "3.5",
}  # fmt: skip
names = st.sampled_from(tuple(PRICES))
placing = st.tuples(
    st.just("place"),
    names,
    st.sampled_from(("buy", "sell")),
    st.sampled_from(("0.1", "0.3", "0.5")),
    st.sampled_from((Kind.MARKET, Kind.MARKET, Kind.LIMIT, Kind.STOP)),
    st.integers(-300, 300),
    st.booleans(),
)
moving = st.tuples(st.just("move"), names, st.integers(-600, 600))
others = st.one_of(
    st.tuples(st.just("close"), st.integers(0, 5), st.booleans()),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
    st.tuples(st.just("wait"), st.integers(1, 40)),
    st.tuples(st.sampled_from(("deposit", "withdraw")), st.integers(1, 900)),
    st.tuples(st.just("restart")),
)
days = st.lists(st.one_of(placing, placing, moving, moving, others), min_size=10, max_size=25)
accounts = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(("hedging", "netting")),
        "currency": st.sampled_from(("USD", "EUR")),
        "deposit": st.sampled_from(("900", "20000")),
    }
)


class Day:
    def __init__(self, bench):
        self.bench, self.adapter, self.count = bench, bench.adapter, 0
        self.mid = {name: D(bid) for name, (bid, _) in PRICES.items()}
        self.deals, self.cursor = [], ""

    def play(self, verb, *values):
        self.bench.clock.on(seconds=1)
        self.bench.requote()
        self.count += 1
        try:
            getattr(self, verb)(*values)
        except Rejected as refusal:
            assert refusal.message
        page = self.adapter.deals_since(self.cursor)
        self.deals, self.cursor = [*self.deals, *page.deals], page.cursor

    def place(self, name, side, lots, kind, away, reduce_only):
        price = self.mid[name] + away * TICK[name] if kind is not Kind.MARKET else None
        more = {"symbol": name, "kind": kind, "price": price, "reduce_only": reduce_only}
        self.adapter.place(ticket(f"c{self.count}", side, lots, **more))

    def move(self, name, points):
        self.mid[name] += points * TICK[name]
        self.bench.move(name, self.mid[name], self.mid[name] + 10 * TICK[name])

    def close(self, place, half):
        if positions := self.adapter.positions():
            one = positions[place % len(positions)]
            lots = one.lots / 2 if half else None
            self.adapter.close(one.ref, client_id=f"c{self.count}", lots=lots)

    def cancel(self, place):
        if orders := self.adapter.working_orders():
            self.adapter.cancel(orders[place % len(orders)].broker_order_id)

    def wait(self, hours):
        self.bench.clock.on(hours=hours)
        self.bench.requote()
        self.bench.tick()

    def deposit(self, amount):
        self.adapter.deposit(D(amount))

    def withdraw(self, amount):
        self.adapter.withdraw(D(amount))

    def restart(self):
        self.adapter = self.bench.adapter = self.bench.restart()


def booked(deals, mode):
    """The positions that the deals make, as the books derive them."""
    fills = [
        Fill(
            d.deal_id, d.position_ref, d.symbol, d.side, str(d.entry), d.lots, d.price, d.at,
            d.profit, d.swap, d.commission,
        )
        for d in deals
        if d.kind is DealKind.TRADE
    ]  # fmt: skip
    held = [p for p in build_positions(fills, mode=mode) if p.lots_open]
    return {(p.ref, p.symbol, p.side, p.lots_open, round(p.open_price, 9)) for p in held}


@pytest.mark.anywhere
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(accounts, days)
def test_the_deals_are_the_balance_and_the_positions(monkeypatch, venues_stay, account, day):
    KEPT.clear()
    d = Day(Bench(Clock(monkeypatch), terms=COSTS, **account))
    for step in day:
        d.play(*step)
        report = d.adapter.account()
        assert report.balance == balance_of(d.deals)
        assert booked(d.deals, account["mode"]) == {
            (p.ref, p.symbol, p.side, p.lots, round(p.open_price, 9)) for p in d.adapter.positions()
        }
    whole = d.adapter.deals_since().deals
    assert list(whole) == d.deals
    assert len({deal.deal_id for deal in whole}) == len(whole)
    before = (d.adapter.account(), d.adapter.positions(), d.adapter.working_orders())
    d.restart()
    assert (d.adapter.account(), d.adapter.positions(), d.adapter.working_orders()) == before

"""Promises that hold whatever happens: random days over both modes, symbols and currencies."""

import json
from dataclasses import replace
from datetime import time, timedelta
from decimal import Decimal as D

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.finance.venue.makers import NEW_YORK, Desk, market, stops
from tradershub.finance.margin import HeldLots, hedged_margin
from tradershub.finance.swap import FOREX_WEEK
from tradershub.finance.venue import events
from tradershub.finance.venue.codec import event_to_plain
from tradershub.finance.venue.orders import Duration, Kind, Reason
from tradershub.finance.venue.rules import Slippage, StopOutOrder
from tradershub.finance.venue.symbols import CommissionTerms, Hours, Scheme, Session, SwapTerms
from tradershub.finance.venue.venue import Venue, replay

NAMES = ("EURUSD", "USDJPY", "DAX")
START = {"EURUSD": D("1.10000"), "USDJPY": D("150.000"), "DAX": D("18000.0")}
POINT = {"EURUSD": D("0.00001"), "USDJPY": D("0.001"), "DAX": D("0.1")}
SLIPPAGE = Slippage(-2, 5)
# Trading ends at noon each day and begins at 18:00, New York.
FROM, TO = time(18), time(12)
HOURS = Hours(
    sessions=tuple(Session(day, FROM, (day + 1) % 7, TO) for day in range(7)), zone=NEW_YORK
)
SYMBOLS = {
    "EURUSD": {
        "swap": SwapTerms(long=D("-6.5"), short=D("2")),
        "commission": CommissionTerms(scheme=Scheme.PER_LOT, rate=D("3.5")),
        "hours": HOURS,
    },
    "USDJPY": {"swap": SwapTerms(long=D("4"), short=D("-9"), week=FOREX_WEEK)},
    "DAX": {"commission": CommissionTerms(scheme=Scheme.PERCENT, rate=D("0.01"), minimum=D(1))},
}

sides = st.sampled_from(("buy", "sell"))
names = st.sampled_from(NAMES)
lots = st.sampled_from(("0.1", "0.5", "1"))
points = st.integers(-3000, 3000)
pick = st.integers(0, 5)

durations = st.sampled_from((Duration.GTC, Duration.GTC, Duration.DAY, Duration.IOC, Duration.FOK))
seldom = st.sampled_from((False, False, False, False, True))
sizes = st.sampled_from((None, None, "0.4", "2"))
guards = st.one_of(st.none(), st.integers(10, 800))
brackets = st.sampled_from(("", "", "x"))
quoting = st.tuples(st.just("quote"), names, points, st.integers(0, 60), sizes)
submitting = st.tuples(
    st.just("submit"), names, sides, lots, st.sampled_from(list(Kind)), points, brackets, seldom,
    durations, guards,
)  # fmt: skip
dealing = st.tuples(
    st.just("submit"), names, sides, lots, st.just(Kind.MARKET), points, brackets, seldom,
    durations, guards,
)  # fmt: skip
others = st.one_of(
    st.tuples(st.just("amend"), pick, points),
    st.tuples(st.just("cancel"), pick),
    st.tuples(st.just("close"), pick, st.booleans()),
    st.tuples(st.just("close_by"), pick, pick),
    st.tuples(st.just("advance"), st.integers(1, 30)),
    st.tuples(st.sampled_from(("withdraw", "deposit")), st.integers(1, 1000)),
)
one_step = st.one_of(quoting, quoting, submitting, submitting, dealing, others)
steps = st.lists(one_step, min_size=25, max_size=60)
accounts = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(("hedging", "netting")),
        "currency": st.sampled_from(("USD", "EUR")),
        "stop_out": st.sampled_from(list(StopOutOrder)),
        "reserves": st.booleans(),
        "swap_daily": st.booleans(),
        "improves": st.booleans(),
        "deposit": st.sampled_from(("1500", "3000", "50000")),
    }
)
thoroughly = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Day(Desk):
    """A desk that plays random steps."""

    def __init__(self, rules):
        super().__init__(symbols=SYMBOLS, slippage=SLIPPAGE, **rules)
        self.mid = dict(START)
        for name in NAMES:
            self.quoted(name, 0, 10, None)

    def quoted(self, name, moved, spread, size):
        self.mid[name] = max(self.mid[name] + moved * POINT[name], 100 * POINT[name])
        bid, ask = self.mid[name], self.mid[name] + spread * POINT[name]
        return self.quote(name, bid, ask, bid_size=size, ask_size=size)

    def play(self, step):
        verb, *values = step
        return getattr(self, f"play_{verb}")(*values)

    def play_quote(self, *values):
        return self.quoted(*values)

    def play_submit(self, name, side, size, kind, away, oco, reduce_only, duration, guard):
        price = max(self.mid[name] + away * POINT[name], POINT[name])
        more = {"oco": oco, "reduce_only": reduce_only, "duration": duration, "kind": kind}
        if kind is Kind.TRAILING_STOP:
            more["distance"] = abs(away) * POINT[name] + POINT[name]
        elif kind is not Kind.MARKET:
            more["price"] = price
        if kind is Kind.STOP_LIMIT:
            more["limit_price"] = price
        if guard:
            distance = guard * POINT[name]
            more["stops"] = stops(stop_distance=distance, take_distance=2 * distance)
        return self.submit(side, size, name, **more)

    def play_amend(self, place, away):
        order = self.picked(self.account.orders, place)
        if order is None or order.request.price is None:
            return ()
        asked, name = order.request, order.request.symbol
        price = max(self.mid[name] + away * POINT[name], POINT[name])
        changed = replace(asked, price=price)
        return self.do("amend", order.id, changed)

    def play_cancel(self, place):
        order = self.picked(self.account.orders, place)
        return self.do("cancel", order.id) if order else ()

    def play_close(self, place, half):
        position = self.picked(self.account.positions, place)
        if position is None:
            return ()
        return self.do("close", position.id, lots=position.lots / 2 if half else None)

    def play_close_by(self, place, other):
        first = self.picked(self.account.positions, place)
        second = self.picked(self.account.positions, other)
        if first is None or first is second:
            return ()
        return self.do("close_by", first.id, second.id)

    def play_advance(self, hours):
        return self.advance(self.at + timedelta(hours=hours))

    def play_withdraw(self, amount):
        return self.do("withdraw", D(amount))

    def play_deposit(self, amount):
        return self.do("deposit", D(amount))

    @staticmethod
    def picked(choices, place):
        found = list(choices.values())
        return found[place % len(found)] if found else None


def play(rules, day):
    """The desk after the day."""
    d = Day(dict(rules))
    for step in day:
        d.play(step)
    return d


def booked(log):
    """Everything that events say about money."""
    return sum(
        event.money if isinstance(event, events.Filled)
        else event.amount if isinstance(event, (events.Posted, events.Compensation))
        else event.amount if isinstance(event, events.SwapCharged) and event.booked
        else D(0)
        for event in log
    )  # fmt: skip


@thoroughly
@given(accounts, steps)
def test_money_is_conserved_and_equity_is_balance_and_what_floats(rules, day):
    d = Day(dict(rules))
    for step in day:
        d.play(step)
        found = d.figures
        assert found.balance == booked(d.log)
        assert found.equity == found.balance + found.credit + found.floating + found.swap
        assert found.balance == d.account.balance


@thoroughly
@given(accounts, steps, st.booleans())
def test_what_was_worked_out_before_is_what_would_be_worked_out_now(rules, day, at_market):
    d = Day(dict(rules, margin_at_market=at_market))
    for step in day:
        d.play(step)
        anew = Venue.restore(market(**SYMBOLS), d.venue.snapshot())
        assert d.figures == anew.figures("a")


def test_other_terms_and_rules_are_other_figures():
    d = Desk()
    d.quote("EURUSD", "1.1000", "1.1002")
    d.buy("1")
    symbols, before = d.venue.market.symbols, d.figures
    old = symbols["EURUSD"]
    symbols["EURUSD"] = replace(old, terms=replace(old.terms, contract_size=D(50_000)))
    assert (d.figures.floating, d.figures.margin) == (before.floating / 2, before.margin / 2)
    symbols["EURUSD"] = old
    d.do("change_rules", replace(d.account.rules, leverage=D(50)))
    assert (d.figures.floating, d.figures.margin) == (before.floating, before.margin * 2)


@thoroughly
@given(accounts, steps)
def test_margin_is_what_finance_margin_says_of_the_positions(rules, day):
    d = Day(dict(rules, reserves=False))
    for step in day:
        d.play(step)
    own, used = rules["currency"], D(0)
    for name, symbol in d.venue.market.symbols.items():
        held = [HeldLots(p.side, p.lots, p.price) for p in d.account.positions_of(name)]
        if not held:
            continue
        at_price = name == "EURUSD" and own == "USD"
        due = hedged_margin if symbol.terms.hedged_size is not None else None
        if due is None:
            charged = sum(h.lots * h.price for h in held)
        else:
            charged = due(held, terms=symbol.terms, leverage=D(100), at_price=at_price).total
        net = sum(h.lots if h.side == "buy" else -h.lots for h in held)
        quote = d.venue.market.quotes["EURUSD"]
        currency = own if at_price else symbol.margin_currency
        if (currency, own) == ("EUR", "USD"):
            charged *= quote.ask if net >= 0 else quote.bid
        elif (currency, own) == ("USD", "EUR"):
            charged /= quote.bid if net >= 0 else quote.ask
        used += round(charged, 2)
    assert d.figures.margin == used


@thoroughly
@given(accounts, steps)
def test_nothing_fills_worse_than_its_rule_more_than_ordered_or_in_a_closed_market(rules, day):
    d = Day(dict(rules))
    asked, done = {}, {}
    for step in day:
        for event in d.play(step):
            if isinstance(event, (events.Accepted, events.Amended)):
                asked[event.order.id] = event.order
            if not isinstance(event, events.Filled):
                continue
            order, point = asked[event.order], POINT[event.symbol]
            if event.entry != "out_by":
                done[event.order] = done.get(event.order, 0) + event.lots
                assert not worse(event, order, d.venue.market.quotes[event.symbol], point)
            assert d.venue.market.symbols[event.symbol].hours.is_open(event.at)
    assert all(lots <= asked[key].request.lots for key, lots in done.items())


def worse(deal, order, quote, point):
    """Whether a deal is worse than its limit, or than the market by more than the slippage."""
    direction = 1 if deal.side == "buy" else -1
    if order.limit is not None:
        return (deal.price - order.limit) * direction > 0
    market = quote.ask if deal.side == "buy" else quote.bid
    return (deal.price - market) * direction > SLIPPAGE.high * point


@thoroughly
@given(accounts, steps)
def test_of_a_bracket_one_order_fills_and_reducing_never_opens(rules, day):
    d = Day(dict(rules))
    asked, working, beaten = {}, set(), set()
    for step in day:
        for event in d.play(step):
            if isinstance(event, events.Accepted):
                asked[event.order.id] = event.order.request
                working |= {event.order.id} if event.order.request.oco else set()
            if isinstance(event, (events.Cancelled, events.Expired)):
                working.discard(event.order)
            if not isinstance(event, events.Filled):
                continue
            assert event.order not in beaten
            request = asked[event.order]
            if request.oco:
                beaten |= working - {event.order}
            if request.reduce_only or request.position is not None:
                assert event.closed == event.lots


@thoroughly
@given(accounts, steps)
def test_the_same_day_gives_the_same_events_and_they_rebuild_it(rules, day):
    one = play(rules, day)
    two = play(rules, day)
    text = json.dumps([event_to_plain(event) for event in one.log])
    assert text == json.dumps([event_to_plain(event) for event in two.log])
    again = replay(market(**SYMBOLS), one.log, seed=7)
    assert again.snapshot() == one.venue.snapshot()
    own = [event for event in one.log if event.account]
    assert replay(market(**SYMBOLS), own).account("a") == one.account


@thoroughly
@given(accounts, steps, st.integers(0, 45))
def test_a_snapshot_in_the_middle_changes_nothing(rules, day, after):
    straight = play(rules, day)
    broken = Day(dict(rules))
    for number, step in enumerate(day):
        if number == after:
            plain = json.loads(json.dumps(broken.venue.snapshot()))
            broken.venue = Venue.restore(market(**SYMBOLS), plain)
        broken.play(step)
    assert broken.log == straight.log
    assert broken.venue.snapshot() == straight.venue.snapshot()


@thoroughly
@given(accounts, steps)
def test_a_stop_out_ends_above_the_level_or_with_nothing_left_to_close(rules, day):
    d = Day(dict(rules))
    for step in day:
        found = d.play(step)
        if not any(isinstance(event, events.StopOut) for event in found):
            continue
        worth, open_now = d.figures, d.venue.market.trades
        closable = [p for p in d.account.positions.values() if open_now(p.symbol)]
        assert not closable or worth.level is None or worth.level > d.account.rules.stop_level
        assert d.account.balance >= 0 or d.account.positions


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_hedging_and_netting_are_worth_the_same_for_the_same_fills(side):
    worth = []
    for mode in ("hedging", "netting"):
        d = Desk(mode=mode)
        for price, lots in (("1.10000", "1"), ("1.10100", "2"), ("1.09950", "0.5")):
            d.quote("EURUSD", price, price)
            d.submit(side, lots)
        d.quote("EURUSD", "1.10020", "1.10020")
        d.submit("sell" if side == "buy" else "buy", "1.5")
        d.quote("EURUSD", "1.10040", "1.10040")
        worth.append(d.figures.equity)
    assert worth[0] == worth[1]


crowds = st.lists(
    st.tuples(names, sides, st.sampled_from(("0.1", "0.4", "1"))), min_size=1, max_size=8
)
shocks = st.fixed_dictionaries(dict.fromkeys(NAMES, st.integers(-90, 90)))


@thoroughly
@given(accounts, crowds, shocks, st.booleans())
def test_a_shock_stops_out_above_the_level_or_flat_and_never_leaves_a_debt(
    rules, crowd, shock, closed
):
    """shock: of each symbol's price, in thousandths. closed: the index does not trade."""
    d = Day(dict(rules, deposit="3000", leverage=D(500)))
    for name, side, size in crowd:
        d.submit(side, size, name)
        d.buy("0.1", name, kind="limit", price=d.mid[name] / 2)
    for name, thousandths in shock.items():
        price = d.mid[name] + round(d.mid[name] * thousandths / 1000 / POINT[name]) * POINT[name]
        found = d.quote(name, price, price, tradable=not (closed and name == "DAX"))
        worth, level = d.figures, d.account.rules.stop_level
        closable = [p for p in d.account.positions.values() if d.venue.market.trades(p.symbol)]
        assert not closable or worth.level is None or worth.level > level
        if Reason.STOP_OUT in [e.reason for e in found if isinstance(e, events.Filled)]:
            assert not d.account.orders, "resting orders go first"
            assert worth.balance >= 0 or d.account.positions
        assert worth.balance == booked(d.log)

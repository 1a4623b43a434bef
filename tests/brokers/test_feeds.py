"""Prices for paper: invented, replayed from a file, taken from another connection."""

from __future__ import annotations

import datetime as dt
import statistics
from dataclasses import replace
from decimal import Decimal as D

import pytest
from django.utils import timezone

from brokers.adapters.errors import Unavailable
from brokers.adapters.messages import QuoteReport
from brokers.feeds import FileFeed, Quoted, SyntheticFeed, feed_of, keep_quotes, swing
from brokers.models import Connection, Quote
from tests.brokers.venues import MONDAY, make_symbols
from tests.factories import make_broker, make_owner

SATURDAY = dt.datetime(2026, 3, 7, 12, tzinfo=dt.UTC)
TICK = D("0.00001")
PAIRS = [
    Quoted("EURUSD", "EUR", "USD", TICK),
    Quoted("GBPUSD", "GBP", "USD", TICK),
    Quoted("EURGBP", "EUR", "GBP", TICK),
]


def after(**passed):
    return MONDAY + dt.timedelta(**passed)


# -- Invented ----------------------------------------------------------------------------------
def test_the_same_seed_gives_the_same_prices_in_another_process():
    first, second, other = (SyntheticFeed(PAIRS, seed=seed) for seed in (7, 7, 8))
    now = after(seconds=1.5)
    assert first.quotes(now) == second.quotes(now) != other.quotes(now)


def test_prices_lie_on_the_tick_with_the_spread_between_them():
    feed = SyntheticFeed(PAIRS, seed=1, spread=D(2))
    for n in range(50):
        for quote in feed.quotes(after(minutes=7 * n)):
            assert quote.bid % TICK == quote.ask % TICK == 0
            assert abs((quote.ask - quote.bid) - quote.bid * D("0.0002")) <= TICK
            assert quote.at == after(minutes=7 * n)


def test_pairs_agree_with_each_other():
    for n in range(20):
        by_name = {q.symbol: q for q in SyntheticFeed(PAIRS, seed=3).quotes(after(hours=n))}
        crossed = by_name["EURUSD"].bid / by_name["GBPUSD"].bid
        assert abs(crossed - by_name["EURGBP"].bid) < D("0.0001")


def test_a_day_moves_as_far_as_the_setting_says_and_years_stay_sensible():
    moves = [float(swing(1, "EUR", after(days=n))) for n in range(1500)]
    steps = [b - a for a, b in zip(moves, moves[1:], strict=False)]
    assert 0.85 < statistics.pstdev(steps) < 1.15
    assert max(map(abs, moves)) < 15
    minutes = [float(swing(1, "EUR", after(minutes=n))) for n in range(1500)]
    steps = [b - a for a, b in zip(minutes, minutes[1:], strict=False)]
    assert 0.7 < statistics.pstdev(steps) * 1440**0.5 < 1.3


def test_the_market_rests_at_weekends_unless_told_otherwise():
    assert SyntheticFeed(PAIRS, seed=1).quotes(SATURDAY) == []
    assert len(SyntheticFeed(PAIRS, seed=1, always_open=True).quotes(SATURDAY)) == 3
    friday = dt.datetime(2026, 3, 6, 21, 59, 59, tzinfo=dt.UTC)
    sunday = dt.datetime(2026, 3, 8, 21, tzinfo=dt.UTC)  # the clocks have changed that morning
    assert SyntheticFeed(PAIRS, seed=1).quotes(friday)
    assert SyntheticFeed(PAIRS, seed=1).quotes(friday + dt.timedelta(seconds=1)) == []
    assert SyntheticFeed(PAIRS, seed=1).quotes(sunday)


# -- From a file -------------------------------------------------------------------------------
def file_feed(tmp_path, text, **more):
    path = tmp_path / "prices.csv"
    path.write_text(text)
    return FileFeed(path, start=MONDAY, **more)


TICKS = """time,symbol,bid,ask
2020-01-06T10:00:00,EURUSD,1.1,1.1001
2020-01-06T10:00:02Z,EURUSD,1.2,1.2001
2020-01-06T11:00:04+01:00,USDJPY,150.1,150.2
2020-01-06T10:00:10,EURUSD,1.3,1.3001
"""


def told(quotes):
    return [(q.symbol, str(q.bid), str(q.ask), (q.at - MONDAY).total_seconds()) for q in quotes]


def test_ticks_come_as_they_came_and_none_is_left_out(tmp_path):
    feed = file_feed(tmp_path, TICKS)
    assert told(feed.quotes(after(seconds=1))) == [("EURUSD", "1.1", "1.1001", 0)]
    assert feed.quotes(after(seconds=1.5)) == []
    assert told(feed.quotes(after(seconds=5))) == [
        ("EURUSD", "1.2", "1.2001", 2),
        ("USDJPY", "150.1", "150.2", 4),
    ]
    assert len(feed.quotes(after(hours=1))) == 1
    assert feed.quotes(after(hours=2)) == []


def test_a_feed_begun_late_says_the_last_price_of_each_symbol(tmp_path):
    feed = file_feed(tmp_path, TICKS)
    assert [q[:2] for q in told(feed.quotes(after(seconds=5)))] == [
        ("EURUSD", "1.2"),
        ("USDJPY", "150.1"),
    ]


def test_a_file_runs_faster_on_request(tmp_path):
    feed = file_feed(tmp_path, TICKS, speed=D(2))
    feed.quotes(MONDAY)
    assert [q[3] for q in told(feed.quotes(after(seconds=5)))] == [1, 2, 5]


def test_a_bar_is_four_prices_that_touch_its_extremes(tmp_path):
    text = "Time,Symbol,Open,High,Low,Close\n2020-01-06 10:00,EURUSD,1.10,1.13,1.09,1.12\n"
    text += "2020-01-06 10:00,GER40,18000.5,18001.5,17990.5,17991.5\n"
    feed = file_feed(tmp_path, text, spread=D(10))
    first, second = feed.quotes(MONDAY), feed.quotes(after(minutes=1))
    assert told(first) == [
        ("EURUSD", "1.10", "1.11", 0),
        ("GER40", "18000.5", "18018.5", 0),
    ]
    assert [q[1] for q in told(second) if q[0] == "EURUSD"] == ["1.09", "1.13", "1.12"]
    assert [q[1] for q in told(second) if q[0] == "GER40"] == ["18001.5", "17990.5", "17991.5"]
    assert [q[3] for q in told(second)] == [15, 15, 30, 30, 45, 45]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "columns"),
        ("time,symbol,price\n", "columns"),
        (TICKS + "2020-01-06T10:00:20,EURUSD,1.1\n", "line 6: 3 columns"),
        (TICKS + "2020-01-06T10:00:20,EURUSD,1.1,no\n", "line 6"),
        (TICKS + "2020-01-06T10:00:20,EURUSD,1.1,1.0\n", "line 6: 1.1,1.0 are no prices"),
        (TICKS + "2020-01-06T10:00:20,EURUSD,-1,1\n", "no prices"),
        (TICKS + "2020-01-06T10:00:09,EURUSD,1,1\n", "before the line above"),
    ],
)
def test_a_wrong_file_says_which_line(tmp_path, text, says):
    feed = file_feed(tmp_path, text)
    for _ in range(2):
        with pytest.raises(Unavailable, match=says):
            feed.quotes(after(hours=1))


# -- Of a connection ---------------------------------------------------------------------------
@pytest.fixture
def venue(db):
    broker = make_broker()
    make_symbols(broker)
    return Connection.objects.create(
        owner=make_owner(), broker=broker, platform="paper", name="Venue"
    )


def test_the_settings_choose_the_feed(venue, settings, tmp_path):
    assert {q.symbol for q in feed_of(venue).quotes(MONDAY)} == {"EURUSD", "USDJPY", "GER40"}
    settings.DATA_DIR = tmp_path
    (tmp_path / "feeds").mkdir()
    (tmp_path / "feeds" / "day.csv").write_text(TICKS)
    venue.settings = {"feed": "file", "file": "day.csv"}
    assert len(feed_of(venue).quotes(venue.created_at)) == 1
    venue.platform = "manual"
    assert feed_of(venue) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"feed": "oracle"},
        {"feed": "file"},
        {"feed": "file", "file": "../hub.sqlite3"},
        {"feed": "file", "file": "absent.csv"},
        {"feed": "file", "file": "day.csv", "speed": "0"},
        {"feed": "connection", "source": "Venue"},
        {"feed": "connection", "source": "nobody's"},
    ],
)
def test_settings_that_lead_to_no_prices_say_so(venue, wrong, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    venue.settings = wrong
    with pytest.raises(Unavailable):
        feed_of(venue).quotes(MONDAY)


def test_prices_of_another_connection_come_by_instrument(venue):
    other = make_broker()
    make_symbols(other)
    other.symbols.filter(name="EURUSD").update(name="EURUSD.pro")
    source = Connection.objects.create(
        owner=venue.owner, broker=other, platform="manual", name="Real"
    )
    keep_quotes(source, [QuoteReport(symbol="EURUSD.pro", bid=D("1.2"), ask=D("1.3"), at=MONDAY)])
    venue.settings = {"feed": "connection", "source": "Real"}
    (quote,) = feed_of(venue).quotes(MONDAY)
    assert (quote.symbol, quote.bid, quote.at) == ("EURUSD", D("1.2"), MONDAY)
    source.owner = make_owner()
    source.save()
    with pytest.raises(Unavailable):
        feed_of(venue)


def test_a_price_of_a_clock_that_runs_ahead_ages_from_when_it_came(venue):
    begun = timezone.now()
    ahead = QuoteReport(symbol="EURUSD", bid=D(1), ask=D(2), at=begun + dt.timedelta(hours=3))
    keep_quotes(venue, [ahead])
    first = Quote.objects.get().at
    assert begun <= first <= timezone.now()
    keep_quotes(venue, [ahead])  # a feed that stands still tells it again
    assert Quote.objects.get().at == first
    keep_quotes(venue, [replace(ahead, at=ahead.at + dt.timedelta(seconds=1))])
    assert Quote.objects.get().at > first


def test_the_last_of_several_prices_is_kept(venue):
    def quote(bid, symbol="EURUSD"):
        return QuoteReport(symbol=symbol, bid=D(bid), ask=D(bid) + 1, at=MONDAY)

    assert keep_quotes(venue, [quote("1"), quote("2"), quote("5", "GER40")]) == 2
    assert keep_quotes(venue, [quote("3"), quote("4"), quote("1", "NO-SUCH")]) == 1
    kept = Quote.objects.order_by("symbol__name").values_list("symbol__name", "bid", "source")
    assert list(kept) == [("EURUSD", D(4), "Venue"), ("GER40", D(5), "Venue")]

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db.models import Sum

from accounts import manual
from accounts.booking import (
    Identity,
    Mark,
    NewDeal,
    book,
    derive,
    identify,
    mark,
    rebuild,
    remove,
    unmark,
)
from accounts.models import Account, DayFigures, Deal, Position
from accounts.trail import trail
from tests.factories import make_account, make_symbol, moment
from tradershub.core.errors import BadInput, Conflict

D = Decimal
pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return make_account()


@pytest.fixture
def eurusd(account):
    return make_symbol(account)


def trade(key, symbol, side, entry, *, at="2024-03-04 10:00", ref="", volume="1", **fields):
    return NewDeal(
        key=key,
        kind="trade",
        at=moment(at),
        source="statement",
        symbol_id=symbol.pk,
        side=side,
        entry=entry,
        volume=D(volume),
        price=D(fields.pop("price", "1.10000")),
        position_ref=ref,
        **{name: D(value) if name != "inferred" else value for name, value in fields.items()},
    )


def deposit(key="d1", amount="1000", at="2024-03-01 09:00"):
    return NewDeal(key, "deposit", moment(at), "statement", profit=D(amount))


def test_the_same_rows_booked_twice_are_booked_once(account, eurusd):
    rows = [deposit(), trade("7", eurusd, "buy", "in", ref="7")]
    first = book(account, rows)
    second = book(account, rows)
    assert set(first.new) == {"d1", "7"} and not first.existing
    assert not second.new and second.existing == first.new
    assert Deal.objects.filter(account=account).count() == 2


def test_a_row_comes_back_as_it_went_in(account, eurusd):
    book(account, [trade("7", eurusd, "sell", "out", price="123456.123456789", profit="-0.1")])
    deal = Deal.objects.get()
    assert (deal.price, deal.profit, deal.amount) == (D("123456.123456789"), D("-0.1"), D("-0.1"))
    assert (deal.at, deal.currency) == (moment("2024-03-04 10:00"), "USD")
    assert dt.timedelta(0) <= dt.datetime.now(dt.UTC) - deal.booked_at < dt.timedelta(minutes=1)


def test_a_round_trip_makes_one_closed_position(account, eurusd):
    book(
        account,
        [
            trade("7", eurusd, "buy", "in", ref="7", commission="-3"),
            trade("8", eurusd, "sell", "out", ref="7", price="1.2", profit="50", swap="-1"),
        ],
    )
    derive(account, symbols={eurusd.pk})
    held = Position.objects.get()
    assert (held.ref, held.side, held.volume, held.open_volume) == ("7", "buy", 1, 0)
    assert (held.open_price, held.close_price, held.net) == (D("1.1"), D("1.2"), D("46"))
    assert rebuild(account) == []


def test_day_figures_count_a_closing_deal_by_all_its_money(account, eurusd):
    book(
        account,
        [
            deposit(at="2024-03-04 08:00"),
            trade("7", eurusd, "buy", "in", ref="7", commission="-3"),
            trade("8", eurusd, "sell", "out", ref="7", profit="2", swap="-5"),
        ],
    )
    derive(account, symbols={eurusd.pk})
    day = DayFigures.objects.get(symbol=eurusd)
    assert (day.deals, day.closings, day.wins, day.losses) == (2, 1, 0, 1)
    assert (day.profit, day.swap, day.commission, day.net) == (2, -5, -3, -6)
    assert (day.gross_profit, day.gross_loss) == (0, -3)
    assert DayFigures.objects.get(symbol=None).deposits == 1000


def test_a_position_keeps_its_id_and_its_marks_when_more_deals_arrive(account, eurusd):
    book(account, [trade("7", eurusd, "buy", "in", ref="7", volume="2")])
    derive(account, symbols={eurusd.pk})
    before = Position.objects.get()
    marked = Mark(eurusd.pk, "7", price=D("1.15"), profit=D("9"), stop_loss=D("1.05"))
    assert mark(account, [marked], at=moment("2024-03-04 12:00"), source="statement 1") == 1
    book(account, [trade("9", eurusd, "sell", "out", ref="7", profit="5")])
    derive(account, symbols={eurusd.pk})
    after = Position.objects.get()
    assert (after.pk, after.open_volume) == (before.pk, 1)
    assert (after.mark_profit, after.stop_loss) == (9, D("1.05"))


def test_an_older_mark_does_not_replace_a_newer_one(account, eurusd):
    book(account, [trade("7", eurusd, "buy", "in", ref="7")])
    derive(account, symbols=None)
    mark(account, [Mark(eurusd.pk, "7", profit=D(9))], at=moment("2024-03-05 00:00"), source="b")
    mark(account, [Mark(eurusd.pk, "7", profit=D(1))], at=moment("2024-03-04 00:00"), source="a")
    assert Position.objects.get().mark_profit == 9
    assert unmark(account, source="b") == 1
    assert Position.objects.get().mark_profit is None


def test_removing_deals_removes_what_followed_from_them(account, eurusd):
    booked = book(account, [deposit(), trade("7", eurusd, "buy", "in", ref="7")])
    derive(account, symbols=None)
    with trail(actor="me", target=None):
        assert remove(account, booked.new.values()) == {eurusd.pk}
    derive(account, symbols={eurusd.pk})
    assert not Position.objects.exists() and not DayFigures.objects.exists()


def test_the_same_ref_in_two_symbols_is_two_positions(account, eurusd):
    gold = make_symbol(account, "GOLD")
    rows = [trade("7", eurusd, "buy", "in", ref="1"), trade("8", gold, "sell", "in", ref="1")]
    book(account, rows)
    derive(account, symbols=None)
    assert set(Position.objects.values_list("symbol__name", "side")) == {
        ("EURUSD", "buy"),
        ("GOLD", "sell"),
    }
    assert rebuild(account) == []


def test_rebuild_says_what_differs_and_mends_it(account, eurusd):
    book(account, [deposit(), trade("7", eurusd, "buy", "in", ref="7")])
    derive(account, symbols=None)
    Position.objects.update(open_volume=D("0.5"))
    DayFigures.objects.filter(symbol=None).delete()
    words = rebuild(account, check=True)
    assert len(words) == 2 and "open_volume stored 0.5" in " ".join(words)
    assert rebuild(account) == words
    assert rebuild(account) == []
    assert Position.objects.get().open_volume == 1


def test_balance_is_the_sum_of_the_days(account, eurusd):
    rows = [deposit(), trade("8", eurusd, "sell", "out", ref="7", profit="12.34", fee="-0.04")]
    book(account, rows)
    derive(account, symbols=None)
    days = DayFigures.objects.aggregate(net=Sum("net"), deposits=Sum("deposits"))
    assert days["net"] + days["deposits"] == D("1012.30")


def test_identify_keeps_the_position_under_its_new_name(account, eurusd):
    ids = book(account, [trade("hand-1", eurusd, "buy", "in")]).new
    derive(account, symbols=None)
    before = Position.objects.get()
    old = identify(account, ids["hand-1"], Identity(key="555", position_ref="500"))
    derive(account, symbols={eurusd.pk})
    after = Position.objects.get()
    assert (after.pk, after.ref) == (before.pk, "500")
    assert (old.key, old.position_ref) == ("hand-1", "")


@pytest.mark.parametrize("amount", ["0.0000000001", "1e16", "NaN", "Infinity"])
def test_what_the_database_would_not_keep_exactly_is_refused_whole(account, amount):
    with pytest.raises(BadInput):
        book(account, [deposit(), deposit("d2", amount)])
    assert not Deal.objects.exists()


def test_a_text_that_is_too_long_is_refused(account):
    with pytest.raises(BadInput, match="comment: expected at most 300"):
        book(account, [deposit()._replace(comment="x" * 301)])


def test_a_deal_that_was_reversed_is_not_taken_out(account):
    wrong = manual.deposit(account, actor="me", amount="10")
    manual.reverse(wrong, actor="me")
    with pytest.raises(Conflict, match="reversed by hand"):
        remove(account, [wrong.pk])


def test_a_deal_from_before_changes_the_positions_that_it_names(account, eurusd):
    rows = [
        trade("7", eurusd, "buy", "in", ref="7", at="2024-03-04 10:00"),
        trade("8", eurusd, "sell", "out", ref="7", at="2024-03-04 11:00"),
        trade("9", eurusd, "buy", "in", ref="9", at="2024-03-06 10:00"),
    ]
    book(account, rows)
    derive(account, symbols=None)
    late = trade("10", eurusd, "buy", "in", ref="7", at="2024-03-06 11:00")
    book(account, [late])
    derive(account, symbols={eurusd.pk}, since=late.at)
    assert Position.objects.get(ref="7").open_volume == 1
    assert rebuild(account) == []


def test_deriving_since_a_moment_reads_no_more_than_it_must(account, eurusd):
    days = range(1, 29)
    for day in days:
        at = f"2024-02-{day:02} 10:00"
        book(account, [trade(f"{day}a", eurusd, "buy", "in", ref=f"{day}", at=at)])
        book(account, [trade(f"{day}b", eurusd, "sell", "out", ref=f"{day}", at=at)])
    derive(account, symbols=None)
    Position.objects.filter(ref="3").update(profit=99)  # to be seen only by who looks at it
    late = trade("late", eurusd, "buy", "in", ref="late", at="2024-02-20 12:00")
    book(account, [late])
    derive(account, symbols={eurusd.pk}, since=late.at)
    assert Position.objects.get(ref="3").profit == 99
    assert rebuild(account) == ["Position 3: profit stored 99, rebuilt 0"]

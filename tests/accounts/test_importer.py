"""Files in any order, overlapping, undone: the books are those of the files that are in them."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import permutations

import pytest
from django.db.models import Sum

from accounts import booking, imports, manual, tieout
from accounts.booking import NewDeal
from accounts.models import Break, Deal, Position, StatementLine
from accounts.statements import extras, mt5_totals
from accounts.statements.base import DealLine, OpenPositionLine, OrderLine
from brokers.services import symbol_for
from tests.accounts.books import assert_derived, books_of, money_of
from tests.accounts.histories import book_statement, history, period, printed_later
from tests.factories import make_account, make_broker, make_owner, moment
from tradershub.core.errors import Conflict
from tradershub.finance.sides import OPPOSITE

pytestmark = pytest.mark.django_db
D = Decimal
WINDOWS = [(0, 15), (10, 28), (25, 40)]


@pytest.fixture
def account():
    return make_account(broker=make_broker(time_zone="Europe/Athens"), number="77")


def another(account):
    return make_account(broker=account.broker, owner=make_owner(), number="77", mode=account.mode)


def balance_of(account):
    deals = account.deals.exclude(kind="credit")
    return deals.aggregate(total=Sum("amount"))["total"] or D(0)


def assert_complete(account, deals):
    """The books hold exactly the history, nothing inferred, nothing unexplained."""
    assert balance_of(account) == deals[-1].balance_after
    assert account.deals.count() == len(deals)
    assert not account.deals.filter(inferred=True).exists()
    assert not account.breaks.filter(state="open").exists()
    assert_derived(account)


@pytest.mark.parametrize("netting", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_overlapping_periods_in_any_order_give_the_same_books(account, seed, netting):
    account.mode = "netting" if netting else "hedging"
    account.save()
    deals = history(seed, netting=netting)
    periods = [period(deals, a, b, netting=netting) for a, b in WINDOWS]
    seen = []
    for order in permutations(range(3)):
        mine = another(account)
        for n in order:
            book_statement(mine, _copy(periods[n]), name=f"{n}.html")
        assert_complete(mine, deals)
        seen.append({k: _without_account(v, mine) for k, v in money_of(mine).items()})
    assert all(books == seen[0] for books in seen)


@pytest.mark.parametrize("printed", [None, 40])
def test_files_without_running_balance_in_any_order_give_the_same_books(account, printed):
    """printed: each at its own end, or all on one day, when each says the balance of that day."""
    deals = history(1)
    periods = [printed_later(deals, a, b, printed) for a, b in WINDOWS]
    seen = []
    for order in permutations(range(3)):
        mine = another(account)
        for n in order:
            book_statement(mine, _copy(periods[n]), name=f"{n}.html")
        assert_complete(mine, deals)
        books = money_of(mine)
        books.pop("snapshots")
        seen.append({k: _without_account(v, mine) for k, v in books.items()})
    assert all(books == seen[0] for books in seen)


def test_a_netted_position_opened_after_the_files_rows_is_not_invented(account):
    """A report of an early period lists the positions of its print, by the order that opened them."""
    account.mode = "netting"
    account.save()
    deals = history(2, netting=True)
    early = period(deals, 0, 15, netting=True)
    later = next(deal for deal in deals[15:] if deal.entry == "in")
    shown = later._replace(inferred=True, broker_deal_id="", position_ref=later.order_id)
    early.deals = [
        shown._replace(section="open", commission=D(0), balance_after=None),
        *early.deals,
    ]
    book_statement(account, early)
    assert not account.deals.filter(inferred=True).exists()
    book_statement(account, period(deals, 10, 40, netting=True), name="rest.html")
    assert_complete(account, deals)


@pytest.mark.parametrize("hours", [-9, 9])
@pytest.mark.parametrize("windows", [[(0, 20), (15, 30), (25, 40)], [(10, 22), (18, 34), (30, 40)]])
def test_a_pc_clock_far_from_the_servers_makes_no_false_opening(account, hours, windows):
    deals = history(1)
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        mine = another(account)
        for n in order:
            statement = printed_later(deals, *windows[n])
            clock = datetime.strptime(statement.printed_at, CLOCK) + timedelta(hours=hours)  # noqa: DTZ007
            statement.printed_at = clock.strftime(CLOCK)
            book_statement(mine, statement, name=f"{n}.html")
        assert balance_of(mine) == deals[-1].balance_after
        assert mine.deals.filter(inferred=True, kind="opening").count() == (windows[0][0] > 0)
        assert not mine.breaks.exclude(kind=Break.Kind.POSITION).filter(state="open").exists()


CLOCK = "%Y.%m.%d %H:%M:%S"


def _copy(statement):
    return replace(statement, deals=list(statement.deals), orders=list(statement.orders))


def _without_account(rows, account):
    return [row.replace(f"('account_id', '{account.pk}')", "") for row in rows]


@pytest.mark.parametrize("seed", range(6))
def test_undo_in_any_order_leaves_the_books_of_the_other_files(account, seed):
    draw = random.Random(seed)
    deals = history(seed)
    windows = [sorted(draw.sample(range(41), 2)) for _ in range(4)]
    periods = [period(deals, a, b) for a, b in windows]
    stack = [(None, books_of(account))]
    for n, statement in enumerate(periods):
        imported = book_statement(account, _copy(statement), name=f"{n}.html")
        assert_derived(account)
        stack.append((imported, books_of(account)))
    while len(stack) > 1:
        imported, _ = stack.pop()
        imports.undo(imported, actor="test")
        assert books_of(account) == stack[-1][1]
        assert_derived(account)


@pytest.mark.parametrize("seed", range(4))
def test_undo_of_an_earlier_file_gives_the_books_without_it(account, seed):
    deals = history(seed)
    periods = [period(deals, a, b) for a, b in WINDOWS]
    for gone in range(3):
        mine, reference = another(account), another(account)
        kept = [n for n in range(3) if n != gone]
        imported = [book_statement(mine, _copy(periods[n]), name=f"{n}.html") for n in range(3)]
        imports.undo(imported[gone], actor="test")
        for n in kept:
            book_statement(reference, _copy(periods[n]), name=f"{n}.html")
        assert _said(mine) == _said(reference)
        assert_derived(mine)


def _said(account):
    said = {k: _without_account(v, account) for k, v in money_of(account).items()}
    breaks = account.breaks.filter(state="open").values_list(
        "kind", "symbol", "cause", "difference"
    )
    return said | {"breaks": sorted(map(repr, breaks))}


def test_a_file_without_its_beginning_makes_one_opening_entry(account):
    deals = history(1)
    book_statement(account, period(deals, 20, 40))
    opening = account.deals.get(kind="opening")
    assert opening.inferred
    assert opening.amount == deals[19].balance_after
    assert opening.at < account.deals.filter(inferred=False).earliest("at").at
    assert balance_of(account) == deals[-1].balance_after
    assert not account.breaks.exists()


def test_an_earlier_file_replaces_the_opening_entry_in_part_and_then_whole(account):
    deals = history(2)
    book_statement(account, period(deals, 25, 40), name="c.html")
    book_statement(account, period(deals, 10, 28), name="b.html")
    assert account.deals.get(kind="opening").amount == deals[9].balance_after
    book_statement(account, period(deals, 0, 15), name="a.html")
    assert not account.deals.filter(kind="opening").exists()
    assert_complete(account, deals)


def test_rows_between_two_files_are_missing_until_a_third_brings_them(account):
    deals = history(3)
    gap = next(n for n in range(18, 26) if deals[n].time_text > deals[n - 1].time_text)
    start = next(n for n in range(gap + 6, 36) if deals[n].time_text > deals[n - 1].time_text)
    book_statement(account, period(deals, 0, gap), name="a.html")
    book_statement(account, period(deals, start, 40), name="c.html")
    missing = account.breaks.get(state="open", kind=Break.Kind.MISSING)
    assert missing.difference == deals[start - 1].balance_after - deals[gap - 1].balance_after
    book_statement(account, period(deals, gap, start), name="b.html")
    missing.refresh_from_db()
    assert missing.state == "closed"
    assert_complete(account, deals)


def test_a_balance_that_overlapping_rows_do_not_explain_is_a_break_and_no_deal(account):
    deals = history(4)
    book_statement(account, period(deals, 0, 30), name="a.html")
    later = period(deals, 20, 40)
    later.our_totals["opening_balance"] += 5
    later.file_totals["balance"] += 5
    later.our_totals["balance"] += 5
    book_statement(account, later, name="b.html")
    found = account.breaks.get(state="open")
    assert (found.kind, found.difference) == (Break.Kind.BALANCE, D(5))
    assert not account.deals.filter(kind="opening").exists()


def test_rows_without_ids_are_told_apart_by_their_occurrence(account):
    deals = [deal._replace(broker_deal_id="") for deal in history(5)]
    twin = deals[5]._replace(balance_after=deals[5].balance_after + deals[5].amount)
    doubled = [*deals[:6], twin, *deals[6:12]]
    doubled = [deal._replace(row=n) for n, deal in enumerate(doubled, 1)]
    statement = period(doubled, 0, 13)
    book_statement(account, _copy(statement), name="a.html")
    assert account.deals.count() == 13
    second = book_statement(account, _copy(statement), name="b.html")
    assert account.deals.count() == 13
    assert second.preview["lines"]["duplicate"] == 13


def hand_entry(account, line, **changed):
    symbol = symbol_for(account.broker, line.symbol)
    fields = {
        "price": line.price,
        "profit": line.profit,
        "commission": line.commission,
        "swap": line.swap,
    }
    entry = NewDeal(
        key="manual:1", kind="trade", at=_utc(line.time_text) + timedelta(hours=5), source="manual",
        symbol_id=symbol.pk, side=line.side, entry=line.entry, volume=line.volume,
        comment="by hand", **{**fields, **changed},
    )  # fmt: skip
    booking.book(account, [entry])
    booking.derive(account, symbols=[symbol.pk])


def _utc(text):
    return moment(text.replace(".", "-")) - timedelta(hours=2)


def test_an_entry_by_hand_is_confirmed_by_its_row_and_comes_back_on_undo(account):
    deals = history(6)
    line = next(deal for deal in deals if deal.entry == "in")
    hand_entry(account, line, price=line.price + D("0.0001"))
    held = Position.objects.get(account=account)
    before = books_of(account)
    imported = book_statement(account, period(deals, 0, 40))
    entry = account.deals.get(source="manual")
    assert imported.preview["lines"]["confirmed"] == 1
    assert account.deals.count() == len(deals)
    assert (entry.broker_deal_id, entry.price, entry.comment) == (
        line.broker_deal_id,
        line.price,
        "by hand",
    )
    assert balance_of(account) == deals[-1].balance_after
    assert Position.objects.get(pk=held.pk).ref == line.position_ref
    assert not account.breaks.exists()
    assert_derived(account)
    imports.undo(imported, actor="test")
    assert books_of(account) == before
    assert Position.objects.get(account=account).pk == held.pk


@pytest.mark.parametrize("came", list(permutations(range(3))))
def test_undone_in_any_order_files_give_back_what_was_entered_by_hand(account, came):
    """Three files that each say something else of one deal and one order, the last of them the latest."""
    deals = history(6, 12)
    line = next(deal for deal in deals if deal.entry == "in")
    files = [period(_with(deals, line, commission=D(-n)), 0, 10 + n) for n in range(3)]
    for n, statement in enumerate(files):
        statement.orders = [order._replace(comment=f"said by {n}") for order in statement.orders]
    for went in (came, came[::-1]):
        mine = another(account)
        hand_entry(mine, line, commission=D("-0.5"))
        manual.place_order(
            mine, actor="me", symbol=line.symbol, side=line.side, volume="7", comment="mine",
            broker_order_id=line.order_id, bracket="pair",
        )  # fmt: skip
        before = books_of(mine)
        booked = {n: book_statement(mine, _copy(files[n]), name=f"{n}.html") for n in came}
        left = set(came)
        for n in went:
            assert _said_of(mine, line) == (-max(left), f"said by {max(left)}")
            imports.undo(booked[n], actor="test")
            left.remove(n)
        assert books_of(mine) == before


@pytest.mark.parametrize("name", ["GBPUSD", "GBPUSD.m"])
@pytest.mark.parametrize("is_filled", [False, True])
def test_an_order_by_hand_without_its_number_is_the_statements_equal(account, is_filled, name):
    placed = moment("2024-03-05 08:00")
    order = manual.place_order(
        account, actor="me", symbol="GBPUSD", side="sell", type="limit", volume="1", price="1.4",
        stop_loss="1.5", bracket="pair", placed_at=placed,
    )  # fmt: skip
    if is_filled:
        manual.fill_order(order, actor="me", at=placed + timedelta(hours=1))
    before = books_of(account)
    first = book_statement(account, with_order(name, is_filled), name="a.html")
    assert_one_order(account, order, name, is_filled)
    second = book_statement(account, with_order(name, is_filled, more=1), name="b.html")
    for imported in (first, second):
        assert_one_order(account, order, name, is_filled)
        imports.undo(imported, actor="test")
    assert books_of(account) == before


def test_fills_of_an_order_by_hand_are_one_position_before_and_after_their_file(account):
    deals = history(6)
    line = next(deal for deal in deals if deal.entry == "in")
    at, half = _utc(line.time_text), line.volume / 2
    order = manual.place_order(
        account, actor="me", symbol=line.symbol, side=line.side, type="limit", price=line.price,
        volume=line.volume, placed_at=at,
    )  # fmt: skip
    for _ in range(2):
        manual.fill_order(order, actor="me", volume=half, at=at)
    held = account.positions.get()
    target = manual.place_order(
        account, actor="me", symbol=line.symbol, side=OPPOSITE[line.side], volume=line.volume,
        position=held,
    )  # fmt: skip
    before = books_of(account)
    parts = [
        line._replace(
            row=9 + n,
            broker_deal_id=f"77{n}",
            volume=half,
            commission=D(0),
            balance_after=None,
        )
        for n in range(2)
    ]
    statement = money_file()
    statement.deals += parts
    imported = book_statement(account, statement)
    assert imported.preview["lines"]["confirmed"] == 2
    confirmed = account.positions.get()
    target.refresh_from_db()
    assert (confirmed.pk, confirmed.ref) == (held.pk, line.position_ref)
    assert target.position_ref == line.position_ref
    assert_derived(account)
    imports.undo(imported, actor="test")
    assert books_of(account) == before


def with_order(name, is_filled, *, more=0):
    rows = [(f"2024.03.0{n} 09:00:00", "deposit", "7") for n in range(6, 6 + more)]
    statement = money_file(*rows)
    statement.orders = [
        OrderLine(
            row=1, section="orders", order_id="603", symbol=name, type="limit", side="sell",
            volume=D("1.00"), filled=D(is_filled), price=D("1.40000"),
            state="filled" if is_filled else "canceled", time_text="2024.03.05 20:00:00",
            done_time_text="2024.03.05 21:00:00",
        )
    ]  # fmt: skip
    return statement


def assert_one_order(account, order, name, is_filled):
    found = account.orders.get()
    assert (found.pk, found.broker_order_id, found.bracket) == (order.pk, "603", "pair")
    assert (found.state, found.symbol.name) == ("filled" if is_filled else "cancelled", name)


@pytest.mark.parametrize(
    "other",
    [
        {"side": "buy", "stop_loss": None},
        {"volume": "2"},
        {"price": "1.41"},
        {"type": "stop"},
        {"placed_at": moment("2024-03-03 08:00")},
        {"broker_order_id": "602"},
    ],
)
def test_an_order_that_differs_stays_one_of_its_own(account, other):
    entry = {
        "symbol": "GBPUSD", "side": "sell", "type": "limit", "volume": "1", "price": "1.4",
        "placed_at": moment("2024-03-05 08:00"),
    }  # fmt: skip
    manual.place_order(account, actor="me", **entry | other)
    book_statement(account, with_order("GBPUSD", is_filled=False))
    assert account.orders.count() == 2


def _with(deals, line, **changed):
    return [deal._replace(**changed) if deal is line else deal for deal in deals]


def _said_of(account, line):
    """What the books say of one deal and of its order."""
    deal = account.deals.get(broker_deal_id=line.broker_deal_id)
    return deal.commission, account.orders.get(broker_order_id=line.order_id).comment


def test_an_entry_by_hand_with_other_money_takes_the_statements_and_opens_a_break(account):
    deals = history(6)
    line = next(deal for deal in deals if deal.entry == "in")
    hand_entry(account, line, commission=D("-1"))
    imported = book_statement(account, period(deals, 0, 40))
    found = account.breaks.get()
    assert (found.kind, found.state, found.difference) == ("disagreement", "open", D("0.93"))
    assert "by hand commission -1" in found.details["rows"][0].lower()
    assert balance_of(account) == deals[-1].balance_after
    second = book_statement(account, period(deals, 0, 41), name="again.html")
    assert account.breaks.get().pk == found.pk
    imports.undo(imported, actor="test")
    assert account.deals.get(source="manual").commission == D("-0.07")
    imports.undo(second, actor="test")
    assert account.deals.get().commission == D("-1")
    assert not account.breaks.exists()


def test_an_entry_by_hand_of_another_day_or_price_is_not_confirmed(account):
    deals = history(6)
    line = next(deal for deal in deals if deal.entry == "in")
    hand_entry(account, line, price=line.price + D("0.01"))
    imported = book_statement(account, period(deals, 0, 40))
    assert imported.preview["lines"]["confirmed"] == 0
    assert account.deals.count() == len(deals) + 1


def money_file(*rows, first="2024.03.01 09:00:00"):
    """A file of these money rows, each (time, kind, amount), after a first deposit of 10000."""
    rows, balance, deals = [(first, "deposit", "10000"), *rows], D(0), []
    for n, (at, kind, amount) in enumerate(rows):
        balance += D(amount)
        deals.append(
            DealLine(
                row=n + 1, section="deals", kind=kind, time_text=at, broker_deal_id=f"{1001 + n}",
                profit=D(amount), balance_after=balance,
            )
        )  # fmt: skip
    return period(deals, 0, len(deals))


@pytest.mark.parametrize(
    ("kind", "amount", "said"),
    [
        ("deposit", "500", "transfer"),
        ("deposit", "500", "bonus"),
        ("withdrawal", "-200", "fee"),
        ("interest", "-2", "withdrawal"),
        ("fee", "-10", "fee"),
        ("swap", "-10", "correction"),
    ],
)
def test_money_by_hand_is_confirmed_by_its_amount_whatever_the_row_is_called(
    account, kind, amount, said
):
    enter_money(account, kind, amount, at=moment("2024-03-05 08:00"))
    before = books_of(account)
    imported = book_statement(account, money_file(("2024.03.05 20:00:00", said, amount)))
    assert imported.preview["lines"]["confirmed"] == 1
    assert balance_of(account) == 10000 + D(amount)
    assert account.deals.get(source="manual").kind == said
    assert not account.breaks.exists()
    assert_derived(account)
    imports.undo(imported, actor="test")
    assert books_of(account) == before


def enter_money(account, kind, amount, *, at):
    if kind in ("deposit", "withdrawal"):
        return getattr(manual, kind)(account, actor="me", amount=abs(D(amount)), at=at)
    return manual.charge(account, actor="me", kind=kind, amount=amount, at=at)


def test_of_entries_with_one_amount_each_row_confirms_that_of_its_kind(account):
    fee = enter_money(account, "fee", "-10", at=moment("2024-03-05 08:00"))
    taken = enter_money(account, "withdrawal", "-10", at=moment("2024-03-05 12:00"))
    rows = [
        (f"2024.03.05 {hour}:00:00", kind, "-10")
        for hour, kind in ((13, "withdrawal"), (14, "fee"))
    ]
    book_statement(account, money_file(*rows))
    said = dict(account.deals.filter(source="manual").values_list("pk", "broker_deal_id"))
    assert said == {taken.pk: "1002", fee.pk: "1003"}


def test_credit_by_hand_is_not_confirmed_by_other_money(account):
    enter_money(account, "credit", "50", at=moment("2024-03-05 08:00"))
    imported = book_statement(account, money_file(("2024.03.05 20:00:00", "bonus", "50")))
    assert imported.preview["lines"]["confirmed"] == 0


def test_money_of_another_day_or_amount_is_not_confirmed(account):
    enter_money(account, "deposit", "500", at=moment("2024-03-05 08:00"))
    rows = [("2024.03.07 20:00:00", "deposit", "500"), ("2024.03.05 20:00:00", "deposit", "501")]
    assert book_statement(account, money_file(*rows)).preview["lines"]["confirmed"] == 0


def named(deals, name):
    return [deal._replace(symbol=name) if deal.symbol == "EURUSD" else deal for deal in deals]


def test_an_entry_under_another_name_of_the_instrument_is_confirmed(account):
    deals = history(6)
    line = next(deal for deal in deals if deal.entry == "in" and deal.symbol == "EURUSD")
    hand_entry(account, line)
    held = Position.objects.get(account=account)
    before = books_of(account)
    imported = book_statement(account, period(named(deals, "EURUSD.m"), 0, 40))
    assert imported.preview["lines"]["confirmed"] == 1
    assert account.deals.count() == len(deals)
    moved = Position.objects.get(pk=held.pk)
    assert (moved.symbol.name, moved.ref) == ("EURUSD.m", line.position_ref)
    assert_derived(account)
    imports.undo(imported, actor="test")
    assert books_of(account) == before
    assert Position.objects.get(account=account).pk == held.pk


def test_a_name_that_is_not_certain_confirms_nothing_under_another(account):
    deals = history(6)
    hand_entry(account, next(d for d in deals if d.entry == "in" and d.symbol == "EURUSD"))
    imported = book_statement(account, period(named(deals, "EURUSD.fwd"), 0, 40))
    assert imported.preview["lines"]["confirmed"] == 0


def test_a_closing_by_hand_stays_with_the_position_that_a_file_confirms(account):
    deals = history(6)
    line = next(deal for deal in deals if deal.entry == "in")
    hand_entry(account, line)
    held = Position.objects.get(account=account)
    manual.close_position(held, actor="me", price=line.price, profit="0")
    before = books_of(account)
    place = deals.index(line)
    imported = book_statement(account, period(deals, 0, place + 1))
    assert [p.is_open for p in account.positions.all()] == [False]
    assert not account.positions.filter(inferred=True).exists()
    assert_derived(account)
    imports.undo(imported, actor="test")
    assert books_of(account) == before


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_where_two_statements_disagree_the_later_print_wins_in_either_order(account, order):
    deals = history(7)
    place = next(n for n, deal in enumerate(deals) if deal.entry == "out")
    other = [*deals]
    other[place] = deals[place]._replace(profit=deals[place].profit + 3)
    files = [period(deals, 0, 20), period(other, 0, 30)]
    imported = {}
    for n in order:
        imported[n] = book_statement(account, _copy(files[n]), name=f"{n}.html")
    booked = account.deals.get(broker_deal_id=deals[place].broker_deal_id)
    assert booked.profit == other[place].profit
    found = account.breaks.get(kind="disagreement")
    assert (found.count, found.difference, found.symbol) == (1, D(3), deals[place].symbol)
    assert_derived(account)
    imports.undo(imported[1], actor="test")
    booked = account.deals.get(broker_deal_id=deals[place].broker_deal_id)
    assert booked.profit == deals[place].profit
    assert not account.breaks.filter(state="open", kind="disagreement").exists()


def test_a_deal_that_two_earlier_files_say_otherwise_is_one_difference(account):
    deals = history(7)
    place = next(n for n, deal in enumerate(deals) if deal.entry == "out")
    for n, more in enumerate((3, 4, 0)):
        said = [*deals]
        said[place] = deals[place]._replace(profit=deals[place].profit + more)
        book_statement(account, period(said, 0, 20 + n), name=f"{n}.html")
    found = account.breaks.get(kind="disagreement")
    assert (found.count, found.difference, len(found.details["rows"])) == (1, -4, 1)


def lacking(statement, n):
    """The statement without its row n, judged as the reader of the format does."""
    row = statement.deals[n]
    deals = [deal for deal in statement.deals if deal is not row]
    short = replace(statement, deals=deals, breaks=[])
    short.our_totals = statement.our_totals | {
        "balance": statement.our_totals["balance"] - row.amount
    }
    mt5_totals.judge(short)
    return short


ROWS = [
    ("2024.03.02 09:00:00", "withdrawal", "-700"),
    ("2024.03.03 09:00:00", "fee", "-7"),
    ("2024.03.04 09:00:00", "deposit", "100"),
]


def test_what_a_file_lacks_is_explained_by_the_file_that_has_it(account):
    whole = money_file(*ROWS)
    book_statement(account, lacking(whole, 1), name="short.html")
    kinds = account.breaks.filter(state="open").values_list("kind", flat=True)
    assert {"total", "running_balance"} <= set(kinds)
    before = books_of(account)["breaks"]
    imported = book_statement(account, whole, name="whole.html")
    assert not account.breaks.filter(state="open").exists()
    imports.undo(imported, actor="test")
    assert books_of(account)["breaks"] == before


def test_what_a_file_lacks_is_not_explained_by_another_row(account):
    whole = money_file(*ROWS)
    book_statement(account, lacking(whole, 1), name="short.html")
    enter_money(account, "withdrawal", "-699", at=moment("2024-03-02 08:00"))
    tieout.reconcile(account)
    kinds = account.breaks.filter(state="open").values_list("kind", flat=True)
    assert {"total", "running_balance"} <= set(kinds)


def test_a_swap_by_hand_that_a_closing_holds_too_is_named_in_the_break(account):
    deals = history(7)
    closing = next(deal for deal in deals if deal.entry == "out" and deal.swap)
    enter_money(account, "swap", closing.swap, at=_utc(closing.time_text))
    book_statement(account, period(deals, 0, 40))
    found = account.breaks.get(state="open")
    assert (found.kind, found.difference) == ("balance", -closing.swap)
    assert "that is the swap of" in found.cause and "entered by hand" in found.cause


def test_fewer_digits_of_the_same_number_are_no_disagreement(account):
    deals = history(8)
    place = next(n for n, deal in enumerate(deals) if deal.entry == "in")
    finer = [*deals]
    finer[place] = deals[place]._replace(price=deals[place].price + D("0.00004"))
    book_statement(account, period(deals, 0, 20), name="a.html")
    book_statement(account, period(finer, 0, 30), name="b.html")
    assert not account.breaks.exists()


def test_the_marks_are_those_of_the_latest_file(account):
    deals = history(9)
    late = book_statement(account, period(deals, 0, 30), name="late.html")
    held = account.positions.filter(open_volume__gt=0)
    assert {position.mark_profit for position in held} == {D(30)}
    book_statement(account, period(deals, 0, 20), name="early.html")
    assert set(held.values_list("mark_profit", flat=True)) == {D(30)}
    imports.undo(late, actor="test")
    assert set(held.values_list("mark_profit", flat=True)) == {D(20)}


def test_a_mark_speaks_of_the_lots_of_its_file_whatever_came_later(account):
    account.mode = "netting"
    account.save()
    line = next(deal for deal in history(8, netting=True) if deal.entry == "in")
    statement = money_file()
    statement.deals.append(line._replace(row=2, commission=D(0), balance_after=None))
    statement.open_positions = [
        OpenPositionLine(
            row=3, section="open", position_ref="", symbol=line.symbol, side=line.side,
            volume=line.volume, open_price=line.price, time_text=line.time_text, profit=D(5),
        )
    ]  # fmt: skip
    book_statement(account, statement)
    held = account.positions.get()
    for side in (held.side, OPPOSITE[held.side]):
        manual.trade(
            account, actor="me", symbol=held.symbol, side=side, volume="9", price="3", profit="0"
        )
        extras.settle_marks(account)
        held.refresh_from_db()
        assert (held.mark_volume, held.mark_open_price) == (line.volume, line.price)
    assert held.open_volume == line.volume and held.open_price != line.price


def test_every_row_keeps_its_fate_and_words(account):
    deals = history(10)
    statement = period(deals, 0, 10)
    book_statement(account, statement)
    lines = StatementLine.objects.filter(statement__account=account)
    assert lines.count() == 10
    assert {line.fate for line in lines} == {"booked"}
    line = lines.get(row=1)
    assert line.values["broker_time"] == deals[0].time_text
    assert line.deal.key == line.key == deals[0].broker_deal_id


def test_a_second_deal_of_one_id_in_a_file_is_not_lost(account):
    deals = history(12)
    deals[2] = deals[2]._replace(broker_deal_id=deals[1].broker_deal_id)
    book_statement(account, period(deals, 0, 10))
    assert account.deals.count() == 10


def test_undo_is_refused_where_a_deal_was_reversed_by_hand(account):
    deals = history(13)
    imported = book_statement(account, period(deals, 0, 10))
    target = account.deals.filter(kind="trade").first()
    Deal.objects.create(
        account=account, key="manual:r", kind="correction", currency="USD", at=target.at,
        source="manual", reverses=target,
    )  # fmt: skip
    before = books_of(account)
    with pytest.raises(Conflict, match="reversed by hand"):
        imports.undo(imported, actor="test")
    assert books_of(account) == before

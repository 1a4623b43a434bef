"""A netting history cut anywhere: the extract's books end as the file does, the earlier file completes them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from accounts import booking
from accounts.statements import mt5
from tests.accounts.books import books_of, money_of
from tests.accounts.histories import book_statement
from tests.accounts.statements.mt5_pages import Report
from tests.factories import make_account, make_broker, make_owner

D = Decimal
START = datetime(2024, 1, 3, 9)  # noqa: DTZ001 (a server's clock)
NETTING = "77 (USD, Example-Demo, demo, Netting)"
LENGTH = 11


@dataclass
class Held:
    """What MT5 shows of a netted symbol: signed lots, the running average, since when."""

    lots: Decimal = D(0)
    price: Decimal = D(0)
    since: str = ""
    order: str = ""

    def add(self, lots: Decimal, price: Decimal, since: str, order: str) -> None:
        after = self.lots + lots
        if self.lots * lots > 0:
            self.price = (self.price * self.lots + price * lots) / after
        elif self.lots * after <= 0:
            self.price, self.since, self.order = price, since, order
        self.lots = after


@dataclass
class Netted:
    """A history: the rows as printed, the balance after each, and what is held after each."""

    rows: list[str] = field(default_factory=list)
    balances: list[Decimal] = field(default_factory=list)
    held: list[dict[str, Held]] = field(default_factory=list)

    def report(self, first: int, last: int) -> Report:
        """What MT5 prints of rows[first:last] at the moment of the last of them."""
        balance = f"{self.balances[last - 1]}"
        shown = [
            f"{held.since}|{held.order}|{symbol}|{'buy' if held.lots > 0 else 'sell'}|{abs(held.lots)}|"
            f"{held.price:.5f}|||{held.price:.5f}|0.00|0.00|"
            for symbol, held in self.held[last - 1].items()
            if held.lots
        ]
        return Report(
            deals=self.rows[first:last],
            positions=[],
            open=shown,
            account=NETTING,
            summary=(balance, "0.00", "0.00", balance),
            results=(),
        )


def netted(seed: int) -> Netted:
    """A deposit, then entries, closings and reversals of two symbols, a minute or more apart."""
    draw, made = random.Random(seed), Netted()
    at, balance, held = START, D("1000.00"), {"EURUSD": Held(), "GBPUSD": Held()}
    made.rows.append(f"{text(at)}|1000||balance|||||0.00|0.00|0.00|1000.00|1000.00|Deposit")
    made.balances.append(balance)
    made.held.append({})
    for n in range(1, LENGTH):
        at += timedelta(minutes=draw.randint(1, 900))
        symbol = draw.choice(["EURUSD", "EURUSD", "GBPUSD"])
        before, price = held[symbol], D(draw.randint(10000, 12000)) / 10000
        entry, signed = drawn(draw, before.lots)
        money = D(draw.randint(-900, 900)) / 100 if entry != "in" else D("0.00")
        balance += money
        held = {name: Held(**vars(one)) for name, one in held.items()}
        held[symbol].add(signed, price, text(at), f"9{n:03}")
        made.rows.append(
            f"{text(at)}|{1000 + n}|{symbol}|{'buy' if signed > 0 else 'sell'}|{entry}|{abs(signed)}|"
            f"{price}|9{n:03}|0.00|0.00|0.00|{money}|{balance}|"
        )
        made.balances.append(balance)
        made.held.append(held)
    return made


def drawn(draw: random.Random, lots: Decimal) -> tuple[str, Decimal]:
    """The entry of the next deal, and its signed lots."""
    size, sign = D(draw.randint(1, 9)) / 100, 1 if lots > 0 else -1
    if not lots:
        return "in", size * draw.choice([1, -1])
    what = draw.choice(["in", "part", "all", "reverse"])
    if what == "in":
        return "in", size * sign
    if what == "reverse":
        return "in/out", -lots - size * sign
    part = min(size, abs(lots)) if what == "part" else abs(lots)
    return "out", -part * sign


def text(at: datetime) -> str:
    return f"{at:%Y.%m.%d %H:%M:%S}"


@pytest.fixture
def new_account():
    broker = make_broker(time_zone="Europe/Athens")
    return lambda: make_account(broker=broker, owner=make_owner(), number="77", mode="netting")


def shown_open(account) -> dict[str, tuple[Decimal, Decimal]]:
    """Signed lots and price by symbol, as the books have them open."""
    found = {}
    for one in account.positions.filter(open_volume__gt=0).select_related("symbol"):
        assert one.symbol.name not in found
        signed = one.open_volume if one.side == "buy" else -one.open_volume
        found[one.symbol.name] = (signed, round(one.open_price, 4))
    return found


def balance_of(account) -> Decimal:
    return sum((deal.amount for deal in account.deals.all()), D(0))


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(5))
def test_netting_history_cut_at_any_row_ends_as_the_file_and_is_completed_later(
    seed, new_account, tmp_path
):
    made = netted(seed)
    whole = new_account()
    book_statement(whole, mt5.read(made.report(0, LENGTH).html(tmp_path / "whole.html")))
    for cut in range(1, LENGTH):
        mine = new_account()
        book_statement(mine, mt5.read(made.report(cut, LENGTH).html(tmp_path / "extract.html")))
        expected = {
            symbol: (held.lots, round(held.price, 4))
            for symbol, held in made.held[-1].items()
            if held.lots
        }
        assert shown_open(mine) == expected
        assert balance_of(mine) == made.balances[-1]
        assert not mine.positions.filter(volume=0).exists()
        assert booking.rebuild(mine, check=True) == []
        until = random.Random(cut).randint(cut, LENGTH - 1)
        book_statement(mine, mt5.read(made.report(0, until).html(tmp_path / "earlier.html")))
        assert not mine.deals.filter(inferred=True).exists()
        assert told(mine) == told(whole)


def told(account) -> list[str]:
    """Deals and positions, whichever account they are of."""
    rows = money_of(account)
    return [
        row.replace(f"('account_id', '{account.pk}')", "")
        for name in ("deals", "positions")
        for row in rows[name]
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(5))
def test_overlapping_pieces_of_a_netting_history_end_as_the_latest_in_either_order(
    seed, new_account, tmp_path
):
    made = netted(seed)
    first, second, third, latest = sorted(random.Random(seed).sample(range(1, LENGTH + 1), 4))
    mine = new_account()
    windows = [(first, third), (second, latest)]
    for start, end in windows if seed % 2 else reversed(windows):
        book_statement(mine, mt5.read(made.report(start, end).html(tmp_path / f"{start}.html")))
    open_lots = {symbol: lots for symbol, (lots, _) in shown_open(mine).items()}
    assert open_lots == {s: h.lots for s, h in made.held[latest - 1].items() if h.lots}
    assert balance_of(mine) == made.balances[latest - 1]


@pytest.mark.django_db
def test_a_position_reopened_in_the_file_does_not_date_what_was_held_before(new_account, tmp_path):
    rows = [
        "2025.03.04 10:00:00|1004|XAUUSD|sell|out|0.50|2010|503|0.00|0.00|0.00|100.00|10100.00|",
        "2025.03.04 11:00:00|1005|XAUUSD|sell|out|1.50|2020|504|0.00|0.00|0.00|300.00|10400.00|",
        "2025.03.05 11:00:00|1006|XAUUSD|buy|in|0.60|2000|505|0.00|0.00|0.00|0.00|10400.00|",
    ]
    held = "2025.03.05 11:00:00|505|XAUUSD|buy|0.60|2000|||2001|0.00|60.00|"
    balance = ("10400.00", "0.00", "60.00", "10460.00")
    report = Report(
        deals=rows, positions=[], open=[held], account=NETTING, summary=balance,
        results=("400.00", "400.00", "0.00"), trades="2",
    )  # fmt: skip
    statement = mt5.read(report.html(tmp_path / "report.html"))
    assert any("2.00 XAUUSD was held before the first row" in note for note in statement.notes)
    account = new_account()
    book_statement(account, statement)
    opening = account.deals.get(inferred=True, kind="trade")
    assert (opening.volume, opening.broker_time) == (D(2), "2025.03.04 09:59:59")
    assert opening.price == D(2010)
    assert "Price not in the file" in opening.comment
    assert shown_open(account) == {"XAUUSD": (D("0.60"), D(2000))}
    assert account.positions.count() == 2
    assert books_of(account)["breaks"] == []

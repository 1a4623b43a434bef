"""Terms as the platform says them: taken where nobody said any, followed, never put over another's word."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal as D

import pytest
from django.utils import timezone

from accounts.learning import keep_up, preview, take_over
from accounts.models import AccountTerms
from brokers import connecting, learning
from brokers.adapters.errors import Unavailable
from brokers.adapters.messages import AccountReport, Mode, SymbolReport
from brokers.models import BrokerSymbol, Instrument, SymbolTerms
from tests.brokers.example_platform import AT, KEY, add_example, settings_given
from tests.factories import make_account, make_broker, make_owner
from tradershub.core.errors import Conflict
from tradershub.core.models import AuditEntry
from tradershub.core.terms import correct_terms
from tradershub.finance.terms import CalcMode, ContractTerms

pytestmark = pytest.mark.django_db


def report(name="EUR_USD", **terms):
    return SymbolReport(
        name=name, base=name[:3], quote=name[4:], swap_mode="financing", swap_long=D("-1.23"),
        terms=ContractTerms(mode=CalcMode.FOREX_NO_LEVERAGE, **{"lot_max": D(100), **terms}),
    )  # fmt: skip


class Line:
    """A connection with one account at a platform that says what it is told to."""

    def __init__(self, monkeypatch, broker=None):
        self.says = add_example(monkeypatch).says
        self.owner, self.broker = make_owner(), broker or make_broker()
        pair = {"category": "fx", "base": "EUR", "quote": "USD", "tick_size": "0.00001"}
        Instrument.objects.get_or_create(symbol="EURUSD", defaults=pair | {"contract_size": 100000})
        self.connection = self.another(self.owner)
        self.account = self.connection.accounts.get()
        self.say(report())

    def another(self, owner):
        made = connecting.open_connection(
            actor=owner, owner=owner, broker=self.broker, platform=KEY, name="Line",
            settings=settings_given(), secrets={"token": "t"},
        )  # fmt: skip
        make_account(owner=owner, broker=self.broker, connection=made, number="7")
        return made

    def say(self, *symbols, leverage=30):
        self.says["terms"] = list(symbols)
        self.says["account"] = AccountReport(
            number="7", currency="USD", mode=Mode.HEDGING, live=False, balance=D(1), at=AT,
            leverage=leverage,
        )  # fmt: skip

    def take(self):
        return take_over(self.connection, actor=self.owner)

    @property
    def terms(self):
        return SymbolTerms.objects.filter(symbol__broker=self.broker).order_by("valid_from")

    def as_of(self, days):
        """As if what is written now had been so many days ago."""
        then = timezone.now().date() - dt.timedelta(days=days)
        self.terms.update(valid_from=then)
        AccountTerms.objects.update(valid_from=then)


@pytest.fixture
def line(monkeypatch):
    return Line(monkeypatch)


def test_a_preview_writes_nothing_and_says_what_the_taking_over_then_does(line):
    line.say(report(), report("SPX_USD"), report("XYZ_USD", contract_size=D("0.0000000001")))
    seen = preview(line.connection)
    assert not BrokerSymbol.objects.filter(broker=line.broker).exists()
    done = line.take()
    for lesson in (seen, done):
        assert (len(lesson.symbols), lesson.unmapped, len(lesson.added)) == (2, 1, 3)
        assert len(lesson.unclear) == 1 and lesson.unclear[0].startswith("XYZ_USD: contract size")
    symbol = BrokerSymbol.objects.get(broker=line.broker, name="EUR_USD")
    terms, today = symbol.terms.get(), timezone.now().date()
    assert (symbol.instrument.symbol, symbol.mapped_by) == ("EURUSD", "rule")
    assert (terms.valid_from, terms.margin_mode, terms.lot_max) == (today, "forex_no_leverage", 100)
    assert (terms.swap_mode, terms.swap_long) == ("financing", D("-1.23"))
    leverage = line.account.terms.get()
    assert (leverage.leverage, leverage.valid_from) == (30, today)
    assert terms.source == leverage.source == f"Example, connection {line.connection.pk}"
    entry = AuditEntry.objects.get(action="connection.take_over")
    assert (entry.owner_id, "3 new" in entry.summary) == (line.owner.pk, True)


def test_the_same_again_changes_nothing_and_another_word_holds_from_today(line):
    line.take()
    again = line.take()
    assert (again.is_news, again.same, line.terms.count()) == (False, 2, 1)

    line.as_of(3)
    line.terms.update(commission_scheme="per_trade", commission_rate=5)
    line.say(report(margin_rate_buy=D("0.05"), margin_rate_sell=D("0.05")), leverage=20)
    assert line.take().changes["EUR_USD"] == {"margin_rate": ["1.000000000", "0.050000000"]}
    before, now = line.terms
    assert (before.margin_rate, now.margin_rate) == (1, D("0.05"))
    assert now.valid_from == timezone.now().date()
    assert now.commission_rate == 5  # which no platform says
    assert [row.leverage for row in line.account.terms.all()] == [20, 30]

    line.say(report(), leverage=20)
    line.take()  # on the same day
    assert [row.margin_rate for row in line.terms] == [1, 1]


def test_what_a_person_said_stays_and_both_are_told(line):
    line.take()
    line.as_of(3)
    terms, leverage = line.terms.get(), line.account.terms.get()
    correct_terms(terms, actor=line.owner, commission_rate=D(3))
    assert terms.source  # the platform says nothing of commissions
    correct_terms(terms, actor=line.owner, lot_min=D("0.1"), lot_max=None, swap_mode="none")
    correct_terms(leverage, actor=line.owner, leverage=50)
    assert (terms.source, leverage.source) == ("", "")
    lesson = line.take()
    assert (lesson.is_news, line.terms.count(), line.account.terms.count()) == (False, 1, 1)
    assert lesson.differences == [
        "EUR_USD: lot min is 0.1 here and 0.01 there",
        "Account 7: leverage is 50 here and 30 there",
    ]
    assert learning.noted(line.connection)["told"] == lesson.differences


def test_another_persons_platform_at_the_broker_does_not_change_what_the_first_said(line):
    line.take()
    line.as_of(3)
    other = make_owner()
    second = line.another(other)
    line.say(report(lot_max=D(7)))
    lesson = take_over(second, actor=other)
    assert lesson.differences == ["EUR_USD: lot max is 100 here and 7 there"]
    assert line.terms.get().lot_max == 100
    line.account.delete()
    connecting.delete_connection(line.connection, actor=line.owner)
    take_over(second, actor=other)  # nobody is left whose word it was
    assert [row.lot_max for row in line.terms] == [100, 7]


def test_hundreds_of_symbols_are_taken_over_in_bulk(line, django_assert_max_num_queries):
    names = [f"A{number:03}_USD" for number in range(300)]
    line.say(*(report(name) for name in names))
    with django_assert_max_num_queries(45):
        line.take()
    line.as_of(1)
    line.say(*(replace(report(name), swap_long=D(2)) for name in names))
    with django_assert_max_num_queries(45):
        line.take()
    assert line.terms.count() == 600


@pytest.mark.parametrize(
    ("what", "answer", "why"),
    [
        ("terms", Unavailable("It sleeps", code="x"), "cannot say its terms: It sleeps"),
        ("account", "another", "another account answers: 8"),
    ],
)
def test_where_the_platform_cannot_be_asked_nothing_is_written(line, what, answer, why):
    said = line.says[what]
    line.says[what] = replace(said, number="8") if answer == "another" else answer
    with pytest.raises(Conflict, match=why):
        line.take()
    assert not line.terms.exists() and learning.noted(line.connection) is None


def test_the_keeper_takes_over_once_a_trading_day_what_a_person_took_over_before(line):
    adapter = connecting.open_adapter(line.connection, "7")
    assert not learning.is_due(line.connection)  # nobody has taken anything over
    line.take()
    assert not learning.is_due(line.connection)
    learning.ask_for(line.connection)
    assert learning.is_due(line.connection)
    line.as_of(1)
    line.say(report(lot_max=D(7)))
    keep_up(line.connection, [(line.account, adapter)])
    assert [row.lot_max for row in line.terms] == [100, 7]
    assert not learning.is_due(line.connection)
    entries = AuditEntry.objects.filter(action="connection.take_over")
    assert [entry.actor for entry in entries.order_by("seq")] == [str(line.owner), "keeper"]
    keep_up(line.connection, [(line.account, adapter)])  # nothing new: nothing is told
    assert entries.count() == 2

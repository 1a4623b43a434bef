"""What a venue's events are as rows of an account's history, one example each."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as D

import pytest

from brokers.adapters.messages import DealKind, Entry
from brokers.adapters.paper_reports import deals_of
from tests.brokers.venues import MONDAY, Bench, Clock, ticket
from tradershub.finance.venue import events

HEAD = {"account": "P1", "seq": 7, "at": MONDAY}


def only(event):
    (deal,) = deals_of([event], currency="EUR")
    assert (deal.deal_id, deal.at, deal.currency) == ("7", MONDAY, "EUR")
    return deal


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        ("deposit", "amount"), ("withdrawal", "amount"), ("interest", "amount"),
        ("dividend", "amount"), ("correction", "amount"), ("fee", "fee"),
        ("commission", "commission"), ("swap", "swap"),
    ],
)  # fmt: skip
def test_money_stands_in_the_column_of_its_kind(kind, column):
    deal = only(events.Posted(**HEAD, kind=kind, amount=D(-3), comment="why"))
    assert (str(deal.kind), deal.comment) == (kind, "why")
    columns = ("profit", "swap", "commission", "fee", "amount")
    assert {n: getattr(deal, n) for n in columns if getattr(deal, n)} == {column: D(-3)}


def test_credit_and_compensation_are_their_own_kinds():
    assert only(events.Credited(**HEAD, amount=D(5))).kind is DealKind.CREDIT
    compensation = only(events.Compensation(**HEAD, amount=D(5)))
    assert (compensation.kind, compensation.amount) == (DealKind.COMPENSATION, D(5))


def test_a_night_is_a_row_only_where_it_is_booked():
    night = {"position": 3, "day": dt.date(2026, 3, 2), "nights": 3, "amount": D("-4.5")}
    deal = only(events.SwapCharged(**HEAD, **night, booked=True))
    assert (deal.kind, deal.swap, deal.position_ref) == (DealKind.SWAP, D("-4.5"), "3")
    assert deals_of([events.SwapCharged(**HEAD, **night, booked=False)], currency="EUR") == ()


def test_what_books_nothing_is_no_row():
    quoted = events.Quoted(symbol="EURUSD", bid=D(1), ask=D(2))
    assert deals_of([quoted, events.Advanced(), events.MarginCallLifted()], currency="EUR") == ()


@pytest.mark.django_db
def test_a_reversal_is_one_row_that_names_the_new_position(monkeypatch):
    bench = Bench(Clock(monkeypatch), mode="netting", terms={"commission_scheme": "none"})
    bench.adapter.place(ticket("c1", lots="0.2"))
    ack = bench.adapter.place(ticket("c2", "sell", lots="0.5"))
    (deal,) = ack.deals
    assert (deal.entry, deal.lots, deal.profit) == (Entry.REVERSAL, D("0.5"), D("-2.00"))
    (position,) = bench.adapter.positions()
    assert (position.side, position.lots) == ("sell", D("0.3"))
    assert deal.position_ref == position.ref
    assert deal.client_id == position.client_id == "c2"
